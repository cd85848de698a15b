//! The kernel's tables of sockets, decoded.
//!
//! They hold addresses in hexadecimal. So they are never collected as they are: a redactor would
//! not recognise the addresses.

use super::kernel_files::{children, processes, value};
use collect_core::host::{Deadline, Host};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

/// What the kernel counts the time of timers in: `USER_HZ`, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A socket of TCP or UDP, or a raw one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Socket {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// As `ss(8)` names them.
    pub(crate) state: &'static str,
    pub(crate) receive_queue: u64,
    pub(crate) send_queue: u64,
    pub(crate) timer: Option<Timer>,
    pub(crate) retransmits: u64,
    pub(crate) user: u32,
    pub(crate) inode: u64,
    /// Of UDP and raw sockets.
    pub(crate) dropped: Option<u64>,
}

/// What the kernel waits for before it does something with a socket.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Timer {
    pub(crate) name: &'static str,
    pub(crate) seconds: f64,
}

/// A socket of this host only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnixSocket {
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    pub(crate) state: &'static str,
    pub(crate) inode: u64,
}

/// What a table held, and how many of its lines could not be understood.
#[derive(Debug)]
pub(crate) struct Decoded<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) unknown: usize,
}

/// `/proc/net/tcp` and `/proc/net/tcp6` (`proc_pid_net(5)`).
pub(crate) fn tcp(table: &[u8]) -> Decoded<Socket> {
    decoded(table, |fields| socket(fields, tcp_state, None))
}

/// `/proc/net/udp`, `/proc/net/raw` and those of IPv6 (`proc_pid_net(5)`).
pub(crate) fn datagrams(table: &[u8]) -> Decoded<Socket> {
    let state = |number| if number == 1 { Some("ESTAB") } else { Some("UNCONN") };
    decoded(table, |fields| socket(fields, state, fields.get(12)?.parse().ok()))
}

/// `/proc/net/unix` (`proc_pid_net(5)`).
pub(crate) fn unix(table: &[u8]) -> Decoded<UnixSocket> {
    decoded(table, |fields| {
        let &[_, _, _, flags, kind, state, inode, ref path @ ..] = fields else { return None };
        // `__SO_ACCEPTCON`.
        let listens = u32::from_str_radix(flags, 16).ok()? & (1 << 16) != 0;
        Some(UnixSocket {
            path: path.join(" "),
            kind: match kind {
                "0001" => "stream",
                "0002" => "datagram",
                "0005" => "packets",
                _ => "other",
            },
            state: match state {
                _ if listens => "LISTEN",
                "03" => "ESTAB",
                "02" => "SYN-SENT",
                "04" => "CLOSING",
                _ => "UNCONN",
            },
            inode: inode.parse().ok()?,
        })
    })
}

fn socket(
    fields: &[&str],
    state: impl Fn(u8) -> Option<&'static str>,
    dropped: Option<u64>,
) -> Option<Socket> {
    let &[_, local, remote, number, queues, timer, retransmits, user, _, inode, ..] = fields else {
        return None;
    };
    let (send, receive) = queues.split_once(':')?;
    let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
    Some(Socket {
        local: address(local)?,
        remote: address(remote)?,
        state: state(u8::from_str_radix(number, 16).ok()?)?,
        receive_queue: hexadecimal(receive)?,
        send_queue: hexadecimal(send)?,
        timer: of_timer(timer),
        retransmits: hexadecimal(retransmits)?,
        user: user.parse().ok()?,
        inode: inode.parse().ok()?,
        dropped,
    })
}

/// `0100007F:1F90`: words of four bytes in the order of this machine, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let mut bytes = [0; 16];
    let words = ip.len() / 8;
    if !ip.is_ascii() || ip.len() % 8 != 0 || words > 4 {
        return None;
    }
    for word in 0..words {
        let value = u32::from_str_radix(&ip[word * 8..word * 8 + 8], 16).ok()?;
        bytes[word * 4..word * 4 + 4].copy_from_slice(&value.to_ne_bytes());
    }
    let ip = match words {
        1 => IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]),
        4 => IpAddr::from(bytes),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// `02:00000A1B`: which one, and when it ends.
