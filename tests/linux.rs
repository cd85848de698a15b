//! The profile `linux` on this host: fast, as any user, and without a trace.

use crate::kit::{Bundle, Collect, KeyPair, needs, output};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// The account of an ordinary user who owns nothing.
const ORDINARY: &str = "nobody";

/// How long the profile may take here: the bound of an optimised build, 5 s, times what the checks of
/// this one and the tests beside it cost.
const LIMIT: Duration = Duration::from_secs(20);

/// Calls that change a host, or ask the kernel to load something.
const CHANGES: &str = "open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,\
    mkdirat,rmdir,link,linkat,symlink,symlinkat,chmod,fchmodat,chown,lchown,fchownat,truncate,mknod,\
    mknodat,utimensat,setxattr,lsetxattr,removexattr,lremovexattr,init_module,finit_module,\
    delete_module,kexec_load,kexec_file_load,mount,umount2,swapon,swapoff,reboot,sethostname,\
    setdomainname,settimeofday,clock_settime,execve,socket";

/// Calls that no run may make at all.
const NEVER: [&str; 15] = [
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "mount",
    "umount2",
    "swapon",
    "swapoff",
    "reboot",
    "sethostname",
    "setdomainname",
    "settimeofday",
    "clock_settime",
    "mknod",
];

fn profile(collect: &Collect, key: &KeyPair) -> PathBuf {
    let text = format!(
        "product = \"Shop\"\nextends = [\"linux\"]\n[encrypt]\nrecipients = [\"{}\"]\n",
        key.recipient
    );
    collect.write("shop.toml", text)
}

/// Runs the profile, and says which steps ended how.
fn gathered(collect: &Collect, key: &KeyPair) -> Bundle {
    let ended = collect.gather(&profile(collect, key));
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.printed());
    assert!(ended.took < LIMIT, "it took {:?}", ended.took);
    Bundle::open(&collect.bundle(), &key.file())
}

/// Nothing failed, hung or panicked: what is missing is absent, or for root only.
fn assert_only_rights_are_missing(bundle: &Bundle) {
    for step in bundle.manifest["steps"].as_array().unwrap() {
        let status = step["status"].as_str().unwrap();
        assert!(
            ["complete", "partial", "denied", "absent", "truncated"].contains(&status),
            "{step:#}"
        );
        for note in step["notes"].as_array().into_iter().flatten() {
            let kind = note["kind"].as_str().unwrap();
            assert!(["info", "absent", "denied", "truncated"].contains(&kind), "{step:#}");
        }
    }
}

#[test]
fn the_profile_linux_is_quick_and_nothing_of_it_fails() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let bundle = gathered(&collect, &key);
    assert_only_rights_are_missing(&bundle);
    let size = fs::metadata(collect.bundle()).unwrap().len();
    assert!(size < 20_000_000, "{size} bytes");
}

