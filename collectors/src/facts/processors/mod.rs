//! The processors: how they are put together, their caches and clocks.

mod info;

pub(crate) use info::{Info, without_serial};

use super::kernel_files::{children, name, number, value};
use collect_core::host::Host;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

pub(crate) const FOLDER: &str = "/sys/devices/system/cpu";

/// A logical processor. What cannot be told of one that is switched off is nothing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Processor {
    pub(crate) cpu: u64,
    pub(crate) online: bool,
    pub(crate) node: Option<u64>,
    /// Numbers as the firmware gives them: the same core number can be in each socket.
    pub(crate) socket: Option<u64>,
    pub(crate) die: Option<u64>,
    pub(crate) core: Option<u64>,
    /// The logical processors of the same core.
    pub(crate) threads: Option<String>,
    /// The logical processors of the same socket.
    #[serde(skip)]
    pub(crate) package: Option<String>,
    pub(crate) megahertz: Option<f64>,
    pub(crate) min_megahertz: Option<f64>,
    pub(crate) max_megahertz: Option<f64>,
    pub(crate) driver: Option<String>,
    pub(crate) governor: Option<String>,
    pub(crate) preference: Option<String>,
    pub(crate) microcode: Option<String>,
    /// Seconds since the start, by what they were spent on.
    pub(crate) seconds: BTreeMap<&'static str, f64>,
}

/// Caches that are alike. The size is that of one, in bytes.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Cache {
    pub(crate) name: String,
    pub(crate) level: u64,
    pub(crate) kind: String,
    pub(crate) size: Option<u64>,
    pub(crate) instances: usize,
    pub(crate) ways: Option<u64>,
    pub(crate) sets: Option<u64>,
    pub(crate) line: Option<u64>,
}

/// The columns of `/proc/stat` (`proc_stat(5)`), in hundredths of a second.
const SPENT: [&str; 10] =
    ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest-nice"];

/// Every logical processor that is there.
pub(crate) fn processors(host: &dyn Host, info: &Info) -> Vec<Processor> {
    let spent = spent(&value(host, "/proc/stat").unwrap_or_default());
    let mut folders: BTreeMap<u64, PathBuf> = children(host, FOLDER)
        .into_iter()
        .filter_map(|path| Some((name(&path).strip_prefix("cpu")?.parse().ok()?, path)))
        .collect();
    for cpu in info.numbers() {
        folders.entry(cpu).or_insert_with(|| Path::new(FOLDER).join(format!("cpu{cpu}")));
    }
    let found = folders.into_iter().map(|(cpu, folder)| {
        let number = |file: &str| number(host, folder.join(file));
        let text = |file: &str| value(host, folder.join(file));
        let megahertz = |file: &str| number(file).map(|kilohertz| kilohertz as f64 / 1000.0);
        let told = |field| info.field(cpu, field);
        let threads =
            text("topology/core_cpus_list").or_else(|| text("topology/thread_siblings_list"));
        let package =
            text("topology/package_cpus_list").or_else(|| text("topology/core_siblings_list"));
        Processor {
            cpu,
            online: number("online").is_none_or(|online| online != 0),
            node: node(host, &folder),
            socket: number("topology/physical_package_id")
                .or_else(|| told("physical id")?.parse().ok()),
            die: number("topology/die_id"),
            core: number("topology/core_id").or_else(|| told("core id")?.parse().ok()),
            threads,
            package,
            megahertz: megahertz("cpufreq/scaling_cur_freq")
                .or_else(|| told("cpu MHz")?.parse().ok().filter(|clock: &f64| clock.is_finite())),
            min_megahertz: megahertz("cpufreq/cpuinfo_min_freq"),
            max_megahertz: megahertz("cpufreq/cpuinfo_max_freq"),
            driver: text("cpufreq/scaling_driver"),
            governor: text("cpufreq/scaling_governor"),
            preference: text("cpufreq/energy_performance_preference"),
            microcode: text("microcode/version").or_else(|| told("microcode").map(str::to_owned)),
            seconds: spent.get(&cpu).cloned().unwrap_or_default(),
        }
    });
    found.collect()
}

/// A link `nodeN` stands in the processor's folder.
fn node(host: &dyn Host, folder: &Path) -> Option<u64> {
    let mut nodes = children(host, folder).into_iter();
    nodes.find_map(|path| name(path).strip_prefix("node")?.parse().ok())
}

/// `cpu0 user nice …`, by processor.
fn spent(stat: &str) -> BTreeMap<u64, BTreeMap<&'static str, f64>> {
    let lines = stat.lines().filter_map(|line| {
        let mut words = line.strip_prefix("cpu")?.split_whitespace();
        let cpu = words.next()?.parse().ok()?;
        if line.starts_with("cpu ") {
            return None;
        }
        let seconds = words.filter_map(|ticks| Some(ticks.parse::<u64>().ok()? as f64 / 100.0));
        Some((cpu, SPENT.into_iter().zip(seconds).collect()))
    });
    lines.collect()
}

