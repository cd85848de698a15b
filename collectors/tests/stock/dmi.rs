//! `dmi`, held to `dmidecode`.

use crate::kit::{collected, json, records, stock};
use collect_core::testkit::{FakeHost, Trial};
use serde_json::Value;

/// A table of the firmware as `dmidecode --from-dump` takes it: entry point, then an array of two
/// slots, of which one is empty.
fn firmware() -> (Vec<u8>, Vec<u8>) {
    let mut array = vec![0; 0x17];
    array[..7].copy_from_slice(&[16, 0x17, 0, 0x10, 3, 3, 6]);
    array[0x07..0x0b].copy_from_slice(&0x8000_0000u32.to_le_bytes());
    array[0x0d..0x0f].copy_from_slice(&2u16.to_le_bytes());
    array[0x0f..0x17].copy_from_slice(&(4u64 << 40).to_le_bytes());
    array.extend([0, 0]);
    let module = |slot: &str, mib: u16, extended: u32, speed: u16| {
        let mut area = vec![0; 0x5c];
        area[..4].copy_from_slice(&[17, 0x5c, 1, 0x11]);
        area[0x08..0x0c].copy_from_slice(&[72, 0, 64, 0]);
        area[0x0c..0x0e].copy_from_slice(&mib.to_le_bytes());
        area[0x0e..0x13].copy_from_slice(&[9, 0, 1, 2, 0x22]);
        area[0x15..0x17].copy_from_slice(&speed.to_le_bytes());
        area[0x17..0x1c].copy_from_slice(&[3, 4, 0, 5, 2]);
        area[0x1c..0x20].copy_from_slice(&extended.to_le_bytes());
        area[0x20..0x22].copy_from_slice(&speed.to_le_bytes());
        area[0x26..0x28].copy_from_slice(&1100u16.to_le_bytes());
        area[0x54..0x58].copy_from_slice(&70_000u32.to_le_bytes());
        area[0x58..0x5c].copy_from_slice(&70_000u32.to_le_bytes());
        let strings = format!("{slot}\0Bank 0\0Example Memory\0MADE-UP-SERIAL\0EX-7\0\0");
        area.extend(strings.bytes());
        area
    };
    let table = [
        array,
        module("DIMM A1", 16384, 0, 4800),
        module("DIMM A2", 0x7fff, 1 << 17, 0xffff),
        module("DIMM B1", 0, 0, 0),
        vec![127, 4, 0, 0, 0, 0],
    ]
    .concat();
    let mut entry = b"_SM3_\0\x18\x03\x05\0\x01\0".to_vec();
    entry.extend(u32::try_from(table.len()).expect("it is small").to_le_bytes());
    entry.extend(32u64.to_le_bytes());
    entry[5] = entry.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
    entry.resize(32, 0);
    (table.clone(), [entry, table].concat())
}

/// Holds the memory slots to what `dmidecode -t 17` prints.
fn assert_memory(ours: &Value, text: &str) {
    let theirs: Vec<_> =
        text.split("\n\n").filter(|block| block.contains("Memory Device")).collect();
    let ours = ours.as_array().expect("an array");
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        let theirs = &records(&theirs.replace('\t', ""))[0];
        let bytes = |text: &str| {
            let (number, unit) = text.split_once(' ')?;
            let shift = ["kB", "MB", "GB", "TB"].iter().position(|name| *name == unit)? + 1;
            Some(number.parse::<u64>().ok()? << (10 * shift))
        };
        let size = match theirs["Size"][0].as_str() {
            "No Module Installed" => Some(0),
            size => bytes(size),
        };
        assert_eq!(ours["size"].as_u64(), size);
        for (key, name) in [
            ("slot", "Locator"),
            ("bank", "Bank Locator"),
            ("type", "Type"),
            ("form", "Form Factor"),
            ("vendor", "Manufacturer"),
            ("part", "Part Number"),
            ("speed", "Speed"),
            ("configured-speed", "Configured Memory Speed"),
            ("ranks", "Rank"),
            ("total-width", "Total Width"),
            ("data-width", "Data Width"),
            ("voltage", "Configured Voltage"),
        ] {
            let Some(value) = theirs.get(name).map(|values| values[0].as_str()) else { continue };
            match &ours[key] {
                Value::String(text) => assert_eq!(text, value, "{key}"),
                Value::Null => {
                    assert!(["Unknown", "Not Specified"].contains(&value), "{key}: {value}");
                }
                number => {
                    let value: f64 =
                        value.split(' ').next().expect("a word").parse().expect("a number");
                    assert!((number.as_f64().expect("a number") - value).abs() < 1e-9, "{key}");
                }
            }
        }
    }
}

#[test]
fn memory_modules_of_a_made_up_table_are_those_of_dmidecode() {
    let (table, dump) = firmware();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut file.as_file(), &dump).expect("it is written");
    let path = file.path().to_str().expect("UTF-8");
    let Some(text) = stock(&["dmidecode", "-t", "17", "--from-dump", path]) else {
        return;
    };
    collect_collectors::link();
    let host = FakeHost::new().bytes("/sys/firmware/dmi/tables/DMI", table);
    let collected = Trial::plugin("dmi", "").on(host);
    let ours = json(&collected, "memory.json");
    assert_eq!(ours.as_array().expect("an array").len(), 3);
    assert_memory(&ours, &text);
    let summary = json(&collected, "summary.json");
    assert_eq!(summary["memory"][0]["maximum-capacity"], 4u64 << 40);
    assert!(!collected.text("memory.json").contains("MADE-UP"));
}

#[test]
fn memory_modules_of_this_host_are_those_of_dmidecode() {
    let Some(text) = stock(&["dmidecode", "-t", "17"]).filter(|text| text.contains("Locator"))
    else {
        return;
    };
    assert_memory(&json(&collected("dmi", ""), "memory.json"), &text);
    let summary = json(&collected("dmi", ""), "summary.json");
    for (part, key, word) in [
        ("system", "vendor", "system-manufacturer"),
        ("system", "name", "system-product-name"),
        ("board", "name", "baseboard-product-name"),
        ("firmware", "version", "bios-version"),
    ] {
        let theirs = stock(&["dmidecode", "-s", word]).unwrap_or_default();
        assert_eq!(summary[part][key].as_str().unwrap_or_default(), theirs.trim(), "{word}");
    }
}