fn of_timer(text: &str) -> Option<Timer> {
    let (kind, when) = text.split_once(':')?;
    let name = match kind {
        "01" => "on",
        "02" => "keepalive",
        "03" => "timewait",
        "04" => "persist",
        _ => return None,
    };
    let ticks = u32::from_str_radix(when, 16).ok()?;
    Some(Timer { name, seconds: f64::from(ticks) / TICKS_PER_SECOND })
}

/// Who has a socket open.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) process: u32,
    pub(crate) name: String,
    /// How many other processes have it open too.
    pub(crate) others: usize,
}

/// The processes that have each socket open, by the socket's inode; the first is named. Without root
/// only one's own processes say what they have open.
pub(crate) fn owners(host: &dyn Host, deadline: &Deadline) -> BTreeMap<u64, Owner> {
    let mut owners: BTreeMap<u64, Owner> = BTreeMap::new();
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
                owners
                    .entry(inode)
                    .and_modify(|owner| owner.others += 1)
                    .or_insert_with(|| Owner { process: id, name: name.clone(), others: 0 });
            }
        }
    }
    owners
}

/// Decodes line by line behind the headings, so that one line of a newer kernel costs no other.
fn decoded<T>(table: &[u8], decode: impl Fn(&[&str]) -> Option<T>) -> Decoded<T> {
    let mut decoded = Decoded { rows: Vec::new(), unknown: 0 };
    let lines = table.split(|byte| *byte == b'\n').skip(1);
    for line in lines.filter(|line| !line.is_empty()) {
        let line = String::from_utf8_lossy(line);
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        match decode(&fields) {
            Some(row) => decoded.rows.push(row),
            None => decoded.unknown += 1,
        }
    }
    decoded
}

fn tcp_state(number: u8) -> Option<&'static str> {
    let states = [
        "ESTAB",
        "SYN-SENT",
        "SYN-RECV",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "UNCONN",
        "CLOSE-WAIT",
        "LAST-ACK",
        "LISTEN",
        "CLOSING",
        "SYN-RECV",
    ];
    states.get(usize::from(number).checked_sub(1)?).copied()
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_understood_costs_no_other() {
        let table = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 010200C0:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0\n   \
            1: what is this\n   \
            2: 010200C0:0016 026433C6:C001 01 00000005:00000007 01:000000C8 00000003     0        0 4712 1 0\n   \
            3: 010200C\xe9:0016 026433C6:C001 01 00000005:00000007 01:000000C8 00000003     0        0 4712 1 0\n";
        let sockets = tcp(table);
        assert_eq!(sockets.unknown, 2);
        let [listening, established] = &sockets.rows[..] else { panic!("{:?}", sockets.rows) };
        assert_eq!(listening.local.to_string(), "192.0.2.1:8080");
        assert_eq!((listening.state, listening.user, listening.inode), ("LISTEN", 1000, 4711));
        assert_eq!(established.remote.to_string(), "198.51.100.2:49153");
        assert_eq!((established.send_queue, established.receive_queue), (5, 7));
        assert_eq!(established.retransmits, 3);
        assert_eq!(established.timer, Some(Timer { name: "on", seconds: 2.0 }));
    }

    #[test]
    fn sockets_of_ipv6_and_of_udp_are_read() {
        let table = b"headings\n  \
            0: B80D0120000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 77 2 0 12\n";
        let [socket] = &datagrams(table).rows[..] else { panic!("one socket") };
        assert_eq!(socket.local.to_string(), "[2001:db8::1]:53");
        assert_eq!((socket.state, socket.dropped), ("UNCONN", Some(12)));
    }

    #[test]
    fn unix_sockets_have_paths_with_spaces_or_none() {
        let table = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 11 /run/my service.sock\n\
            0000000000000000: 00000003 00000000 00000000 0002 01 12\n";
        let [listening, other] = &unix(table).rows[..] else { panic!("two sockets") };
        assert_eq!((listening.path.as_str(), listening.state), ("/run/my service.sock", "LISTEN"));
        assert_eq!((other.path.as_str(), other.kind, other.state), ("", "datagram", "UNCONN"));
    }
}
