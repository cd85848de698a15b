//! Sockets: what listens, what is connected, and which processes they belong to.

use crate::facts::{
    kernel_files::exists,
    listing,
    sockets::{Decoded, Owner, Socket, UnixSocket, datagrams, owners, tcp, unix},
};
use collect_core::{CollectError, Collector, Output, Window, host::Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeMap, io, net::SocketAddr};

/// Open sockets with their processes.
///
/// - `listening.json` and `.txt`: TCP sockets that listen, and UDP and raw ones that take what comes.
/// - `connections.json` and `.txt`: the others, with their states named as by `ss(8)`.
/// - `unix.json` and `.txt`: sockets of this host only that have a name or listen.
/// - `summary.json`: how many of each protocol and state, and how many a process has at most.
///
/// Queues are in bytes; of a TCP socket that listens `receive-queue` is the number of connections that
/// wait to be accepted. `timer` is what the kernel waits for (`on` is the repetition of what was not
/// confirmed), `timer-seconds` how long, `retransmits` how often it was repeated so far. `user` is a
/// number; `shared-by` counts the processes that have the socket open.
///
/// From `/proc/net/{tcp,udp,raw,unix}` and `/proc/PID/fd` (`proc_pid_net(5)`), and as they are
/// `/proc/net/sockstat` and `sockstat6`. Without root only one's own processes are named.
///
/// ```toml
/// [collect.sockets]
/// use = "sockets"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Sockets {}

collect_core::register!("sockets" => Sockets as Collector);

type Decode = fn(&[u8]) -> Decoded<Socket>;

const TABLES: [(&str, &str, Decode); 6] = [
    ("tcp", "/proc/net/tcp", tcp),
    ("tcp", "/proc/net/tcp6", tcp),
    ("udp", "/proc/net/udp", datagrams),
    ("udp", "/proc/net/udp6", datagrams),
    ("raw", "/proc/net/raw", datagrams),
    ("raw", "/proc/net/raw6", datagrams),
];

const COLUMNS: [&str; 8] =
    ["protocol", "state", "local", "remote", "receive-queue", "send-queue", "user", "process"];

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row<'a> {
    protocol: &'static str,
    state: &'static str,
    local: SocketAddr,
    remote: SocketAddr,
    receive_queue: u64,
    send_queue: u64,
    timer: Option<&'static str>,
    timer_seconds: Option<f64>,
    retransmits: u64,
    dropped: Option<u64>,
    user: u32,
    /// Its number and its name: `20/sshd`.
    process: Option<String>,
    process_id: Option<u32>,
    process_name: Option<&'a str>,
    shared_by: usize,
    inode: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct UnixRow<'a> {
    kind: &'static str,
    state: &'static str,
    path: String,
    process: Option<String>,
    process_id: Option<u32>,
    process_name: Option<&'a str>,
    shared_by: usize,
    inode: u64,
}

impl Collector for Sockets {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let mut sockets = Vec::new();
        for (protocol, path, decode) in TABLES {
            let rows = table(out, path, decode)?;
            sockets.extend(rows.into_iter().map(|socket| (protocol, socket)));
        }
        let locals = table(out, "/proc/net/unix", unix)?;
        if sockets.is_empty() && locals.is_empty() {
            out.absent("/proc/net", "no sockets are to be seen");
            return Ok(());
        }
        let owners = owners(out.host(), out.deadline());
        sockets.sort_by_key(|(protocol, socket)| (*protocol, socket.local, socket.remote));
        out.json("summary.json", &summary(&sockets, &locals, &owners))?;
        let waits = |socket: &Socket| ["LISTEN", "UNCONN"].contains(&socket.state);
        let (mut listening, mut connected) = (Vec::new(), Vec::new());
        for (protocol, socket) in &sockets {
            let rows = if waits(socket) { &mut listening } else { &mut connected };
            rows.push(row(protocol, socket, &owners));
        }
        listing::write(out, "listening", COLUMNS, &listening)?;
        listing::write(out, "connections", COLUMNS, &connected)?;
        write_unix(out, &locals, &owners)?;
        for path in ["/proc/net/sockstat", "/proc/net/sockstat6"] {
            if exists(out.host(), path) {
                out.file(path)?;
            }
        }
        Ok(())
    }

    fn refused(&self, host: &dyn Host, _: &Window) -> Vec<String> {
        let other = host.entries("/proc/1/fd".as_ref());
        let refused = other.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        refused.then(|| "sockets of other users' processes".to_owned()).into_iter().collect()
    }
}