/// How many different things these processors name; nothing where one of those that are on does not.
pub(crate) fn count<T: Ord>(
    processors: &[Processor],
    of: impl Fn(&Processor) -> Option<T>,
) -> Option<usize> {
    let online = processors.iter().filter(|processor| processor.online);
    let found: Option<BTreeSet<T>> = online.map(of).collect();
    found.map(|found| found.len()).filter(|count| *count > 0)
}

/// The caches of all processors. `L1d` is the name that `lscpu(1)` gives to the data cache of level 1.
pub(crate) fn caches(host: &dyn Host, processors: &[Processor]) -> Vec<Cache> {
    let mut seen = BTreeSet::new();
    let mut caches = BTreeMap::<_, Cache>::new();
    for processor in processors {
        let folder = Path::new(FOLDER).join(format!("cpu{}/cache", processor.cpu));
        for index in children(host, folder) {
            let number = |file: &str| number(host, index.join(file));
            let text = |file: &str| value(host, index.join(file));
            let Some((level, kind)) = number("level").zip(text("type")) else { continue };
            let sharing = text("shared_cpu_map").or_else(|| text("shared_cpu_list"));
            if !seen.insert((level, kind.clone(), sharing)) {
                continue;
            }
            let size = text("size").and_then(|size| bytes(&size));
            let letter = match kind.as_str() {
                "Data" => "d",
                "Instruction" => "i",
                _ => "",
            };
            let name = format!("L{level}{letter}");
            let cache = caches.entry((name.clone(), size)).or_insert_with(|| Cache {
                name,
                level,
                kind: kind.to_lowercase(),
                size,
                instances: 0,
                ways: number("ways_of_associativity"),
                sets: number("number_of_sets"),
                line: number("coherency_line_size"),
            });
            cache.instances += 1;
        }
    }
    caches.into_values().collect()
}

/// `48K`.
fn bytes(size: &str) -> Option<u64> {
    let (digits, unit) = size.split_at(size.find(|letter: char| !letter.is_ascii_digit())?);
    let unit = match unit {
        "K" => 1 << 10,
        "M" => 1 << 20,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn caches_that_are_alike_are_counted_and_shared_ones_once() {
        let cache = |host: FakeHost, cpu, index, level, kind: &str, size: &str, shared: &str| {
            let folder = format!("{FOLDER}/cpu{cpu}/cache/index{index}");
            host.file(format!("{folder}/level"), level)
                .file(format!("{folder}/type"), kind)
                .file(format!("{folder}/size"), size)
                .file(format!("{folder}/shared_cpu_map"), shared)
        };
        let host = cache(FakeHost::new(), 0, 0, "1", "Data", "48K", "1");
        let host = cache(host, 1, 0, "1", "Data", "48K", "2");
        let host = cache(host, 0, 1, "3", "Unified", "32M", "3");
        let host = cache(host, 1, 1, "3", "Unified", "32M", "3");
        let host = cache(host, 1, 2, "odd", "Unified", "99999999999999999999M", "3");
        let processors = processors(&host, &Info::parse(""));
        let found: Vec<_> = caches(&host, &processors)
            .into_iter()
            .map(|cache| (cache.name, cache.size, cache.instances))
            .collect();
        assert_eq!(found, [("L1d".into(), Some(48 << 10), 2), ("L3".into(), Some(32 << 20), 1)]);
    }

    #[test]
    fn processors_that_are_off_are_listed_and_not_counted() {
        let host = FakeHost::new()
            .file(format!("{FOLDER}/cpu0/topology/core_cpus_list"), "0\n")
            .file(format!("{FOLDER}/cpu10/online"), "0\n")
            .file(format!("{FOLDER}/cpu2/topology/core_cpus_list"), "2\n")
            .directory(format!("{FOLDER}/cpu2/node1"))
            .directory(format!("{FOLDER}/cpufreq"))
            .file("/proc/stat", "cpu  9 9 9\ncpu2 150 0 50 x\nintr 4\n");
        let found = processors(&host, &Info::parse(""));
        let seen: Vec<_> = found.iter().map(|cpu| (cpu.cpu, cpu.online, cpu.node)).collect();
        assert_eq!(seen, [(0, true, None), (2, true, Some(1)), (10, false, None)]);
        assert_eq!(count(&found, |cpu| cpu.threads.clone()), Some(2));
        let seconds = &found[1].seconds;
        assert_eq!((seconds.get("user"), seconds.get("system")), (Some(&1.5), Some(&0.5)));
    }
}
