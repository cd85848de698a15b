//! Temperatures, fans, voltages and power.

use crate::facts::{
    kernel_files::{children, link_name, name, number, signed, value},
    listing,
};
use collect_core::{CollectError, Collector, Output, host::Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Temperatures, fans, voltages, batteries.
///
/// `sensors` lists what the chips of the board measure, with limits and alarms (°C, V, A, W, J, %, and
/// rotations per minute), `zones` the kernel's thermal zones with their trip points (°C), `cooling` how
/// hard the cooling works, and `power` the batteries and power supplies: each as `NAME.json` and as a
/// table, where there are any. A disk's own thermometer (`drivetemp`) is not read: that keeps some
/// disks from sleeping. Serial numbers are left out.
///
/// From <https://docs.kernel.org/hwmon/sysfs-interface.html>,
/// <https://docs.kernel.org/driver-api/thermal/sysfs-api.html> and
/// <https://docs.kernel.org/power/power_supply_class.html>. Nothing needs root.
///
/// ```toml
/// [collect.sensors]
/// use = "sensors"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Sensors {}

collect_core::register!("sensors" => Sensors as Collector);

const SENSORS: [&str; 6] = ["chip", "sensor", "label", "value", "unit", "alarms"];
const ZONES: [&str; 4] = ["zone", "type", "temperature", "mode"];
const COOLING: [&str; 4] = ["device", "type", "state", "maximum"];
const POWER: [&str; 7] = ["name", "type", "status", "percent", "health", "cycles", "model"];

/// The unit of what a sensor measures, by the beginning of its name, and how many of what its file
/// counts in make one.
const UNITS: [(&str, &str, f64); 8] = [
    ("temp", "°C", 1e3),
    ("fan", "rpm", 1.0),
    ("in", "V", 1e3),
    ("curr", "A", 1e3),
    ("power", "W", 1e6),
    ("energy", "J", 1e6),
    ("humidity", "%", 1e3),
    ("freq", "Hz", 1.0),
];

/// Attributes of a sensor that are in its unit, beside its value.
const LIMITS: [&str; 12] = [
    "min",
    "max",
    "lcrit",
    "crit",
    "emergency",
    "cap",
    "rated_min",
    "rated_max",
    "lowest",
    "highest",
    "target",
    "max_hyst",
];

impl Collector for Sensors {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let chips = children(host, "/sys/class/hwmon");
        let sensors: Vec<_> = chips.iter().flat_map(|chip| sensors(host, chip)).collect();
        let mut zones = Vec::new();
        let mut cooling = Vec::new();
        for folder in children(host, "/sys/class/thermal") {
            zones.extend(zone(host, &folder));
            cooling.extend(cooler(host, &folder));
        }
        let supplies = children(host, "/sys/class/power_supply");
        let supplies: Vec<_> = supplies.iter().filter_map(|folder| supply(host, folder)).collect();
        if sensors.is_empty() && zones.is_empty() && supplies.is_empty() {
            out.absent("/sys/class/hwmon", "there is no sensor");
        }
        listing::write_any(out, "sensors", SENSORS, &sensors)?;
        listing::write_any(out, "zones", ZONES, &zones)?;
        listing::write_any(out, "cooling", COOLING, &cooling)?;
        listing::write_any(out, "power", POWER, &supplies)
    }
}

#[derive(Serialize)]
struct Reading {
    chip: String,
    /// The device that the chip belongs to, such as `0000:01:00.0`.
    device: Option<String>,
    sensor: String,
    label: Option<String>,
    value: Option<f64>,
    unit: &'static str,
    limits: BTreeMap<&'static str, f64>,
    /// What is wrong: `alarm`, `crit_alarm`, `fault`.
    alarms: Vec<String>,
}

