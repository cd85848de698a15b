//! Routes, the rules that choose their table, and neighbours.

use super::{
    interfaces::hardware,
    kernel_files::value,
    netlink::{flags, kebab},
};
use collect_core::host::Host;
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHop,
        RouteScope, RouteVia,
    },
    rule::{RuleAction, RuleAttribute, RuleMessage},
};
use serde::Serialize;
use std::{collections::BTreeMap, net::IpAddr};

/// A route.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Route {
    pub(crate) destination: String,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) interface: Option<String>,
    pub(crate) metric: Option<u32>,
    pub(crate) table: String,
    pub(crate) kind: String,
    pub(crate) family: &'static str,
    pub(crate) protocol: String,
    pub(crate) scope: String,
    pub(crate) source: Option<String>,
    pub(crate) preferred_source: Option<IpAddr>,
    pub(crate) flags: Vec<String>,
    pub(crate) mtu: Option<u32>,
    pub(crate) next_hops: Vec<NextHop>,
}

/// One of several ways.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct NextHop {
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) interface: String,
    pub(crate) weight: u32,
    pub(crate) flags: Vec<String>,
}

/// A rule that chooses a table of routes.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Rule {
    pub(crate) priority: u32,
    pub(crate) family: &'static str,
    pub(crate) action: String,
    pub(crate) table: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) incoming: Option<String>,
    pub(crate) outgoing: Option<String>,
    pub(crate) mark: Option<u32>,
    pub(crate) mask: Option<u32>,
    pub(crate) goto: Option<u32>,
}

/// A neighbour.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Neighbour {
    pub(crate) address: IpAddr,
    pub(crate) interface: String,
    pub(crate) mac: Option<String>,
    pub(crate) state: String,
}

/// What numbers mean here: interfaces and tables.
pub(crate) struct Names {
    interfaces: BTreeMap<u32, String>,
    tables: BTreeMap<u32, String>,
}

impl Names {
    /// The tables that every kernel has, and those named in `rt_tables` (`ip-route(8)`).
    pub(crate) fn new(host: &dyn Host, interfaces: BTreeMap<u32, String>) -> Self {
        let known = [(253, "default"), (254, "main"), (255, "local")];
        let mut tables: BTreeMap<_, _> =
            known.into_iter().map(|(number, name)| (number, name.to_owned())).collect();
        for path in ["/usr/share/iproute2/rt_tables", "/etc/iproute2/rt_tables"] {
            for line in value(host, path).unwrap_or_default().lines() {
                let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
                if let (Some(Ok(number)), Some(name)) = (words.next().map(str::parse), words.next())
                {
                    tables.insert(number, name.to_owned());
                }
            }
        }
        Self { interfaces, tables }
    }

    pub(crate) fn interfaces(&self) -> &BTreeMap<u32, String> {
        &self.interfaces
    }

    fn interface(&self, index: u32) -> String {
        self.interfaces.get(&index).cloned().unwrap_or_else(|| format!("#{index}"))
    }

    fn table(&self, number: u32) -> String {
        self.tables.get(&number).cloned().unwrap_or_else(|| number.to_string())
    }
}

/// The routes of all tables, without those that the kernel only remembers from others.
pub(crate) fn routes(messages: Vec<RouteNetlinkMessage>, names: &Names) -> Vec<Route> {
    let routes = messages.into_iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewRoute(route) => of_route(route, names),
        _ => None,
    });
    routes.collect()
}

