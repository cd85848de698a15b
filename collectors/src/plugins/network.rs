//! The network: interfaces, addresses, routes, neighbours, counters.

use crate::facts::{
    interfaces::{addresses, interfaces},
    kernel_files::{children, exists},
    listing,
    namespaces::namespaces,
    netlink,
    paths::Found,
    routes::{Names, neighbours, routes, rules},
};
use collect_core::{
    CollectError, Collector, Output, Window,
    host::{Deadline, Host, NetworkTable},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{fmt::Write, io, path::PathBuf, sync::Arc, time::Duration};

/// Interfaces, addresses, routes and neighbours.
///
/// Each a list, as `.json` with everything and as `.txt`, a table:
/// - `interfaces`: state, flags, MTU and queues; speed in megabits per second, duplex and driver of
///   devices; carrier changes; what it is a member of or upon; the settings of bonds and bridges, as the
///   kernel names them; counters of bytes, packets, errors and drops since it exists.
/// - `addresses`: with scope, flags and, in seconds, how long they are valid.
/// - `routes`: of all tables, with all their next hops; `rules`: which choose the table.
/// - `neighbours`: which hardware address answers for which address.
/// - `namespaces`: the network namespaces with their names and processes. All other entries tell of the
///   one that `collect` runs in, `this`.
///
/// The kernel's counters (`/proc/net/{netstat,snmp,snmp6,softnet_stat}`), bonds (`/proc/net/bonding`)
/// and the files in which interfaces are configured are kept as they are, these without keys and
/// passwords.
///
/// From `rtnetlink(7)`, <https://docs.kernel.org/admin-guide/abi.html>, `sysfs-class-net`, and
/// `proc_pid_net(5)`. Without root only namespaces of one's own processes are seen.
///
/// ```toml
/// [collect.network]
/// use = "network"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Network {}

collect_core::register!("network" => Network as Collector);

const COUNTERS: [&str; 4] =
    ["/proc/net/netstat", "/proc/net/snmp", "/proc/net/snmp6", "/proc/net/softnet_stat"];

/// Where interfaces are configured.
const CONFIGURED: [&str; 13] = [
    "/etc/network/interfaces",
    "/etc/network/interfaces.d",
    "/etc/netplan/*.yaml",
    "/etc/systemd/network/*.network",
    "/etc/systemd/network/*.netdev",
    "/etc/systemd/network/*.link",
    "/run/systemd/network/*.network",
    "/run/systemd/network/*.netdev",
    "/run/systemd/network/*.link",
    "/etc/NetworkManager/NetworkManager.conf",
    "/etc/NetworkManager/system-connections/*.nmconnection",
    // Those with keys have other names.
    "/etc/sysconfig/network-scripts/ifcfg-*",
    "/etc/sysconfig/network-scripts/route*",
];

/// A line with one of these words may hold a key.
const KEYS: [&str; 8] =
    ["psk", "passw", "passphrase", "secret", "private", "preshared", "wep", "key"];

impl Collector for Network {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let names = Names::new(host, netlink::names(host));

        let found = netlink::noted(out, "addresses", NetworkTable::Addresses);
        let addresses = addresses(found, names.interfaces());
        let links = netlink::noted(out, "interfaces", NetworkTable::Links);
        let interfaces = interfaces(host, links, names.interfaces(), &addresses);
        let columns =
            ["name", "state", "kind", "mtu", "megabits-per-second", "member-of", "addresses"];
        listing::write(out, "interfaces", columns, &interfaces)?;
        let columns = ["interface", "address", "scope", "flags"];
        listing::write(out, "addresses", columns, &addresses)?;

        let routes = routes(netlink::noted(out, "routes", NetworkTable::Routes), &names);
        let columns =
            ["destination", "gateway", "interface", "metric", "table", "kind", "protocol"];
        listing::write(out, "routes", columns, &routes)?;
        let rules = rules(netlink::noted(out, "rules", NetworkTable::Rules), &names);
        let columns = ["priority", "family", "from", "to", "action", "table"];
        listing::write(out, "rules", columns, &rules)?;
        let neighbours =
            neighbours(netlink::noted(out, "neighbours", NetworkTable::Neighbours), &names);
        listing::write(out, "neighbours", ["address", "interface", "mac", "state"], &neighbours)?;

        let namespaces = namespaces(host, out.deadline());
        let columns = ["inode", "names", "processes", "process-id", "process-name", "this"];
        listing::write(out, "namespaces", columns, &namespaces)?;

        let counters = COUNTERS.into_iter().filter(|path| exists(host, path)).map(PathBuf::from);
        let bonds = children(host, "/proc/net/bonding").into_iter();
        counters.chain(bonds).try_for_each(|path| out.file(path))?;
        write_configuration(out)
    }

    fn refused(&self, host: &dyn Host, _: &Window) -> Vec<String> {
        let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let others = host.link("/proc/1/ns/net".as_ref()).is_err_and(|error| denied(&error));
        let others = others.then(|| "network namespaces of other users' processes".to_owned());
        let deadline = Deadline::after(Duration::from_secs(2), Arc::default());
        let files = Found::of(host, CONFIGURED, &deadline).not_readable(host);
        others.into_iter().chain(files).collect()
    }
}

