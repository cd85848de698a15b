//! Which commands list the firewall's rules without changing anything.

use super::kernel_files::{name, value};
use collect_core::host::{CommandLine, Host};

/// The commands that list the rules of the frameworks that are loaded. Any other would load one.
pub(crate) fn commands(host: &dyn Host) -> Vec<(&'static str, CommandLine)> {
    let modules = value(host, "/proc/modules").unwrap_or_default();
    let loaded = |module| {
        modules
            .lines()
            .any(|line| line.split(' ').next() == Some(module))
    };
    let mut commands = Vec::new();
    if loaded("nf_tables") {
        commands.push(("nftables.txt", CommandLine::new(["nft", "list", "ruleset"])));
    }
    for (module, entry, program) in [
        ("ip_tables", "iptables.txt", "iptables"),
        ("ip6_tables", "ip6tables.txt", "ip6tables"),
    ] {
        if loaded(module)
            && let Some(program) = legacy_save(host, program)
        {
            commands.push((entry, CommandLine::new([program])));
        }
    }
    commands
}

/// The program that lists the rules of `ip_tables`. The plain name may belong to the variant that
/// works on `nf_tables`, and would load that.
fn legacy_save(host: &dyn Host, program: &str) -> Option<String> {
    let candidates = [
        format!("/usr/sbin/{program}-legacy-save"),
        format!("/usr/sbin/{program}-save"),
        format!("/sbin/{program}-save"),
    ];
    candidates.into_iter().find(|path| {
        let real = host.canonical(path.as_ref());
        real.is_ok_and(|real| !name(real).contains("nft"))
    })
}