fn sensors(host: &dyn Host, folder: &Path) -> Vec<Reading> {
    let chip = value(host, folder.join("name")).unwrap_or_else(|| name(folder));
    let files: Vec<String> = children(host, folder).iter().map(name).collect();
    // `temp1` of `temp1_input`, in the order of their numbers.
    let known: BTreeSet<_> = files.iter().filter_map(|file| place(file)).collect();
    let sensors = known.into_iter().map(|(at, number)| {
        let (kind, unit, scale) = UNITS[at];
        let sensor = format!("{kind}{number}");
        let measured = |about: &str| {
            // The disk would be asked, and stay awake.
            let file = folder.join(format!("{sensor}_{about}"));
            let raw = (chip != "drivetemp").then(|| signed(host, file)).flatten()?;
            Some(raw as f64 / scale)
        };
        let is_raised = |file: &&String| {
            (file.ends_with("_alarm") || file.ends_with("_fault"))
                && chip != "drivetemp"
                && signed(host, folder.join(file)).is_some_and(|set| set != 0)
        };
        let prefix = format!("{sensor}_");
        let own = files.iter().filter(|file| file.starts_with(&prefix));
        Reading {
            label: value(host, folder.join(format!("{sensor}_label"))),
            value: measured("input").or_else(|| measured("average")),
            limits: LIMITS.iter().filter_map(|limit| Some((*limit, measured(limit)?))).collect(),
            alarms: own.filter(is_raised).map(|file| file[prefix.len()..].to_owned()).collect(),
            chip: chip.clone(),
            device: link_name(host, folder.join("device")),
            sensor,
            unit,
        }
    });
    sensors.collect()
}

/// Which kind of sensor a file belongs to, and its number: only files with a value make a sensor.
fn place(file: &str) -> Option<(usize, u32)> {
    let sensor = file.strip_suffix("_input").or_else(|| file.strip_suffix("_average"))?;
    let at = UNITS.iter().position(|(kind, ..)| {
        sensor.strip_prefix(kind).is_some_and(|rest| rest.parse::<u32>().is_ok())
    })?;
    Some((at, sensor.strip_prefix(UNITS[at].0)?.parse().ok()?))
}

#[derive(Serialize)]
struct ThermalZone {
    zone: String,
    #[serde(rename = "type")]
    kind: String,
    temperature: Option<f64>,
    mode: Option<String>,
    policy: Option<String>,
    trips: Vec<Trip>,
}

/// A temperature at which something is done: `passive`, `active`, `hot` or `critical`.
#[derive(Serialize)]
struct Trip {
    #[serde(rename = "type")]
    kind: String,
    temperature: Option<f64>,
}

fn zone(host: &dyn Host, folder: &Path) -> Option<ThermalZone> {
    let zone = name(folder);
    let degrees = |file: &str| signed(host, folder.join(file)).map(|raw| raw as f64 / 1000.0);
    let trips = (0..).map_while(|trip| {
        Some(Trip {
            kind: value(host, folder.join(format!("trip_point_{trip}_type")))?,
            temperature: degrees(&format!("trip_point_{trip}_temp")),
        })
    });
    zone.starts_with("thermal_zone").then(|| ThermalZone {
        kind: value(host, folder.join("type")).unwrap_or_default(),
        temperature: degrees("temp"),
        mode: value(host, folder.join("mode")),
        policy: value(host, folder.join("policy")),
        trips: trips.collect(),
        zone,
    })
}

#[derive(Serialize)]
struct Cooler {
    device: String,
    #[serde(rename = "type")]
    kind: String,
    state: Option<u64>,
    maximum: Option<u64>,
}