fn of_route(message: RouteMessage, names: &Names) -> Option<Route> {
    let header = message.header;
    let family = family(header.address_family)?;
    if header.flags.contains(RouteFlags::Cloned) {
        return None;
    }
    let mut route = Route {
        destination: "default".to_owned(),
        gateway: None,
        interface: None,
        metric: None,
        table: names.table(header.table.into()),
        kind: kebab(&format!("{:?}", header.kind)),
        family,
        protocol: header.protocol.to_string().to_lowercase(),
        scope: match header.scope {
            RouteScope::Universe => "global".to_owned(),
            scope => scope.to_string(),
        },
        source: None,
        preferred_source: None,
        flags: flags(header.flags.iter_names()),
        mtu: None,
        next_hops: Vec::new(),
    };
    if header.destination_prefix_length > 0 {
        // Of a network whose address is 0, only its length is said.
        let zero = if family == "inet" { "0.0.0.0" } else { "::" };
        route.destination = format!("{zero}/{}", header.destination_prefix_length);
    }
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Destination(to) => {
                if let Some(to) = ip(&to) {
                    route.destination = format!("{to}/{}", header.destination_prefix_length);
                }
            }
            RouteAttribute::Source(from) => {
                let length = header.source_prefix_length;
                route.source = ip(&from).map(|from| format!("{from}/{length}"));
            }
            RouteAttribute::Gateway(by) => route.gateway = ip(&by),
            RouteAttribute::Via(by) => route.gateway = via(&by),
            RouteAttribute::Oif(index) => route.interface = Some(names.interface(index)),
            RouteAttribute::Priority(metric) => route.metric = Some(metric),
            RouteAttribute::Table(number) => route.table = names.table(number),
            RouteAttribute::PrefSource(from) => route.preferred_source = ip(&from),
            RouteAttribute::Metrics(metrics) => {
                route.mtu = metrics.iter().find_map(|metric| match metric {
                    RouteMetric::Mtu(mtu) => Some(*mtu),
                    _ => None,
                });
            }
            RouteAttribute::MultiPath(hops) => {
                route.next_hops = hops.iter().map(|hop| next_hop(hop, names)).collect();
            }
            _ => {}
        }
    }
    Some(route)
}

fn next_hop(hop: &RouteNextHop, names: &Names) -> NextHop {
    let gateway = hop.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(by) => ip(by),
        RouteAttribute::Via(by) => via(by),
        _ => None,
    });
    NextHop {
        gateway,
        interface: names.interface(hop.interface_index),
        // The kernel counts from 0.
        weight: u32::from(hop.hops) + 1,
        flags: flags(hop.flags.iter_names()),
    }
}

/// The rules, by priority.
pub(crate) fn rules(messages: Vec<RouteNetlinkMessage>, names: &Names) -> Vec<Rule> {
    let rules = messages.into_iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewRule(rule) => of_rule(rule, names),
        _ => None,
    });
    let mut rules: Vec<Rule> = rules.collect();
    rules.sort_by_key(|rule| (rule.family, rule.priority));
    rules
}

fn of_rule(message: RuleMessage, names: &Names) -> Option<Rule> {
    let header = message.header;
    let mut rule = Rule {
        family: family(header.family)?,
        action: kebab(&format!("{:?}", header.action)),
        table: (header.action == RuleAction::ToTable).then(|| names.table(header.table.into())),
        ..Rule::default()
    };
    for attribute in message.attributes {
        match attribute {
            RuleAttribute::Priority(priority) => rule.priority = priority,
            RuleAttribute::Table(number) if rule.table.is_some() => {
                rule.table = Some(names.table(number));
            }
            RuleAttribute::Source(from) => rule.from = Some(format!("{from}/{}", header.src_len)),
            RuleAttribute::Destination(to) => rule.to = Some(format!("{to}/{}", header.dst_len)),
            RuleAttribute::Iifname(name) => rule.incoming = Some(name),
            RuleAttribute::Oifname(name) => rule.outgoing = Some(name),
            RuleAttribute::FwMark(mark) => rule.mark = Some(mark),
            RuleAttribute::FwMask(mask) => rule.mask = Some(mask),
            RuleAttribute::Goto(priority) => rule.goto = Some(priority),
            _ => {}
        }
    }
    Some(rule)
}

/// The neighbours, without groups and others that are not asked for their address.
pub(crate) fn neighbours(messages: Vec<RouteNetlinkMessage>, names: &Names) -> Vec<Neighbour> {
    let neighbours = messages.into_iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewNeighbour(neighbour) => of_neighbour(neighbour, names),
        _ => None,
    });
    neighbours.collect()
}

fn of_neighbour(message: NeighbourMessage, names: &Names) -> Option<Neighbour> {
    family(message.header.family)?;
    if matches!(message.header.state, NeighbourState::Noarp | NeighbourState::None) {
        return None;
    }
    let (mut address, mut mac) = (None, None);
    for attribute in message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => {
                address = Some(ip.into());
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => {
                address = Some(ip.into());
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = Some(hardware(&bytes)),
            _ => {}
        }
    }
    Some(Neighbour {
        address: address?,
        interface: names.interface(message.header.ifindex),
        mac,
        state: message.header.state.to_string(),
    })
}

fn family(family: AddressFamily) -> Option<&'static str> {
    match family {
        AddressFamily::Inet => Some("inet"),
        AddressFamily::Inet6 => Some("inet6"),
        _ => None,
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

fn via(by: &RouteVia) -> Option<IpAddr> {
    match by {
        RouteVia::Inet(ip) => Some((*ip).into()),
        RouteVia::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
