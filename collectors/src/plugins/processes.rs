//! The processes, as `ps` would show them.

use crate::facts::{
    command_lines::command,
    kernel_files::{bytes, processes, value},
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
use std::collections::BTreeMap;

/// The processes: `processes.txt` in the order of their ids, `by-memory.txt` with the largest, and
/// how many are in which state.
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
        let folders = processes(host).into_iter();
        let mut found: Vec<_> = folders
            .filter_map(|(_, folder)| {
                let stat = bytes(host, folder.join("stat")).ok()?;
                let status = bytes(host, folder.join("status")).ok()?;
                Some(Process {
                    stat: Stat::from_read(stat.as_slice()).ok()?,
                    status: Status::from_read(status.as_slice()).ok()?,
                    arguments: bytes(host, folder.join("cmdline")).unwrap_or_default(),
                })
            })
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

fn table(
    processes: &[Process],
    booted: Option<Timestamp>,
    accounts: &BTreeMap<u32, String>,
) -> String {
    let mut table = Table::new([
        "PID", "PPID", "USER", "STATE", "THREADS", "RSS", "SWAP", "CPU", "STARTED", "COMMAND",
    ]);
    for Process {
        stat,
        status,
        arguments,
    } in processes
    {
        let since_boot =
            SignedDuration::from_secs((stat.starttime / TICKS_PER_SECOND).cast_signed());
        let started = booted.and_then(|booted| booted.checked_add(since_boot).ok());
        table.row([
            stat.pid.to_string(),
            stat.ppid.to_string(),
            accounts
                .get(&status.euid)
                .cloned()
                .unwrap_or_else(|| status.euid.to_string()),
            stat.state.to_string(),
            status.threads.to_string(),
            status
                .vmrss
                .map(|size| size.to_string())
                .unwrap_or_default(),
            status
                .vmswap
                .map(|size| size.to_string())
                .unwrap_or_default(),
            clock((stat.utime + stat.stime) / TICKS_PER_SECOND),
            started
                .map(|started| started.to_string())
                .unwrap_or_default(),
            command(&stat.comm, arguments),
        ]);
    }
    table.to_string()
}

fn clock(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours}:{minutes:02}:{:02}", seconds % 60)
}

fn boot_time(host: &dyn Host) -> Option<Timestamp> {
    let stat = value(host, "/proc/stat")?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Timestamp::from_second(seconds.parse().ok()?).ok()
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
