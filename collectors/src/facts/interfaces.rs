//! The network interfaces and their addresses.

use super::{
    kernel_files::{children, link_name, name, number, value},
    netlink::{flags, kebab},
};
use collect_core::host::{self, Host};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage, AddressScope},
    link::{InfoData, InfoVlan, InfoVxlan, LinkAttribute, LinkInfo, LinkMessage, Stats64},
};
use serde::Serialize;
use std::{collections::BTreeMap, net::IpAddr};

/// An interface.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) index: Option<u32>,
    pub(crate) state: Option<String>,
    /// The kind of its frames: `ether`, `loopback`.
    pub(crate) layer: Option<String>,
    /// What made it, if it is no device: `bridge`, `vlan`.
    pub(crate) kind: Option<String>,
    pub(crate) flags: Vec<String>,
    pub(crate) mac: Option<String>,
    pub(crate) addresses: Vec<String>,
    pub(crate) mtu: Option<u64>,
    pub(crate) queue_discipline: Option<String>,
    pub(crate) queue_length: Option<u32>,
    pub(crate) member_of: Option<String>,
    /// The interface that it is a part of, as that of a VLAN.
    pub(crate) upon: Option<String>,
    pub(crate) alias: Option<String>,
    pub(crate) vlan: Option<u16>,
    pub(crate) vxlan: Option<u32>,
    pub(crate) megabits_per_second: Option<u64>,
    pub(crate) duplex: Option<String>,
    pub(crate) driver: Option<String>,
    pub(crate) carrier: Option<bool>,
    pub(crate) carrier_changes: Option<u64>,
    /// Of a bond or bridge, as sysfs has it.
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) members: Vec<String>,
    pub(crate) received: Option<Traffic>,
    pub(crate) sent: Option<Traffic>,
}

/// Counters since the interface exists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Traffic {
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) errors: u64,
    pub(crate) dropped: Option<u64>,
    /// Errors by kind, those that happened.
    pub(crate) kinds: BTreeMap<&'static str, u64>,
}

/// An address of an interface.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Address {
    pub(crate) interface: String,
    #[serde(rename = "address")]
    pub(crate) written: String,
    pub(crate) family: &'static str,
    pub(crate) scope: String,
    pub(crate) flags: Vec<String>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) broadcast: Option<IpAddr>,
    pub(crate) label: Option<String>,
    /// In seconds; none if it is for ever.
    pub(crate) valid: Option<u32>,
    pub(crate) preferred: Option<u32>,
}

/// What the kernel's tables say, completed from sysfs.
pub(crate) fn interfaces(
    host: &dyn Host,
    links: Vec<RouteNetlinkMessage>,
    names: &BTreeMap<u32, String>,
    addresses: &[Address],
) -> Vec<Interface> {
    let links = links.into_iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewLink(link) => Some(of_link(link, names)),
        _ => None,
    });
    let mut interfaces: Vec<Interface> = links.collect();
    if interfaces.is_empty() {
        interfaces.extend(host.interfaces().into_iter().map(of_host));
    } else {
        for interface in &mut interfaces {
            let own = addresses.iter().filter(|address| address.interface == interface.name);
            interface.addresses = own.map(|address| address.written.clone()).collect();
        }
    }
    for interface in &mut interfaces {
        complete(host, interface);
    }
    interfaces
}

