//! Memory.

use crate::facts::{
    counters::counters,
    kernel_files::{boot_time, bytes, children, name, number, value},
    listing,
    oom::{Kill, Kills},
    refusals::refused,
    zones::{page_size, zones},
};
use collect_core::{CollectError, Collector, Output, Window, host::Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    io::{BufRead, BufReader, ErrorKind},
    path::Path,
};

/// Memory, swap, and what was killed for want of it.
///
/// `summary.json`: the numbers of `/proc/meminfo` by the kernel's names (`meminfo`), huge pages, NUMA
/// nodes, compressed swap, over-commitment, memory errors that were corrected or not, and how many
/// processes were killed since the start (`oom-kills`). `oom-kills.json` and `.txt` name those that the
/// kernel's log still has, between `since` and `until`. Further lists: `swaps`, `zones` (with the
/// numbers of free blocks of 1, 2, 4 … pages), `slab` (what the kernel itself takes, the largest
/// first). `vmstat.json` has the kernel's counters as they are, mostly in pages. All other sizes are in
/// bytes.
///
/// From `proc_meminfo(5)`, `proc_zoneinfo(5)`, `proc_slabinfo(5)` and
/// <https://docs.kernel.org/admin-guide/mm/index.html>. `slab` needs root; the log does where
/// `kernel.dmesg_restrict` is 1.
///
/// ```toml
/// [collect.memory]
/// use = "memory"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Memory {}

collect_core::register!("memory" => Memory as Collector);

const SLAB: &str = "/proc/slabinfo";
const LOG: &str = "/dev/kmsg";

/// `vm.overcommit_memory`, from 0.
const OVERCOMMIT: [&str; 3] = ["heuristic", "always", "never"];

impl Collector for Memory {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let Some(meminfo) = value(host, "/proc/meminfo") else {
            return out.file("/proc/meminfo");
        };
        let page = page_size(host);
        let vmstat = counters(&value(host, "/proc/vmstat").unwrap_or_default());
        let summary = json!({
            "page-size": page,
            "meminfo": sizes(&meminfo),
            "oom-kills": vmstat.get("oom_kill"),
            "nodes": nodes(host),
            "huge-pages": huge_pages(host, "/sys/kernel/mm/hugepages"),
            "transparent-huge-pages": chosen(host, "/sys/kernel/mm/transparent_hugepage/enabled"),
            "defragment": chosen(host, "/sys/kernel/mm/transparent_hugepage/defrag"),
            "overcommit": {
                "mode": number(host, "/proc/sys/vm/overcommit_memory")
                    .and_then(|mode| OVERCOMMIT.get(usize::try_from(mode).ok()?)),
                "ratio": number(host, "/proc/sys/vm/overcommit_ratio"),
                "bytes": number(host, "/proc/sys/vm/overcommit_kbytes").map(kibibytes),
            },
            "swappiness": number(host, "/proc/sys/vm/swappiness"),
            "panic-on-oom": number(host, "/proc/sys/vm/panic_on_oom").map(|panic| panic != 0),
            "zswap": value(host, "/sys/module/zswap/parameters/enabled").map(|on| on == "Y"),
            "zram": zram(host),
            "errors": errors(host),
        });
        let (swaps, zones) =
            (swaps(&value(host, "/proc/swaps").unwrap_or_default()), zones(host, page));
        out.json("summary.json", &summary)?;
        out.json("vmstat.json", &vmstat)?;
        listing::write(out, "swaps", ["device", "type", "size", "used", "priority"], &swaps)?;
        let columns =
            ["node", "name", "free", "min", "low", "high", "present", "managed", "free-blocks"];
        listing::write(out, "zones", columns, &zones)?;
        write_slab(out, page)?;
        write_kills(out)
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        let mut refused = refused(host, &[SLAB]);
        if host.kernel_log().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            refused.push(LOG.to_owned());
        }
        refused
    }
}

fn kibibytes(number: u64) -> u64 {
    number.saturating_mul(1024)
}

/// Lines `Name: 1 kB`, in bytes; numbers without a unit are numbers of pages or the like.
fn sizes(text: &str) -> Map<String, Value> {
    let lines = text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        let mut words = rest.split_whitespace();
        let size = words.next()?.parse().ok()?;
        let size = if words.next() == Some("kB") { kibibytes(size) } else { size };
        Some((name.trim().to_owned(), size.into()))
    });
    lines.collect()
}

