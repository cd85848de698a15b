//! The tables of the kernel's network stack, asked for by `rtnetlink(7)`. Asking changes nothing
//! and loads no module: the protocol is part of every kernel with a network.

use super::{NetworkTable, NetworkTables};
use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with},
};
use std::io;

/// Of `netlink(7)`.
const HEADER: usize = 16;
const REQUEST_AND_DUMP: u16 = 0x1 | 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// The kernel fills at most half of this at a time.
const BUFFER: usize = 64 << 10;

/// A router of the Internet has a million routes; more than this is not kept.
const MOST: usize = 16 << 20;

impl NetworkTable {
    /// The number of the request, and how long the structure behind its header is: zeros, for all.
    const fn request(self) -> (u16, usize) {
        match self {
            Self::Links => (18, 16),
            Self::Addresses => (22, 8),
            Self::Routes => (26, 12),
            Self::Neighbours => (30, 12),
            Self::Rules => (34, 12),
        }
    }
}

/// Asks for a table.
pub(super) fn ask(table: NetworkTable) -> io::Result<NetworkTables> {
    // No protocol is `NETLINK_ROUTE`, whose number is 0.
    let kind = SocketType::RAW;
    let family = AddressFamily::NETLINK;
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    send(&socket, &request(table), SendFlags::empty())?;
    let mut answer = NetworkTables::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = match recv(&socket, buffer.as_mut_slice(), RecvFlags::TRUNC) {
            Ok((_, length)) => length,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let Some(received) = buffer.get(..length) else {
            return Err(io::Error::other("the kernel answered more than was asked for"));
        };
        if take(received, &mut answer)? {
            return Ok(answer);
        }
    }
}

fn request(table: NetworkTable) -> Vec<u8> {
    let (number, body) = table.request();
    let length = u32::try_from(HEADER + body).expect("requests are short");
    let mut request = Vec::with_capacity(HEADER + body);
    request.extend(length.to_ne_bytes());
    request.extend(number.to_ne_bytes());
    request.extend(REQUEST_AND_DUMP.to_ne_bytes());
    request.resize(HEADER + body, 0);
    request
}

/// Keeps the messages; says whether no more will come or is wanted.
fn take(mut received: &[u8], answer: &mut NetworkTables) -> io::Result<bool> {
    if received.is_empty() {
        return Ok(true);
    }
    while let Some((header, _)) = received.split_first_chunk::<HEADER>() {
        let (length, rest) = header.split_first_chunk().expect("a header has four bytes");
        let (kind, _) = rest.split_first_chunk().expect("and two more");
        let length = u32::from_ne_bytes(*length) as usize;
        let Some(message) = received.get(..length).filter(|_| length >= HEADER) else {
            return Err(io::Error::other("the kernel's answer is cut"));
        };
        match u16::from_ne_bytes(*kind) {
            DONE => return Ok(true),
            ERROR => return refusal(&message[HEADER..]),
            _ if answer.messages.len() + length > MOST => {
                answer.cut = true;
                return Ok(true);
            }
            _ => answer.messages.extend_from_slice(message),
        }
        // Messages are aligned to four bytes, but for the last one.
        let aligned = length.next_multiple_of(4);
        let padding = aligned.min(received.len()) - length;
        answer.messages.resize(answer.messages.len() + padding, 0);
        received = received.get(aligned..).unwrap_or_default();
    }
    Ok(false)
}

/// What an error message says: a negative number, or 0 for none.
fn refusal(body: &[u8]) -> io::Result<bool> {
    match body.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
        Some(0) => Ok(true),
        Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
        None => Err(io::Error::other("the kernel's answer is cut")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap();
        let head = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat();
        let aligned = head.len().next_multiple_of(4);
        [head, vec![0; aligned]].concat()[..aligned].to_vec()
    }

    #[test]
    fn every_host_has_an_interface_and_its_addresses() {
        for table in [NetworkTable::Links, NetworkTable::Addresses, NetworkTable::Routes] {
            let answer = ask(table).unwrap();
            assert!(answer.messages.len() > HEADER && !answer.cut, "{table:?}");
        }
    }

    #[test]
    fn messages_are_kept_up_to_the_end_and_errors_are_told() {
        let mut answer = NetworkTables::default();
        let (first, second) = (message(16, b"odd"), message(16, b"even"));
        let received = [first.clone(), second.clone(), message(DONE, &[]), first.clone()].concat();
        assert!(take(&received, &mut answer).unwrap());
        assert_eq!(answer.messages, [first.clone(), second].concat());
        assert!(!take(&first, &mut answer).unwrap());
        let refused = take(&message(ERROR, &(-1_i32).to_ne_bytes()), &mut answer).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert!(take(&first[..18], &mut answer).is_err());
        assert!(take(&message(ERROR, &[]), &mut answer).is_err());
    }

    #[test]
    fn a_table_without_end_is_cut() {
        let mut answer = NetworkTables::default();
        let route = message(24, &[7; 4000]);
        while !take(&route, &mut answer).unwrap() {}
        assert!(answer.cut && answer.messages.len() <= MOST);
    }
}