fn of_link(link: LinkMessage, names: &BTreeMap<u32, String>) -> Interface {
    let mut interface = Interface {
        index: Some(link.header.index),
        layer: Some(link.header.link_layer_type.to_string().to_lowercase()),
        flags: flags(link.header.flags.iter_names()),
        ..Interface::default()
    };
    let called = |index| Some(names.get(&index).cloned().unwrap_or_else(|| format!("#{index}")));
    for attribute in link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name = name,
            LinkAttribute::OperState(state) => {
                interface.state = Some(kebab(&format!("{state:?}")));
            }
            LinkAttribute::Address(bytes) => interface.mac = Some(hardware(&bytes)),
            LinkAttribute::Mtu(mtu) => interface.mtu = Some(mtu.into()),
            LinkAttribute::Qdisc(name) => interface.queue_discipline = Some(name),
            LinkAttribute::TxQueueLen(length) => interface.queue_length = Some(length),
            LinkAttribute::Controller(index) => interface.member_of = called(index),
            LinkAttribute::Link(index) if index != link.header.index && index != 0 => {
                interface.upon = called(index);
            }
            LinkAttribute::IfAlias(alias) => interface.alias = Some(alias),
            LinkAttribute::Carrier(carrier) => interface.carrier = Some(carrier != 0),
            LinkAttribute::CarrierChanges(changes) => {
                interface.carrier_changes = Some(changes.into());
            }
            LinkAttribute::Stats64(counters) => {
                interface.received = Some(received(&counters));
                interface.sent = Some(sent(&counters));
            }
            LinkAttribute::LinkInfo(infos) => {
                for info in &infos {
                    kind(info, &mut interface);
                }
            }
            _ => {}
        }
    }
    interface
}

fn kind(info: &LinkInfo, interface: &mut Interface) {
    match info {
        LinkInfo::Kind(kind) => interface.kind = Some(kind.to_string()),
        LinkInfo::Data(InfoData::Vlan(facts)) => {
            interface.vlan = facts.iter().find_map(|fact| match fact {
                InfoVlan::Id(id) => Some(*id),
                _ => None,
            });
        }
        LinkInfo::Data(InfoData::Vxlan(facts)) => {
            interface.vxlan = facts.iter().find_map(|fact| match fact {
                InfoVxlan::Id(id) => Some(*id),
                _ => None,
            });
        }
        _ => {}
    }
}

/// Where the kernel's tables are not to be had.
fn of_host(from: host::Interface) -> Interface {
    let counted = |traffic: host::Traffic| Traffic {
        bytes: traffic.bytes,
        packets: traffic.packets,
        errors: traffic.errors,
        dropped: None,
        kinds: BTreeMap::new(),
    };
    Interface {
        name: from.name,
        mac: Some(from.mac).filter(|mac| !mac.is_empty()),
        addresses: from.addresses,
        mtu: Some(from.mtu).filter(|mtu| *mtu > 0),
        received: Some(counted(from.received)),
        sent: Some(counted(from.sent)),
        ..Interface::default()
    }
}

/// What only sysfs has (<https://docs.kernel.org/admin-guide/abi.html>, `sysfs-class-net`).
fn complete(host: &dyn Host, interface: &mut Interface) {
    let class = format!("/sys/class/net/{}", interface.name);
    interface.state = interface.state.take().or_else(|| value(host, format!("{class}/operstate")));
    interface.member_of =
        interface.member_of.take().or_else(|| link_name(host, format!("{class}/master")));
    interface.carrier_changes =
        interface.carrier_changes.or_else(|| number(host, format!("{class}/carrier_changes")));
    // -1, where there is no cable; a virtual one has made up a number.
    interface.megabits_per_second = number(host, format!("{class}/speed"));
    interface.duplex = value(host, format!("{class}/duplex")).filter(|duplex| duplex != "unknown");
    interface.driver = link_name(host, format!("{class}/device/driver"));
    for folder in ["bonding", "bridge"] {
        for file in children(host, format!("{class}/{folder}")) {
            // The learnt addresses are no setting, and `flush` forgets them.
            if !["flush", "slaves"].contains(&name(&file).as_str())
                && let Some(value) = value(host, &file)
            {
                interface.settings.insert(name(&file).replace('_', "-"), value);
            }
        }
    }
    let slaves = value(host, format!("{class}/bonding/slaves")).unwrap_or_default();
    interface.members.extend(slaves.split_whitespace().map(str::to_owned));
    interface.members.extend(children(host, format!("{class}/brif")).iter().map(name));
}