/// The NUMA nodes by number: memory, huge pages, and how often memory came from where it was wanted.
fn nodes(host: &dyn Host) -> Map<String, Value> {
    let folders = children(host, "/sys/devices/system/node").into_iter();
    let nodes = folders.filter_map(|folder| {
        let number: u64 = name(&folder).strip_prefix("node")?.parse().ok()?;
        let meminfo = value(host, folder.join("meminfo")).unwrap_or_default();
        let meminfo = meminfo.replace(&format!("Node {number} "), "");
        let allocations = counters(&value(host, folder.join("numastat")).unwrap_or_default());
        let node = json!({
            "meminfo": sizes(&meminfo),
            "allocations": allocations,
            "huge-pages": huge_pages(host, folder.join("hugepages")),
        });
        Some((number.to_string(), node))
    });
    nodes.collect()
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct HugePages {
    size: u64,
    total: Option<u64>,
    free: Option<u64>,
    reserved: Option<u64>,
    surplus: Option<u64>,
    overcommit: Option<u64>,
}

/// Folders `hugepages-2048kB`.
fn huge_pages(host: &dyn Host, folder: impl AsRef<Path>) -> Vec<HugePages> {
    let sizes = children(host, folder).into_iter().filter_map(|folder| {
        let size = name(&folder);
        let size = size.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let number = |file: &str| number(host, folder.join(file));
        Some(HugePages {
            size: kibibytes(size),
            total: number("nr_hugepages"),
            free: number("free_hugepages"),
            reserved: number("resv_hugepages"),
            surplus: number("surplus_hugepages"),
            overcommit: number("nr_overcommit_hugepages"),
        })
    });
    sizes.collect()
}

/// The word in brackets of `always [madvise] never`.
fn chosen(host: &dyn Host, path: &str) -> Option<String> {
    let text = value(host, path)?;
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(chosen, _)| chosen.to_owned())
}

/// Compressed devices in memory (<https://docs.kernel.org/admin-guide/blockdev/zram.html>,
/// `mm_stat`): in bytes, what is stored, what is left of it, and what that takes.
fn zram(host: &dyn Host) -> Vec<Value> {
    let devices =
        children(host, "/sys/block").into_iter().filter(|path| name(path).starts_with("zram"));
    let devices = devices.filter_map(|device| {
        let statistics = value(host, device.join("mm_stat"))?;
        let mut numbers = statistics.split_whitespace().map(|number| number.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        Some(json!({
            "device": name(&device),
            "size": number(host, device.join("disksize")),
            "stored": next(),
            "compressed": next(),
            "used": next(),
            "limit": next(),
        }))
    });
    devices.collect()
}

/// Errors that the memory controllers found: corrected, and not.
fn errors(host: &dyn Host) -> Map<String, Value> {
    let controllers = children(host, "/sys/devices/system/edac/mc").into_iter();
    let controllers = controllers.filter_map(|folder| {
        let count = |file: &str| number(host, folder.join(file));
        let (corrected, uncorrected) = (count("ce_count"), count("ue_count"));
        corrected.or(uncorrected)?;
        let counts = json!({ "corrected": corrected, "uncorrected": uncorrected });
        Some((name(&folder), counts))
    });
    controllers.collect()
}

#[derive(Debug, Serialize)]
struct Swap {
    device: String,
    r#type: String,
    size: Option<u64>,
    used: Option<u64>,
    priority: Option<i64>,
}

/// The lines of `/proc/swaps`: device, type, size, used, priority; spaces in names are escaped.
fn swaps(text: &str) -> Vec<Swap> {
    let lines = text.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace();
        let mut next = || words.next();
        let (device, kind) = (next()?, next()?);
        let mut size = || next().and_then(|size| size.parse().ok()).map(kibibytes);
        Some(Swap {
            device: device.replace("\\040", " "),
            r#type: kind.to_owned(),
            size: size(),
            used: size(),
            priority: next().and_then(|priority| priority.parse().ok()),
        })
    });
    lines.collect()
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Slab {
    name: String,
    size: u64,
    object_size: u64,
    objects: u64,
    active: u64,
}

/// A line of `/proc/slabinfo` of version 2: name, objects in use, objects, size of one, how many in a
/// slab, pages of a slab, and behind `slabdata` how many slabs are in use, and how many there are.
fn slab(line: &str, page: u64) -> Option<Slab> {
    let (head, tail) = line.split_once(": slabdata")?;
    let mut words = head.split_whitespace();
    let name = words.next()?.to_owned();
    let mut next = || words.next()?.parse::<u64>().ok();
    let (active, objects, object_size, _in_slab, pages) =
        (next()?, next()?, next()?, next()?, next()?);
    let slabs: u64 = tail.split_whitespace().nth(1)?.parse().ok()?;
    let size = slabs.checked_mul(pages)?.checked_mul(page)?;
    Some(Slab { name, size, object_size, objects, active })
}

fn write_slab(out: &mut Output<'_>, page: u64) -> Result<(), CollectError> {
    let text = match bytes(out.host(), SLAB) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            out.failed(SLAB, &error);
            return Ok(());
        }
        Err(_) => return Ok(()),
    };
    let text = String::from_utf8_lossy(&text);
    let mut slabs: Vec<_> = text.lines().filter_map(|line| slab(line, page)).collect();
    slabs
        .sort_by(|left, right| right.size.cmp(&left.size).then_with(|| left.name.cmp(&right.name)));
    listing::write(out, "slab", ["size", "object-size", "objects", "active", "name"], &slabs)
}

