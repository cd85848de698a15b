//! Devices and storage, held to `lsblk`, `findmnt`, `df`, `losetup`, `lspci`, `lsusb`, `dmidecode`,
//! `prlimit` and `sensors`.

use crate::kit::{collected, json, stock, stock_json};
use collect_core::testkit::{FakeHost, Trial};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The objects of an array by one of their fields.
fn by<'v>(rows: &'v Value, key: &str) -> BTreeMap<String, &'v Value> {
    let rows = rows.as_array().expect("an array").iter();
    let rows = rows.filter_map(|row| Some((row[key].as_str()?.to_owned(), row)));
    rows.collect()
}

/// All objects of a tree, whose branches are arrays of that name.
fn flat(rows: &Value, children: &str) -> Vec<Value> {
    let rows = rows.as_array().into_iter().flatten();
    rows.flat_map(|row| {
        let mut below = flat(&row[children], children);
        below.insert(0, row.clone());
        below
    })
    .collect()
}

/// As some versions write numbers and switches in quotes.
fn plain(value: &Value) -> Value {
    match value.as_str() {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| text.trim().into()),
        None => value.clone(),
    }
}

#[test]
fn block_devices_are_those_of_lsblk() {
    let Some(stock) = stock_json(&["lsblk", "-J", "-b", "-O"]) else {
        return;
    };
    let ours = json(&collected("block-devices", "smart = false"), "devices.json");
    let ours = by(&ours, "name");
    let fields = [
        ("type", "kind"),
        ("maj:min", "number"),
        ("size", "size"),
        ("ro", "read-only"),
        ("rm", "removable"),
        ("rota", "rotational"),
        ("sched", "scheduler"),
        ("rq-size", "requests"),
        ("log-sec", "logical-sector"),
        ("phy-sec", "physical-sector"),
        ("min-io", "minimum-io"),
        ("opt-io", "optimal-io"),
        ("disc-gran", "discard-granularity"),
        ("disc-max", "discard-maximum"),
        ("dax", "direct-access"),
        ("zoned", "zoned"),
        ("model", "model"),
        ("rev", "revision"),
        ("state", "state"),
        ("ra", "read-ahead"),
    ];
    let stock = flat(&stock["blockdevices"], "children");
    assert!(!stock.is_empty());
    for theirs in stock {
        let name = theirs["kname"].as_str().expect("a name");
        let ours = ours.get(name).unwrap_or_else(|| panic!("no `{name}` among ours"));
        for (theirs_key, key) in fields {
            // Some fields are newer than some versions.
            let Some(value) = theirs.get(theirs_key).map(plain) else { continue };
            let value = match (theirs_key, value) {
                // The only one that is not in bytes.
                ("ra", Value::Number(size)) => json!(size.as_u64().expect("a size") * 1024),
                (_, value) => value,
            };
            // What a device does not say is nothing for us; lsblk says 0 or no for some of it.
            if ours[key].is_null() && [json!(null), json!(0), json!(false)].contains(&value) {
                continue;
            }
            assert_eq!(plain(&ours[key]), value, "{key} of {name}");
        }
        let mut points: Vec<_> = match &theirs["mountpoints"] {
            Value::Array(points) => points.iter().filter_map(Value::as_str).collect(),
            _ => theirs["mountpoint"].as_str().into_iter().collect(),
        };
        let mut mounts: Vec<_> =
            ours["mounts"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        points.sort_unstable();
        mounts.sort_unstable();
        assert_eq!(mounts, points, "mounts of {name}");
        if let Some(kind) = theirs["fstype"].as_str() {
            assert_eq!(ours["file-system"], kind, "of {name}");
        }
    }
}

#[test]
fn loop_devices_are_those_of_losetup() {
    let Some(text) = stock(&["losetup", "-J", "-l"]).filter(|text| !text.trim().is_empty()) else {
        return;
    };
    let theirs: Value = serde_json::from_str(&text).expect("JSON");
    let ours = json(&collected("block-devices", "smart = false"), "devices.json");
    let ours = by(&ours, "name");
    for theirs in theirs["loopdevices"].as_array().expect("a list") {
        let name = theirs["name"].as_str().expect("a name").trim_start_matches("/dev/");
        let backing = &ours[name]["backing"];
        let fields = [
            ("back-file", "file"),
            ("offset", "offset"),
            ("sizelimit", "size-limit"),
            ("autoclear", "autoclear"),
            ("dio", "direct-io"),
        ];
        for (theirs_key, key) in fields {
            assert_eq!(backing[key], plain(&theirs[theirs_key]), "{key} of {name}");
        }
    }
}

#[test]
fn counters_of_disks_lie_between_two_looks_at_diskstats() {
    let look = || stock(&["cat", "/proc/diskstats"]).expect("it is readable");
    let fields =
        ["reads", "reads-merged", "", "read-time", "writes", "writes-merged", "", "write-time"];
    let (before, ours, after) =
        (look(), json(&collected("block-devices", ""), "devices.json"), look());
    let ours = by(&ours, "name");
    let rows = |text: &str| -> BTreeMap<String, Vec<u64>> {
        let rows = text.lines().map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let numbers = fields[3..].iter().map(|field| field.parse().expect("a number"));
            (fields[2].to_owned(), numbers.collect())
        });
        rows.collect()
    };
    let after = rows(&after);
    for (name, before) in rows(&before) {
        let Some(ours) = ours.get(&name) else { continue };
        for (at, key) in fields.iter().enumerate().filter(|(_, key)| !key.is_empty()) {
            let value = ours["io"][key].as_u64().expect("a counter");
            assert!((before[at]..=after[&name][at]).contains(&value), "{key} of {name}: {value}");
        }
        let read = ours["io"]["bytes-read"].as_u64().expect("a counter");
        assert!((before[2] * 512..=after[&name][2] * 512).contains(&read), "{name}");
    }
}

