//! `network`, `sockets` and `dns`, held to `ip`, `ss` and `getent`.

use crate::kit::{collected, json, stock, stock_json};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixListener,
};

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The words of a list of flags, in the same spelling.
fn words(value: &Value) -> BTreeSet<String> {
    list(value).iter().map(|flag| text(flag).to_lowercase().replace('_', "-")).collect()
}

#[test]
fn interfaces_are_what_ip_says() {
    let ip = ["ip", "-json", "-details", "-statistics", "link"];
    let Some(before) = stock_json(&ip) else { return };
    let ours = json(&collected("network", ""), "interfaces.json");
    let Some(after) = stock_json(&ip) else { return };
    assert_eq!(list(&ours).len(), list(&before).len());
    for (ours, theirs) in list(&ours).iter().zip(list(&before)) {
        let name = text(&theirs["ifname"]);
        assert_eq!(text(&ours["name"]), name);
        for (key, their_key) in [
            ("index", "ifindex"),
            ("mtu", "mtu"),
            ("mac", "address"),
            ("layer", "link_type"),
            ("queue-discipline", "qdisc"),
            ("queue-length", "txqlen"),
            ("member-of", "master"),
            ("alias", "ifalias"),
        ] {
            assert_eq!(ours[key], theirs[their_key], "{key} of {name}");
        }
        assert_eq!(ours["kind"], theirs["linkinfo"]["info_kind"], "kind of {name}");
        assert_eq!(text(&ours["state"]), text(&theirs["operstate"]).to_lowercase(), "{name}");
        // `ip` adds what it concludes, and leaves out what it shows otherwise.
        let mut flags = words(&theirs["flags"]);
        flags.remove("no-carrier");
        let mut our_flags = words(&ours["flags"]);
        our_flags.remove("running");
        assert_eq!(our_flags, flags, "{name}");
        let after = list(&after).iter().find(|link| text(&link["ifname"]) == name);
        let Some(after) = after else { continue };
        for (direction, rx) in [("received", "rx"), ("sent", "tx")] {
            for counter in ["bytes", "packets", "errors", "dropped"] {
                let at = |link: &Value| link["stats64"][rx][counter].as_u64();
                let count = ours[direction][counter].as_u64();
                let range = at(theirs)..=at(after);
                assert!(
                    range.contains(&count),
                    "{counter} {direction} of {name}: {count:?}, {range:?}"
                );
            }
        }
    }
}

#[test]
fn addresses_are_what_ip_says() {
    let Some(theirs) = stock_json(&["ip", "-json", "addr"]) else { return };
    let network = collected("network", "");
    let ours = json(&network, "addresses.json");
    let of_interfaces = json(&network, "interfaces.json");
    let mut left = list(&ours).iter();
    for interface in list(&theirs) {
        let name = text(&interface["ifname"]);
        let mut plain = Vec::new();
        let all = list(&interface["addr_info"]);
        for theirs in all {
            let find = |ours: &&Value| {
                let address = format!("{}/{}", text(&theirs["local"]), theirs["prefixlen"]);
                text(&ours["address"]) == address && text(&ours["interface"]) == name
            };
            let ours = list(&ours).iter().find(find);
            let ours = ours.unwrap_or_else(|| panic!("{theirs} of {name} is missing"));
            left.next();
            plain.push(ours["address"].clone());
            for (key, their_key) in [
                ("family", "family"),
                ("scope", "scope"),
                ("broadcast", "broadcast"),
                ("peer", "address"),
                ("label", "label"),
            ] {
                assert_eq!(ours[key], theirs[their_key], "{key} of {theirs}");
            }
            for (flag, theirs) in ["secondary", "nodad", "deprecated", "tentative", "dadfailed"]
                .map(|flag| (flag, theirs[flag].as_bool().unwrap_or(false)))
            {
                // What is temporary in IPv6 is called like what is secondary in IPv4.
                let has = words(&ours["flags"]).contains(flag);
                assert!(has == theirs || flag == "secondary", "{flag} of {ours}");
            }
            for (key, their_key) in
                [("valid", "valid_life_time"), ("preferred", "preferred_life_time")]
            {
                let ever = u64::from(u32::MAX);
                let (ours, theirs) =
                    (ours[key].as_u64().unwrap_or(ever), theirs[their_key].as_u64().unwrap());
                assert!(ours == theirs || ours.abs_diff(theirs) < 10, "{key}: {ours} and {theirs}");
            }
        }
        let of_interface = list(&of_interfaces).iter().find(|ours| text(&ours["name"]) == name);
        let mut listed = list(&of_interface.expect("it is there")["addresses"]).to_vec();
        let sort = |list: &mut Vec<Value>| list.sort_by(|a, b| text(a).cmp(text(b)));
        sort(&mut listed);
        sort(&mut plain);
        assert_eq!(listed, plain);
    }
    assert!(left.next().is_none(), "{left:?}");
}

