use super::*;
use collect_core::testkit::FakeHost;
use std::{sync::Arc, time::Duration};

fn time() -> Deadline {
    Deadline::after(Duration::from_mins(1), Arc::default())
}

fn names(groups: &Groups) -> Vec<&str> {
    groups.found.iter().map(|group| group.cgroup.as_str()).collect()
}

#[test]
fn every_tree_is_found_once() {
    let host = FakeHost::new().file(
        "/proc/self/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
         33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
         34 31 0:30 / /mnt/again rw - cgroup cgroup rw,cpu,cpuacct\n\
         40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
         41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
    );
    let trees = Trees::mounted(&host);
    assert_eq!(trees.unified, Some("/sys/fs/cgroup/unified".into()));
    let old: Vec<_> = trees.old.iter().map(|(_, controllers)| controllers.join("+")).collect();
    assert_eq!(old, ["cpu+cpuacct", "name=systemd"]);
}

#[test]
fn a_tree_that_is_covered_by_another_mount_is_not_there() {
    let host = FakeHost::new().file(
        "/proc/self/mountinfo",
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
         43 41 0:39 / /sys/fs/cgroup/unified rw - tmpfs none rw\n",
    );
    assert_eq!(Trees::mounted(&host).unified, None);
}

#[test]
fn groups_come_in_the_order_of_a_tree_and_no_more_than_wanted() {
    let root = "/sys/fs/cgroup";
    let host = ["a/b", "a-b", "a/b/c", "z"].into_iter().fold(FakeHost::new(), |host, name| {
        host.file(format!("{root}/{name}/cgroup.procs"), "1\n2\n")
    });
    let trees = Trees { unified: Some(root.into()), old: Vec::new() };
    let all = trees.unified(&host, &time(), 6);
    assert_eq!(names(&all), ["/", "/a", "/a/b", "/a/b/c", "/a-b", "/z"]);
    assert_eq!((all.found[2].processes, all.cut), (Some(2), false));
    let some = trees.unified(&host, &time(), 2);
    assert_eq!((names(&some), some.cut), (vec!["/", "/a"], true));

    let trees = Trees { unified: None, old: vec![(root.into(), vec!["memory".into()])] };
    assert_eq!(names(&trees.old(&host, &time(), 9)), ["/", "/a", "/a/b", "/a/b/c", "/a-b", "/z"]);
    let some = trees.old(&host, &time(), 2);
    assert_eq!((names(&some), some.cut), (vec!["/", "/a"], true));
}

#[test]
fn limits_of_version_2_are_numbers_or_none() {
    let folder = "/sys/fs/cgroup/app.slice";
    let host = FakeHost::new()
        .file(format!("{folder}/cpu.max"), "150000 100000\n")
        .file(
            format!("{folder}/cpu.stat"),
            "usage_usec 2500000\nnr_throttled 4\nthrottled_usec 500000\n",
        )
        .file(format!("{folder}/memory.max"), "max\n")
        .file(format!("{folder}/memory.high"), "1048576\n")
        .file(format!("{folder}/memory.events"), "low 0\nmax 7\noom_kill 2\n")
        .file(format!("{folder}/memory.stat"), "anon 4096\nnr_odd 9\nfile what\n")
        .file(format!("{folder}/io.stat"), "8:0 rbytes=10 wbytes=20\n8:16\nodd\n")
        .file(format!("{folder}/io.max"), "8:0 rbps=max wbps=1048576 riops=max wiops=max\n")
        .file(
            format!("{folder}/memory.pressure"),
            "some avg10=1.00 avg60=2.00 avg300=3.00 total=1\n",
        )
        .file(format!("{folder}/cgroup.events"), "populated 1\nfrozen 1\n");
    let group = unified::read(&host, Path::new("/app.slice"), Path::new(folder));
    assert_eq!(
        (group.cpu.limit, group.cpu.usage, group.cpu.throttled),
        (Some(1.5), Some(2.5), Some(0.5))
    );
    assert_eq!((group.memory.max, group.memory.high), (None, Some(1 << 20)));
    assert_eq!(group.memory.oom_kills, Some(2));
    assert_eq!(group.memory.used_for.into_iter().collect::<Vec<_>>(), [("anon".to_owned(), 4096)]);
    assert_eq!(group.io.devices["8:0"]["wbytes"], 20);
    let pressure = serde_json::to_value(&group.pressure).unwrap();
    assert_eq!(pressure["memory"]["some"]["avg60"], 2.0);
    assert_eq!(group.frozen, Some(true));
    let host = FakeHost::new().file("/x/cpu.max", "100 0\n");
    assert_eq!(unified::read(&host, Path::new("/x"), Path::new("/x")).cpu.limit, None);
}

#[test]
fn trees_of_version_1_are_put_together_by_name() {
    let host = FakeHost::new()
        .file("/cg/memory/app/memory.usage_in_bytes", "4096\n")
        .file("/cg/memory/app/memory.limit_in_bytes", "9223372036854771712\n")
        .file("/cg/memory/app/memory.oom_control", "under_oom 0\noom_kill 3\n")
        .file("/cg/memory/app/memory.stat", "cache 1\ntotal_cache 2\nhierarchical_memory_limit 5\n")
        .file("/cg/cpu/app/cpu.cfs_quota_us", "50000\n")
        .file("/cg/cpu/app/cpu.cfs_period_us", "100000\n")
        .file("/cg/cpu/app/cpuacct.usage", "1500000000\n")
        .file("/cg/cpu/other/cpu.cfs_quota_us", "-1\n");
    let old = vec![
        ("/cg/memory".into(), vec!["memory".into()]),
        ("/cg/cpu".into(), vec!["cpu".into(), "cpuacct".into()]),
    ];
    let groups = Trees { unified: None, old }.old(&host, &time(), 100);
    assert_eq!(names(&groups), ["/", "/app", "/other"]);
    let app = &groups.found[1];
    assert_eq!(app.controllers, ["memory", "cpu", "cpuacct"]);
    assert_eq!((app.memory.current, app.memory.max), (Some(4096), None));
    assert_eq!((app.memory.oom_kills, app.memory.used_for["cache"]), (Some(3), 2));
    assert_eq!((app.cpu.limit, app.cpu.usage), (Some(0.5), Some(1.5)));
    assert_eq!(groups.found[2].cpu.limit, None);
}
