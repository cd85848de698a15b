//! Control groups.

use crate::facts::{
    cgroups::{Groups, Trees},
    counters::counter,
    kernel_files::value,
    listing,
};
use collect_core::{CollectError, Collector, Output, host::Host};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Control groups with their limits and use.
///
/// `cgroups.json` has, for every group of version 2 in the order of the tree: how many processes it
/// has, memory and its limits in bytes, events (`oom_kill` and the like), CPU time, limits in
/// processors and how long it was throttled, bytes by device, numbers of tasks, and pressure (in
/// percent of the time). Times are in seconds. `cgroups.txt` has the most important of it. Where
/// hierarchies of version 1 are mounted, `cgroups-v1.json` and `.txt` have the same of these, as far
/// as they know it. `null` means no limit, or a controller that is not at work.
///
/// `summary.json` says which versions and controllers there are, in which groups this program and
/// the first process are, and how many deleted groups still hold memory (`dying`).
///
/// From `cgroups(7)`, <https://docs.kernel.org/admin-guide/cgroup-v2.html> and
/// <https://docs.kernel.org/admin-guide/cgroup-v1/index.html>.
///
/// ```toml
/// [collect.cgroups]
/// use = "cgroups"
/// max-cgroups = 1000
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Cgroups {
    /// How many groups of each version are listed at most.
    max_cgroups: usize,
}

impl Default for Cgroups {
    fn default() -> Self {
        Self { max_cgroups: 5000 }
    }
}

collect_core::register!("cgroups" => Cgroups as Collector);

const COLUMNS: [&str; 12] = [
    "processes",
    "memory.current",
    "memory.peak",
    "memory.max",
    "memory.swap",
    "memory.oom-kills",
    "cpu.usage",
    "cpu.limit",
    "cpu.throttled",
    "pids.max",
    "pressure.memory.some.avg60",
    "cgroup",
];

/// Version 1 measures no pressure.
const OLD_COLUMNS: [&str; 12] = [
    "processes",
    "memory.current",
    "memory.peak",
    "memory.max",
    "memory.swap",
    "memory.oom-kills",
    "cpu.usage",
    "cpu.limit",
    "cpu.throttled",
    "pids.max",
    "controllers",
    "cgroup",
];

impl Collector for Cgroups {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let trees = Trees::mounted(out.host());
        if trees.unified.is_none() && trees.old.is_empty() {
            out.absent("/sys/fs/cgroup", "no control groups are mounted");
            return Ok(());
        }
        out.json("summary.json", &summary(out.host(), &trees))?;
        if trees.unified.is_some() {
            let groups = trees.unified(out.host(), out.deadline(), self.max_cgroups);
            self.write(out, "cgroups", COLUMNS, &groups)?;
        }
        if !trees.old.is_empty() {
            let groups = trees.old(out.host(), out.deadline(), self.max_cgroups);
            self.write(out, "cgroups-v1", OLD_COLUMNS, &groups)?;
        }
        Ok(())
    }
}

impl Cgroups {
    fn write<const N: usize>(
        &self,
        out: &mut Output<'_>,
        name: &str,
        columns: [&str; N],
        groups: &Groups,
    ) -> Result<(), CollectError> {
        if groups.cut {
            let text = format!("there are more than the {} groups listed", self.max_cgroups);
            out.truncated(&format!("{name}.json"), &text);
        }
        listing::write(out, name, columns, &groups.found)
    }
}

fn summary(host: &dyn Host, trees: &Trees) -> Value {
    let root = trees.unified.clone().unwrap_or_default();
    let stat = value(host, root.join("cgroup.stat")).unwrap_or_default();
    let controllers = value(host, root.join("cgroup.controllers")).unwrap_or_default();
    let old: Vec<_> = trees.old.iter().collect();
    json!({
        "unified": trees.unified.as_ref().map(|root| json!({
            "mounted": root,
            "controllers": controllers.split_whitespace().collect::<Vec<_>>(),
            "descendants": counter(&stat, "nr_descendants"),
            "dying": counter(&stat, "nr_dying_descendants"),
        })),
        "version-1": old.into_iter().map(|(root, controllers)| json!({
            "mounted": root,
            "controllers": controllers,
        })).collect::<Vec<_>>(),
        "controllers": known(&value(host, "/proc/cgroups").unwrap_or_default()),
        "own": membership(host, "/proc/self/cgroup"),
        "first-process": membership(host, "/proc/1/cgroup"),
    })
}

/// `/proc/cgroups`: name, hierarchy, number of groups, whether it is enabled.
fn known(text: &str) -> Vec<Value> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| {
        let mut fields = line.split_whitespace();
        let name = fields.next()?;
        let mut number = || fields.next()?.parse::<u64>().ok();
        let (hierarchy, groups, enabled) = (number(), number(), number());
        Some(json!({
            "name": name,
            "hierarchy": hierarchy,
            "groups": groups,
            "enabled": enabled.map(|enabled| enabled != 0),
        }))
    });
    rows.collect()
}

/// The groups of a process, by controllers; `unified` stands for version 2.
fn membership(host: &dyn Host, path: &str) -> Value {
    let text = value(host, path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        let controllers = if controllers.is_empty() { "unified" } else { controllers };
        Some((controllers.to_owned(), Value::from(group)))
    });
    Value::Object(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    fn host() -> FakeHost {
        let root = "/sys/fs/cgroup";
        FakeHost::new()
            .file("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
            .file("/proc/self/cgroup", "0::/system.slice/collect.scope\n")
            .file(format!("{root}/cgroup.controllers"), "cpu memory\n")
            .file(format!("{root}/cgroup.stat"), "nr_descendants 2\nnr_dying_descendants 40\n")
            .file(format!("{root}/system.slice/cgroup.procs"), "")
            .file(format!("{root}/system.slice/app.service/cgroup.procs"), "7\n8\n")
            .file(format!("{root}/system.slice/app.service/memory.current"), "4096\n")
            .file(format!("{root}/system.slice/app.service/memory.max"), "8192\n")
            .file(format!("{root}/system.slice/app.service/cpu.max"), "50000 100000\n")
            .denied(format!("{root}/system.slice/odd.service"))
    }

    #[test]
    fn the_tree_shows_what_each_group_uses_and_may_use() {
        let collected = Trial::of(Cgroups::default()).on(host());
        let json: Value = serde_json::from_str(collected.text("cgroups.json")).unwrap();
        assert_eq!(json[2]["cgroup"], "/system.slice/app.service");
        assert_eq!(json[2]["memory"]["max"], 8192);
        assert_eq!(json[2]["cpu"]["limit"], 0.5);
        assert_eq!(json[1]["processes"], 0);
        let text = collected.text("cgroups.txt");
        let row: Vec<_> = text.lines().nth(3).unwrap().split_whitespace().collect();
        assert_eq!(row[..4], ["2", "4096", "-", "8192"]);
        assert_eq!(row[11], "/system.slice/app.service");
        let summary: Value = serde_json::from_str(collected.text("summary.json")).unwrap();
        assert_eq!(summary["unified"]["dying"], 40);
        assert_eq!(summary["own"]["unified"], "/system.slice/collect.scope");
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn more_than_wanted_are_cut_and_it_is_said() {
        let collected = Trial::of(Cgroups { max_cgroups: 1 }).on(host());
        assert_eq!(collected.status(), Status::Truncated);
        assert_eq!(collected.text("cgroups.txt").lines().count(), 2);
    }

    #[test]
    fn a_host_without_control_groups_has_none() {
        let collected = Trial::of(Cgroups::default()).on(FakeHost::new());
        assert_eq!(collected.status(), Status::Absent);
    }
}
