//! The kernel's modules.

use crate::facts::{
    kernel_files::{children, name, value},
    listing,
};
use collect_core::{CollectError, Collector, FileSet, Output, host::Host};
use schemars::JsonSchema;
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// Kernel modules with their parameters.
///
/// `modules.json` and `modules.txt`: for each module its size in bytes, how many use it and which
/// modules do, its state, the taint flags that it brought (`P` proprietary, `O` not of the kernel's
/// sources, `E` unsigned, …), version and parameters. What is built into the kernel and has
/// parameters or a version is in the JSON as well, as `built-in`. The configuration of `modprobe.d`
/// and `modules-load.d` is copied.
///
/// From `/proc/modules` and `/sys/module` (`proc_modules(5)`,
/// <https://docs.kernel.org/admin-guide/abi-testing.html>, `/sys/module`), `modprobe.d(5)` and
/// `modules-load.d(5)`. Some parameters are for root only. Addresses of the kernel are left out.
///
/// ```toml
/// [collect.modules]
/// use = "modules"
/// ```
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Modules {}

collect_core::register!("modules" => Modules as Collector);

const CONFIGURATION: [&str; 9] = [
    "/etc/modprobe.conf",
    "/etc/modprobe.d/*.conf",
    "/run/modprobe.d/*.conf",
    "/usr/local/lib/modprobe.d/*.conf",
    "/usr/lib/modprobe.d/*.conf",
    "/etc/modules",
    "/etc/modules-load.d/*.conf",
    "/run/modules-load.d/*.conf",
    "/usr/lib/modules-load.d/*.conf",
];

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Module {
    name: String,
    built_in: bool,
    size: Option<u64>,
    /// Nothing where the kernel unloads no modules.
    uses: Option<u64>,
    used_by: Vec<String>,
    state: Option<String>,
    taint: Option<String>,
    version: Option<String>,
    source_version: Option<String>,
    parameters: BTreeMap<String, String>,
}

impl Collector for Modules {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let mut modules = loaded(&value(host, "/proc/modules").unwrap_or_default());
        for folder in children(host, "/sys/module") {
            if out.deadline().passed() {
                break;
            }
            let module = modules.entry(name(&folder)).or_insert_with(|| Module {
                name: name(&folder),
                built_in: true,
                ..Module::default()
            });
            describe(host, &folder, module);
        }
        let modules: Vec<_> = modules.into_values().filter(Module::is_worth_showing).collect();
        if modules.is_empty() {
            out.absent("/proc/modules", "the kernel has no modules");
            return Ok(());
        }
        out.json("modules.json", &modules)?;
        let loaded: Vec<_> = modules.into_iter().filter(|module| !module.built_in).collect();
        let columns = ["name", "size", "uses", "state", "taint", "version", "used-by"];
        out.text("modules.txt", &listing::table(columns, &loaded)?)?;
        let set = FileSet::new(&CONFIGURATION.map(str::to_owned), &[]);
        out.files(&set.expect("the patterns are right"))
    }
}

impl Module {
    fn is_worth_showing(&self) -> bool {
        !self.built_in || self.version.is_some() || !self.parameters.is_empty()
    }
}

/// The lines of `/proc/modules`: `name size uses used,by, state address (taint)`.
fn loaded(text: &str) -> BTreeMap<String, Module> {
    let modules = text.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let name = fields.next()?.to_owned();
        let module = Module {
            name: name.clone(),
            size: fields.next().and_then(|size| size.parse().ok()),
            uses: fields.next().and_then(|uses| uses.parse().ok()),
            used_by: fields.next().map(users).unwrap_or_default(),
            state: fields.next().map(str::to_lowercase),
            taint: fields.nth(1).map(|taint| taint.trim_matches(['(', ')']).to_owned()),
            ..Module::default()
        };
        Some((name, module))
    });
    modules.collect()
}

/// `-` where none uses it; `[permanent]` stands among the names of those that cannot be unloaded.
fn users(field: &str) -> Vec<String> {
    let users = field.split(',').filter(|user| !matches!(*user, "" | "-"));
    users.map(str::to_owned).collect()
}

fn describe(host: &dyn Host, folder: &Path, module: &mut Module) {
    module.version = value(host, folder.join("version"));
    module.source_version = value(host, folder.join("srcversion"));
    for parameter in children(host, folder.join("parameters")) {
        if let Some(value) = value(host, &parameter) {
            module.parameters.insert(name(&parameter), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };
    use serde_json::{Value, json};

    const LOADED: &str = "nvidia 56807424 2 nvidia_uvm,nvidia_modeset, Live 0xffffffffc1a00000 (POE)\n\
        btrfs 1810432 0 - Live 0x0000000000000000\n\
        leaving 4096 1 [permanent], Unloading 0x0\n\
        half\n";

    #[test]
    fn modules_show_who_uses_them_and_what_they_taint() {
        let host = FakeHost::new()
            .file("/proc/modules", LOADED)
            .file("/sys/module/nvidia/version", "550.1\n")
            .file("/sys/module/nvidia/parameters/NVreg_Example", "1\n")
            .denied("/sys/module/nvidia/parameters/secret")
            .file("/sys/module/printk/parameters/time", "Y\n")
            .directory("/sys/module/pnp")
            .file("/etc/modprobe.d/example.conf", "blacklist floppy\n");
        let collected = Trial::of(Modules {}).on(host);
        assert_eq!(
            collected.text("modules.txt"),
            "NAME         SIZE  USES  STATE      TAINT  VERSION  USED-BY
\
             btrfs     1810432     0  live       -            -  -
\
             half            -     -  -          -            -  -
\
             leaving      4096     1  unloading  -            -  [permanent]
\
             nvidia   56807424     2  live       POE      550.1  nvidia_uvm,nvidia_modeset
"
        );
        let json: Value = serde_json::from_str(collected.text("modules.json")).unwrap();
        let names: Vec<_> = json.as_array().unwrap().iter().map(|row| &row["name"]).collect();
        assert_eq!(names, ["btrfs", "half", "leaving", "nvidia", "printk"]);
        assert_eq!(json[3]["parameters"], json!({ "NVreg_Example": "1" }));
        assert_eq!(json[4]["built-in"], true);
        assert!(!collected.text("modules.json").contains("0xffff"), "addresses of the kernel");
        assert_eq!(collected.text("/etc/modprobe.d/example.conf"), "blacklist floppy\n");
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn a_kernel_without_modules_has_none() {
        let collected = Trial::of(Modules {}).on(FakeHost::new());
        assert_eq!(collected.status(), Status::Absent);
    }
}
