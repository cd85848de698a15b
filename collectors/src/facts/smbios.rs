//! The tables that the firmware hands over, as far as they tell of memory (DMTF DSP0134, System
//! Management BIOS).

use serde::Serialize;

const MEMORY_ARRAY: u8 = 16;
const MEMORY_DEVICE: u8 = 17;
const END: u8 = 127;

/// What the memory controllers take, in all.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Array {
    /// `Multi-bit ECC` and the like.
    pub(crate) error_correction: Option<&'static str>,
    pub(crate) maximum_capacity: Option<u64>,
    pub(crate) slots: Option<u64>,
}

/// A slot, with or without a module.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Module {
    pub(crate) slot: Option<String>,
    pub(crate) bank: Option<String>,
    /// In bytes; 0 where there is no module.
    pub(crate) size: Option<u64>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<&'static str>,
    pub(crate) form: Option<&'static str>,
    /// What the module can, in MT/s.
    pub(crate) speed: Option<u64>,
    /// What it is used at.
    pub(crate) configured_speed: Option<u64>,
    pub(crate) ranks: Option<u64>,
    /// In bits: more than the data if errors can be corrected.
    pub(crate) total_width: Option<u64>,
    pub(crate) data_width: Option<u64>,
    /// In volts.
    pub(crate) voltage: Option<f64>,
    pub(crate) vendor: Option<String>,
    pub(crate) part: Option<String>,
}

/// What the table says about memory.
pub(crate) fn memory(table: &[u8]) -> (Vec<Array>, Vec<Module>) {
    let (mut arrays, mut slots) = (Vec::new(), Vec::new());
    for structure in Structures(table) {
        match structure.kind() {
            MEMORY_ARRAY => arrays.push(array(&structure)),
            MEMORY_DEVICE => slots.push(module_in(&structure)),
            _ => {}
        }
    }
    (arrays, slots)
}

fn array(of: &Structure<'_>) -> Array {
    const CORRECTIONS: [&str; 7] =
        ["Other", "Unknown", "None", "Parity", "Single-bit ECC", "Multi-bit ECC", "CRC"];
    // In KiB, unless it is too much for that.
    let capacity = match of.number(0x07, 4) {
        Some(0x8000_0000) => of.number(0x0f, 8),
        kib => kib.map(|kib| kib << 10),
    };
    Array {
        error_correction: of.named(0x06, &CORRECTIONS),
        maximum_capacity: capacity,
        slots: of.number(0x0d, 2),
    }
}

fn module_in(of: &Structure<'_>) -> Module {
    const FORMS: [&str; 16] = [
        "Other",
        "Unknown",
        "SIMM",
        "SIP",
        "Chip",
        "DIP",
        "ZIP",
        "Proprietary Card",
        "DIMM",
        "TSOP",
        "Row Of Chips",
        "RIMM",
        "SODIMM",
        "SRIMM",
        "FB-DIMM",
        "Die",
    ];
    const KINDS: [&str; 36] = [
        "Other",
        "Unknown",
        "DRAM",
        "EDRAM",
        "VRAM",
        "SRAM",
        "RAM",
        "ROM",
        "Flash",
        "EEPROM",
        "FEPROM",
        "EPROM",
        "CDRAM",
        "3DRAM",
        "SDRAM",
        "SGRAM",
        "RDRAM",
        "DDR",
        "DDR2",
        "DDR2 FB-DIMM",
        "Reserved",
        "Reserved",
        "Reserved",
        "DDR3",
        "FBD2",
        "DDR4",
        "LPDDR",
        "LPDDR2",
        "LPDDR3",
        "LPDDR4",
        "Logical non-volatile device",
        "HBM",
        "HBM2",
        "DDR5",
        "LPDDR5",
        "HBM3",
    ];
    let size = match of.number(0x0c, 2) {
        None | Some(0xffff) => None,
        Some(0x7fff) => of.number(0x1c, 4).map(|mib| (mib & 0x7fff_ffff) << 20),
        Some(kib) if kib & 0x8000 != 0 => Some((kib & 0x7fff) << 10),
        Some(mib) => Some(mib << 20),
    };
    let speed = |at, extended| match of.number(at, 2) {
        Some(0xffff) => of.number(extended, 4),
        speed => speed.filter(|speed| *speed > 0),
    };
    let width = |at| of.number(at, 2).filter(|width| *width != 0xffff && *width != 0);
    Module {
        slot: of.text(0x10),
        bank: of.text(0x11),
        size,
        kind: of.named(0x12, &KINDS),
        form: of.named(0x0e, &FORMS),
        speed: speed(0x15, 0x54),
        configured_speed: speed(0x20, 0x58),
        ranks: of.number(0x1b, 1).map(|attributes| attributes & 0xf).filter(|ranks| *ranks > 0),
        total_width: width(0x08),
        data_width: width(0x0a),
        voltage: of.number(0x26, 2).filter(|mv| *mv > 0).map(|mv| mv as f64 / 1000.0),
        vendor: of.text(0x17),
        part: of.text(0x1a),
    }
}

