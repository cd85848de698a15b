//! `/proc/cpuinfo`, whose fields are other ones on every architecture.

use std::collections::BTreeMap;

/// Its fields, by logical processor, and those that are of all.
#[derive(Debug, Default)]
pub(crate) struct Info {
    processors: BTreeMap<u64, BTreeMap<String, String>>,
    common: BTreeMap<String, String>,
}

impl Info {
    /// Reads the blocks; a block without a number of a processor is of all.
    pub(crate) fn parse(text: &str) -> Self {
        let mut info = Self::default();
        for block in text.split("\n\n") {
            let lines = block.lines().filter_map(|line| line.split_once(':'));
            let fields =
                lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
            let fields: BTreeMap<_, _> = fields.collect();
            match fields.get("processor").and_then(|number| number.parse().ok()) {
                Some(number) => _ = info.processors.insert(number, fields),
                None => info.common.extend(fields),
            }
        }
        info
    }

    /// The processors that it names.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.processors.keys().copied()
    }

    /// A field of a processor.
    pub(crate) fn field(&self, processor: u64, name: &str) -> Option<&str> {
        let field = self.processors.get(&processor)?.get(name)?;
        (!field.is_empty()).then_some(field)
    }

    /// The first of these fields that any processor, or the host, has.
    pub(crate) fn any(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            let mut all = self.processors.values().chain([&self.common]);
            all.find_map(|fields| fields.get(*name)).map(String::as_str)
        })
    }
}

/// The file without what identifies the machine: ARM boards write their serial number at the end,
/// s390x has that of the machine in every line of a processor.
pub(crate) fn without_serial(cpuinfo: &str) -> String {
    let lines = cpuinfo.split_inclusive('\n').filter(|line| !line.starts_with("Serial"));
    let lines = lines.map(|line| match line.split_once("identification = ") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
            format!("{before}identification = (left out){rest}")
        }
        None => line.to_owned(),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_on_every_architecture() {
        let arm = Info::parse(
            "processor\t: 0\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n\nprocessor\t: 3\n\n\
             Hardware\t: Example\nSerial\t\t: 0000made0up\n",
        );
        assert_eq!(arm.numbers().collect::<Vec<_>>(), [0, 3]);
        assert_eq!(arm.any(&["flags", "Features"]), Some("fp asimd"));
        assert_eq!(arm.any(&["model name", "Hardware"]), Some("Example"));
        assert_eq!(arm.field(3, "CPU part"), None);
        assert_eq!(Info::parse("").any(&["flags"]), None);
    }

    #[test]
    fn a_serial_number_is_left_out() {
        let kept = without_serial("Hardware : Example\nSerial\t\t: 00made0up\nModel : Board\n");
        assert_eq!(kept, "Hardware : Example\nModel : Board\n");
        let kept = without_serial(
            "processor 0: version = FF,  identification = 0MADE0,  machine = 2964\n",
        );
        assert_eq!(
            kept,
            "processor 0: version = FF,  identification = (left out),  machine = 2964\n"
        );
    }
}
