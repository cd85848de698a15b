//! The names of vendors, devices and classes: `pci.ids(5)` and `usb.ids`, as the host has them.

use super::kernel_files::bytes;
use collect_core::host::Host;
use std::{collections::BTreeMap, ops::Range};

/// Where distributions keep the databases.
const FOLDERS: [&str; 3] = ["/usr/share/hwdata", "/usr/share/misc", "/var/lib/usbutils"];

/// Such a database; empty where the host has none.
#[derive(Default)]
pub(crate) struct Names {
    text: String,
    /// Where the lines below each heading stand: the rest of its own line first.
    sections: BTreeMap<String, Range<usize>>,
}

impl Names {
    /// Reads the database of that name.
    pub(crate) fn read(host: &dyn Host, file: &str) -> Self {
        let texts = FOLDERS.iter().filter_map(|folder| {
            let path = host.canonical(format!("{folder}/{file}").as_ref()).ok()?;
            bytes(host, path).ok()
        });
        let text = texts.into_iter().next().unwrap_or_default();
        Self::new(String::from_utf8_lossy(&text).into_owned())
    }

    fn new(text: String) -> Self {
        let mut sections = BTreeMap::new();
        let mut open: Option<(String, usize)> = None;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if let Some((heading, _)) =
                line.split_once("  ").filter(|_| !line.starts_with(['\t', '#']))
            {
                if let Some((heading, from)) = open.take() {
                    sections.insert(heading, from..at);
                }
                open = Some((heading.to_owned(), at + heading.len()));
            }
            at += line.len();
        }
        if let Some((heading, from)) = open {
            sections.insert(heading, from..at);
        }
        Self { text, sections }
    }

    /// The name of a vendor, or of a class with `C ` before it.
    pub(crate) fn heading(&self, id: &str) -> Option<String> {
        Some(self.lines(id)?.next()?.trim().to_owned())
    }

    /// The name of a vendor's device, or of a subclass.
    pub(crate) fn below(&self, id: &str, below: &str) -> Option<String> {
        self.lines(id)?.skip(1).find_map(|line| named(line, "\t", below))
    }

    /// The name of a subsystem of a vendor's device: its vendor and device, with a space between.
    pub(crate) fn subsystem(&self, vendor: &str, device: &str, subsystem: &str) -> Option<String> {
        let lines = self.lines(vendor)?.skip(1);
        let lines = lines.skip_while(|line| named(line, "\t", device).is_none()).skip(1);
        let mut lines = lines.take_while(|line| line.starts_with("\t\t") || line.starts_with('#'));
        lines.find_map(|line| named(line, "\t\t", subsystem))
    }

    fn lines(&self, id: &str) -> Option<std::str::Lines<'_>> {
        Some(self.text.get(self.sections.get(id)?.clone())?.lines())
    }
}

fn named(line: &str, indent: &str, id: &str) -> Option<String> {
    let name = line.strip_prefix(indent)?.strip_prefix(id)?.strip_prefix("  ")?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn vendors_devices_subsystems_and_classes_have_names() {
        let text = "# made up\n1111  First\n\t0001  Card\n\t\t2222 0009  Card of another\n\
            2222  Second\n\t0001  Other card\nC 02  Network\n\t00  Ethernet\n";
        let host = FakeHost::new()
            .link("/usr/share/misc/pci.ids", "../hwdata/pci.ids.real")
            .file("/usr/share/hwdata/pci.ids.real", text);
        let names = Names::read(&host, "pci.ids");
        assert_eq!(names.heading("1111").as_deref(), Some("First"));
        assert_eq!(names.below("2222", "0001").as_deref(), Some("Other card"));
        assert_eq!(names.below("1111", "2222"), None);
        let subsystem = names.subsystem("1111", "0001", "2222 0009");
        assert_eq!(subsystem.as_deref(), Some("Card of another"));
        assert_eq!(names.subsystem("2222", "0001", "2222 0009"), None);
        assert_eq!(names.below("C 02", "00").as_deref(), Some("Ethernet"));
    }

    #[test]
    fn a_host_without_the_database_has_no_names() {
        assert_eq!(Names::read(&FakeHost::new(), "usb.ids").heading("1d6b"), None);
        assert_eq!(Names::new("\0\u{fffd}\n\tx  y\n  \n".into()).heading("x"), None);
    }
}
