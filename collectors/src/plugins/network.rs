//! The network: interfaces, routes, sockets, name resolution, neighbours, counters, firewall rules.

use crate::facts::{
    firewall,
    kernel_files::{children, link_name, number, parsed, value},
    sockets::{Decoded, Route, Socket, owners, routes, routes6, tcp, udp},
    table::Table,
};
use collect_core::{
    CollectError, Collector, Output,
    host::{Host, Interface, Traffic},
};
use procfs::process::Status;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;

/// Interfaces, routes, sockets, name resolution.
///
/// Interfaces with addresses and counters, routes (`routes.txt`), TCP and UDP sockets with their
/// processes (`sockets.txt`), name resolution, neighbours, bonds, the kernel's counters, and firewall
/// rules.
///
/// From `proc_pid_net(5)` and <https://docs.kernel.org/admin-guide/abi.html>, `sysfs-class-net`. Without
/// root only one's own processes are named. Firewall rules need root, and are asked for only if the
/// kernel has the modules loaded already.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Network {}

collect_core::register!("network" => Network as Collector);

const FILES: [&str; 14] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/proc/net/arp",
    "/proc/net/dev",
    "/proc/net/netstat",
    "/proc/net/snmp",
    "/proc/net/snmp6",
    "/proc/net/sockstat",
    "/proc/net/sockstat6",
    "/proc/net/softnet_stat",
    "/proc/net/unix",
];

/// `CAP_NET_ADMIN` of `capabilities(7)`.
const NET_ADMIN: u64 = 1 << 12;

impl Collector for Network {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let interfaces = host.interfaces();
        let interfaces = interfaces.iter().map(|interface| about(host, interface));
        let interfaces: Vec<Value> = interfaces.collect();
        out.json("interfaces.json", &interfaces)?;
        write_routes(out)?;
        write_sockets(out)?;
        for path in FILES {
            out.file(path)?;
        }
        for bond in children(out.host(), "/proc/net/bonding") {
            out.file(bond)?;
        }
        write_firewall(out)
    }
}

fn about(host: &dyn Host, interface: &Interface) -> Value {
    let class = format!("/sys/class/net/{}", interface.name);
    let traffic = |traffic: Traffic, direction: &str| {
        json!({
            "bytes": traffic.bytes,
            "packets": traffic.packets,
            "errors": traffic.errors,
            "dropped": number(host, format!("{class}/statistics/{direction}_dropped")),
        })
    };
    json!({
        "name": interface.name,
        "state": value(host, format!("{class}/operstate")),
        "mac": interface.mac,
        "addresses": interface.addresses,
        "mtu": interface.mtu,
        "megabits-per-second": number(host, format!("{class}/speed")),
        "duplex": value(host, format!("{class}/duplex")),
        "carrier-changes": number(host, format!("{class}/carrier_changes")),
        "driver": link_name(host, format!("{class}/device/driver")),
        "member-of": link_name(host, format!("{class}/master")),
        "received": traffic(interface.received, "rx"),
        "sent": traffic(interface.sent, "tx"),
    })
}