/// Reads and decodes a table, if the kernel has it.
fn table<T>(
    out: &mut Output<'_>,
    path: &str,
    decode: fn(&[u8]) -> Decoded<T>,
) -> Result<Vec<T>, CollectError> {
    if !exists(out.host(), path) {
        return Ok(Vec::new());
    }
    let Some(table) = out.read(path)?.map(|table| decode(&table)) else {
        return Ok(Vec::new());
    };
    if table.unknown > 0 {
        out.note(&format!("{path}: {} lines were not understood", table.unknown));
    }
    Ok(table.rows)
}

fn row<'a>(protocol: &'static str, socket: &Socket, owners: &'a BTreeMap<u64, Owner>) -> Row<'a> {
    let owner = owners.get(&socket.inode);
    Row {
        protocol,
        state: socket.state,
        local: socket.local,
        remote: socket.remote,
        receive_queue: socket.receive_queue,
        send_queue: socket.send_queue,
        timer: socket.timer.as_ref().map(|timer| timer.name),
        timer_seconds: socket.timer.as_ref().map(|timer| timer.seconds),
        retransmits: socket.retransmits,
        dropped: socket.dropped,
        user: socket.user,
        process: owner.map(said),
        process_id: owner.map(|owner| owner.process),
        process_name: owner.map(|owner| owner.name.as_str()),
        shared_by: owner.map_or(0, |owner| 1 + owner.others),
        inode: socket.inode,
    }
}

fn said(owner: &Owner) -> String {
    format!("{}/{}", owner.process, owner.name)
}

fn write_unix(
    out: &mut Output<'_>,
    sockets: &[UnixSocket],
    owners: &BTreeMap<u64, Owner>,
) -> Result<(), CollectError> {
    let named = sockets.iter().filter(|socket| !socket.path.is_empty() || socket.state == "LISTEN");
    let rows = named.map(|socket| {
        let owner = owners.get(&socket.inode);
        UnixRow {
            kind: socket.kind,
            state: socket.state,
            path: socket.path.clone(),
            process: owner.map(said),
            process_id: owner.map(|owner| owner.process),
            process_name: owner.map(|owner| owner.name.as_str()),
            shared_by: owner.map_or(0, |owner| 1 + owner.others),
            inode: socket.inode,
        }
    });
    let mut rows: Vec<_> = rows.collect();
    // What listens comes first: it is what is looked for most.
    rows.sort_by(|a, b| {
        (a.state != "LISTEN", &a.path, a.inode).cmp(&(b.state != "LISTEN", &b.path, b.inode))
    });
    listing::write(out, "unix", ["kind", "state", "process", "path"], &rows)
}