#[test]
fn mounts_are_those_of_findmnt() {
    const COLUMNS: &str =
        "ID,TARGET,SOURCE,FSTYPE,VFS-OPTIONS,FS-OPTIONS,FSROOT,MAJ:MIN,OPT-FIELDS";
    let argv = ["findmnt", "-J", "-b", "-v", "--kernel=mountinfo", "-o", COLUMNS];
    let argv_old = ["findmnt", "-J", "-b", "-v", "-o", COLUMNS];
    let Some(theirs) = stock_json(&argv).or_else(|| stock_json(&argv_old)) else {
        return;
    };
    let theirs = flat(&theirs["filesystems"], "children");
    let ours = json(&collected("storage", ""), "mounts.json");
    let ours: BTreeMap<_, _> = ours
        .as_array()
        .expect("an array")
        .iter()
        .map(|row| (row["id"].as_u64().expect("an id"), row))
        .collect();
    assert_eq!(ours.len(), theirs.len());
    let fields = [
        ("target", "target"),
        ("source", "source"),
        ("fstype", "type"),
        ("vfs-options", "options"),
        ("fs-options", "file-system-options"),
        ("fsroot", "root"),
        ("maj:min", "device"),
    ];
    for theirs in theirs {
        let id = plain(&theirs["id"]).as_u64().expect("an id");
        for (theirs_key, key) in fields {
            assert_eq!(ours[&id][key], theirs[theirs_key], "{key} of {}", theirs["target"]);
        }
        let propagation = ours[&id]["propagation"].as_array().expect("a list").iter();
        let propagation: Vec<_> = propagation.filter_map(Value::as_str).collect();
        let expected = theirs["opt-fields"].as_str().unwrap_or_default();
        assert_eq!(propagation.join(" "), expected, "of {}", theirs["target"]);
    }
}

#[test]
fn use_of_file_systems_is_what_df_says() {
    let argv = ["df", "-B1", "--output=target,source,fstype,size,used,avail,pcent,itotal,iavail"];
    let look = || -> Option<BTreeMap<String, Vec<String>>> {
        let text = stock(&argv)?;
        let rows = text.lines().skip(1).map(|line| {
            let fields: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            (fields[0].clone(), fields)
        });
        Some(rows.collect())
    };
    let Some(before) = look() else { return };
    let ours = json(&collected("storage", ""), "usage.json");
    let Some(after) = look() else { return };
    let ours = by(&ours, "target");
    assert!(ours.contains_key("/"));
    for (target, ours) in ours {
        let (Some(before), Some(after)) = (before.get(&target), after.get(&target)) else {
            continue;
        };
        assert_eq!((&ours["source"], &ours["type"]), (&json!(before[1]), &json!(before[2])));
        for (key, at) in [
            ("size", 3),
            ("used", 4),
            ("available", 5),
            ("used-percent", 6),
            ("inodes", 7),
            ("inodes-free", 8),
        ] {
            let number = |of: &Vec<String>| of[at].trim_end_matches('%').parse::<u64>();
            let (Ok(first), Ok(last)) = (number(before), number(after)) else { continue };
            let value = ours[key].as_u64().expect("a number");
            // Others write at the same time.
            let slack = if key.starts_with("size") || key == "inodes" { 0 } else { 1 + first / 50 };
            let allowed = first.min(last).saturating_sub(slack)..=first.max(last) + slack;
            assert!(allowed.contains(&value), "{key} of {target}: {value} is not in {allowed:?}");
        }
    }
}

