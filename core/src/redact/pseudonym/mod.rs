//! Pseudonyms: what stands in for an identity.
//!
//! The same value has the same pseudonym in every entry, run and host under one key, different
//! values have different ones, and with another key they have nothing in common. An address stays
//! an address of its class and subnet. All of them can be turned back with the key, and with
//! nothing but the key: no list of them is kept anywhere.

mod address;
mod key;
mod lately;
mod permute;
mod prefix;
mod reveal;
#[cfg(test)]
mod tests;
mod word;

pub use key::{KeyError, host_key, strong};

use self::{address::Addresses, lately::Lately, permute::hmac};
use crate::Secret;
use std::{collections::HashMap, hash::Hash, net::IpAddr, sync::Mutex};
use zeroize::Zeroizing;

/// What a name is the name of: the word its pseudonym begins with.
///
/// Pseudonyms of different kinds have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// A host, or any label of its name below the domain.
    Host,
    /// A domain, as it is registered.
    Domain,
    /// An account.
    User,
    /// A person.
    Person,
    /// Where somebody lives.
    Address,
}

impl NameKind {
    const ALL: [Self; 5] = [Self::Host, Self::Domain, Self::User, Self::Person, Self::Address];

    fn prefix(self) -> &'static str {
        match self {
            Self::Host => "host-",
            Self::Domain => "dom-",
            Self::User => "user-",
            Self::Person => "person-",
            Self::Address => "address-",
        }
    }
}

/// Of the first byte of a hardware address: that it is one of many hosts, or not given by a maker.
const GROUP: u8 = 1;
const LOCAL: u8 = 2;

/// A permutation, or its inverse.
type Turn = fn(&[u8; 32], u8, &mut [u8]);

/// Gives pseudonyms under a key.
pub struct Pseudonyms {
    root: Zeroizing<[u8; 32]>,
    addresses: Addresses,
    names: Memo<(NameKind, Vec<u8>), String>,
    lately: Lately,
    known: Memo<IpAddr, Option<IpAddr>>,
    macs: Memo<[u8; 6], Option<[u8; 6]>>,
}

impl Pseudonyms {
    /// Takes the customer's key.
    pub fn new(key: &Secret) -> Self {
        let root =
            Zeroizing::new(hmac(&[0; 32], &[b"collect pseudonyms", key.reveal().as_bytes()]));
        let addresses = Addresses::new(hmac(&root, &[b"addresses"]));
        Self {
            root,
            addresses,
            names: Memo::default(),
            lately: Lately::default(),
            known: Memo::default(),
            macs: Memo::default(),
        }
    }

    /// Makes up a key that nobody will know: what is hidden stays hidden, for the time of one run.
    pub fn for_once() -> Self {
        let key: [u8; 32] = rand::random();
        Self::new(&Secret::new(word::text(&key.map(|byte| byte % 36))))
    }

    /// The address that stands in for another: private for private, public for public, and in one
    /// subnet with its neighbours. Nothing if it stays, as loopback and documentation do.
    pub fn address(&self, address: IpAddr) -> Option<IpAddr> {
        // What stays is told faster than it is remembered.
        if address::stays(address) {
            return None;
        }
        match address {
            IpAddr::V4(v4) => {
                let hide = || match self.addresses.hide(address) {
                    Some(IpAddr::V4(hidden)) => hidden,
                    _ => v4,
                };
                Some(self.lately.of(v4, hide).into())
            }
            IpAddr::V6(_) => self.known.of(address, |address| self.addresses.hide(*address)),
        }
    }

    /// The hardware address that stands in for another; nothing for broadcast, multicast and zero.
    ///
    /// What a maker gave stays so, and what a host made up stays made up; the maker changes.
    pub fn mac(&self, mac: [u8; 6]) -> Option<[u8; 6]> {
        self.macs.of(mac, |mac| self.turned_mac(*mac, permute::permute))
    }

