//! `storage`, held to `findmnt` and `df`.

use crate::kit::{by, collected, flat, json, plain, stock, stock_json};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