fn summary(
    sockets: &[(&'static str, Socket)],
    locals: &[UnixSocket],
    owners: &BTreeMap<u64, Owner>,
) -> serde_json::Value {
    let mut states: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    let all = sockets.iter().map(|(protocol, socket)| (*protocol, socket.state));
    for (protocol, state) in all.chain(locals.iter().map(|socket| ("unix", socket.state))) {
        *states.entry(protocol).or_default().entry(state).or_default() += 1;
    }
    let mut held: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    for owner in owners.values() {
        *held.entry((owner.process, &owner.name)).or_default() += 1;
    }
    let most = held.iter().max_by_key(|(_, count)| **count);
    json!({
        "states": states,
        "retransmitting": sockets.iter().filter(|(_, socket)| socket.retransmits > 0).count(),
        "with-unread-data": sockets
            .iter()
            .filter(|(_, socket)| socket.state != "LISTEN" && socket.receive_queue > 0)
            .count(),
        "most-of-one-process": most.map(|((id, name), count)| {
            json!({ "process-id": id, "process-name": name, "sockets": count })
        }),
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
    use std::fmt::Write;

    const HEADINGS: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n   \
        0: 010200C0:1F90 026433C6:C001 01 00000000:00000000 01:00000064 00000002 33 0 4711 1\n   \
        1: 010200C0:0016 00000000:0000 0A 00000000:00000003 00:00000000 00000000 0 0 4712 1\n";

    fn parsed(collected: &Collected, entry: &str) -> Value {
        serde_json::from_str(collected.text(entry)).unwrap()
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn sockets_are_told_apart_and_name_their_processes() {
        let host = FakeHost::new()
            .file("/proc/net/tcp", TCP)
            .file(
                "/proc/net/unix",
                "headings\n0: 2 0 00010000 0001 01 9 /run/app.sock\n0: 2 0 00000000 0001 03 10\n",
            )
            .link("/proc/20/fd/3", "socket:[4712]")
            .link("/proc/21/fd/3", "socket:[4712]")
            .file("/proc/20/comm", "sshd\n");
        let collected = Trial::of(Sockets::default()).on(host);
        let listening = parsed(&collected, "listening.json");
        assert_eq!(listening[0]["local"], "192.0.2.1:22");
        assert_eq!(listening[0]["process"], "20/sshd");
        assert_eq!(listening[0]["shared-by"], 2);
        assert_eq!(listening[0]["receive-queue"], 3);
        let connections = parsed(&collected, "connections.json");
        assert_eq!(connections[0]["remote"], "198.51.100.2:49153");
        assert_eq!(
            (&connections[0]["timer"], &connections[0]["retransmits"]),
            (&json!("on"), &json!(2))
        );
        assert!(collected.text("listening.txt").contains("192.0.2.1:22"));
        let unix = parsed(&collected, "unix.json");
        assert_eq!(
            (&unix[0]["path"], unix.as_array().unwrap().len()),
            (&json!("/run/app.sock"), 1)
        );
        let summary = parsed(&collected, "summary.json");
        assert_eq!(summary["states"]["tcp"], json!({ "ESTAB": 1, "LISTEN": 1 }));
        assert_eq!(summary["states"]["unix"]["ESTAB"], 1);
        assert_eq!(summary["retransmitting"], 1);
        assert_eq!(collected.status(), Status::Complete);
        // Addresses in hexadecimal would pass every redactor.
        assert!(!collected.paths().iter().any(|path| path.ends_with("tcp")));
    }

    #[test]
    fn a_host_without_any_is_quiet_and_what_is_odd_or_refused_is_said() {
        let collected = Trial::of(Sockets::default()).on(FakeHost::new());
        assert_eq!(collected.status(), Status::Absent);
        let host = FakeHost::new().file("/proc/net/tcp", TCP).denied("/proc/net/tcp6");
        let collected = Trial::of(Sockets::default()).on(host);
        assert!(collected.notes().iter().any(|note| note.starts_with("Denied /proc/net/tcp6")));
        let odd = format!("{TCP}\u{0}\u{7}\nodd\n");
        let collected =
            Trial::of(Sockets::default()).on(FakeHost::new().file("/proc/net/tcp", &odd));
        assert_eq!(collected.status(), Status::Complete);
        assert!(collected.notes()[0].contains("2 lines were not understood"));
        let host = FakeHost::new().denied("/proc/1/fd");
        assert_eq!(Sockets::default().refused(&host, &Window::default()).len(), 1);
    }

    #[test]
    fn ten_thousand_sockets_are_read_in_one_go() {
        let mut table = HEADINGS.to_owned();
        for port in 1..=10_000 {
            writeln!(
                table,
                " 0: 010200C0:{port:04X} 026433C6:C001 01 00000000:00000000 00:00000000 00000000 33 0 {port} 1"
            )
            .unwrap();
        }
        let mut host = FakeHost::new().file("/proc/net/tcp", &table);
        for id in 1..=20 {
            host = host.link(format!("/proc/{id}/fd/3"), format!("socket:[{id}]"));
        }
        let collected = Trial::of(Sockets::default()).on(host);
        assert_eq!(parsed(&collected, "connections.json").as_array().unwrap().len(), 10_000);
    }
}