/// The structures of a table, one after the other, as far as they are whole.
struct Structures<'t>(&'t [u8]);

/// Its formatted area and the strings behind it.
struct Structure<'t> {
    area: &'t [u8],
    strings: &'t [u8],
}

impl<'t> Iterator for Structures<'t> {
    type Item = Structure<'t>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(*self.0.get(1)?);
        let (area, rest) = self.0.split_at_checked(length).filter(|(area, _)| area.len() >= 4)?;
        if area[0] == END {
            return None;
        }
        // An empty string ends the strings; where there are none, two zeros stand.
        let end = rest.windows(2).position(|pair| pair == [0, 0])?;
        self.0 = &rest[end + 2..];
        Some(Structure { area, strings: &rest[..end] })
    }
}

impl Structure<'_> {
    fn kind(&self) -> u8 {
        self.area[0]
    }

    /// A number of so many bytes; nothing in an older, shorter structure.
    fn number(&self, at: usize, bytes: usize) -> Option<u64> {
        let bytes = self.area.get(at..at + bytes)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn named(&self, at: usize, names: &[&'static str]) -> Option<&'static str> {
        let index = usize::from(*self.area.get(at)?);
        names.get(index.checked_sub(1)?).copied()
    }

    fn text(&self, at: usize) -> Option<String> {
        let index = usize::from(*self.area.get(at)?).checked_sub(1)?;
        let text = self.strings.split(|byte| *byte == 0).nth(index)?;
        let text = String::from_utf8_lossy(text).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of 16 GiB in the form of version 2.8, with a serial number.
    fn module() -> Vec<u8> {
        let mut area = vec![0; 0x28];
        area[..2].copy_from_slice(&[17, 0x28]);
        area[0x0c..0x0e].copy_from_slice(&16384u16.to_le_bytes());
        area[0x0e] = 9;
        area[0x10] = 1;
        area[0x12] = 0x1a;
        area[0x15..0x17].copy_from_slice(&2666u16.to_le_bytes());
        area[0x18] = 2;
        area[0x1a] = 3;
        area[0x1b] = 2;
        area[0x26..0x28].copy_from_slice(&1200u16.to_le_bytes());
        area.extend(b"DIMM A1\0MADE-UP-SERIAL\0Part 7 \0\0");
        area
    }

    #[test]
    fn a_module_is_described_without_its_serial_number() {
        let table = [&[0, 4, 0, 0, 0, 0], &module()[..], &[127, 4, 0, 0, 0, 0]].concat();
        let (_, slots) = memory(&table);
        let [slot] = &slots[..] else { panic!("{slots:?}") };
        assert_eq!((slot.size, slot.kind), (Some(16 << 30), Some("DDR4")));
        assert_eq!((slot.slot.as_deref(), slot.part.as_deref()), (Some("DIMM A1"), Some("Part 7")));
        assert_eq!((slot.speed, slot.ranks, slot.voltage), (Some(2666), Some(2), Some(1.2)));
        assert!(!format!("{slots:?}").contains("MADE-UP"));
    }

    #[test]
    fn a_table_that_is_cut_or_odd_anywhere_is_no_panic() {
        let table = [module(), module()].concat();
        for end in 0..table.len() {
            let _ = memory(&table[..end]);
            let mut odd = table.clone();
            odd[end] = 0xff;
            let _ = memory(&odd);
        }
    }
}
