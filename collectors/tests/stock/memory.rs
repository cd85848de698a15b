//! Memory beside `free`, `swapon`, `getconf` and `slabtop`.

use crate::kit::{collected, json, stock};

/// The row of `free -b` of that name, as numbers.
fn free(row: &str) -> Option<Vec<u64>> {
    let listed = stock(&["free", "-b", "-w"])?;
    let line = listed.lines().find(|line| line.starts_with(row))?;
    Some(line.split_whitespace().skip(1).map(|size| size.parse().expect("bytes")).collect())
}

/// Whether a moving number lies between two looks, or near them: it may have gone up and down.
fn near(found: u64, before: u64, after: u64, by: u64) -> bool {
    let (low, high) = (before.min(after), before.max(after));
    (low.saturating_sub(by)..=high + by).contains(&found)
}

#[test]
fn memory_is_what_free_says() {
    let looks = || Some((free("Mem:")?, free("Swap:")?));
    let Some((memory, swap)) = looks() else {
        return;
    };
    let found = json(&collected("memory", ""), "summary.json");
    let (memory_after, swap_after) = looks().expect("it worked before");
    let meminfo = |name: &str| found["meminfo"][name].as_u64().expect(name);
    // Total, used, free, shared, buffers, cache, available; other tests take memory meanwhile.
    const SLACK: u64 = 1 << 30;
    assert_eq!(meminfo("MemTotal"), memory[0]);
    let cache = meminfo("Cached") + meminfo("SReclaimable");
    let moving = [
        (2, meminfo("MemFree")),
        (3, meminfo("Shmem")),
        (4, meminfo("Buffers")),
        (5, cache),
        (6, meminfo("MemAvailable")),
    ];
    for (at, found) in moving {
        assert!(near(found, memory[at], memory_after[at], SLACK), "column {at}: {found}");
    }
    assert_eq!(meminfo("SwapTotal"), swap[0]);
    assert!(near(meminfo("SwapFree"), swap[2], swap_after[2], SLACK));
}

#[test]
fn swaps_are_what_swapon_says() {
    let Some(listed) = stock(&["swapon", "--bytes", "--noheadings", "--show=NAME,TYPE,SIZE,PRIO"])
    else {
        return;
    };
    let swaps = json(&collected("memory", ""), "swaps.json");
    let swaps = swaps.as_array().expect("an array");
    assert_eq!(swaps.len(), listed.lines().count());
    for (swap, line) in swaps.iter().zip(listed.lines()) {
        let fields: Vec<_> = line.split_whitespace().collect();
        assert_eq!(swap["device"], fields[0]);
        assert_eq!(swap["type"], fields[1]);
        assert_eq!(swap["size"].to_string(), fields[2]);
        assert_eq!(swap["priority"].to_string(), fields[3]);
    }
}

#[test]
fn the_size_of_a_page_of_zones_and_of_slab_are_what_the_tools_say() {
    // Not `MemTotal`: kernels are seen that count twice as much there.
    let managed = || {
        let sum = "$1 == \"managed\" { pages += $2 } END { print pages }";
        stock(&["awk", sum, "/proc/zoneinfo"]).map(|pages| pages.trim().parse::<u64>().unwrap())
    };
    let before = managed();
    let memory = collected("memory", "");
    let after = managed();
    let summary = json(&memory, "summary.json");
    if let Some(page) = stock(&["getconf", "PAGESIZE"]) {
        assert_eq!(summary["page-size"].to_string(), page.trim());
    }
    let zones = json(&memory, "zones.json");
    let zones = zones.as_array().expect("an array").iter();
    let found: u64 = zones.filter_map(|zone| zone["managed"].as_u64()).sum();
    if let (Some(before), Some(after), Some(page)) = (before, after, summary["page-size"].as_u64())
    {
        assert!(near(found, before * page, after * page, 1 << 28), "{before} {found} {after}");
    }
    let Some(top) = stock(&["slabtop", "--once", "--sort=c"]) else {
        return;
    };
    let found = json(&memory, "slab.json");
    let mut compared = 0;
    for line in top.lines().skip_while(|line| !line.contains("OBJS ACTIVE")).skip(1) {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (Some(name), Some(size)) = (fields.get(7), fields.get(6)) else { continue };
        let size: u64 = size.trim_end_matches('K').parse::<u64>().expect("KiB") * 1024;
        let mut slabs = found.as_array().expect("an array").iter();
        let slab = slabs.find(|slab| slab["name"] == *name).expect(name);
        let mine = slab["size"].as_u64().expect("bytes");
        // They grow meanwhile.
        assert!(near(mine, size, size, size / 4 + (4 << 20)), "{name} {mine} {size}");
        compared += 1;
    }
    assert!(compared > 5, "{compared}");
}
