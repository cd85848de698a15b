//! When the host was started, how long that took, and how it ended before.

use crate::facts::{
    boots::{Ended, Period, of_journal, of_wtmp},
    kernel_files::{boot_time, bytes, children, exists, name, number, value},
    listing,
};
use collect_core::{
    CollectError, Collector, Output,
    host::{CommandLine, Host},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{self, ErrorKind, Read};

/// Boots, how long they took, and the last shutdown.
///
/// `boots.json` and `.txt`, oldest first: when the host was started, when and how that ended
/// (`shutdown`; `crash` if it was started again without having been shut down; `running`), the
/// duration in seconds, and the kernel. `summary.json`: this boot, whether the one before ended
/// cleanly, the seconds that firmware and boot loader took, and what the watchdogs say
/// (`boot-status` other than 0: they restarted the host). Where systemd runs, `startup.txt` and
/// `slowest-units.txt` say what it waited for.
///
/// From `/var/log/wtmp` (`utmp(5)`); where that knows no boots, from the journal, whose entries give
/// about the start and the end. Also <https://systemd.io/BOOT_LOADER_INTERFACE>,
/// <https://docs.kernel.org/admin-guide/abi-testing.html>, `/sys/firmware/acpi/fpdt`, and
/// `systemd-analyze(1)`. The journal needs root or the group `systemd-journal`.
///
/// ```toml
/// [collect.boot]
/// use = "boot"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Boot {}

collect_core::register!("boot" => Boot as Collector);

const WTMP: &str = "/var/log/wtmp";

/// The vendor of the variables that boot loaders leave behind.
const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// What journald says at last when it is stopped (`SD_MESSAGE_JOURNAL_STOP`).
const JOURNAL_STOPPED: &str = "d93fb3c9c24d451a97cea615ce59c00b";

/// What is taken of a command's output; a list of a thousand boots has 100 kB.
const OUTPUT: u64 = 4 << 20;

const JOURNALS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

impl Collector for Boot {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let booted = boot_time(out.host());
        let (source, boots) = known(out, booted)?;
        let host = out.host();
        let uptime = value(host, "/proc/uptime").unwrap_or_default();
        let uptime: Option<f64> = uptime.split(' ').next().and_then(|uptime| uptime.parse().ok());
        if booted.is_none() && boots.is_empty() {
            out.absent(WTMP, "nothing says when the host was started");
            return Ok(());
        }
        let previous = boots.iter().rev().nth(1).filter(|_| is_current(&boots));
        let summary = json!({
            "booted": booted,
            "uptime": uptime.filter(|uptime| uptime.is_finite()),
            "source": source,
            "boots": boots.len(),
            "crashes": boots.iter().filter(|boot| boot.how == Some(Ended::Crash)).count(),
            "previous": previous,
            "clean": previous.and_then(|previous| previous.how).map(|how| how == Ended::Shutdown),
            "firmware": loader_time(host, "LoaderTimeInitUSec"),
            "loader": loader_time(host, "LoaderTimeExecUSec")
                .zip(loader_time(host, "LoaderTimeInitUSec"))
                .map(|(end, start)| end - start),
            "loader-name": variable(host, "LoaderInfo"),
            "acpi": firmware_times(host),
            "watchdogs": watchdogs(host),
        });
        out.json("summary.json", &summary)?;
        let columns = ["started", "ended", "duration", "how", "kernel"];
        listing::write(out, "boots", columns, &boots)?;
        if exists(out.host(), "/run/systemd/system") {
            for (entry, what) in [("startup.txt", "time"), ("slowest-units.txt", "blame")] {
                out.command(entry, &CommandLine::new(["systemd-analyze", "--no-pager", what]))?;
            }
        }
        Ok(())
    }
}

/// Whether the last of them is the one that goes on, or, in the journal, the newest.
fn is_current(boots: &[Period]) -> bool {
    let last = boots.last();
    last.is_some_and(|last| last.how == Some(Ended::Running) || last.kernel.is_none())
}