/// The addresses of all interfaces.
pub(crate) fn addresses(
    messages: Vec<RouteNetlinkMessage>,
    names: &BTreeMap<u32, String>,
) -> Vec<Address> {
    let addresses = messages.into_iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewAddress(address) => of_address(address, names),
        _ => None,
    });
    addresses.collect()
}

fn of_address(message: AddressMessage, names: &BTreeMap<u32, String>) -> Option<Address> {
    let family = match message.header.family {
        AddressFamily::Inet => "inet",
        AddressFamily::Inet6 => "inet6",
        _ => return None,
    };
    let (mut local, mut remote) = (None, None);
    let index = message.header.index;
    let mut address = Address {
        interface: names.get(&index).cloned().unwrap_or_else(|| format!("#{index}")),
        written: String::new(),
        family,
        scope: match message.header.scope {
            AddressScope::Universe => "global".to_owned(),
            scope => scope.to_string(),
        },
        flags: flags(message.header.flags.iter_names()),
        peer: None,
        broadcast: None,
        label: None,
        valid: None,
        preferred: None,
    };
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(ip),
            AddressAttribute::Address(ip) => remote = Some(ip),
            AddressAttribute::Label(label) => address.label = Some(label),
            AddressAttribute::Broadcast(ip) => address.broadcast = Some(ip.into()),
            // With those that do not fit into the header.
            AddressAttribute::Flags(all) => address.flags = flags(all.iter_names()),
            AddressAttribute::CacheInfo(times) => {
                let finite = |time| Some(time).filter(|time| *time != u32::MAX);
                address.valid = finite(times.ifa_valid);
                address.preferred = finite(times.ifa_preferred);
            }
            _ => {}
        }
    }
    // `IFA_ADDRESS` is the peer's where `IFA_LOCAL` is there and different (`rtnetlink(7)`).
    let own = local.or(remote)?;
    address.written = format!("{own}/{}", message.header.prefix_len);
    address.peer = remote.filter(|peer| *peer != own);
    Some(address)
}

/// A hardware address: `02:00:00:00:00:07`; that of a tunnel is an address of the network.
pub(crate) fn hardware(bytes: &[u8]) -> String {
    if let Ok(ip) = <[u8; 4]>::try_from(bytes) {
        return IpAddr::from(ip).to_string();
    }
    if let Ok(ip) = <[u8; 16]>::try_from(bytes) {
        return IpAddr::from(ip).to_string();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn received(counters: &Stats64) -> Traffic {
    let kinds = [
        ("multicast", counters.multicast),
        ("length", counters.rx_length_errors),
        ("overrun", counters.rx_over_errors),
        ("crc", counters.rx_crc_errors),
        ("frame", counters.rx_frame_errors),
        ("fifo", counters.rx_fifo_errors),
        ("missed", counters.rx_missed_errors),
    ];
    Traffic {
        bytes: counters.rx_bytes,
        packets: counters.rx_packets,
        errors: counters.rx_errors,
        dropped: Some(counters.rx_dropped),
        kinds: happened(kinds),
    }
}

fn sent(counters: &Stats64) -> Traffic {
    let kinds = [
        ("collisions", counters.collisions),
        ("aborted", counters.tx_aborted_errors),
        ("carrier", counters.tx_carrier_errors),
        ("fifo", counters.tx_fifo_errors),
        ("heartbeat", counters.tx_heartbeat_errors),
        ("window", counters.tx_window_errors),
    ];
    Traffic {
        bytes: counters.tx_bytes,
        packets: counters.tx_packets,
        errors: counters.tx_errors,
        dropped: Some(counters.tx_dropped),
        kinds: happened(kinds),
    }
}

fn happened<const N: usize>(kinds: [(&'static str, u64); N]) -> BTreeMap<&'static str, u64> {
    kinds.into_iter().filter(|(_, count)| *count > 0).collect()
}