/// Reads and decodes a table; lines that were not understood are noted.
fn decoded<T>(
    out: &mut Output<'_>,
    path: &str,
    decode: fn(&[u8]) -> Decoded<T>,
) -> Result<Vec<T>, CollectError> {
    let table = out.read(path)?.map(|table| decode(&table));
    let Some(table) = table else {
        return Ok(Vec::new());
    };
    if table.unknown > 0 {
        let what = format!("{} lines were not understood", table.unknown);
        out.failed(path, &io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(table.rows)
}

fn write_routes(out: &mut Output<'_>) -> Result<(), CollectError> {
    let mut all: Vec<Route> = decoded(out, "/proc/net/route", routes)?;
    all.extend(decoded(out, "/proc/net/ipv6_route", routes6)?);
    let mut table = Table::new(["NETWORK", "GATEWAY", "INTERFACE", "METRIC"]);
    for route in all {
        table.row([
            format!("{}/{}", route.network, route.prefix),
            route.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
            route.interface,
            route.metric.to_string(),
        ]);
    }
    out.text("routes.txt", &table.to_string())
}

fn write_sockets(out: &mut Output<'_>) -> Result<(), CollectError> {
    type Decode = fn(&[u8]) -> Decoded<Socket>;
    let tables: [(&str, &str, Decode); 4] = [
        ("tcp", "/proc/net/tcp", tcp),
        ("tcp", "/proc/net/tcp6", tcp),
        ("udp", "/proc/net/udp", udp),
        ("udp", "/proc/net/udp6", udp),
    ];
    let mut sockets = Vec::new();
    for (protocol, path, decode) in tables {
        let decoded = decoded(out, path, decode)?.into_iter();
        sockets.extend(decoded.map(|socket| (protocol, socket)));
    }
    // What listens comes first: it is what is looked for most.
    sockets.sort_by_key(|(protocol, socket)| (socket.state != "LISTEN", *protocol, socket.local));

    let owners = owners(out.host(), out.deadline());
    let mut table = Table::new([
        "PROTOCOL", "STATE", "LOCAL", "REMOTE", "RECEIVED", "UNSENT", "USER", "PROCESS",
    ]);
    for (protocol, socket) in sockets {
        table.row([
            protocol.to_owned(),
            socket.state,
            socket.local.to_string(),
            socket.remote.to_string(),
            socket.receive_queue.to_string(),
            socket.send_queue.to_string(),
            socket.user.to_string(),
            owners.get(&socket.inode).cloned().unwrap_or_default(),
        ]);
    }
    out.text("sockets.txt", &table.to_string())
}

fn write_firewall(out: &mut Output<'_>) -> Result<(), CollectError> {
    let commands = firewall::commands(out.host());
    if commands.is_empty() {
        return Ok(());
    }
    let status: Option<Status> = parsed(out.host(), "/proc/self/status");
    if status.is_some_and(|status| status.capeff & NET_ADMIN == 0) {
        out.failed("firewall rules", &io::ErrorKind::PermissionDenied.into());
        return Ok(());
    }
    for (entry, command) in commands {
        out.command(entry, &command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n   \
        0: 010200C0:1F90 026433C6:C001 01 00000000:00000000 00:00000000 00000000 33 0 4711 1\n   \
        1: 010200C0:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4712 1\n";

    #[test]
    fn what_listens_comes_first_and_names_its_process() {
        let host = FakeHost::new()
            .file("/proc/net/tcp", TCP)
            .link("/proc/20/fd/3", "socket:[4712]")
            .file("/proc/20/comm", "sshd\n")
            .file("/etc/resolv.conf", "nameserver 192.0.2.53\n");
        let collected = Trial::of(Network::default()).on(host);
        let sockets: Vec<Vec<&str>> = collected
            .text("sockets.txt")
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(sockets[0][1..4], ["LISTEN", "192.0.2.1:22", "0.0.0.0:0"]);
        assert_eq!(sockets[0][7], "20/sshd");
        assert_eq!(sockets[1][2..4], ["192.0.2.1:8080", "198.51.100.2:49153"]);
        assert_eq!(sockets[1][7], "-");
        assert_eq!(collected.text("/etc/resolv.conf"), "nameserver 192.0.2.53\n");
        assert_eq!(collected.status(), Status::Complete);
        // Addresses in hexadecimal would pass every redactor.
        assert!(!collected.paths().contains(&"test/proc/net/tcp"));
    }

    #[test]
    fn interfaces_are_described_with_what_the_kernel_knows_of_them() {
        let interface = Interface {
            name: "eth0".into(),
            addresses: vec!["192.0.2.1/24".into()],
            mtu: 1500,
            ..Interface::default()
        };
        let host = FakeHost::new()
            .interface(interface)
            .file("/sys/class/net/eth0/operstate", "up\n")
            .file("/sys/class/net/eth0/statistics/rx_dropped", "7\n");
        let collected = Trial::of(Network::default()).on(host);
        let interfaces: Value = serde_json::from_str(collected.text("interfaces.json")).unwrap();
        assert_eq!(interfaces[0]["state"], "up");
        assert_eq!(interfaces[0]["addresses"], json!(["192.0.2.1/24"]));
        assert_eq!(interfaces[0]["received"]["dropped"], 7);
    }

    #[test]
    fn rules_of_a_loaded_firewall_are_listed() {
        let host = FakeHost::new()
            .file("/proc/modules", "nf_tables 311296 0 - Live 0x0\n")
            .command("nft list ruleset", "table inet filter {}\n");
        let collected = Trial::of(Network::default()).on(host);
        assert_eq!(collected.text("nftables.txt"), "table inet filter {}\n");
    }
}
