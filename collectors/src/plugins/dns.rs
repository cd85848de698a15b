//! How names are looked up.

use crate::facts::{
    kernel_files::{children, exists, value},
    listing,
    reach::look_up,
};
use collect_core::{CollectError, Collector, Output, collector::Invalid, host::Host};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::path::Path;

/// How names are looked up, and how long it takes.
///
/// - `summary.json`: the name servers, search domains and options of `/etc/resolv.conf`, what it is
///   a link to, and in which order `/etc/nsswitch.conf` asks for hosts.
/// - The files of the resolver as they are: those two, `/etc/hosts`, `host.conf`, `gai.conf`, those of
///   systemd-resolved, its state in `/run`, and those of dnsmasq.
/// - `look-ups.json` and `.txt`: the names of `resolve` with their addresses in the order in which
///   the system's resolver gives them, the time it took in milliseconds, or what went wrong.
///
/// Nothing is looked up unless `resolve` says so: each look-up asks the name servers of the host, or
/// whatever else its configuration says.
///
/// From `resolv.conf(5)`, `nsswitch.conf(5)`, `resolved.conf(5)` and `getaddrinfo(3)`.
///
/// ```toml
/// [collect.dns]
/// use = "dns"
/// resolve = ["db.example.com", "localhost"]
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Dns {
    /// Names to look up, one after the other; each may take 10 seconds.
    resolve: Vec<String>,
}

collect_core::register!("dns" => Dns as Collector);

const FILES: [&str; 9] = [
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/systemd/resolved.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/systemd/resolve/stub-resolv.conf",
    "/etc/dnsmasq.conf",
];

const FOLDERS: [&str; 5] = [
    "/etc/systemd/resolved.conf.d",
    "/usr/lib/systemd/resolved.conf.d",
    // What it has learnt of each interface.
    "/run/systemd/resolve/netif",
    "/run/systemd/netif/links",
    "/etc/dnsmasq.d",
];

impl Collector for Dns {
    fn check(&self) -> Vec<Invalid> {
        let wrong = self.resolve.iter().filter(|name| name.trim().is_empty() || name.contains('/'));
        let invalid = wrong.map(|name| Invalid {
            option: "resolve",
            message: format!("`{name}` is no name of a host"),
            help: Some("write it like `db.example.com`, without a scheme or path".to_owned()),
        });
        invalid.collect()
    }

    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let summary = summary(out.host());
        out.json("summary.json", &summary)?;
        let host = out.host();
        let below = FOLDERS.iter().flat_map(|folder| children(host, folder));
        let files: Vec<_> =
            FILES.iter().map(|path| Path::new(path).to_owned()).chain(below).collect();
        for path in files {
            if exists(host, &path) {
                out.file(path)?;
            }
        }
        if !self.resolve.is_empty() {
            let mut rows = Vec::new();
            for name in &self.resolve {
                if out.deadline().passed() {
                    break;
                }
                rows.push(look_up(host, name, out.deadline()));
            }
            listing::write(out, "look-ups", ["name", "milliseconds", "addresses", "error"], &rows)?;
        }
        Ok(())
    }
}

fn summary(host: &dyn Host) -> serde_json::Value {
    let text = host.canonical(Path::new("/etc/resolv.conf")).ok();
    let text = text.and_then(|path| value(host, path)).unwrap_or_default();
    let said = |what: &str| -> Vec<Vec<String>> {
        let lines = text.lines().filter(|line| !line.starts_with(['#', ';']));
        let words = lines.map(|line| line.split_whitespace().map(str::to_owned).collect());
        let said =
            words.filter(|words: &Vec<String>| words.first().is_some_and(|first| first == what));
        said.map(|words| words[1..].to_vec()).collect()
    };
    // Of these the last line counts, and `domain` is an older word for one of them.
    let search = said("search").pop().or_else(|| said("domain").pop()).unwrap_or_default();
    let order = value(host, "/etc/nsswitch.conf").unwrap_or_default();
    let order = order.lines().find_map(|line| line.trim().strip_prefix("hosts:"));
    let order: Vec<String> =
        order.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    json!({
        "name-servers": said("nameserver").into_iter().flatten().collect::<Vec<_>>(),
        "search": search,
        "options": said("options").into_iter().flatten().collect::<Vec<_>>(),
        "is-link-to": host.link(Path::new("/etc/resolv.conf")).ok(),
        "hosts-order": order,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{Collected, FakeHost, Trial},
    };
    use serde_json::Value;

    fn parsed(collected: &Collected, entry: &str) -> Value {
        serde_json::from_str(collected.text(entry)).unwrap()
    }

    #[test]
    fn the_resolver_is_described_and_asked_only_for_what_was_named() {
        let host = FakeHost::new()
            .link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")
            .file(
                "/run/systemd/resolve/stub-resolv.conf",
                "# nameserver 192.0.2.1\nnameserver 127.0.0.53\nsearch example.com example.org\noptions edns0 trust-ad\n",
            )
            .file("/etc/nsswitch.conf", "passwd: files\nhosts: files resolve dns\n")
            .file("/run/systemd/resolve/netif/2", "DNS=192.0.2.53\n")
            .name("db.example.com", &["192.0.2.7".parse().unwrap()]);
        let options = "resolve = [\"db.example.com\", \"none.example.com\"]";
        let collected = Trial::plugin("dns", options).on(host);
        let summary = parsed(&collected, "summary.json");
        assert_eq!(summary["name-servers"], json!(["127.0.0.53"]));
        assert_eq!(summary["search"], json!(["example.com", "example.org"]));
        assert_eq!(summary["options"], json!(["edns0", "trust-ad"]));
        assert_eq!(summary["is-link-to"], "../run/systemd/resolve/stub-resolv.conf");
        assert_eq!(summary["hosts-order"], json!(["files", "resolve", "dns"]));
        let found = parsed(&collected, "look-ups.json");
        assert_eq!(found[0]["addresses"], json!(["192.0.2.7"]));
        assert_eq!(found[1]["error"], "Name or service not known");
        assert_eq!(collected.text("/run/systemd/resolve/netif/2"), "DNS=192.0.2.53\n");
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn without_resolve_nothing_is_looked_up() {
        let host = FakeHost::new().file("/etc/resolv.conf", "nameserver 192.0.2.53\n");
        let collected = Trial::plugin("dns", "").on(host);
        assert!(!collected.paths().iter().any(|path| path.contains("look-ups")));
    }

    #[test]
    fn odd_options_are_refused_and_an_empty_or_odd_host_is_quiet() {
        let dns = Dns { resolve: vec!["https://example.com/".into()] };
        assert_eq!(dns.check().len(), 1);
        let host = FakeHost::new().bytes("/etc/resolv.conf", [0xff, b'\n', 0, b'\n']);
        let collected = Trial::plugin("dns", "").on(host);
        assert_eq!(parsed(&collected, "summary.json")["name-servers"], json!([]));
        assert_eq!(collected.status(), Status::Complete);
        assert_eq!(Trial::plugin("dns", "").on(FakeHost::new()).status(), Status::Complete);
    }
}
