//! What disks say of their health, through `smartctl(8)`.

use super::{
    programs::{installed, said},
    rights::{RAW_IO, capable},
};
use collect_core::{CollectError, Output, host::Host};
use serde_json::Value;
use std::io;

/// Disks that can be asked, by the beginning of their names; others are made by programs or
/// hypervisors.
const ASKABLE: [&str; 3] = ["sd", "nvme", "hd"];

/// Writes `smart/NAME.json` for those of these disks that can be asked. One that sleeps is not woken.
pub(crate) fn ask<'n>(
    out: &mut Output<'_>,
    disks: impl Iterator<Item = &'n str>,
) -> Result<(), CollectError> {
    let disks: Vec<_> = disks.filter(|disk| is_askable(disk)).collect();
    if is_refused(out.host(), disks.iter().copied()) {
        out.failed("smartctl", &io::ErrorKind::PermissionDenied.into());
        return Ok(());
    }
    for disk in disks {
        let path = format!("/dev/{disk}");
        // Its exit code is a mask of what it found; the JSON has it too.
        let answer = said(out, ["smartctl", "--json", "--nocheck=standby", "--all", path.as_str()]);
        let answer = answer.and_then(|answer| serde_json::from_slice(&answer).ok());
        if let Some(mut answer) = answer {
            hide_identity(&mut answer);
            out.json(&format!("smart/{disk}.json"), &answer)?;
        }
    }
    Ok(())
}

/// Whether `smartctl` is here, and could ask one of these disks if this were root.
pub(crate) fn is_refused<'n>(host: &dyn Host, mut disks: impl Iterator<Item = &'n str>) -> bool {
    disks.any(is_askable) && installed(host, "smartctl") && !capable(host, RAW_IO)
}

fn is_askable(disk: &str) -> bool {
    ASKABLE.iter().any(|kind| disk.starts_with(kind))
}

/// Takes out what is unique to a disk.
fn hide_identity(answer: &mut Value) {
    const UNIQUE: [&str; 6] =
        ["serial", "wwn", "logical_unit_id", "eui64", "nguid", "enclosure_logical_id"];
    match answer {
        Value::Object(fields) => {
            fields.retain(|key, _| !UNIQUE.iter().any(|unique| key.contains(unique)));
            fields.values_mut().for_each(hide_identity);
        }
        Value::Array(values) => values.iter_mut().for_each(hide_identity),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        Collector,
        testkit::{FakeHost, Trial},
    };
    use serde_json::json;

    struct Disks;

    impl Collector for Disks {
        fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
            ask(out, ["sda", "vda", "sdb"].into_iter())
        }
    }

    #[test]
    fn a_disk_tells_its_health_but_not_its_serial_number() {
        let answer = r#"{ "serial_number": "MADE-UP", "wwn": { "naa": 5 },
            "temperature": { "current": 31 }, "smart_status": { "passed": true },
            "nvme_namespaces": [{ "eui64": { "ext_id": 7 }, "id": 1 }] }"#;
        let host = FakeHost::new()
            .file("/usr/sbin/smartctl", "")
            .command("smartctl --json --nocheck=standby --all /dev/sda", answer)
            .command("smartctl --json --nocheck=standby --all /dev/sdb", "no JSON");
        let collected = Trial::of(Disks).on(host);
        let smart: Value = serde_json::from_str(collected.text("smart/sda.json")).unwrap();
        let expected = json!({ "temperature": { "current": 31 },
            "smart_status": { "passed": true }, "nvme_namespaces": [{ "id": 1 }] });
        assert_eq!(smart, expected);
        assert_eq!(collected.paths().len(), 1);
        assert_eq!(collected.notes(), [""; 0]);
    }
}
