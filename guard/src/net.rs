//! Addresses and networks, as a bucket policy writes them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A network in CIDR notation (RFC 4632): `192.0.2.0/24`, `2001:db8::/48`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Net {
    address: IpAddr,
    prefix: u8,
}

impl Net {
    /// All of IPv4.
    pub(crate) const ANY: Self = Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix: 0 };

    /// The network of that many leading bits around an address; an IPv4 address that is written as an
    /// IPv6 one is taken for what it is.
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let prefix = prefix.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                Self { address: Ipv4Addr::from_bits(v4.to_bits() & mask).into(), prefix }
            }
            IpAddr::V6(v6) => {
                let prefix = prefix.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                Self { address: Ipv6Addr::from_bits(v6.to_bits() & mask).into(), prefix }
            }
        }
    }

    /// What one host is known by: an IPv4 address, or the /64 that an IPv6 host has to itself and in
    /// which it may take a new address for every request.
    pub fn host(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self { address: v4.into(), prefix: 32 },
            v6 @ IpAddr::V6(_) => Self::new(v6, 64),
        }
    }

    /// The network that a provider hands out to one customer or data centre: /24, or /48 of IPv6.
    #[must_use]
    pub fn network(self) -> Self {
        Self::new(self.address, self.prefix.min(if self.address.is_ipv4() { 24 } else { 48 }))
    }

    /// Its bytes, the same on every machine: to be hashed.
    pub(crate) fn bytes(self) -> [u8; 17] {
        let v6 = match self.address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mut bytes = [self.prefix; 17];
        bytes[..16].copy_from_slice(&v6.octets());
        bytes
    }

    /// Whether all of `other` lies in it.
    pub fn holds(self, other: Self) -> bool {
        self.prefix <= other.prefix && Self::new(other.address, self.prefix) == self
    }

    /// Whether they have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.holds(other) || other.holds(self)
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Net {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no network; write it like `192.0.2.0/24` or `2001:db8::/48`");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), |bits| bits.parse::<u8>().map_err(|_| wrong()))?;
        if prefix > most || address != address.to_canonical() {
            return Err(wrong());
        }
        let net = Self::new(address, prefix);
        if net.address == address {
            return Ok(net);
        }
        Err(format!("`{text}` has bits behind its prefix; did you mean `{net}`?"))
    }
}

impl Serialize for Net {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Net {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Net {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_written_as_a_policy_wants_it() {
        for text in ["192.0.2.7/32", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/48", "::/0"] {
            assert_eq!(net(text).to_string(), text);
        }
        assert_eq!(net("192.0.2.7").to_string(), "192.0.2.7/32");
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_was_meant() {
        for text in ["", "192.0.2.0/33", "192.0.2/24", "2001:db8::/129", "host", "192.0.2.0/-1"] {
            assert!(text.parse::<Net>().unwrap_err().contains("192.0.2.0/24"), "{text}");
        }
        let error = "192.0.2.7/24".parse::<Net>().unwrap_err();
        assert!(error.contains("did you mean `192.0.2.0/24`?"), "{error}");
    }

    #[test]
    fn a_host_of_ipv6_is_its_64() {
        let host = |text: &str| Net::host(text.parse().unwrap()).to_string();
        assert_eq!(host("2001:db8:0:1:aaaa::1"), "2001:db8:0:1::/64");
        assert_eq!(host("::ffff:192.0.2.9"), "192.0.2.9/32");
    }

    #[test]
    fn networks_hold_what_is_in_them_and_overlap_what_holds_them() {
        assert!(net("192.0.2.0/24").holds(net("192.0.2.7/32")));
        assert!(!net("192.0.2.7/32").holds(net("192.0.2.0/24")));
        assert!(net("192.0.2.7/32").overlaps(net("192.0.2.0/24")));
        assert!(!net("192.0.3.7/32").overlaps(net("192.0.2.0/24")));
        assert!(!net("::/0").holds(net("192.0.2.7/32")));
        assert_eq!(net("192.0.2.7/32").network(), net("192.0.2.0/24"));
        assert_eq!(net("10.0.0.0/8").network(), net("10.0.0.0/8"));
    }
}