/// The boots, and who knows them.
fn known(
    out: &mut Output<'_>,
    booted: Option<jiff::Timestamp>,
) -> Result<(Option<&'static str>, Vec<Period>), CollectError> {
    match of_wtmp(out.host(), WTMP, booted) {
        Ok(boots) if !boots.is_empty() => return Ok((Some(WTMP), boots)),
        Err(error) if error.kind() != ErrorKind::NotFound => out.failed(WTMP, &error),
        _ => {}
    }
    // Without its files, journalctl has nothing to say.
    if !JOURNALS.iter().any(|folder| !children(out.host(), folder).is_empty()) {
        return Ok((None, Vec::new()));
    }
    let list = ["journalctl", "--no-pager", "--quiet", "--utc", "--list-boots"];
    let mut boots = of_journal(&output(out, &list)?);
    if let [.., previous, _] = &mut boots[..] {
        let newest =
            ["journalctl", "--no-pager", "--quiet", "--boot=-1", "--lines=1", "--output=json"];
        let entry: Option<Value> = serde_json::from_str(output(out, &newest)?.trim()).ok();
        let message = entry.as_ref().and_then(|entry| entry["MESSAGE_ID"].as_str());
        previous.how = entry.as_ref().map(|_| match message {
            Some(JOURNAL_STOPPED) => Ended::Shutdown,
            _ => Ended::Crash,
        });
    }
    Ok((if boots.is_empty() { None } else { Some("journal") }, boots))
}

/// What a command prints; nothing, and a note, where that fails.
fn output(out: &mut Output<'_>, argv: &[&str]) -> Result<String, CollectError> {
    let command = CommandLine::new(argv.iter().copied());
    let run = || -> io::Result<Vec<u8>> {
        let mut process = out.host().spawn(&command, out.deadline())?;
        let mut printed = Vec::new();
        (&mut process).take(OUTPUT).read_to_end(&mut printed)?;
        Ok(printed)
    };
    match run() {
        Ok(printed) => Ok(String::from_utf8_lossy(&printed).into_owned()),
        Err(error) if error.kind() == ErrorKind::TimedOut => Err(CollectError::Stopped),
        Err(error) => {
            out.failed(&format!("$ {}", argv.join(" ")), &error);
            Ok(String::new())
        }
    }
}

/// A variable that the boot loader set: attributes in four bytes, then UTF-16.
fn variable(host: &dyn Host, variable: &str) -> Option<String> {
    let path = format!("/sys/firmware/efi/efivars/{variable}-{LOADER}");
    let bytes = bytes(host, path).ok()?;
    let units = bytes.get(4..)?.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text = String::from_utf16(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>()).ok()?;
    (!text.is_empty()).then_some(text)
}

/// In seconds since the firmware began.
fn loader_time(host: &dyn Host, name: &str) -> Option<f64> {
    let microseconds: u64 = variable(host, name)?.parse().ok()?;
    Some(microseconds as f64 / 1e6)
}

/// The marks that the firmware left in its table FPDT, in seconds since it began.
fn firmware_times(host: &dyn Host) -> Value {
    let files = children(host, "/sys/firmware/acpi/fpdt/boot").into_iter();
    let times = files.filter_map(|path| {
        let mark = name(&path).strip_suffix("_ns")?.replace('_', "-");
        Some((mark, Value::from(number(host, &path)? as f64 / 1e9)))
    });
    Value::Object(times.collect())
}

