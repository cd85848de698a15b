//! The zones of memory, and how its free pages are scattered (`proc_zoneinfo(5)`,
//! `proc_buddyinfo(5)`).

use super::{
    counters::counter,
    kernel_files::{bytes, value},
};
use collect_core::host::Host;
use serde::Serialize;

/// The size of a page where it cannot be told.
const USUAL_PAGE: u64 = 4096;

/// `AT_PAGESZ` and the size of a number in `/proc/self/auxv` (`getauxval(3)`).
const PAGE_SIZE: usize = 6;
const WORD: usize = size_of::<usize>();

/// A zone. Sizes are in bytes.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Zone {
    pub(crate) node: u64,
    pub(crate) name: String,
    pub(crate) free: Option<u64>,
    /// Below these the kernel frees memory in haste, in the background, and no more.
    pub(crate) min: Option<u64>,
    pub(crate) low: Option<u64>,
    pub(crate) high: Option<u64>,
    pub(crate) present: Option<u64>,
    pub(crate) managed: Option<u64>,
    /// How many free blocks there are of one page, of two, of four and so on.
    pub(crate) free_blocks: Vec<u64>,
}

/// The size of a page of memory in bytes.
pub(crate) fn page_size(host: &dyn Host) -> u64 {
    let vector = bytes(host, "/proc/self/auxv").unwrap_or_default();
    let words = vector
        .chunks_exact(WORD)
        .filter_map(|word| Some(usize::from_ne_bytes(word.try_into().ok()?)));
    let words: Vec<_> = words.collect();
    let found = words.chunks_exact(2).find(|pair| pair[0] == PAGE_SIZE);
    found.and_then(|pair| u64::try_from(pair[1]).ok()).unwrap_or(USUAL_PAGE)
}

/// All zones that have pages.
pub(crate) fn zones(host: &dyn Host, page: u64) -> Vec<Zone> {
    let info = value(host, "/proc/zoneinfo").unwrap_or_default();
    let blocks = value(host, "/proc/buddyinfo").unwrap_or_default();
    let mut zones: Vec<Zone> = Vec::new();
    for part in info.split("Node ").filter(|part| part.contains(", zone")) {
        let Some((head, rest)) = part.split_once('\n') else { continue };
        let Some((node, zone)) = place(head) else { continue };
        // The zone's own numbers begin with the free pages; those before are of the node.
        let own = rest.find("pages free").map_or("", |at| &rest[at + "pages ".len()..]);
        let size = |name| counter(own, name).and_then(|pages: u64| pages.checked_mul(page));
        let free_blocks = blocks.lines().filter_map(|line| line.strip_prefix("Node "));
        let free_blocks = free_blocks.filter(|line| place(line) == Some((node, zone)));
        let free_blocks = free_blocks.flat_map(str::split_whitespace).skip(3);
        zones.push(Zone {
            node,
            name: zone.to_owned(),
            free: size("free"),
            min: size("min"),
            low: size("low"),
            high: size("high"),
            present: size("present"),
            managed: size("managed"),
            free_blocks: free_blocks.filter_map(|count| count.parse().ok()).collect(),
        });
    }
    zones.retain(|zone| zone.present != Some(0));
    zones
}

/// `0, zone   Normal …`.
fn place(text: &str) -> Option<(u64, &str)> {
    let (node, rest) = text.split_once(", zone")?;
    Some((node.trim().parse().ok()?, rest.split_whitespace().next()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn zones_have_their_marks_and_free_blocks() {
        let host = FakeHost::new()
            .file(
                "/proc/zoneinfo",
                "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 7\n  pages free     3\n        \
                 boost    0\n        min      1\n        low      2\n        high     4\n        spanned  9\n        \
                 present  8\n        managed  6\n      nr_free_pages 3\n  pagesets\n    cpu: 0\n              high:  99\n\
                 Node 1, zone   Normal\n  pages free     0\n        min      0\n        present  0\n\
                 Node x, zone\n",
            )
            .file("/proc/buddyinfo", "Node 0, zone      DMA      1      0      5\nNode 1, zone Normal 2\n");
        let zones = zones(&host, 4096);
        let [zone] = &zones[..] else { panic!("{zones:?}") };
        assert_eq!((zone.node, zone.name.as_str(), zone.free), (0, "DMA", Some(3 * 4096)));
        assert_eq!((zone.low, zone.present), (Some(2 * 4096), Some(8 * 4096)));
        assert_eq!(zone.free_blocks, [1, 0, 5]);
    }

    #[test]
    fn the_size_of_a_page_is_what_the_kernel_told() {
        let vector = [33, 1, PAGE_SIZE, 65536, 0, 0].map(usize::to_ne_bytes).concat();
        assert_eq!(page_size(&FakeHost::new().bytes("/proc/self/auxv", vector)), 65536);
        assert_eq!(page_size(&FakeHost::new()), USUAL_PAGE);
    }
}
