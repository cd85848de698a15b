//! Devices, held to `lsblk`, `losetup`, `lspci`, `lsusb` and `sensors`.

use crate::kit::{by, collected, flat, json, plain, records, stock, stock_json};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