#[test]
fn routes_of_all_tables_are_what_ip_says() {
    let mut theirs = Vec::new();
    for family in ["-4", "-6"] {
        let routes = stock_json(&["ip", family, "-json", "route", "show", "table", "all"]);
        let Some(routes) = routes else { return };
        theirs.extend(list(&routes).to_vec());
    }
    let ours = json(&collected("network", ""), "routes.json");
    // A host route is written without its length; what `ip` leaves out is the usual.
    let mut their_rows: Vec<_> = theirs
        .iter()
        .map(|route| {
            let or = |key: &str, usual: &str| route[key].as_str().unwrap_or(usual).to_owned();
            let metric = route["metric"].as_u64().filter(|metric| *metric > 0);
            [
                or("dst", ""),
                or("gateway", ""),
                or("dev", ""),
                or("table", "main"),
                or("type", "unicast"),
                or("prefsrc", ""),
                metric.map(|metric| metric.to_string()).unwrap_or_default(),
                or("protocol", "boot"),
            ]
        })
        .collect();
    let mut our_rows: Vec<_> = list(&ours)
        .iter()
        .map(|route| {
            let full = if text(&route["family"]) == "inet" { "/32" } else { "/128" };
            let metric = route["metric"].as_u64().filter(|metric| *metric > 0);
            [
                text(&route["destination"]).trim_end_matches(full).to_owned(),
                text(&route["gateway"]).to_owned(),
                text(&route["interface"]).to_owned(),
                text(&route["table"]).to_owned(),
                text(&route["kind"]).to_owned(),
                text(&route["preferred-source"]).to_owned(),
                metric.map(|metric| metric.to_string()).unwrap_or_default(),
                text(&route["protocol"]).to_owned(),
            ]
        })
        .collect();
    their_rows.sort();
    our_rows.sort();
    assert_eq!(our_rows, their_rows);
}

#[test]
fn rules_and_neighbours_are_what_ip_says() {
    let Some(rules) = stock_json(&["ip", "-4", "-json", "rule"]) else { return };
    let Some(neighbours) = stock_json(&["ip", "-json", "neigh"]) else { return };
    let network = collected("network", "");
    let ours = json(&network, "rules.json");
    let ours: Vec<_> = list(&ours)
        .iter()
        .filter(|rule| rule["family"] == "inet")
        .map(|rule| (rule["priority"].clone(), rule["table"].clone()))
        .collect();
    let theirs: Vec<_> =
        list(&rules).iter().map(|rule| (rule["priority"].clone(), rule["table"].clone())).collect();
    assert_eq!(ours, theirs);
    // Which state a neighbour is in changes by the second.
    let facts = |address: &Value, interface: &Value, mac: &Value| {
        [text(address), text(interface), text(mac)].map(str::to_owned)
    };
    let ours = json(&network, "neighbours.json");
    let ours: BTreeSet<_> = list(&ours)
        .iter()
        .map(|row| facts(&row["address"], &row["interface"], &row["mac"]))
        .collect();
    let theirs: BTreeSet<_> = list(&neighbours)
        .iter()
        .map(|row| facts(&row["dst"], &row["dev"], &row["lladdr"]))
        .collect();
    assert_eq!(ours, theirs);
}

/// The rows of `ss` between the headings and the end, as words.
fn ss(options: &str) -> Option<Vec<Vec<String>>> {
    let rows = stock(&["ss", "-H", options])?;
    let rows = rows.lines().map(|row| row.split_whitespace().map(str::to_owned).collect());
    Some(rows.collect())
}

/// The rows that are the same before and after but for who holds the socket: for a moment also a
/// child that has not yet become another program. What comes or goes belongs to others.
fn lasting(
    before: &[Vec<String>],
    after: &[Vec<String>],
    same: usize,
) -> Vec<(Vec<String>, [String; 2])> {
    let rows = before.iter().filter_map(|row| {
        let later = after.iter().find(|later| later[..same] == row[..same])?;
        let users = |row: &[String]| row[same..].join(" ");
        Some((row[..same].to_vec(), [users(row), users(later)]))
    });
    rows.collect()
}

fn held_by(ours: &Value, users: &[String; 2]) {
    let held = match ours["process-id"].as_u64() {
        Some(id) => users.iter().any(|users| users.contains(&format!("pid={id},"))),
        None => users.iter().any(String::is_empty),
    };
    assert!(held, "{ours} is held by {users:?}");
}

