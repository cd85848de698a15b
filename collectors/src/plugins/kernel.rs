//! The kernel: version, command line, taint flags, log and crash records.

use crate::facts::{
    kernel_files::{boot_time, number, value},
    kernel_log,
};
use collect_core::{CollectError, Collector, Output, Window, host::Host};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::io;

/// Kernel version, taint flags and log.
///
/// Also the command line, interrupts, the log of this boot (`kernel-log.txt`) and what the firmware
/// kept of crashes before it. Its settings are what `sysctl` gathers, its modules what `modules` does.
///
/// From `proc(5)`, <https://docs.kernel.org/admin-guide/tainted-kernels.html> and
/// <https://docs.kernel.org/admin-guide/pstore-blk.html>. The log needs root where
/// `kernel.dmesg_restrict` is 1; the records of crashes always do.
///
/// Of the log, records between `since` and `until` are taken. The kernel counts time from the boot
/// and stops while the host sleeps: on a host that was suspended, a record may be later than it
/// seems, and where that could be, it is taken.
///
/// ```toml
/// [collect.kernel]
/// use = "kernel"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Kernel {}

collect_core::register!("kernel" => Kernel as Collector);

const FILES: [&str; 5] =
    ["/proc/version", "/proc/cmdline", "/proc/interrupts", "/proc/softirqs", "/proc/stat"];

/// Where the log is read.
const LOG: &str = "/dev/kmsg";

/// Where the firmware's records of crashes are.
const CRASHES: &str = "/sys/fs/pstore";

/// Bit by bit, from the lowest.
const TAINTS: [&str; 20] = [
    "P: proprietary module",
    "F: module loaded by force",
    "S: kernel runs on hardware out of its specification",
    "R: module unloaded by force",
    "M: machine check exception",
    "B: bad page",
    "U: set by a user",
    "D: oops or bug happened before",
    "A: ACPI table overridden",
    "W: warning happened before",
    "C: staging driver",
    "I: works around a firmware bug",
    "O: module from outside of the kernel's sources",
    "E: unsigned module",
    "L: soft lockup happened before",
    "K: live patched",
    "X: distribution's own flag",
    "T: built with randomised structures",
    "N: in-kernel test ran",
    "J: firmware control used in a dangerous way",
];

impl Collector for Kernel {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let summary = json!({
            "release": value(host, "/proc/sys/kernel/osrelease"),
            "version": value(host, "/proc/sys/kernel/version"),
            "booted": boot_time(host),
            "command-line": value(host, "/proc/cmdline"),
            "tainted": number(host, "/proc/sys/kernel/tainted").map(taints),
        });
        out.json("summary.json", &summary)?;
        for path in FILES {
            out.file(path)?;
        }
        kernel_log::write(out)?;
        copy_crashes(out)
    }

    fn refused(&self, host: &dyn Host, _: &Window) -> Vec<String> {
        let is_refusal = |error: Option<io::Error>| {
            error.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        };
        // Opening the log takes nothing out of it.
        let log = is_refusal(host.kernel_log().err()).then_some(LOG);
        let crashes = is_refusal(host.entries(CRASHES.as_ref()).err()).then_some(CRASHES);
        log.into_iter().chain(crashes).map(str::to_owned).collect()
    }
}

/// What the bits of `/proc/sys/kernel/tainted` mean.
fn taints(mask: u64) -> Vec<&'static str> {
    let set = |(bit, _): &(usize, _)| mask & (1 << bit) != 0;
    let taints = TAINTS.into_iter().enumerate().filter(set);
    taints.map(|(_, meaning)| meaning).collect()
}

/// What the firmware kept when the kernel crashed; for root only.
fn copy_crashes(out: &mut Output<'_>) -> Result<(), CollectError> {
    match out.host().entries(CRASHES.as_ref()) {
        Ok(records) => records.into_iter().try_for_each(|record| out.file(record)),
        Err(error) => {
            out.failed(CRASHES, &error);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    #[test]
    fn taint_flags_have_names() {
        assert_eq!(taints(0), [""; 0]);
        let named = taints(1 | 1 << 12 | 1 << 19);
        let letters: Vec<_> = named.iter().map(|name| &name[..1]).collect();
        assert_eq!(letters, ["P", "O", "J"]);
    }

    #[test]
    fn the_log_is_readable_and_what_the_firmware_kept_is_added() {
        let host = FakeHost::new()
            .kernel_log("4,1,1500000,-;low memory\n SUBSYSTEM=none\n6,2,2000000,-;better\n")
            .file("/proc/sys/kernel/tainted", "1\n")
            .file("/sys/fs/pstore/dmesg-efi-1", "Oops\n");
        let collected = Trial::of(Kernel::default()).on(host);
        assert_eq!(
            collected.text("kernel-log.txt"),
            "warn   [    1.500000] low memory\ninfo   [    2.000000] better\n"
        );
        assert_eq!(collected.text("/sys/fs/pstore/dmesg-efi-1"), "Oops\n");
        assert!(collected.text("summary.json").contains("proprietary"));
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn what_only_root_sees_is_told_before() {
        let window = Window { since: None, until: None };
        let refused = |host: FakeHost| Kernel::default().refused(&host, &window);
        assert_eq!(refused(FakeHost::new().denied("/dev/kmsg")), ["/dev/kmsg"]);
        assert_eq!(refused(FakeHost::new().kernel_log("")), [""; 0]);
    }

    #[test]
    fn a_refused_log_is_said_and_costs_nothing_else() {
        let host = FakeHost::new().denied("/dev/kmsg").file("/proc/version", "Linux 1\n");
        let collected = Trial::of(Kernel::default()).on(host);
        assert_eq!(collected.status(), Status::Partial);
        assert!(collected.notes().iter().any(|note| note.starts_with("Denied /dev/kmsg")));
        assert_eq!(collected.text("/proc/version"), "Linux 1\n");
    }
}