fn write_kills(out: &mut Output<'_>) -> Result<(), CollectError> {
    let log = match out.host().kernel_log() {
        Ok(log) => log,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            out.failed(LOG, &error);
            return Ok(());
        }
    };
    let mut kills = Kills::of(boot_time(out.host()));
    let mut failure = None;
    for line in BufReader::new(log).split(b'\n') {
        match line {
            Ok(line) => kills.take(&String::from_utf8_lossy(&line)),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let window = out.window();
    let is_wanted = |kill: &Kill| {
        kill.time.is_none_or(|time| {
            window.since.is_none_or(|since| time >= since)
                && window.until.is_none_or(|until| time <= until)
        })
    };
    let kills: Vec<_> = kills.found.into_iter().filter(is_wanted).collect();
    let columns = [
        "time",
        "process",
        "name",
        "user",
        "resident",
        "total",
        "score-adjustment",
        "scope",
        "invoked-by",
        "limited-cgroup",
    ];
    listing::write(out, "oom-kills", columns, &kills)?;
    if let Some(error) = failure {
        out.failed(LOG, &error);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
        units::TimePoint,
    };

    fn host() -> FakeHost {
        FakeHost::new()
            .file("/proc/meminfo", "MemTotal:  2 kB\nHugePages_Total: 4\nOdd: x kB\nodd\n")
            .file("/proc/vmstat", "nr_free_pages 5\noom_kill 1\n")
            .file("/proc/stat", "btime 1767312000\n")
            .file(
                "/proc/swaps",
                "Filename Type Size Used Priority\n/swap\\040file file 8 2 -2\n/dev/odd\n",
            )
            .file("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "4\n")
            .file("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
            .file("/proc/sys/vm/overcommit_memory", "2\n")
            .file("/sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:  1 kB\n")
            .file("/sys/devices/system/edac/mc/mc0/ue_count", "3\n")
            .file("/sys/block/zram0/mm_stat", "4096 1000 2048 0 2048 0 0 0 0\n")
    }

    fn json(collected: &Collected, entry: &str) -> Value {
        serde_json::from_str(collected.text(entry)).unwrap()
    }

    #[test]
    fn memory_is_in_bytes_and_kills_are_named() {
        let host = host()
            .file(
                SLAB,
                "slabinfo - version: 2.1\n# name <active_objs>\n\
                 small 1 2 8 512 1 : tunables 0 0 0 : slabdata 1 1 0\n\
                 large 5 6 4096 8 8 : tunables 0 0 0 : slabdata 2 3 0\nodd : slabdata\n",
            )
            .kernel_log(
                "3,1,60000000,-;Out of memory: Killed process 7 (big) total-vm:8kB, anon-rss:4kB, \
                 file-rss:0kB, shmem-rss:0kB, UID:33 pgtables:4kB oom_score_adj:0\n",
            );
        let collected = Trial::of(Memory {}).on(host);
        let summary = json(&collected, "summary.json");
        assert_eq!(summary["meminfo"], json!({ "MemTotal": 2048, "HugePages_Total": 4 }));
        assert_eq!(summary["huge-pages"][0]["size"], 2 << 20);
        assert_eq!(summary["transparent-huge-pages"], "madvise");
        assert_eq!(summary["overcommit"]["mode"], "never");
        assert_eq!(summary["nodes"]["1"]["meminfo"]["MemTotal"], 1024);
        assert_eq!(summary["errors"]["mc0"]["uncorrected"], 3);
        assert_eq!(summary["zram"][0]["used"], 2048);
        assert_eq!(summary["oom-kills"], 1);
        assert_eq!(json(&collected, "swaps.json")[0]["device"], "/swap file");
        let slab = json(&collected, "slab.json");
        assert_eq!((&slab[0]["name"], &slab[0]["size"]), (&json!("large"), &json!(24 * 4096)));
        let kills = collected.text("oom-kills.txt").lines().nth(1).unwrap();
        assert!(kills.starts_with("2026-01-02T00:01:00Z        7  big"), "{kills}");
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn what_needs_root_is_said_once_and_beforehand() {
        let host = || host().denied(SLAB).denied(LOG);
        assert_eq!(Memory {}.refused(&host(), &Window::default()), [SLAB, LOG]);
        let collected = Trial::of(Memory {}).on(host());
        assert_eq!(collected.status(), Status::Partial);
        assert_eq!(collected.notes().len(), 2, "{:?}", collected.notes());
        assert!(collected.notes().iter().all(|note| note.starts_with("Denied /")));
    }

    #[test]
    fn kills_outside_of_the_window_are_left_out() {
        let host = host().kernel_log(
            "3,1,60000000,-;Out of memory: Killed process 7 (early) total-vm:8kB\n\
             3,2,7200000000,-;Out of memory: Killed process 8 (late) total-vm:8kB\n",
        );
        let trial = Trial::of(Memory {}).options(|options| {
            options.since = Some(TimePoint::At("2026-01-02T01:00:00Z".parse().unwrap()));
        });
        let collected = trial.on(host);
        let kills = json(&collected, "oom-kills.json");
        assert_eq!(kills.as_array().unwrap().len(), 1);
        assert_eq!(kills[0]["name"], "late");
    }

    #[test]
    fn a_host_that_tells_nothing_has_no_memory() {
        assert_eq!(Trial::of(Memory {}).on(FakeHost::new()).status(), Status::Absent);
    }
}
