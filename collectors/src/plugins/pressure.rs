//! Pressure: how long tasks had to wait.

use crate::facts::{
    cgroups::{Trees, pressure},
    kernel_files::exists,
    listing,
    pressure::{Pressure as Waits, Stall},
};
use collect_core::{CollectError, Collector, Output};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Pressure of CPU, memory and I/O.
///
/// How much of the time tasks waited, in percent over the last 10, 60 and 300 seconds, and in seconds
/// since the start (`total`): `some` is when one task waited at least, `full` when all did. Of the
/// host, and of the control groups of version 2 that waited the most within 300 seconds (`cgroups`).
///
/// From `/proc/pressure`, <https://docs.kernel.org/accounting/psi.html>.
///
/// ```toml
/// [collect.pressure]
/// use = "pressure"
/// cgroups = 10
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Pressure {
    /// How many control groups are listed for each resource.
    cgroups: usize,
}

impl Default for Pressure {
    fn default() -> Self {
        Self { cgroups: 20 }
    }
}

collect_core::register!("pressure" => Pressure as Collector);

const RESOURCES: [&str; 4] = ["cpu", "memory", "io", "irq"];

/// More control groups than that are not looked at.
const LOOKED_AT: usize = 5000;

#[derive(Debug, Serialize)]
struct Row {
    /// The group's path; nothing for the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup: Option<String>,
    resource: &'static str,
    kind: &'static str,
    avg10: f64,
    avg60: f64,
    avg300: f64,
    total: f64,
}

impl Collector for Pressure {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        if !exists(out.host(), "/proc/pressure") {
            let text = "the kernel does not measure it (`CONFIG_PSI`, boot option `psi=1`)";
            out.absent("/proc/pressure", text);
            return Ok(());
        }
        let mut rows = Vec::new();
        for resource in RESOURCES {
            let path = format!("/proc/pressure/{resource}");
            if let Some(bytes) = exists(out.host(), &path).then(|| out.read(&path)).transpose()? {
                let waits = bytes.and_then(|bytes| Waits::parse(&String::from_utf8_lossy(&bytes)));
                rows.extend(self::rows(None, resource, waits.unwrap_or_default()));
            }
        }
        listing::write(
            out,
            "pressure",
            ["resource", "kind", "avg10", "avg60", "avg300", "total"],
            &rows,
        )?;
        let rows = self.worst(out);
        if rows.is_empty() {
            return Ok(());
        }
        let columns = ["resource", "kind", "avg10", "avg60", "avg300", "total", "cgroup"];
        listing::write(out, "cgroups", columns, &rows)
    }
}

impl Pressure {
    /// Those that waited at all, by resource, the worst first.
    fn worst(&self, out: &mut Output<'_>) -> Vec<Row> {
        let host = out.host();
        let mut found: [Vec<(f64, String, Waits)>; RESOURCES.len()] = Default::default();
        let cut = Trees::mounted(host).visit(host, out.deadline(), LOOKED_AT, |name, folder| {
            // The root's pressure is the host's.
            if name == Path::new("/") {
                return;
            }
            for (resource, found) in RESOURCES.iter().zip(&mut found) {
                let Some(waits) = pressure(host, folder, resource) else { continue };
                let worst = [waits.some, waits.full].into_iter().flatten();
                let worst = worst.map(|stall| stall.avg300.max(stall.avg10)).fold(0.0, f64::max);
                if worst > 0.0 {
                    found.push((worst, name.display().to_string(), waits));
                }
            }
        });
        if cut {
            out.note(&format!("only the first {LOOKED_AT} control groups were looked at"));
        }
        let mut rows = Vec::new();
        for (resource, mut found) in RESOURCES.into_iter().zip(found) {
            found.sort_by(|left, right| right.0.total_cmp(&left.0));
            for (_, name, waits) in found.into_iter().take(self.cgroups) {
                rows.extend(self::rows(Some(&name), resource, waits));
            }
        }
        rows
    }
}

fn rows(cgroup: Option<&str>, resource: &'static str, waits: Waits) -> Vec<Row> {
    let kinds = [("some", waits.some), ("full", waits.full)];
    let rows = kinds.into_iter().filter_map(|(kind, stall)| {
        let Stall { avg10, avg60, avg300, total } = stall?;
        let cgroup = cgroup.map(str::to_owned);
        Some(Row { cgroup, resource, kind, avg10, avg60, avg300, total })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    fn waits(avg10: &str, avg300: &str) -> String {
        format!("some avg10={avg10} avg60=0.00 avg300={avg300} total=1500000\n")
    }

    #[test]
    fn the_worst_groups_come_first_and_the_idle_are_left_out() {
        let group = |name| format!("/sys/fs/cgroup/{name}/io.pressure");
        let host = FakeHost::new()
            .file("/proc/pressure/io", &(waits("1.00", "2.00") + "full avg10=broken\n"))
            .file("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
            .file("/sys/fs/cgroup/io.pressure", &waits("9.00", "9.00"))
            .file(group("idle"), &waits("0.00", "0.00"))
            .file(group("a"), &waits("0.00", "3.00"))
            .file(group("b"), &waits("7.00", "1.00"))
            .file(group("c"), &waits("0.50", "0.50"));
        let collected = Trial::of(Pressure { cgroups: 2 }).on(host);
        assert_eq!(
            collected.text("pressure.txt"),
            "RESOURCE  KIND  AVG10  AVG60  AVG300  TOTAL\n\
             io        some    1.0    0.0     2.0    1.5\n"
        );
        let groups = collected.text("cgroups.txt").lines().skip(1);
        let groups: Vec<_> = groups.filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(groups, ["/b", "/a"]);
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn a_refused_file_is_said_and_an_unmeasured_host_is_absent() {
        let host = FakeHost::new().denied("/proc/pressure/cpu");
        let collected = Trial::of(Pressure::default()).on(host);
        assert!(collected.notes()[0].starts_with("Denied /proc/pressure/cpu"));
        assert_eq!(Trial::of(Pressure::default()).on(FakeHost::new()).status(), Status::Absent);
    }
}
