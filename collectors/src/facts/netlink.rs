//! The tables of the kernel's network stack, decoded message by message.

use collect_core::{
    Output,
    host::{Host, NetworkTable},
};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use std::{collections::BTreeMap, io};

/// The shortest message: a header of `netlink(7)`.
const HEADER: usize = 16;

/// What a table holds, and how many of its messages could not be understood.
pub(crate) struct Table {
    pub(crate) messages: Vec<RouteNetlinkMessage>,
    pub(crate) unknown: usize,
    pub(crate) cut: bool,
}

/// Asks for a table. A message of a newer kernel that is not understood costs no other.
pub(crate) fn table(host: &dyn Host, table: NetworkTable) -> io::Result<Table> {
    let answer = host.network(table)?;
    let mut table = Table { messages: Vec::new(), unknown: 0, cut: answer.cut };
    let mut left = answer.messages.as_slice();
    while let Some(length) = left.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes) as usize) {
        let Some(message) = left.get(..length).filter(|_| length >= HEADER) else {
            table.unknown += 1;
            break;
        };
        match NetlinkMessage::deserialize(message).map(|message| message.payload) {
            Ok(NetlinkPayload::InnerMessage(message)) => table.messages.push(message),
            _ => table.unknown += 1,
        }
        left = left.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(table)
}

/// Asks for a table and notes what is missing of it.
pub(crate) fn noted(
    out: &mut Output<'_>,
    name: &str,
    which: NetworkTable,
) -> Vec<RouteNetlinkMessage> {
    match table(out.host(), which) {
        Ok(table) => {
            if table.cut {
                out.truncated(name, "only the first 16 MiB of the kernel's table");
            }
            if table.unknown > 0 {
                out.note(&format!("{name}: {} lines were not understood", table.unknown));
            }
            table.messages
        }
        // A kernel without a network, or a copy of a host's files, has none.
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => {
            out.note(&format!("{name}: {error}"));
            Vec::new()
        }
        Err(error) => {
            out.failed(name, &error);
            Vec::new()
        }
    }
}

/// The names of interfaces by their numbers.
pub(crate) fn names(host: &dyn Host) -> BTreeMap<u32, String> {
    use netlink_packet_route::link::LinkAttribute;
    let links = table(host, NetworkTable::Links).map(|table| table.messages).unwrap_or_default();
    let named = links.into_iter().filter_map(|message| {
        let RouteNetlinkMessage::NewLink(link) = message else { return None };
        let name = link.attributes.into_iter().find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name),
            _ => None,
        });
        Some((link.header.index, name?))
    });
    named.collect()
}

/// The names of flags, in lower case, with `-` between words.
pub(crate) fn flags<'f>(names: impl Iterator<Item = (&'f str, impl Sized)>) -> Vec<String> {
    names.map(|(name, _)| kebab(name)).collect()
}

/// `LowerUp` as `lower-up`.
pub(crate) fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use netlink_packet_core::NetlinkHeader;
    use netlink_packet_route::link::{LinkAttribute, LinkMessage};

    /// The messages as a kernel sends them.
    pub(crate) fn sent(messages: impl IntoIterator<Item = RouteNetlinkMessage>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            let payload = NetlinkPayload::InnerMessage(message);
            let mut message = NetlinkMessage::new(NetlinkHeader::default(), payload);
            message.finalize();
            let mut one = vec![0; message.buffer_len()];
            message.serialize(&mut one);
            one.resize(one.len().next_multiple_of(4), 0);
            bytes.extend(one);
        }
        bytes
    }

    pub(crate) fn link(index: u32, name: &str) -> LinkMessage {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.attributes.push(LinkAttribute::IfName(name.into()));
        link
    }

    #[test]
    fn a_message_that_is_not_understood_costs_no_other() {
        let odd = [20_u32.to_ne_bytes(), [16, 0, 2, 0], [0; 4], [0; 4], [7; 4]].concat();
        let [lo, eth0] = [link(1, "lo"), link(2, "eth0")].map(RouteNetlinkMessage::NewLink);
        let bytes = [sent([lo]), odd, sent([eth0]), vec![9, 0, 0, 0, 1]].concat();
        let host = FakeHost::new().network(NetworkTable::Links, bytes);
        assert_eq!(table(&host, NetworkTable::Links).unwrap().unknown, 2);
        assert_eq!(names(&host).into_values().collect::<Vec<_>>(), ["lo", "eth0"]);
        assert!(table(&FakeHost::new(), NetworkTable::Links).is_err());
        assert_eq!(kebab("LowerUp"), "lower-up");
    }
}