/// The records of `lspci -vmm`: blocks of `Key:\tvalue`, keys possibly several times.
fn records(text: &str) -> Vec<BTreeMap<String, Vec<String>>> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    let blocks = blocks.map(|block| {
        let mut record = BTreeMap::<String, Vec<String>>::new();
        for (key, value) in block.lines().filter_map(|line| line.split_once(':')) {
            record.entry(key.to_owned()).or_default().push(value.trim().to_owned());
        }
        record
    });
    blocks.collect()
}

#[test]
fn pci_devices_are_those_of_lspci() {
    let Some(text) = stock(&["lspci", "-D", "-vmmnnk"]).filter(|text| !text.trim().is_empty())
    else {
        return;
    };
    let ours = json(&collected("pci", ""), "devices.json");
    let ours = by(&ours, "address");
    let theirs = records(&text);
    assert_eq!(ours.len(), theirs.len());
    for theirs in theirs {
        let ours = ours[&theirs["Slot"][0]];
        // `Name [id]`; the name is a word such as `Device` where it is not known.
        let named = |key: &str| -> Option<(&str, &str)> {
            theirs.get(key)?[0].strip_suffix(']')?.rsplit_once(" [")
        };
        for (key, id, name) in [
            ("Class", "class", "class-name"),
            ("Vendor", "vendor", "vendor-name"),
            ("Device", "device", "device-name"),
        ] {
            let (their_name, their_id) = named(key).expect("a name and an id");
            assert_eq!(ours[id], their_id);
            match ours[name].as_str() {
                Some(name) => assert_eq!(name, their_name),
                None => {
                    assert!(["Device", "Vendor", "Class"].contains(&their_name), "{their_name}");
                }
            }
        }
        let card = named("SVendor").zip(named("SDevice"));
        let card = card.map(|((_, vendor), (name, device))| (format!("{vendor}:{device}"), name));
        assert_eq!(ours["subsystem"].as_str(), card.as_ref().map(|(id, _)| id.as_str()));
        if let Some(name) = ours["subsystem-name"].as_str() {
            assert_eq!(Some(name), card.map(|(_, name)| name));
        }
        let first = |key: &str| theirs.get(key).map(|values| values[0].as_str());
        assert_eq!(ours["driver"].as_str(), first("Driver"));
        assert_eq!(ours["revision"].as_str().filter(|revision| *revision != "00"), first("Rev"));
        if let Some(node) = first("NUMANode") {
            assert_eq!(ours["numa-node"].to_string(), node);
        }
        assert_eq!(ours["iommu-group"].as_str(), first("IOMMUGroup"));
        let mut modules = theirs.get("Module").cloned().unwrap_or_default();
        modules.sort();
        assert_eq!(ours["modules"], json!(modules));
    }
}

#[test]
fn usb_devices_are_those_of_lsusb() {
    let Some(text) = stock(&["lsusb"]).filter(|text| !text.trim().is_empty()) else {
        return;
    };
    let ours = json(&collected("usb", ""), "devices.json");
    let ours = ours.as_array().expect("an array").iter().map(|device| {
        let number = |key: &str| device[key].as_u64().expect("a number");
        let (bus, number) = (number("bus"), number("number"));
        format!("Bus {bus:03} Device {number:03}: ID {}", device["id"].as_str().expect("an id"))
    });
    let mut ours: Vec<_> = ours.collect();
    // The name stands behind the ids.
    let mut theirs: Vec<String> =
        text.lines().map(|line| line.chars().take(33).collect()).collect();
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
}

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

#[test]
fn sensors_are_those_of_sensors() {
    let Some(text) = stock(&["sensors", "-j"]).filter(|text| text.contains("_input")) else {
        return;
    };
    let theirs: Value = serde_json::from_str(&text).expect("JSON");
    let ours = json(&collected("sensors", ""), "sensors.json");
    let ours = ours.as_array().expect("an array");
    for (chip, features) in theirs.as_object().expect("chips") {
        let chip = chip.split('-').next().expect("a name");
        for feature in features.as_object().expect("features").values() {
            let measured = feature.as_object().into_iter().flatten();
            for (name, value) in measured.filter_map(|(name, value)| Some((name, value.as_f64()?)))
            {
                let Some(sensor) = name.strip_suffix("_input") else { continue };
                let found =
                    ours.iter().filter(|row| row["chip"] == chip && row["sensor"] == sensor);
                // What is measured moves between two looks.
                let near = |row: &Value| {
                    let ours = row["value"].as_f64().unwrap_or(f64::NAN);
                    (ours - value).abs() <= 1.0 + value.abs() / 5.0
                };
                assert!(
                    chip == "drivetemp" || found.into_iter().any(near),
                    "{chip} {name}: {value}"
                );
            }
        }
    }
}
