//! The clock: its source, time zone, and who keeps it right.

use crate::facts::{
    kernel_files::{children, exists, name, processes, signed, value},
    present,
    programs::{installed, said},
};
use collect_core::{CollectError, Collector, Output, host::CommandLine, host::Host};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Clock source, time zone, synchronisation.
///
/// `summary.json` has the time, the time zone with its offset from UTC (seconds), the clock sources,
/// the hardware clocks with how far they are ahead of the system's clock (seconds), and which programs
/// that keep the time are running. What these say stands beside it: `chrony.txt`, `ntp.txt`,
/// `timesync.txt`; and their configuration without keys. What the kernel itself thinks of its clock
/// (`kernel`, microseconds) is known where `adjtimex` is installed.
///
/// From `sysfs(5)`, `rtc(4)`, `adjtime_config(5)`, `localtime(5)`, `systemd-timesyncd.service(8)`,
/// `chronyc(1)`, `ntpq(8)` and `adjtimex(8)`. No service is started to be asked. Nothing needs root.
///
/// ```toml
/// [collect.clock]
/// use = "clock"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Clock {}

collect_core::register!("clock" => Clock as Collector);

const FILES: [&str; 14] = [
    "/etc/adjtime",
    "/etc/timezone",
    "/etc/chrony.conf",
    "/etc/chrony/chrony.conf",
    "/etc/chrony/conf.d/",
    "/etc/chrony/sources.d/",
    "/etc/chrony.d/",
    "/etc/systemd/timesyncd.conf",
    "/etc/systemd/timesyncd.conf.d/",
    "/etc/ntp.conf",
    "/etc/ntpsec/ntp.conf",
    "/etc/openntpd/ntpd.conf",
    "/etc/linuxptp/ptp4l.conf",
    "/etc/default/chrony",
];

/// Programs that keep the time, as `/proc/PID/comm` cuts their names.
const KEEPERS: [&str; 8] =
    ["chronyd", "systemd-timesyn", "ntpd", "openntpd", "ptp4l", "phc2sys", "timemaster", "ntpd-rs"];

/// `STA_UNSYNC` of `adjtimex(2)`.
const UNSYNCHRONISED: i64 = 0x40;

impl Collector for Clock {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let keepers = keepers(host);
        let runs = |name: &str| keepers.iter().any(|keeper| keeper == name);
        let kernel = kernel(out);
        let now = host.now().to_zoned(host.zone());
        let source = |about: &str| {
            value(host, format!("/sys/devices/system/clocksource/clocksource0/{about}_clocksource"))
        };
        let available = source("available").unwrap_or_default();
        let localtime = host.canonical("/etc/localtime".as_ref()).ok();
        let summary = json!({
            "time": now.strftime("%FT%T%:z").to_string(),
            "time-zone": zone_name(host),
            "offset": now.offset().seconds(),
            "zone-file": localtime.map(|path| path.to_string_lossy().into_owned()),
            "source": source("current"),
            "sources": available.split_whitespace().collect::<Vec<_>>(),
            "hardware-clocks": hardware_clocks(host),
            "precision-clocks": precision_clocks(host),
            "kept-by": keepers,
            "synchronised": synchronised(host, runs("systemd-timesyn"), kernel.as_ref()),
            "kernel": kernel,
        });
        out.json("summary.json", &summary)?;
        present::copy(out, &FILES)?;
        let mut ask = |runs: bool, entry: &str, argv: &[&str]| {
            let asks = runs && installed(out.host(), argv[0]);
            if asks { out.command(entry, &CommandLine::new(argv.to_vec())) } else { Ok(()) }
        };
        // Numeric, so that no name is looked up.
        ask(runs("chronyd"), "chrony.txt", &["chronyc", "-n", "tracking"])?;
        ask(runs("chronyd"), "chrony-sources.txt", &["chronyc", "-n", "sources", "-v"])?;
        ask(runs("ntpd"), "ntp.txt", &["ntpq", "-p", "-n"])?;
        let timesync = ["timedatectl", "show-timesync", "--all"];
        ask(runs("systemd-timesyn"), "timesync.txt", &timesync)
    }
}

/// By the file that `/etc/localtime` leads to: `/usr/share/zoneinfo/Europe/Berlin`; where that is a
/// copy, by `/etc/timezone`.
fn zone_name(host: &dyn Host) -> Option<String> {
    let file = host.canonical("/etc/localtime".as_ref()).ok();
    let file = file.map(|file| file.to_string_lossy().into_owned());
    let name = file.and_then(|file| Some(file.split_once("/zoneinfo/")?.1.to_owned()));
    name.or_else(|| value(host, "/etc/timezone"))
        .or_else(|| host.zone().iana_name().map(str::to_owned))
}

fn keepers(host: &dyn Host) -> Vec<String> {
    let names = processes(host).into_iter();
    let names = names.filter_map(|(_, folder)| value(host, folder.join("comm")));
    let mut keepers: Vec<_> = names.filter(|name| KEEPERS.contains(&name.as_str())).collect();
    keepers.sort();
    keepers.dedup();
    keepers
}

