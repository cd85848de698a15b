//! What is enforced: SELinux, AppArmor, lockdown, secure boot, and how hard the kernel is to attack.

use crate::facts::{
    kernel_files::{bytes, children, exists, name, number, switch, value},
    listing, present,
};
use collect_core::{CollectError, Collector, Output, Window, host::Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, io::ErrorKind};

/// SELinux, AppArmor, lockdown, secure boot.
///
/// `summary.json` has the security modules, the mode and policy of SELinux with its booleans that are
/// on, how many profiles of AppArmor are in which mode, lockdown, secure boot and TPM, FIPS mode,
/// integrity measurement (IMA), what seccomp can do, and the kernel's settings that make attacks
/// harder; what is `null` is not known here. `apparmor.json` and `apparmor.txt` list the profiles. And
/// the configuration of SELinux and of the crypto policies. The weaknesses of the processor are the part
/// of `cpu`.
///
/// From <https://docs.kernel.org/admin-guide/LSM/index.html>, `selinux(8)`, `apparmor(7)`,
/// `kernel_lockdown(7)`, <https://docs.kernel.org/filesystems/efivarfs.html>,
/// <https://docs.kernel.org/admin-guide/sysctl/kernel.html> and `seccomp(2)`. The profiles of AppArmor,
/// lockdown on some hosts, and the measurements need root.
///
/// ```toml
/// [collect.security]
/// use = "security"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Security {}

collect_core::register!("security" => Security as Collector);

const FILES: [&str; 4] = [
    "/etc/selinux/config",
    "/etc/apparmor/parser.conf",
    "/etc/crypto-policies/config",
    "/etc/crypto-policies/state/current",
];

const PROFILES: &str = "/sys/kernel/security/apparmor/profiles";
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
const MEASUREMENTS: &str = "/sys/kernel/security/ima/runtime_measurements_count";
const VIOLATIONS: &str = "/sys/kernel/security/ima/violations";

/// Of the UEFI specification, and of shim, which may have checks switched off.
const EFI_GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
const SHIM: &str = "605dab50-e046-4300-abb6-3dd810dd8b23";

/// Settings below `/proc/sys` that make attacks harder, or easier.
const SETTINGS: [&str; 29] = [
    "dev.tty.ldisc_autoload",
    "fs.protected_fifos",
    "fs.protected_hardlinks",
    "fs.protected_regular",
    "fs.protected_symlinks",
    "fs.suid_dumpable",
    "kernel.apparmor_restrict_unprivileged_userns",
    "kernel.dmesg_restrict",
    "kernel.io_uring_disabled",
    "kernel.kexec_load_disabled",
    "kernel.kptr_restrict",
    "kernel.modules_disabled",
    "kernel.perf_event_paranoid",
    "kernel.randomize_va_space",
    "kernel.sysrq",
    "kernel.unprivileged_bpf_disabled",
    "kernel.unprivileged_userns_clone",
    "kernel.yama.ptrace_scope",
    "net.core.bpf_jit_enable",
    "net.core.bpf_jit_harden",
    "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.all.accept_source_route",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.tcp_syncookies",
    "user.max_user_namespaces",
    "vm.legacy_va_layout",
    "vm.mmap_min_addr",
    "vm.unprivileged_userfaultfd",
];

impl Collector for Security {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let profiles = profiles(&present::text(out, PROFILES)?.unwrap_or_default());
        let mut modes = BTreeMap::<&str, usize>::new();
        for profile in &profiles {
            *modes.entry(profile.mode.as_str()).or_default() += 1;
        }
        let apparmor = value(host, "/sys/module/apparmor/parameters/enabled")
            .map(|enabled| json!({ "enabled": enabled == "Y", "profiles": modes }));
        let modules = value(host, "/sys/kernel/security/lsm");
        let summary = json!({
            "modules": modules.map(|modules| modules.split(',').map(str::to_owned).collect::<Vec<_>>()),
            "selinux": selinux(host),
            "apparmor": apparmor,
            "lockdown": present::text(out, LOCKDOWN)?.map(chosen),
            "firmware": firmware(host),
            "tpm": value(host, "/sys/class/tpm/tpm0/tpm_version_major"),
            "fips": switch(host, "/proc/sys/crypto/fips_enabled"),
            "measurements": parsed(present::text(out, MEASUREMENTS)?),
            "violations": parsed(present::text(out, VIOLATIONS)?),
            "signed-modules-only": value(host, "/sys/module/module/parameters/sig_enforce")
                .map(|enforced| enforced == "Y"),
            "seccomp": value(host, "/proc/sys/kernel/seccomp/actions_avail")
                .map(|actions| actions.split_whitespace().map(str::to_owned).collect::<Vec<_>>()),
            "settings": settings(host),
        });
        out.json("summary.json", &summary)?;
        listing::write_any(out, "apparmor", ["mode", "profile"], &profiles)?;
        present::copy(out, &FILES)
    }

    fn refused(&self, host: &dyn Host, _window: &Window) -> Vec<String> {
        let denied = |path: &&str| {
            let opened = host.info(path.as_ref()).and_then(|_| host.open(path.as_ref()));
            opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        };
        let refused = [PROFILES, LOCKDOWN, MEASUREMENTS].into_iter().filter(denied);
        refused.map(str::to_owned).collect()
    }
}

fn parsed(text: Option<String>) -> Option<u64> {
    text?.parse().ok()
}

/// The word in brackets.
fn chosen(text: String) -> String {
    let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    chosen.map(|(chosen, _)| chosen.to_owned()).unwrap_or(text)
}