#[test]
fn an_ordinary_user_lacks_only_what_the_dry_run_said_before() {
    needs!("age", "age-keygen", "tar", "xz", "setpriv", "chown");
    if output("id", ["-u"]).trim_ascii() != b"0" {
        // Then the test above is that of an ordinary user.
        return;
    }
    let (mut collect, key) = (Collect::new(), KeyPair::new());
    let copy = collect.path("collect");
    fs::copy(collect.program(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    collect.through(&format!(
        "exec setpriv --reuid {ORDINARY} --regid nogroup --clear-groups {} \"$@\"",
        copy.display()
    ));
    profile(&collect, &key);
    output("chown", ["-R".as_ref(), ORDINARY.as_ref(), collect.path("").as_os_str()]);
    let asked =
        collect.run(["--profile", collect.path("shop.toml").to_str().unwrap(), "--dry-run"]);
    let said = asked.expect(0).printed();

    let bundle = gathered(&collect, &key);
    assert_only_rights_are_missing(&bundle);
    let denied = |step: &serde_json::Value| {
        let notes = step["notes"].as_array().into_iter().flatten();
        notes.filter(|note| note["kind"] == "denied").count() > 0
    };
    let steps = bundle.manifest["steps"].as_array().unwrap();
    let refused: Vec<_> = steps.iter().filter(|step| denied(step)).collect();
    assert!(!refused.is_empty(), "this host hides nothing from {ORDINARY}");
    let root = said.lines().filter(|line| line.contains("root")).collect::<Vec<_>>().join("\n");
    assert!(!root.is_empty(), "the dry run says nothing of root:\n{said}");
    for step in refused {
        assert!(said.contains(step["id"].as_str().unwrap()), "{step:#}\n{said}");
    }
}

#[test]
fn a_run_changes_nothing_on_the_host() {
    needs!("age", "age-keygen", "tar", "xz", "strace");
    let (mut collect, key) = (Collect::new(), KeyPair::new());
    let trace = collect.path("trace");
    let modules = fs::read_to_string("/proc/modules").unwrap_or_default();
    collect.through(&format!(
        "exec strace -f -y -qq -s 4096 -e signal=none -e trace={CHANGES} -o {} PROGRAM \"$@\"",
        trace.display()
    ));
    let outside = tempfile::NamedTempFile::new().unwrap();
    let touches = format!(
        "product = \"Shop\"\n[collect.touch]\nuse = \"command\"\nargv = [\"touch\", \"{}\"]\n",
        outside.path().display()
    );
    collect.gather(&collect.write("touches.toml", touches)).expect(0);
    assert!(!changes(&trace, &collect.path("")).is_empty(), "what changes something is noticed");
    fs::remove_file(collect.bundle()).unwrap();

    collect.gather(&profile(&collect, &key));
    Bundle::open(&collect.bundle(), &key.file());

    let names = |modules: &str| -> Vec<String> {
        modules.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
    };
    let now = fs::read_to_string("/proc/modules").unwrap_or_default();
    assert_eq!(names(&modules), names(&now), "modules were loaded");
    let changes = changes(&trace, &collect.path(""));
    assert!(changes.is_empty(), "{changes:#?}");
}

/// The calls in a trace that changed something outside of the sandbox.
fn changes(trace: &Path, sandbox: &Path) -> Vec<String> {
    let trace = fs::read(trace).unwrap();
    let trace = String::from_utf8_lossy(&trace);
    assert!(trace.lines().count() > 100, "nothing was traced:\n{trace}");
    trace.lines().filter(|line| is_change(line, sandbox)).map(str::to_owned).collect()
}

/// Whether a line of `strace` is a call that changed something outside of the sandbox.
fn is_change(line: &str, sandbox: &Path) -> bool {
    let Some((_process, call)) = line.split_once(' ') else {
        return false;
    };
    let call = call.trim_start();
    let name = call.split('(').next().unwrap_or_default();
    if NEVER.contains(&name) {
        return true;
    }
    if call.contains(" = -1 ") || call.contains("resumed>") && !call.contains('"') {
        return false;
    }
    match name {
        "execve" => {
            let loads = ["modprobe", "insmod", "rmmod", "kmod"];
            let changes = [" start", " restart", " enable", " mask", " daemon-reload"];
            let of_services = call.contains("systemctl\"") || call.contains("service\"");
            loads.iter().any(|program| call.contains(&format!("/{program}\"")))
                || of_services && changes.iter().any(|word| call.contains(&word.replace(' ', "\"")))
        }
        // Other families are modules that the kernel loads when they are first asked for.
        "socket" => {
            let known = ["AF_UNIX", "AF_LOCAL", "AF_INET", "AF_INET6", "NETLINK_ROUTE"];
            !known.iter().any(|family| call.contains(family))
        }
        "open" | "openat" | "openat2" if !writes(call) => false,
        _ => !target(call).is_some_and(|path| may_be_written(&path, sandbox)),
    }
}

fn writes(call: &str) -> bool {
    ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"].iter().any(|flag| call.contains(flag))
}

/// The path that a call names last, with the folder that it is relative to.
fn target(call: &str) -> Option<PathBuf> {
    let quoted: Vec<&str> = call.split('"').collect();
    let path = Path::new(quoted.iter().skip(1).step_by(2).next_back()?);
    // `-y` writes the folder's path behind its descriptor: `openat(4</proc/7>, "fd", …`.
    let folder = call.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    Some(folder.map_or(Path::new("/"), |(folder, _)| Path::new(folder)).join(path))
}

fn may_be_written(path: &Path, sandbox: &Path) -> bool {
    let devices = ["/dev/null", "/dev/tty"];
    path.starts_with(sandbox) || devices.iter().any(|device| path == Path::new(device))
}
