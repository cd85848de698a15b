//! Addresses that stand in for addresses: of the same class, in the same subnet as their neighbours.
//!
//! Two addresses share as many leading bits after encryption as before. The bits that say what an
//! address is for (private, public, of a link) stay, so a private address stays private and a
//! public one never becomes private. The first and the last address of 256, which most often are a
//! network and its broadcast, stay the first and the last, so that a network is still written as one.

use super::prefix::Prefixes;
use ipcrypt_rs::IpcryptPfx;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses that does not turn into another.
struct Range<A> {
    start: A,
    /// How many bits its addresses have in common.
    bits: u32,
    /// Whether its addresses stay as they are.
    stays: bool,
}

const fn v4(a: u8, b: u8, c: u8, bits: u32, stays: bool) -> Range<u128> {
    let address = u32::from_be_bytes([a, b, c, 0]) as u128;
    Range { start: address << 96, bits, stays }
}

const fn v6(a: u16, b: u16, bits: u32, stays: bool) -> Range<u128> {
    Range { start: (((a as u128) << 16) | b as u128) << 96, bits, stays }
}

/// The special ranges of IPv4 (IANA's registry, RFC 6890), and netmasks.
const SPECIAL_V4: &[Range<u128>] = &[
    v4(0, 0, 0, 8, true),
    v4(10, 0, 0, 8, false),
    v4(100, 64, 0, 10, false),
    v4(127, 0, 0, 8, true),
    v4(128, 0, 0, 24, true),
    v4(169, 254, 0, 16, true),
    v4(172, 16, 0, 12, false),
    v4(192, 0, 0, 24, true),
    v4(192, 0, 2, 24, true),
    v4(192, 168, 0, 16, false),
    v4(198, 18, 0, 15, true),
    v4(198, 51, 100, 24, true),
    v4(203, 0, 113, 24, true),
    // Multicast, what is reserved, netmasks, broadcast.
    v4(224, 0, 0, 3, true),
];

/// The special ranges of IPv6 within those that are in use at all.
const SPECIAL_V6: &[Range<u128>] = &[v6(0x2001, 0x0db8, 32, true), v6(0x3fff, 0, 20, true)];

/// Global unicast (RFC 4291), unique local (RFC 4193) and link-local addresses.
const USED_V6: &[Range<u128>] =
    &[v6(0x2000, 0, 3, false), v6(0xfc00, 0, 7, false), v6(0xfe80, 0, 64, false)];

/// Encrypts addresses under a key.
pub(super) struct Addresses {
    there: Prefixes,
    back: IpcryptPfx,
}

impl Addresses {
    /// Takes a key. Its halves must differ.
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { there: Prefixes::new(&key), back: IpcryptPfx::new(key) }
    }

    /// The address that stands in for another; nothing if it stays as it is.
    pub(super) fn hide(&self, address: IpAddr) -> Option<IpAddr> {
        turn_any(address, |address, _| self.encrypt(address))
    }

    /// The address that another stands in for; nothing if it stands for itself.
    pub(super) fn show(&self, address: IpAddr) -> Option<IpAddr> {
        turn_any(address, |address, kept| {
            // What encryption would have made of the bits that were kept follows from themselves.
            let mask = mask(kept);
            let head = number(self.encrypt(with_number(address, number(address) & mask)));
            let whole = head & mask | number(address) & !mask;
            self.decrypt(with_number(address, whole))
        })
    }

    fn encrypt(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(v4) => {
                let (turned, ends) = self.there.turned_both([v4, end(v4, v4)]);
                Ipv4Addr::from(u32::from(v4) ^ turned ^ ends).into()
            }
            IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) ^ self.there.turned(address)).into(),
        }
    }

    fn decrypt(&self, address: IpAddr) -> IpAddr {
        let IpAddr::V4(hidden) = address else { return self.back.decrypt_ipaddr(address) };
        // The bits before the last eight do not depend on these.
        let IpAddr::V4(near) = self.back.decrypt_ipaddr(address) else { return address };
        let ends = self.there.turned(end(near, hidden).into()) as u32 & 0xff;
        self.back.decrypt_ipaddr(Ipv4Addr::from(u32::from(hidden) ^ ends).into())
    }
}

/// The first or the last of the 256 addresses around `near`, by the half of them that `half` is in.
///
/// The bits that turn it are those that all of its half are turned by once more: that brings the
/// first back to the first place and the last to the last. Addresses that are turned by the same
/// bits have as many leading bits in common as before.
fn end(near: Ipv4Addr, half: Ipv4Addr) -> Ipv4Addr {
    let end = if u32::from(half) & 0x80 == 0 { 0 } else { 0xff };
    Ipv4Addr::from(u32::from(near) & !0xff | end)
}

/// Turns the address, or that within it.
fn turn_any(address: IpAddr, turn: impl Fn(IpAddr, u32) -> IpAddr) -> Option<IpAddr> {
    if let IpAddr::V6(v6) = address
        && let Some(v4) = embedded(v6)
    {
        let IpAddr::V4(turned) = turn_plain(v4.into(), turn)? else { return None };
        let head = u128::from(v6) & !u128::from(u32::MAX);
        return Some(Ipv6Addr::from(head | u128::from(u32::from(turned))).into());
    }
    turn_plain(address, turn)
}

/// Whether an address is the same in all texts.
pub(super) fn stays(address: IpAddr) -> bool {
    let within = match address {
        IpAddr::V6(v6) => embedded(v6).map(IpAddr::from),
        IpAddr::V4(_) => None,
    };
    kept(within.unwrap_or(address)).is_none()
}

fn turn_plain(address: IpAddr, turn: impl Fn(IpAddr, u32) -> IpAddr) -> Option<IpAddr> {
    let kept = kept(address)?;
    let mask = mask(kept);
    let turned = number(turn(address, kept));
    Some(with_number(address, number(address) & mask | turned & !mask))
}

/// The address of IPv4 within one of IPv6: mapped (RFC 4291), or for translation (RFC 6052).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let number = u128::from(address);
    let translated = number >> 32 == 0x0064_ff9b << 64;
    if translated { Some(Ipv4Addr::from(number as u32)) } else { address.to_ipv4_mapped() }
}

/// How many leading bits of an address stay; nothing if all do.
///
/// A bit may only turn if all addresses that share what is before it are of one class.
fn kept(address: IpAddr) -> Option<u32> {
    let number = number(address);
    let within = |range: &Range<u128>| (number ^ range.start) & mask(range.bits) == 0;
    let (least, special) = match address {
        IpAddr::V4(_) => (0, SPECIAL_V4),
        IpAddr::V6(_) => (USED_V6.iter().find(|range| within(range))?.bits, SPECIAL_V6),
    };
    if let Some(range) = special.iter().find(|range| within(range)) {
        return (!range.stays).then_some(range.bits);
    }
    let apart = |range: &Range<u128>| (number ^ range.start).leading_zeros() + 1;
    special.iter().map(apart).chain([least]).max()
}

/// The leading bits, of an address of either kind, at the top of a number.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => v6.into(),
    }
}

/// An address of the same kind.
fn with_number(like: IpAddr, number: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from((number >> 96) as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from(number).into(),
    }
}

fn mask(bits: u32) -> u128 {
    if bits == 0 { 0 } else { u128::MAX << (128 - bits) }
}