/// The kernel's word, or that of systemd-timesyncd; nothing if neither is known.
fn synchronised(host: &dyn Host, has_timesyncd: bool, kernel: Option<&Value>) -> Option<bool> {
    let status = kernel.and_then(|kernel| kernel["status"].as_i64());
    status
        .map(|status| status & UNSYNCHRONISED == 0)
        .or_else(|| has_timesyncd.then(|| exists(host, "/run/systemd/timesync/synchronized")))
}

/// What `adjtimex --print` says: `  offset: -12`, with a space and words behind some.
fn kernel(out: &mut Output<'_>) -> Option<Value> {
    if !installed(out.host(), "adjtimex") {
        return None;
    }
    let said = said(out, ["adjtimex", "--print"])?;
    let said = String::from_utf8_lossy(&said);
    let fields = said.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        let number = value.trim().split([' ', 's']).next()?.parse::<i64>().ok()?;
        Some((key.trim().replace(['_', ' '], "-"), number.into()))
    });
    Some(fields.collect::<Map<_, _>>().into())
}

fn hardware_clocks(host: &dyn Host) -> Vec<Value> {
    // In local time on hosts that share their hardware with Windows (`adjtime_config(5)`).
    let adjtime = value(host, "/etc/adjtime").unwrap_or_default();
    let is_local = adjtime.lines().nth(2).is_some_and(|line| line.trim() == "LOCAL");
    let clocks = children(host, "/sys/class/rtc").into_iter().filter_map(|folder| {
        let since_epoch = signed(host, folder.join("since_epoch"))?;
        let now = host.now();
        let offset = if is_local { host.zone().to_offset(now).seconds() } else { 0 };
        Some(json!({
            "name": name(&folder),
            "driver": value(host, folder.join("name")),
            "date": value(host, folder.join("date")),
            "time": value(host, folder.join("time")),
            "local": is_local,
            "ahead": since_epoch.saturating_sub(now.as_second()).saturating_sub(i64::from(offset)),
            "set-the-clock": value(host, folder.join("hctosys")).map(|set| set == "1"),
        }))
    });
    clocks.collect()
}

/// Of network cards and hypervisors, for the precision time protocol.
fn precision_clocks(host: &dyn Host) -> Vec<Value> {
    let clocks = children(host, "/sys/class/ptp").into_iter();
    let clocks = clocks.map(
        |folder| json!({ "name": name(&folder), "clock": value(host, folder.join("clock_name")) }),
    );
    clocks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
    };

    fn summary(collected: &Collected) -> Value {
        serde_json::from_str(collected.text("summary.json")).unwrap()
    }

    #[test]
    fn the_hardware_clock_and_the_source_are_told() {
        let host = FakeHost::new()
            .file("/sys/class/rtc/rtc0/since_epoch", "1767323047\n")
            .file("/sys/class/rtc/rtc0/name", "rtc_cmos\n")
            .file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
            .file(
                "/sys/devices/system/clocksource/clocksource0/available_clocksource",
                "tsc hpet\n",
            )
            .file("/etc/chrony/chrony.conf", "pool time.example.com iburst\n")
            .panics("/etc/chrony/chrony.keys")
            .link("/etc/localtime", "../usr/share/zoneinfo/Europe/Berlin")
            .file("/usr/share/zoneinfo/Europe/Berlin", "TZif");
        let collected = Trial::of(Clock::default()).on(host);
        let summary = summary(&collected);
        assert_eq!(summary["hardware-clocks"][0]["ahead"], 2);
        assert_eq!(summary["time-zone"], "Europe/Berlin");
        assert_eq!(
            (&summary["source"], &summary["sources"]),
            (&json!("tsc"), &json!(["tsc", "hpet"]))
        );
        assert_eq!(summary["synchronised"], json!(null));
        assert!(collected.text("/etc/chrony/chrony.conf").contains("iburst"));
        assert_eq!((collected.status(), collected.notes()), (Status::Complete, vec![]));
    }

    #[test]
    fn only_who_runs_is_asked() {
        let host = FakeHost::new()
            .file("/usr/bin/chronyc", "")
            .file("/usr/bin/timedatectl", "")
            .file("/proc/7/comm", "chronyd\n")
            .command("chronyc -n tracking", "Leap status : Normal\n")
            .command("chronyc -n sources -v", "^* 192.0.2.1\n");
        let collected = Trial::of(Clock::default()).on(host);
        assert_eq!(summary(&collected)["kept-by"], json!(["chronyd"]));
        assert!(collected.text("chrony.txt").contains("Normal"));
        assert!(!collected.paths().contains(&"test/timesync.txt"));
        assert_eq!(collected.notes(), [""; 0]);
    }

    #[test]
    fn the_kernel_says_whether_it_is_synchronised() {
        let said = "         mode: 0\n       offset: -12\n  frequency: 123\n    maxerror: 16000000\n  \
            esterror: 0\n   status: 64 (PLL | UNSYNC)\ntime_constant: 2\n raw time:  1s 2us = 1.2\nodd\n";
        let host = |said: &str| {
            FakeHost::new().file("/sbin/adjtimex", "").command("adjtimex --print", said)
        };
        let found = summary(&Trial::of(Clock::default()).on(host(said)));
        assert_eq!(
            (&found["synchronised"], &found["kernel"]["offset"]),
            (&json!(false), &json!(-12))
        );
        let found = summary(&Trial::of(Clock::default()).on(host("status: 8193\n")));
        assert_eq!(found["synchronised"], true);
    }
}
