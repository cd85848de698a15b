//! The kernel's settings.

use crate::facts::{
    listing, refusals,
    settings::{Settings, refused},
    settings_files::{configured, files},
};
use collect_core::{
    CollectError, Collector, Output, Window,
    host::{Deadline, Host},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// Kernel settings.
///
/// Every setting below `/proc/sys`, as `sysctl -a` lists them (`sysctl.txt`) and by key
/// (`sysctl.json`, `null` where reading is refused). `configured.json` has those that configuration
/// files set, with what they are now and whether that differs; the files themselves are copied.
///
/// From `proc_sys(5)` and `sysctl.d(5)`. Keys of the network (`stable_secret`, `tcp_fastopen_key`)
/// are not read, nor what reading would change. Some settings are for root only.
///
/// ```toml
/// [collect.sysctl]
/// use = "sysctl"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Sysctl {}

collect_core::register!("sysctl" => Sysctl as Collector);

/// What a dry run spends on looking.
const LOOK: Duration = Duration::from_secs(2);

impl Collector for Sysctl {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let settings = Settings::read(out.host(), out.deadline());
        if settings.values.is_empty() {
            out.absent("/proc/sys", "the kernel shows no settings");
            return Ok(());
        }
        out.text("sysctl.txt", &settings.text())?;
        out.json("sysctl.json", &settings.values)?;
        refusals::note(out, "/proc/sys", "settings", &settings.refused());
        let configured = configured(out.host(), &settings);
        let columns = ["key", "configured", "running", "differs", "file"];
        listing::write(out, "configured", columns, &configured)?;
        let files = files(out.host());
        let host = out.host();
        let mut there = files.iter().filter(|path| host.canonical(path).is_ok());
        there.try_for_each(|path| out.file(path))
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        match refused(host, &Deadline::after(LOOK, Arc::default())) {
            0 => Vec::new(),
            count => vec![format!("/proc/sys: {count} settings")],
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
    use serde_json::Value;

    #[test]
    fn settings_stand_beside_what_files_say_and_the_refused_are_counted() {
        let host = FakeHost::new()
            .file("/proc/sys/vm/swappiness", "60\n")
            .denied("/proc/sys/kernel/cad_pid")
            .denied("/proc/sys/kernel/usermodehelper/bset")
            .file("/etc/sysctl.d/local.conf", "vm.swappiness = 10\n");
        let collected = Trial::of(Sysctl {}).on(host);
        assert_eq!(collected.text("sysctl.txt"), "vm.swappiness = 60\n");
        let json: Value = serde_json::from_str(collected.text("sysctl.json")).unwrap();
        assert_eq!(json["kernel.cad_pid"], Value::Null);
        assert_eq!(json["vm.swappiness"], "60");
        let configured: Value = serde_json::from_str(collected.text("configured.json")).unwrap();
        assert_eq!(configured[0]["differs"], true);
        assert_eq!(collected.text("/etc/sysctl.d/local.conf"), "vm.swappiness = 10\n");
        assert_eq!(
            collected.notes(),
            ["Denied /proc/sys: settings refused: 2, such as `kernel.cad_pid`"]
        );
        assert_eq!(collected.status(), Status::Partial);
        assert_eq!(collected.text("configured.txt").lines().count(), 2);
    }

    #[test]
    fn a_dry_run_says_how_many_are_refused() {
        let host = FakeHost::new().denied("/proc/sys/kernel/cad_pid");
        let host = host.file("/proc/sys/vm/swappiness", "60\n");
        let window = Window::default();
        assert_eq!(Sysctl {}.refused(&host, &window), ["/proc/sys: 1 settings"]);
        assert_eq!(Sysctl {}.refused(&FakeHost::new(), &window), [""; 0]);
    }

    #[test]
    fn a_host_without_settings_has_none() {
        assert_eq!(Trial::of(Sysctl {}).on(FakeHost::new()).status(), Status::Absent);
    }
}
