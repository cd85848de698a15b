//! The kernel's tables of routes and sockets, decoded.
//!
//! They hold addresses in hexadecimal. So they are never collected as they are: a redactor would
//! not recognise the addresses.

use super::kernel_files::{children, processes, value};
use collect_core::host::{Deadline, Host};
use procfs::{
    ExplicitSystemInfo, FromRead, FromReadSI,
    net::{RouteEntries, TcpNetEntries, TcpState, UdpNetEntries},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

/// A socket of TCP or UDP.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) state: String,
    pub(crate) receive_queue: u32,
    pub(crate) send_queue: u32,
    pub(crate) user: u32,
    pub(crate) inode: u64,
}

/// A route. Without a gateway the network is reached directly.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) network: IpAddr,
    pub(crate) prefix: u32,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) interface: String,
    pub(crate) metric: u32,
}

/// What a table held, and how many of its lines could not be understood.
pub(crate) struct Decoded<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) unknown: usize,
}

/// `/proc/net/tcp` and `/proc/net/tcp6` (`proc_pid_net(5)`).
pub(crate) fn tcp(table: &[u8]) -> Decoded<Socket> {
    decoded(table, 1, |line| {
        let entries = TcpNetEntries::from_read(line, &here()).ok()?;
        let entry = entries.0.into_iter().next()?;
        Some(Socket {
            local: entry.local_address,
            remote: entry.remote_address,
            state: tcp_state(&entry.state).to_owned(),
            receive_queue: entry.rx_queue,
            send_queue: entry.tx_queue,
            user: entry.uid,
            inode: entry.inode,
        })
    })
}

/// `/proc/net/udp` and `/proc/net/udp6` (`proc_pid_net(5)`).
pub(crate) fn udp(table: &[u8]) -> Decoded<Socket> {
    decoded(table, 1, |line| {
        let entries = UdpNetEntries::from_read(line, &here()).ok()?;
        let entry = entries.0.into_iter().next()?;
        Some(Socket {
            local: entry.local_address,
            remote: entry.remote_address,
            state: String::new(),
            receive_queue: entry.rx_queue,
            send_queue: entry.tx_queue,
            user: entry.uid,
            inode: entry.inode,
        })
    })
}

/// The first process that has each socket open, by the socket's inode. Without root only one's own
/// processes say what they have open.
pub(crate) fn owners(host: &dyn Host, deadline: &Deadline) -> BTreeMap<u64, String> {
    let mut owners = BTreeMap::new();
    for (id, folder) in processes(host).into_iter().take_while(|_| !deadline.passed()) {
        let open = children(host, folder.join("fd")).into_iter();
        let sockets = open.filter_map(|descriptor| {
            let target = host.link(&descriptor).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            inode.parse::<u64>().ok()
        });
        let sockets: BTreeSet<_> = sockets.collect();
        if !sockets.is_empty() {
            let name = value(host, folder.join("comm")).unwrap_or_default();
            for inode in sockets {
                owners.entry(inode).or_insert_with(|| format!("{id}/{name}"));
            }
        }
    }
    owners
}

/// `/proc/net/route`.
pub(crate) fn routes(table: &[u8]) -> Decoded<Route> {
    decoded(table, 1, |line| {
        let entries = RouteEntries::from_read(line).ok()?;
        let entry = entries.0.into_iter().next()?;
        Some(Route {
            network: entry.destination.into(),
            prefix: entry.mask.to_bits().count_ones(),
            gateway: (!entry.gateway.is_unspecified()).then_some(entry.gateway.into()),
            interface: entry.iface,
            metric: entry.metrics,
        })
    })
}

