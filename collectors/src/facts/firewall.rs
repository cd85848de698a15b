//! Which commands list the firewall's rules without changing anything.

use super::kernel_files::{exists, name, value};
use collect_core::host::{CommandLine, Host};

/// The frameworks that the kernel has: loaded, or built into it.
pub(crate) fn frameworks(host: &dyn Host) -> Vec<&'static str> {
    let modules = value(host, "/proc/modules").unwrap_or_default();
    let loaded = |module| modules.lines().any(|line| line.split(' ').next() == Some(module));
    let release = value(host, "/proc/sys/kernel/osrelease").unwrap_or_default();
    let linked = value(host, format!("/lib/modules/{release}/modules.builtin")).unwrap_or_default();
    let built_in = |module| linked.lines().any(|line| line.ends_with(&format!("/{module}.ko")));
    let has = |module| {
        // The list of its tables is there as soon as it is (for those that have one).
        loaded(module) || built_in(module) || exists(host, format!("/proc/net/{module}_names"))
    };
    ["nf_tables", "ip_tables", "ip6_tables"].into_iter().filter(|module| has(module)).collect()
}

/// The commands that list the rules of the frameworks that the kernel has. Any other would load one.
pub(crate) fn commands(host: &dyn Host) -> Vec<(&'static str, CommandLine)> {
    let frameworks = frameworks(host);
    let loaded = |module| frameworks.contains(&module);
    let mut commands = Vec::new();
    if loaded("nf_tables") {
        commands.push(("nftables.txt", CommandLine::new(["nft", "list", "ruleset"])));
    }
    for (module, entry, program) in
        [("ip_tables", "iptables.txt", "iptables"), ("ip6_tables", "ip6tables.txt", "ip6tables")]
    {
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

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    fn programs(host: &dyn Host) -> Vec<String> {
        let commands = commands(host).into_iter();
        commands.map(|(_, command)| command.argv.join(" ")).collect()
    }

    #[test]
    fn no_command_is_run_that_would_load_a_module() {
        let host = FakeHost::new().file("/usr/sbin/nft", "").file("/usr/sbin/iptables-save", "");
        assert_eq!(programs(&host), [""; 0]);

        let host = host.file("/proc/modules", "nf_tables 311296 0 - Live 0x0\n");
        assert_eq!(programs(&host), ["nft list ruleset"]);

        let host = FakeHost::new()
            .file("/proc/sys/kernel/osrelease", "6.1.0\n")
            .file("/lib/modules/6.1.0/modules.builtin", "kernel/net/netfilter/nf_tables.ko\n");
        assert_eq!(programs(&host), ["nft list ruleset"]);
    }

    #[test]
    fn a_variant_that_would_load_nf_tables_is_passed_over() {
        let modules = "ip_tables 32768 1 iptable_filter, Live 0x0\n";
        let host = FakeHost::new()
            .file("/proc/modules", modules)
            .link("/usr/sbin/iptables-save", "xtables-nft-multi")
            .file("/usr/sbin/xtables-nft-multi", "");
        assert_eq!(programs(&host), [""; 0]);

        let host = host.file("/usr/sbin/iptables-legacy-save", "");
        assert_eq!(programs(&host), ["/usr/sbin/iptables-legacy-save"]);
    }
}
