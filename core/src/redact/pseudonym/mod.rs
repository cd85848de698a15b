//! Pseudonyms: what stands in for an identity.
//!
//! The same value has the same pseudonym in every entry, run and host under one key, different
//! values have different ones, and with another key they have nothing in common. An address stays
//! an address of its class and subnet. Names and addresses can be turned back with the key, and
//! with nothing but the key: no list of them is kept anywhere.

mod address;
mod key;
mod permute;
mod reveal;
#[cfg(test)]
mod tests;
mod word;

pub use key::{KeyError, host_key, strong};

use self::{
    address::Addresses,
    permute::{LONGEST, hmac},
};
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

/// Gives pseudonyms under a key.
pub struct Pseudonyms {
    root: Zeroizing<[u8; 32]>,
    addresses: Addresses,
    names: Memo<(NameKind, String), String>,
    known: Memo<IpAddr, Option<IpAddr>>,
}

impl Pseudonyms {
    /// Takes the customer's key.
    pub fn new(key: &Secret) -> Self {
        let root =
            Zeroizing::new(hmac(&[0; 32], &[b"collect pseudonyms", key.reveal().as_bytes()]));
        let addresses = Addresses::new(hmac(&root, &[b"addresses"]));
        Self { root, addresses, names: Memo::default(), known: Memo::default() }
    }

    /// Makes up a key that nobody will know: what is hidden stays hidden, for the time of one run.
    pub fn for_once() -> Self {
        let key: [u8; 32] = rand::random();
        Self::new(&Secret::new(word::text(&key.map(|byte| byte % 36))))
    }

    /// The address that stands in for another: private for private, public for public, and in one
    /// subnet with its neighbours. Nothing if it stays, as loopback and documentation do.
    pub fn address(&self, address: IpAddr) -> Option<IpAddr> {
        self.known.of(address, |address| self.addresses.hide(*address))
    }

    /// The hardware address that stands in for another; nothing for broadcast, multicast and zero.
    pub fn mac(&self, mac: [u8; 6]) -> Option<[u8; 6]> {
        if mac == [0; 6] || mac[0] & 1 == 1 {
            return None;
        }
        let tag = hmac(&self.root, &[b"mac", &mac]);
        // Locally administered, unicast.
        Some([0x02, tag[0], tag[1], tag[2], tag[3], tag[4]])
    }

    /// The name that stands in for another.
    pub fn name(&self, kind: NameKind, name: &str) -> String {
        self.names.of((kind, name.to_owned()), |(kind, name)| self.make_name(*kind, name))
    }

    fn make_name(&self, kind: NameKind, name: &str) -> String {
        let key = self.key(kind);
        let word = match word::encode(name.as_bytes()) {
            Some(mut digits) => {
                permute::permute(&key, 36, &mut digits);
                word::text(&digits)
            }
            // Odd, as no word is that can be turned back.
            None => word::text(
                &hmac(&key, &[name.as_bytes()])[..15].iter().map(|b| b % 36).collect::<Vec<_>>(),
            ),
        };
        format!("{}{word}", kind.prefix())
    }

    /// The digits that stand in for others, as many as they are: of a telephone, a card, an account.
    ///
    /// `what` says whose they are. A digit is below `radix`, which is at most 36; more than 48
    /// digits are taken 48 by 48.
    pub fn digits(&self, what: &str, radix: u8, digits: &mut [u8]) {
        let key = hmac(&self.root, &[b"digits", what.as_bytes()]);
        for word in digits.chunks_mut(LONGEST) {
            permute::permute(&key, radix, word);
        }
    }

    /// The name that a pseudonym stands in for; nothing if it is none of this key, or of a name too
    /// long to be turned back.
    pub fn original(&self, pseudonym: &str) -> Option<String> {
        let kind = NameKind::ALL.into_iter().find(|kind| pseudonym.starts_with(kind.prefix()))?;
        let mut digits = word::digits(&pseudonym.as_bytes()[kind.prefix().len()..])?;
        permute::restore(&self.key(kind), 36, &mut digits);
        String::from_utf8(word::decode(&digits)?).ok()
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