    /// The hardware address that another stands in for; nothing if it stands for itself.
    pub fn original_mac(&self, pseudonym: [u8; 6]) -> Option<[u8; 6]> {
        self.turned_mac(pseudonym, permute::restore)
    }

    fn turned_mac(&self, mac: [u8; 6], turn: Turn) -> Option<[u8; 6]> {
        if mac == [0; 6] || mac[0] & GROUP != 0 {
            return None;
        }
        let key = hmac(&self.root, &[b"mac", &[mac[0] & LOCAL]]);
        let mut bits: Vec<u8> = (0..48).map(|bit| mac[bit / 8] >> (bit % 8) & 1).collect();
        // Zero stands for itself, so it stands in for nothing else.
        loop {
            turn(&key, 2, &mut bits[2..]);
            let mut turned = [0; 6];
            for (bit, value) in bits.iter().enumerate() {
                turned[bit / 8] |= value << (bit % 8);
            }
            if turned != [0; 6] {
                return Some(turned);
            }
        }
    }

    /// The name that stands in for another.
    pub fn name(&self, kind: NameKind, name: impl AsRef<[u8]>) -> String {
        self.names.of((kind, name.as_ref().to_vec()), |(kind, name)| self.make_name(*kind, name))
    }

    fn make_name(&self, kind: NameKind, name: &[u8]) -> String {
        let key = self.key(kind);
        let word = match word::encode(name) {
            Some(mut digits) => {
                permute::permute(&key, 36, &mut digits);
                word::text(&digits)
            }
            // Odd, as no word is that can be turned back.
            None => {
                word::text(&hmac(&key, &[name])[..15].iter().map(|b| b % 36).collect::<Vec<_>>())
            }
        };
        format!("{}{word}", kind.prefix())
    }

    /// The digits that stand in for others, as many as they are: of a telephone, a card, an account.
    ///
    /// `what` says whose they are. A digit is below `radix`, which is at most 36.
    pub fn digits(&self, what: &str, radix: u8, digits: &mut [u8]) {
        permute::permute(&self.digits_key(what), radix, digits);
    }

    /// Turns digits back that [`digits`](Self::digits) made.
    pub fn original_digits(&self, what: &str, radix: u8, digits: &mut [u8]) {
        permute::restore(&self.digits_key(what), radix, digits);
    }

    fn digits_key(&self, what: &str) -> [u8; 32] {
        hmac(&self.root, &[b"digits", what.as_bytes()])
    }

    /// The name that a pseudonym stands in for, as it was given; nothing if it is none of this key,
    /// or of a name of more than some 660 bytes.
    pub fn original(&self, pseudonym: &str) -> Option<Vec<u8>> {
        let kind = NameKind::ALL.into_iter().find(|kind| pseudonym.starts_with(kind.prefix()))?;
        let mut digits = word::digits(&pseudonym.as_bytes()[kind.prefix().len()..])?;
        permute::restore(&self.key(kind), 36, &mut digits);
        word::decode(&digits)
    }

    /// The address that another stands in for; nothing if it stands for itself.
    pub fn original_address(&self, pseudonym: IpAddr) -> Option<IpAddr> {
        self.addresses.show(pseudonym)
    }

    fn key(&self, kind: NameKind) -> [u8; 32] {
        hmac(&self.root, &[b"name", kind.prefix().as_bytes()])
    }
}

/// Remembers what was asked lately: a log says the same few names again and again.
struct Memo<K, V>(Mutex<HashMap<K, V>>);

/// More would be memory for little: one host talks to fewer.
const REMEMBERED: usize = 8192;

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, V: Clone> Memo<K, V> {
    fn of(&self, key: K, make: impl FnOnce(&K) -> V) -> V {
        if let Ok(known) = self.0.lock()
            && let Some(value) = known.get(&key)
        {
            return value.clone();
        }
        let value = make(&key);
        if let Ok(mut known) = self.0.lock() {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(key, value.clone());
        }
        value
    }
}