fn cooler(host: &dyn Host, folder: &Path) -> Option<Cooler> {
    let device = name(folder);
    device.starts_with("cooling_device").then(|| Cooler {
        kind: value(host, folder.join("type")).unwrap_or_default(),
        state: number(host, folder.join("cur_state")),
        maximum: number(host, folder.join("max_state")),
        device,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Supply {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    online: Option<bool>,
    present: Option<bool>,
    status: Option<String>,
    percent: Option<u64>,
    health: Option<String>,
    technology: Option<String>,
    cycles: Option<u64>,
    /// In V.
    voltage: Option<f64>,
    /// In A.
    current: Option<f64>,
    /// In W.
    power: Option<f64>,
    /// When full, now and when it was new: in Wh, or in Ah where it measures charge.
    full: Option<f64>,
    full_design: Option<f64>,
    vendor: Option<String>,
    model: Option<String>,
}

fn supply(host: &dyn Host, folder: &Path) -> Option<Supply> {
    let about = |about: &str| value(host, folder.join(about));
    let micro = |about: &str| signed(host, folder.join(about)).map(|raw| raw as f64 / 1e6);
    Some(Supply {
        name: name(folder),
        kind: about("type")?,
        online: number(host, folder.join("online")).map(|online| online > 0),
        present: number(host, folder.join("present")).map(|present| present > 0),
        status: about("status"),
        percent: number(host, folder.join("capacity")),
        health: about("health"),
        technology: about("technology"),
        cycles: number(host, folder.join("cycle_count")),
        voltage: micro("voltage_now"),
        current: micro("current_now"),
        power: micro("power_now"),
        full: micro("energy_full").or_else(|| micro("charge_full")),
        full_design: micro("energy_full_design").or_else(|| micro("charge_full_design")),
        vendor: about("manufacturer"),
        model: about("model_name"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };
    use serde_json::{Value, json};

    #[test]
    fn sensors_have_units_limits_and_alarms() {
        let chip = "/sys/class/hwmon/hwmon0";
        let host = FakeHost::new()
            .file(format!("{chip}/name"), "example\n")
            .file(format!("{chip}/temp10_input"), "odd\n")
            .file(format!("{chip}/temp2_input"), "-1500\n")
            .file(format!("{chip}/temp2_crit"), "90000\n")
            .file(format!("{chip}/temp2_crit_alarm"), "1\n")
            .file(format!("{chip}/temp2_label"), "Board\n")
            .file(format!("{chip}/temp2_max_alarm"), "0\n")
            .file(format!("{chip}/in0_input"), "3312\n")
            .file(format!("{chip}/intrusion0_alarm"), "0\n");
        let collected = Trial::of(Sensors::default()).on(host);
        let sensors: Value = serde_json::from_str(collected.text("sensors.json")).unwrap();
        let shown = |at: usize, key: &str| sensors[at][key].clone();
        assert_eq!((shown(0, "label"), shown(0, "value")), (json!("Board"), json!(-1.5)));
        assert_eq!(shown(0, "limits"), json!({ "crit": 90.0 }));
        assert_eq!(shown(0, "alarms"), json!(["crit_alarm"]));
        assert_eq!((shown(1, "sensor"), shown(1, "value")), (json!("temp10"), json!(null)));
        assert_eq!((shown(2, "value"), shown(2, "unit")), (json!(3.312), json!("V")));
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn a_disk_is_not_asked_for_its_temperature() {
        let host = FakeHost::new()
            .file("/sys/class/hwmon/hwmon0/name", "drivetemp\n")
            .panics("/sys/class/hwmon/hwmon0/temp1_input")
            .panics("/sys/class/hwmon/hwmon0/temp1_fault");
        let collected = Trial::of(Sensors::default()).on(host);
        assert_eq!(collected.status(), Status::Complete);
        assert!(collected.text("sensors.txt").contains("drivetemp"));
    }

    #[test]
    fn zones_and_batteries_are_told_without_serial_numbers() {
        let host = FakeHost::new()
            .file("/sys/class/thermal/thermal_zone0/type", "cpu\n")
            .file("/sys/class/thermal/thermal_zone0/temp", "45500\n")
            .file("/sys/class/thermal/thermal_zone0/trip_point_0_type", "critical\n")
            .file("/sys/class/thermal/thermal_zone0/trip_point_0_temp", "100000\n")
            .file("/sys/class/thermal/cooling_device0/type", "Fan\n")
            .file("/sys/class/power_supply/BAT0/type", "Battery\n")
            .file("/sys/class/power_supply/BAT0/capacity", "81\n")
            .file("/sys/class/power_supply/BAT0/energy_full", "50000000\n")
            .file("/sys/class/power_supply/BAT0/serial_number", "MADE-UP\n");
        let collected = Trial::of(Sensors::default()).on(host);
        let zones: Value = serde_json::from_str(collected.text("zones.json")).unwrap();
        assert_eq!(zones[0]["trips"], json!([{ "type": "critical", "temperature": 100.0 }]));
        let power = collected.text("power.json");
        assert!(power.contains("50.0") && !power.contains("MADE-UP"), "{power}");
        assert!(collected.text("cooling.txt").contains("Fan"));
    }

    #[test]
    fn a_host_without_sensors_is_no_failure() {
        assert_eq!(Trial::of(Sensors::default()).on(FakeHost::new()).status(), Status::Absent);
    }
}