/// <https://github.com/SELinuxProject/selinux-notebook>; nothing where it is neither on nor configured.
fn selinux(host: &dyn Host) -> Option<Value> {
    const FOLDER: &str = "/sys/fs/selinux";
    let config = value(host, "/etc/selinux/config").unwrap_or_default();
    let configured = |key: &str| {
        let mut set =
            config.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        set.next_back().map(|set| set.trim().to_owned())
    };
    let enforce = switch(host, format!("{FOLDER}/enforce"));
    if enforce.is_none() && config.is_empty() {
        return None;
    }
    let mode = match enforce {
        Some(true) => "enforcing",
        Some(false) => "permissive",
        None => "disabled",
    };
    // The value in force, and the one that waits to be committed.
    let booleans = children(host, format!("{FOLDER}/booleans"));
    let on = booleans.iter().filter(|path| {
        value(host, path).is_some_and(|values| values.split(' ').next() == Some("1"))
    });
    Some(json!({
        "mode": mode,
        "configured": configured("SELINUX"),
        "policy": configured("SELINUXTYPE"),
        "policy-version": number(host, format!("{FOLDER}/policyvers")),
        "denies-unknown": switch(host, format!("{FOLDER}/deny_unknown")),
        "booleans": booleans.len(),
        "booleans-on": on.map(name).collect::<Vec<_>>(),
    }))
}

/// A profile of AppArmor.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Confinement {
    mode: String,
    profile: String,
}

/// Lines such as `/usr/bin/man (enforce)`.
fn profiles(text: &str) -> Vec<Confinement> {
    let profiles = text.lines().filter_map(|line| {
        let (profile, mode) = line.trim().strip_suffix(')')?.rsplit_once(" (")?;
        Some(Confinement { mode: mode.to_owned(), profile: profile.to_owned() })
    });
    let mut profiles: Vec<_> = profiles.collect();
    profiles.sort();
    profiles
}

fn firmware(host: &dyn Host) -> Value {
    let is_efi = exists(host, "/sys/firmware/efi");
    // Four bytes of attributes, then the value.
    let variable = |name: &str, vendor: &str| -> Option<bool> {
        let path = format!("/sys/firmware/efi/efivars/{name}-{vendor}");
        bytes(host, path).ok()?.get(4).map(|value| *value != 0)
    };
    json!({
        "efi": is_efi,
        "secure-boot": variable("SecureBoot", EFI_GLOBAL),
        "setup-mode": variable("SetupMode", EFI_GLOBAL),
        "checks-switched-off": variable("MokSBStateRT", SHIM),
    })
}

fn settings(host: &dyn Host) -> Map<String, Value> {
    let settings = SETTINGS.iter().filter_map(|setting| {
        let value = value(host, format!("/proc/sys/{}", setting.replace('.', "/")))?;
        let value = value.parse().map_or_else(|_| value.into(), |number: i64| number.into());
        Some(((*setting).to_owned(), value))
    });
    settings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
    };

    fn summary(collected: &Collected) -> Value {
        serde_json::from_str(collected.text("summary.json")).unwrap()
    }

    #[test]
    fn selinux_and_secure_boot_are_told() {
        let efi = "/sys/firmware/efi/efivars";
        let host = FakeHost::new()
            .file("/sys/fs/selinux/enforce", "0")
            .file("/sys/fs/selinux/policyvers", "33")
            .file("/sys/fs/selinux/booleans/one", "1 1")
            .file("/sys/fs/selinux/booleans/two", "0 1")
            .file("/etc/selinux/config", "# SELINUX=no\nSELINUX=enforcing\nSELINUXTYPE=targeted\n")
            .bytes(format!("{efi}/SecureBoot-{EFI_GLOBAL}"), [6, 0, 0, 0, 1])
            .bytes(format!("{efi}/SetupMode-{EFI_GLOBAL}"), [6, 0])
            .file(LOCKDOWN, "none [integrity] confidentiality\n")
            .file("/proc/sys/kernel/yama/ptrace_scope", "1\n");
        let collected = Trial::of(Security::default()).on(host);
        let found = summary(&collected);
        assert_eq!(
            found["selinux"],
            json!({ "mode": "permissive", "configured": "enforcing", "policy": "targeted",
                "policy-version": 33, "denies-unknown": null, "booleans": 2, "booleans-on": ["one"] })
        );
        assert_eq!(found["firmware"]["secure-boot"], true);
        assert_eq!(found["firmware"]["setup-mode"], json!(null));
        assert_eq!((&found["lockdown"], &found["apparmor"]), (&json!("integrity"), &json!(null)));
        assert_eq!(found["settings"], json!({ "kernel.yama.ptrace_scope": 1 }));
        assert_eq!((collected.status(), collected.notes()), (Status::Complete, vec![]));
    }

    #[test]
    fn profiles_of_apparmor_are_counted_by_mode() {
        let host = FakeHost::new()
            .file("/sys/module/apparmor/parameters/enabled", "Y\n")
            .file(PROFILES, "man (enforce)\n/usr/bin/a b (complain)\nlsb (x) (enforce)\nodd\n");
        let collected = Trial::of(Security::default()).on(host);
        let modes = json!({ "enabled": true, "profiles": { "complain": 1, "enforce": 2 } });
        assert_eq!(summary(&collected)["apparmor"], modes);
        assert!(collected.text("apparmor.txt").contains("/usr/bin/a b"));
    }

    #[test]
    fn what_only_root_sees_is_refused_and_costs_nothing_else() {
        let host = || FakeHost::new().denied(PROFILES).file("/proc/sys/crypto/fips_enabled", "1\n");
        assert_eq!(Security::default().refused(&host(), &Window::default()), [PROFILES]);
        let collected = Trial::of(Security::default()).on(host());
        assert_eq!(collected.status(), Status::Partial);
        assert_eq!(summary(&collected)["fips"], true);
        assert_eq!(collected.notes().len(), 1);
    }
}