fn write_configuration(out: &mut Output<'_>) -> Result<(), CollectError> {
    let found = Found::of(out.host(), CONFIGURED, out.deadline());
    for folder in found.refused {
        out.failed(&folder.display().to_string(), &io::ErrorKind::PermissionDenied.into());
    }
    for file in found.files {
        if let Some(bytes) = out.read(&file)? {
            let text = without_keys(&String::from_utf8_lossy(&bytes));
            out.text(file.to_string_lossy().trim_start_matches('/'), &text)?;
        }
    }
    Ok(())
}

/// The text without what follows a word that may name a key, in any of their notations: `psk=…`,
/// `wpa-psk …`, `{ password: … }`.
fn without_keys(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let lower = line.to_ascii_lowercase();
        let word = KEYS.iter().filter_map(|key| lower.find(key)).min();
        let end = word.and_then(|at| {
            let rest = lower[at..].find(|letter: char| " =:\t".contains(letter));
            rest.map(|length| at + length + 1)
        });
        match end {
            Some(end) => writeln!(kept, "{} (left out)", &line[..end]),
            None => writeln!(kept, "{line}"),
        }
        .expect("a string takes everything");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::netlink::tests::{link, sent};
    use collect_core::{
        bundle::Status,
        host::Interface,
        testkit::{Collected, FakeHost, Trial},
    };
    use netlink_packet_route::{
        AddressFamily, RouteNetlinkMessage as Message,
        address::{AddressAttribute, AddressMessage},
        link::{InfoData, InfoKind, InfoVlan, LinkAttribute, LinkInfo, State, Stats64},
        neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
        route::{
            RouteAddress, RouteAttribute, RouteMessage, RouteNextHop, RouteProtocol, RouteType,
        },
        rule::{RuleAction, RuleAttribute, RuleMessage},
    };
    use serde_json::{Value, json};
    use std::net::Ipv4Addr;

    fn parsed(collected: &Collected, entry: &str) -> Value {
        serde_json::from_str(collected.text(entry)).unwrap()
    }

    const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn links() -> Vec<u8> {
        let mut eth0 = link(2, "eth0");
        let mut counters = Stats64::default();
        counters.rx_bytes = 7;
        counters.rx_dropped = 3;
        counters.rx_crc_errors = 2;
        eth0.attributes.extend([
            LinkAttribute::Mtu(1500),
            LinkAttribute::OperState(State::Up),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 7]),
            LinkAttribute::Stats64(counters),
        ]);
        let mut vlan = link(3, "eth0.5");
        vlan.attributes.extend([
            LinkAttribute::Link(2),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Vlan),
                LinkInfo::Data(InfoData::Vlan(vec![InfoVlan::Id(5)])),
            ]),
        ]);
        sent([eth0, vlan].map(Message::NewLink))
    }

    fn tables() -> FakeHost {
        let mut address = AddressMessage::default();
        address.header.family = AddressFamily::Inet;
        address.header.index = 2;
        address.header.prefix_len = 24;
        address.attributes.push(AddressAttribute::Local(HOST.into()));
        let mut route = RouteMessage::default();
        route.header.address_family = AddressFamily::Inet;
        route.header.table = 254;
        route.header.kind = RouteType::Unicast;
        route.header.protocol = RouteProtocol::Dhcp;
        let mut double = route.clone();
        route.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(ROUTER)));
        route.attributes.push(RouteAttribute::Oif(2));
        double.header.destination_prefix_length = 24;
        double.attributes.push(RouteAttribute::Table(100));
        double
            .attributes
            .push(RouteAttribute::Destination(RouteAddress::Inet([198, 51, 100, 0].into())));
        let mut hop = RouteNextHop::default();
        hop.interface_index = 3;
        hop.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(ROUTER)));
        double.attributes.push(RouteAttribute::MultiPath(vec![hop]));
        let mut rule = RuleMessage::default();
        rule.header.family = AddressFamily::Inet;
        rule.header.action = RuleAction::ToTable;
        rule.attributes.extend([RuleAttribute::Priority(7), RuleAttribute::Table(100)]);
        let mut neighbour = NeighbourMessage::default();
        neighbour.header.family = AddressFamily::Inet;
        neighbour.header.ifindex = 2;
        neighbour.header.state = NeighbourState::Stale;
        let known = NeighbourAddress::Inet(ROUTER);
        neighbour.attributes.push(NeighbourAttribute::Destination(known));
        FakeHost::new()
            .network(NetworkTable::Links, links())
            .network(NetworkTable::Addresses, sent([Message::NewAddress(address)]))
            .network(NetworkTable::Routes, sent([route, double].map(Message::NewRoute)))
            .network(NetworkTable::Rules, sent([Message::NewRule(rule)]))
            .network(NetworkTable::Neighbours, sent([Message::NewNeighbour(neighbour)]))
    }

    #[test]
    fn interfaces_are_described_with_what_the_kernel_knows_of_them() {
        let host = tables()
            .file("/sys/class/net/eth0/speed", "1000\n")
            .file("/sys/class/net/eth0/bonding/mode", "active-backup 1\n")
            .file("/sys/class/net/eth0/bonding/slaves", "eth1 eth2\n");
        let collected = Trial::of(Network::default()).on(host);
        let interfaces = parsed(&collected, "interfaces.json");
        let eth0 = &interfaces[0];
        assert_eq!((&eth0["state"], &eth0["mac"]), (&json!("up"), &json!("02:00:00:00:00:07")));
        assert_eq!(eth0["addresses"], json!(["192.0.2.7/24"]));
        assert_eq!(eth0["megabits-per-second"], 1000);
        assert_eq!(
            (&eth0["received"]["bytes"], &eth0["received"]["dropped"]),
            (&json!(7), &json!(3))
        );
        assert_eq!(eth0["received"]["kinds"], json!({ "crc": 2 }));
        assert_eq!(eth0["settings"]["mode"], "active-backup 1");
        assert_eq!(eth0["members"], json!(["eth1", "eth2"]));
        let vlan = &interfaces[1];
        assert_eq!(
            (&vlan["kind"], &vlan["vlan"], &vlan["upon"]),
            (&json!("vlan"), &json!(5), &json!("eth0"))
        );
        assert_eq!(collected.status(), Status::Complete);
    }

    #[test]
    fn routes_rules_and_neighbours_have_names_for_what_are_numbers() {
        let host = tables().file("/etc/iproute2/rt_tables", "# mine\n100 uplink\n");
        let collected = Trial::of(Network::default()).on(host);
        let routes = parsed(&collected, "routes.json");
        assert_eq!(routes[0]["destination"], "default");
        assert_eq!(
            (&routes[0]["gateway"], &routes[0]["interface"]),
            (&json!("192.0.2.1"), &json!("eth0"))
        );
        assert_eq!((&routes[0]["table"], &routes[0]["protocol"]), (&json!("main"), &json!("dhcp")));
        assert_eq!(
            (&routes[1]["destination"], &routes[1]["table"]),
            (&json!("198.51.100.0/24"), &json!("uplink"))
        );
        assert_eq!(routes[1]["next-hops"][0]["interface"], "eth0.5");
        let rules = parsed(&collected, "rules.json");
        assert_eq!((&rules[0]["priority"], &rules[0]["table"]), (&json!(7), &json!("uplink")));
        let neighbours = parsed(&collected, "neighbours.json");
        assert_eq!(
            (&neighbours[0]["address"], &neighbours[0]["state"]),
            (&json!("192.0.2.1"), &json!("stale"))
        );
    }

    #[test]
    fn keys_are_left_out_of_configurations() {
        let host = FakeHost::new()
            .file(
                "/etc/network/interfaces",
                "iface wlan0 inet dhcp\n  wpa-ssid cafe\n  wpa-psk made:up=too\n",
            )
            .file(
                "/etc/systemd/network/wg.netdev",
                "[WireGuard]\nPrivateKey=made-up=\nListenPort=51820\n",
            )
            .file("/etc/netplan/a.yaml", "    \"cafe\": {password: made-up}\n    dhcp4: true\n")
            .file("/etc/sysconfig/network-scripts/keys-wlan0", "KEY=made-up\n");
        let collected = Trial::of(Network::default()).on(host);
        for entry in
            ["etc/network/interfaces", "etc/systemd/network/wg.netdev", "etc/netplan/a.yaml"]
        {
            let text = collected.text(entry);
            assert!(text.contains("(left out)") && !text.contains("made"), "{text}");
        }
        assert!(collected.text("etc/network/interfaces").contains("wpa-ssid cafe"));
        assert!(!collected.paths().iter().any(|path| path.contains("keys-")));
    }

    #[test]
    fn what_is_refused_is_said_beforehand() {
        let host =
            FakeHost::new().denied("/etc/netplan/a.yaml").file("/etc/network/interfaces", "");
        let refused = Network::default().refused(&host, &Window::default());
        assert_eq!(refused, ["/etc/netplan/a.yaml"]);
    }

    #[test]
    fn a_host_whose_kernel_tells_nothing_has_what_its_files_say() {
        let interface = Interface {
            name: "eth0".into(),
            addresses: vec!["192.0.2.1/24".into()],
            ..Interface::default()
        };
        let host = FakeHost::new()
            .interface(interface)
            .file("/sys/class/net/eth0/operstate", "up\n")
            .network(NetworkTable::Routes, b"odd");
        let collected = Trial::of(Network::default()).on(host);
        let interfaces = parsed(&collected, "interfaces.json");
        assert_eq!(interfaces[0]["state"], "up");
        assert_eq!(interfaces[0]["addresses"], json!(["192.0.2.1/24"]));
        assert_eq!(parsed(&collected, "routes.json"), json!([]));
        assert_eq!(collected.status(), Status::Complete);
    }
}
