//! The processes, as `ps` would show them.

use crate::facts::{
    command_lines::command,
    kernel_files::{boot_time, bytes, processes, value},
    table::Table,
};
use collect_core::{CollectError, Collector, Output, host::Host};
use jiff::{SignedDuration, Timestamp};
use procfs::{
    FromRead,
    process::{Stat, Status},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::{collections::BTreeMap, path::Path};

/// Processes with their command lines.
///
/// `processes.txt` in the order of their ids, `by-memory.txt` with the largest, and how many are in
/// which state.
///
/// From `/proc/PID/stat`, `status` and `cmdline` of `proc(5)`. Memory is in KiB. System accounts are
/// named, people are numbers. Environments are not read: they are where programs keep their
/// secrets.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Processes {}

collect_core::register!("processes" => Processes as Collector);

/// `USER_HZ` of `proc(5)`: 100 on every architecture that this runs on, whatever the kernel's `HZ`.
const TICKS_PER_SECOND: u64 = 100;

/// How many of the largest processes are listed apart.
const LARGEST: usize = 20;

impl Collector for Processes {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let booted = boot_time(host);
        let accounts = system_accounts(host);
        let mut found: Vec<Process> = processes(host)
            .into_iter()
            .take_while(|_| !out.deadline().passed())
            .filter_map(|(_, folder)| Process::read(host, &folder))
            .collect();

        let mut states = BTreeMap::<char, usize>::new();
        for process in &found {
            *states.entry(process.stat.state).or_default() += 1;
        }
        let threads: u64 = found.iter().map(|process| process.status.threads).sum();
        let summary = json!({
            "processes": found.len(),
            "threads": threads,
            "states": states,
        });
        out.json("summary.json", &summary)?;
        out.text("processes.txt", &table(&found, booted, &accounts))?;
        found.sort_by_key(|process| std::cmp::Reverse(process.status.vmrss));
        found.truncate(LARGEST);
        out.text("by-memory.txt", &table(&found, booted, &accounts))
    }
}

struct Process {
    stat: Stat,
    status: Status,
    arguments: Vec<u8>,
}

impl Process {
    /// Nothing if it has ended meanwhile.
    fn read(host: &dyn Host, folder: &Path) -> Option<Self> {
        let stat = bytes(host, folder.join("stat")).ok()?;
        let status = bytes(host, folder.join("status")).ok()?;
        Some(Self {
            stat: Stat::from_read(stat.as_slice()).ok()?,
            status: Status::from_read(status.as_slice()).ok()?,
            arguments: bytes(host, folder.join("cmdline")).ok()?,
        })
    }
}

fn table(
    processes: &[Process],
    booted: Option<Timestamp>,
    accounts: &BTreeMap<u32, String>,
) -> String {
    let mut table = Table::new([
        "PID", "PPID", "USER", "STATE", "THREADS", "RSS", "SWAP", "CPU", "STARTED", "COMMAND",
    ]);
    for Process { stat, status, arguments } in processes {
        let since_boot =
            SignedDuration::from_secs((stat.starttime / TICKS_PER_SECOND).cast_signed());
        let started = booted.and_then(|booted| booted.checked_add(since_boot).ok());
        table.row([
            stat.pid.to_string(),
            stat.ppid.to_string(),
            accounts.get(&status.euid).cloned().unwrap_or_else(|| status.euid.to_string()),
            stat.state.to_string(),
            status.threads.to_string(),
            status.vmrss.map(|size| size.to_string()).unwrap_or_default(),
            status.vmswap.map(|size| size.to_string()).unwrap_or_default(),
            clock((stat.utime + stat.stime) / TICKS_PER_SECOND),
            started.map(|started| started.to_string()).unwrap_or_default(),
            command(&stat.comm, arguments),
        ]);
    }
    table.to_string()
}

fn clock(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours}:{minutes:02}:{:02}", seconds % 60)
}

/// The names of the accounts that are not people's (`login.defs(5)`, `UID_MIN`).
fn system_accounts(host: &dyn Host) -> BTreeMap<u32, String> {
    let accounts = value(host, "/etc/passwd").unwrap_or_default();
    let accounts = accounts.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id = fields.nth(1)?.parse().ok()?;
        (id < 1000 || id == 65534).then(|| (id, name.to_owned()))
    });
    accounts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    fn process(host: FakeHost, id: u32, name: &str, arguments: &str, kib: u32) -> FakeHost {
        let zeros = "0 ".repeat(30);
        host.file(
            format!("/proc/{id}/stat"),
            &format!("{id} ({name}) S 1 1 1 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 500 {zeros}\n"),
        )
        .file(
            format!("/proc/{id}/status"),
            &format!(
                "Name:\t{name}\nState:\tS\nTgid:\t{id}\nPid:\t{id}\nPPid:\t1\nTracerPid:\t0\n\
                 Uid:\t33 33 33 33\nGid:\t0 0 0 0\nFDSize:\t0\nGroups:\t\nVmRSS:\t{kib} kB\n\
                 Threads:\t2\nSigQ:\t0/0\nSigPnd:\t0\nShdPnd:\t0\nSigBlk:\t0\nSigIgn:\t0\n\
                 SigCgt:\t0\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\n"
            ),
        )
        .file(format!("/proc/{id}/cmdline"), arguments)
    }

    #[test]
    fn processes_are_listed_by_id_and_by_memory() {
        let host = FakeHost::new()
            .file("/proc/stat", "cpu 0\nbtime 1767312000\n")
            .file("/etc/passwd", "web:x:33:33::/:/bin/false\njane:x:1000:1000::/:/bin/sh\n");
        let host = process(host, 10, "large", "large\0--all\0", 2000);
        let host = process(host, 9, "small (x) y", "", 10);
        let collected = Trial::of(Processes::default()).on(host);
        let rows = |entry| -> Vec<String> {
            let lines = collected.text(entry).lines().skip(1);
            lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
        };
        assert_eq!(
            rows("processes.txt"),
            [
                "9 1 web S 2 10 - 0:00:03 2026-01-02T00:00:05Z [small (x) y]",
                "10 1 web S 2 2000 - 0:00:03 2026-01-02T00:00:05Z large --all",
            ]
        );
        assert!(rows("by-memory.txt")[0].starts_with("10 "));
        assert!(collected.text("summary.json").contains("\"threads\": 4"));
    }

    #[test]
    fn a_process_that_ended_meanwhile_is_no_failure() {
        let host = process(FakeHost::new(), 1, "init", "init\0", 1).directory("/proc/2");
        let host = host.file("/proc/3/stat", "");
        let collected = Trial::of(Processes::default()).on(host);
        assert_eq!(collected.status(), Status::Complete);
        assert_eq!(collected.notes(), [""; 0]);
        assert_eq!(collected.text("processes.txt").lines().count(), 2);
    }

    #[test]
    fn environments_are_not_read() {
        let host = process(FakeHost::new(), 1, "init", "init\0", 1);
        let host = host.panics("/proc/1/environ");
        assert_eq!(Trial::of(Processes::default()).on(host).status(), Status::Complete);
    }
}
