//! Prefix-preserving encryption of addresses, all bits of an address at once.
//!
//! What turns a bit follows from the bits before it in the address itself, and not from what became
//! of them; so the blocks of all bits go through the cipher together, where [`ipcrypt_rs`], which
//! defines the result, takes one after the other. It does what turns addresses back.

use aes::{
    Aes128, Block,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Encrypts addresses as `ipcrypt-pfx` does.
pub(super) struct Prefixes([Aes128; 2]);

impl Prefixes {
    /// Takes the key of `ipcrypt-pfx`: those of both ciphers.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let (first, second) = key.split_at(16);
        let cipher =
            |key| Aes128::new_from_slice(key).expect("half of 32 bytes is a key of 128 bits");
        Self([cipher(first), cipher(second)])
    }

    /// The bits of an address that turn.
    pub(super) fn turned(&self, address: IpAddr) -> u128 {
        match address {
            IpAddr::V4(v4) => self.bits::<32>(|bit| prefix(mapped(v4), 96 + bit)),
            IpAddr::V6(v6) => self.bits::<128>(|bit| prefix(v6, bit)),
        }
    }

    /// The bits of two addresses that turn, of which all but the last seven are the same; of the
    /// second, the last eight.
    pub(super) fn turned_both(&self, [first, second]: [Ipv4Addr; 2]) -> (u32, u32) {
        let bits = self.bits::<39>(|bit| match bit {
            0..32 => prefix(mapped(first), 96 + bit),
            _ => prefix(mapped(second), 121 + bit - 32),
        });
        let of_first = (bits >> 7) as u32;
        (of_first, of_first & 0x80 | bits as u32 & 0x7f)
    }

    /// What becomes of so many blocks: a bit of each, the first one highest.
    fn bits<const BLOCKS: usize>(&self, block: impl Fn(u32) -> u128) -> u128 {
        let blocks: [Block; BLOCKS] =
            std::array::from_fn(|bit| block(bit as u32).to_be_bytes().into());
        let [first, second] = self.0.each_ref().map(|cipher| {
            let mut blocks = blocks;
            cipher.encrypt_blocks(&mut blocks);
            blocks
        });
        let bit = |(first, second): (&Block, &Block)| u128::from((first[15] ^ second[15]) & 1);
        first.iter().zip(&second).map(bit).fold(0, |bits, bit| bits << 1 | bit)
    }
}

fn mapped(address: Ipv4Addr) -> Ipv6Addr {
    address.to_ipv6_mapped()
}

/// The first bits of an address at the end of a block, with a one before them.
fn prefix(address: Ipv6Addr, bits: u32) -> u128 {
    let number = u128::from(address);
    1 << bits | number.checked_shr(128 - bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipcrypt_rs::IpcryptPfx;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_same_bits_turn_as_the_library_says(
            key: [u8; 32],
            v4: u32,
            near: u8,
            v6: u128,
        ) {
            prop_assume!(key[..16] != key[16..]);
            let (library, prefixes) = (IpcryptPfx::new(key), Prefixes::new(&key));
            let of_v4 = |address: Ipv4Addr| match library.encrypt_ipaddr(address.into()) {
                IpAddr::V4(hidden) => u32::from(hidden) ^ u32::from(address),
                IpAddr::V6(_) => unreachable!("it stays an address of IPv4"),
            };
            let v4 = Ipv4Addr::from(v4);
            prop_assert_eq!(prefixes.turned(v4.into()), u128::from(of_v4(v4)));
            let near = Ipv4Addr::from(u32::from(v4) & !0x7f | u32::from(near) & 0x7f);
            prop_assert_eq!(prefixes.turned_both([v4, near]), (of_v4(v4), of_v4(near) & 0xff));
            let v6 = Ipv6Addr::from(v6);
            if v6.to_ipv4_mapped().is_none() {
                let hidden = Ipv6Addr::from(u128::from(v6) ^ prefixes.turned(v6.into()));
                prop_assert_eq!(IpAddr::from(hidden), library.encrypt_ipaddr(v6.into()));
            }
        }
    }
}