/// From sysfs: opening a watchdog would start it.
fn watchdogs(host: &dyn Host) -> Vec<Value> {
    let devices = children(host, "/sys/class/watchdog").into_iter();
    let devices = devices.map(|device| {
        json!({
            "name": name(&device),
            "identity": value(host, device.join("identity")),
            "state": value(host, device.join("state")),
            "timeout": number(host, device.join("timeout")),
            "boot-status": number(host, device.join("bootstatus")),
        })
    });
    devices.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::utmp::made_up;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
    };

    const LIST: &str = "journalctl --no-pager --quiet --utc --list-boots";
    const LAST: &str = "journalctl --no-pager --quiet --boot=-1 --lines=1 --output=json";

    fn summary(collected: &Collected) -> Value {
        serde_json::from_str(collected.text("summary.json")).unwrap()
    }

    /// Text as firmware keeps it.
    fn firmware(text: &str) -> Vec<u8> {
        let text = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
        [6, 0, 0, 0].into_iter().chain(text).collect()
    }

    #[test]
    fn boots_of_wtmp_say_how_they_ended() {
        let boot = |at| made_up(2, 0, "~", "reboot", "6.1.0", at);
        let wtmp = [boot(1_767_000_000), boot(1_767_312_000)].concat();
        let efi = |name| format!("/sys/firmware/efi/efivars/{name}-{LOADER}");
        let host = FakeHost::new()
            .bytes(WTMP, wtmp)
            .file("/proc/stat", "btime 1767312000\n")
            .file("/proc/uptime", "11045.50 2.00\n")
            .bytes(efi("LoaderTimeInitUSec"), firmware("4500000"))
            .bytes(efi("LoaderTimeExecUSec"), firmware("6000000"))
            .file("/sys/firmware/acpi/fpdt/boot/bootloader_load_ns", "3000000000\n")
            .file("/sys/class/watchdog/watchdog0/bootstatus", "32\n")
            .directory("/run/systemd/system")
            .command("systemd-analyze --no-pager time", "Startup finished in 1s\n")
            .command("systemd-analyze --no-pager blame", "1s example.service\n");
        let collected = Trial::of(Boot {}).on(host);
        let summary = summary(&collected);
        assert_eq!(summary["clean"], false);
        assert_eq!(summary["uptime"], 11045.5);
        assert_eq!((&summary["firmware"], &summary["loader"]), (&json!(4.5), &json!(1.5)));
        assert_eq!(summary["acpi"]["bootloader-load"], 3.0);
        assert_eq!(summary["watchdogs"][0]["boot-status"], 32);
        assert_eq!(
            collected.text("boots.txt"),
            "STARTED               ENDED  DURATION  HOW      KERNEL\n\
             2025-12-29T09:20:00Z      -         -  crash    6.1.0\n\
             2026-01-02T00:00:00Z      -     11045  running  6.1.0\n"
        );
        assert_eq!(collected.text("startup.txt"), "Startup finished in 1s\n");
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn the_journal_helps_out_where_wtmp_knows_nothing() {
        let id = "00112233445566778899aabbccddeeff";
        let list = format!(
            "-1 {id} Mon 2026-01-05 10:00:00 UTC—Mon 2026-01-05 11:00:00 UTC\n\
             \x200 {id} Tue 2026-01-06 10:00:00 UTC—Tue 2026-01-06 10:00:30 UTC\n"
        );
        let host = || {
            FakeHost::new()
                .file(WTMP, "")
                .directory("/var/log/journal/0")
                .command(LIST, list.as_str())
        };
        let clean = host().command(LAST, format!(r#"{{"MESSAGE_ID":"{JOURNAL_STOPPED}"}}"#));
        let clean = summary(&Trial::of(Boot {}).on(clean));
        assert_eq!((&clean["clean"], &clean["source"]), (&json!(true), &json!("journal")));
        assert_eq!(clean["previous"]["duration"], 3600);
        let crashed = host().command(LAST, r#"{"MESSAGE":"working"}"#);
        assert_eq!(summary(&Trial::of(Boot {}).on(crashed))["clean"], false);
        let unknown = host().command(LAST, "");
        assert_eq!(summary(&Trial::of(Boot {}).on(unknown))["clean"], Value::Null);
    }

    #[test]
    fn nothing_is_started_where_neither_systemd_nor_a_journal_is() {
        let host = FakeHost::new().file("/proc/stat", "btime 1767312000\n").denied(WTMP);
        let collected = Trial::of(Boot {}).on(host);
        assert_eq!(collected.status(), Status::Partial);
        assert_eq!(collected.notes().len(), 1, "{:?}", collected.notes());
        assert!(collected.notes()[0].starts_with("Denied /var/log/wtmp"));
        assert_eq!(Trial::of(Boot {}).on(FakeHost::new()).status(), Status::Absent);
    }
}