/// `*:22` and `[::]:22` are one address; a wildcard port is 0.
fn address(written: &str) -> String {
    let (ip, port) = written.rsplit_once(':').expect("an address");
    let ip = ip.split('%').next().unwrap_or_default().trim_matches(['[', ']']);
    let port: u16 = port.parse().unwrap_or(0);
    // A socket that takes both families.
    let ip: IpAddr = if ip == "*" { "::".parse() } else { ip.parse() }.expect("an address");
    SocketAddr::new(ip, port).to_string()
}

#[test]
fn what_listens_and_who_is_what_ss_says() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(kept.local_addr().unwrap()).unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let six = TcpListener::bind("[::]:0");
    for (protocol, options) in [("tcp", "-tlnp"), ("udp", "-ulnp")] {
        let (Some(before), Some(after)) = (ss(options), {
            let sockets = collected("sockets", "");
            let listening = json(&sockets, "listening.json");
            let ours: BTreeMap<String, Value> = list(&listening)
                .iter()
                .filter(|row| row["protocol"] == protocol)
                .map(|row| (text(&row["local"]).to_owned(), row.clone()))
                .collect();
            ss(options).map(|after| (ours, after))
        }) else {
            return;
        };
        let (ours, after) = after;
        let lasting = lasting(&before, &after, 5);
        assert!(!lasting.is_empty(), "this test itself listens");
        for (row, users) in lasting {
            let [state, received, _sent, local, _remote] = &row[..] else { panic!("{row:?}") };
            let local = address(local);
            let ours = ours.get(&local).unwrap_or_else(|| panic!("{row:?} is missing"));
            assert_eq!(text(&ours["state"]), state);
            assert_eq!(ours["receive-queue"], received.parse::<u64>().unwrap(), "{row:?}");
            held_by(ours, &users);
        }
    }
    drop((client, datagrams, six));
}

#[test]
fn connections_are_what_ss_says() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(kept.local_addr().unwrap()).unwrap();
    let (server, _) = kept.accept().unwrap();
    let Some(before) = ss("-tanp") else { return };
    let sockets = collected("sockets", "");
    let Some(after) = ss("-tanp") else { return };
    let ours = json(&sockets, "connections.json");
    let ours: BTreeMap<[String; 2], &Value> = list(&ours)
        .iter()
        .map(|row| (["local", "remote"].map(|key| text(&row[key]).to_owned()), row))
        .collect();
    let mut compared = 0;
    for (row, users) in lasting(&before, &after, 5) {
        let [state, received, sent, local, remote] = &row[..] else { panic!("{row:?}") };
        if state == "LISTEN" {
            continue;
        }
        let ours = ours.get(&[address(local), address(remote)]);
        let ours = ours.unwrap_or_else(|| panic!("{row:?} is missing"));
        assert_eq!(text(&ours["state"]), state);
        assert_eq!(ours["receive-queue"], received.parse::<u64>().unwrap(), "{row:?}");
        assert_eq!(ours["send-queue"], sent.parse::<u64>().unwrap(), "{row:?}");
        held_by(ours, &users);
        compared += 1;
    }
    assert!(compared >= 2, "both ends of this test's own connection");
    drop((client, server));
}

#[test]
fn unix_sockets_that_listen_are_what_ss_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("own.sock");
    let kept = UnixListener::bind(&path).unwrap();
    let Some(before) = ss("-lxp") else { return };
    let sockets = collected("sockets", "");
    let Some(after) = ss("-lxp") else { return };
    let ours = json(&sockets, "unix.json");
    let ours: BTreeMap<u64, &Value> =
        list(&ours).iter().map(|row| (row["inode"].as_u64().unwrap(), row)).collect();
    let mut own = false;
    for (row, users) in lasting(&before, &after, 8) {
        let [kind, state, _, _, path_shown, inode, ..] = &row[..] else { panic!("{row:?}") };
        if state != "LISTEN" {
            continue;
        }
        let ours = ours.get(&inode.parse().unwrap());
        let ours = ours.unwrap_or_else(|| panic!("{row:?} is missing"));
        assert_eq!(text(&ours["path"]), path_shown);
        assert_eq!(text(&ours["state"]), "LISTEN");
        let short = match text(&ours["kind"]) {
            "stream" => "u_str",
            "packets" => "u_seq",
            other => panic!("{other} cannot listen"),
        };
        assert_eq!(kind, short);
        held_by(ours, &users);
        own |= path_shown == path.to_str().unwrap();
    }
    assert!(own, "this test's own socket");
    drop(kept);
}

#[test]
fn names_have_the_addresses_that_getent_says() {
    let Some(theirs) = stock(&["getent", "ahosts", "localhost"]) else { return };
    let ours = json(&collected("dns", "resolve = [\"localhost\"]"), "look-ups.json");
    let theirs: Vec<_> = theirs
        .lines()
        .filter(|line| line.contains("STREAM"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(ours[0]["addresses"], json!(theirs));
    assert!(ours[0]["milliseconds"].as_f64().unwrap() >= 0.0);
}