/// `/proc/net/ipv6_route`, without the routes to the host's own addresses: network, prefix length,
/// source, its prefix length, gateway, metric, references, uses, flags, interface.
pub(crate) fn routes6(table: &[u8]) -> Decoded<Route> {
    let all = decoded(table, 0, |line| {
        let line = std::str::from_utf8(line.split_first_chunk::<1>()?.1).ok()?;
        let fields: Vec<_> = line.split_whitespace().collect();
        let [network, prefix, _, _, gateway, metric, _, _, _, interface] = fields[..] else {
            return None;
        };
        let number = |text| u32::from_str_radix(text, 16).ok();
        let address = |text| u128::from_str_radix(text, 16).ok().map(Ipv6Addr::from_bits);
        let gateway = address(gateway)?;
        Some(Route {
            network: address(network)?.into(),
            prefix: number(prefix)?,
            gateway: (!gateway.is_unspecified()).then_some(gateway.into()),
            interface: interface.to_owned(),
            metric: number(metric)?,
        })
    });
    Decoded { rows: all.rows.into_iter().filter(|route| route.interface != "lo").collect(), ..all }
}

/// Decodes line by line, so that one line of a newer kernel costs no other; every line is given
/// behind an empty one, in the place of the headings that the parsers skip.
fn decoded<T>(table: &[u8], headings: usize, decode: impl Fn(&[u8]) -> Option<T>) -> Decoded<T> {
    let mut decoded = Decoded { rows: Vec::new(), unknown: 0 };
    let lines = table.split(|byte| *byte == b'\n').skip(headings);
    for line in lines.filter(|line| !line.is_empty()) {
        match decode(&[b"\n", line].concat()) {
            Some(row) => decoded.rows.push(row),
            None => decoded.unknown += 1,
        }
    }
    decoded
}

/// What the parsers ask about the host; only the order of bytes is used.
fn here() -> ExplicitSystemInfo {
    ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: 100,
        page_size: 4096,
        is_little_endian: cfg!(target_endian = "little"),
    }
}

/// As `ss(8)` names them.
fn tcp_state(state: &TcpState) -> &'static str {
    match state {
        TcpState::Established => "ESTAB",
        TcpState::SynSent => "SYN-SENT",
        TcpState::SynRecv | TcpState::NewSynRecv => "SYN-RECV",
        TcpState::FinWait1 => "FIN-WAIT-1",
        TcpState::FinWait2 => "FIN-WAIT-2",
        TcpState::TimeWait => "TIME-WAIT",
        TcpState::Close => "CLOSE",
        TcpState::CloseWait => "CLOSE-WAIT",
        TcpState::LastAck => "LAST-ACK",
        TcpState::Listen => "LISTEN",
        TcpState::Closing => "CLOSING",
    }
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_understood_costs_no_other() {
        let table = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 010200C0:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0\n   \
            1: what is this\n   \
            2: 010200C0:0016 026433C6:C001 01 00000005:00000007 02:000A 00000000     0        0 4712 1 0\n";
        let sockets = tcp(table);
        assert_eq!(sockets.unknown, 1);
        let [listening, established] = &sockets.rows[..] else { panic!("{:?}", sockets.rows) };
        assert_eq!(listening.local.to_string(), "192.0.2.1:8080");
        assert_eq!(
            (listening.state.as_str(), listening.user, listening.inode),
            ("LISTEN", 1000, 4711)
        );
        assert_eq!(established.remote.to_string(), "198.51.100.2:49153");
        assert_eq!((established.send_queue, established.receive_queue), (5, 7));
    }

    #[test]
    fn routes_are_read_in_both_families() {
        let four = b"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
            eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let four = routes(four).rows;
        assert_eq!(four[0].gateway, Some("192.0.2.1".parse().unwrap()));
        assert_eq!((four[0].prefix, four[0].metric), (0, 100));
        assert_eq!((four[1].network, four[1].prefix), ("192.0.2.0".parse().unwrap(), 24));
        assert_eq!(four[1].gateway, None);

        let six = b"20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n\
            00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000001 00000000 80200001       lo\n";
        let six = routes6(six);
        assert_eq!(six.unknown, 0);
        assert_eq!(six.rows.len(), 1);
        assert_eq!((six.rows[0].network, six.rows[0].prefix), ("2001:db8::".parse().unwrap(), 64));
        assert_eq!(six.rows[0].metric, 256);
    }
}
