//! The pseudonyms of the addresses that were met lately, for threads that do not wait for each other.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU64, Ordering},
};

/// How many are remembered at most, as a power of two. More would be memory for little: to
/// encrypt one again takes less than a microsecond.
const BITS: u32 = 14;

/// An address and what stands in for it, as one number, at a place that follows from the address.
/// No address that has a pseudonym is zero.
pub(super) struct Lately(Box<[AtomicU64]>);

impl Default for Lately {
    fn default() -> Self {
        Self((0..1 << BITS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Lately {
    /// What stands in for an address, encrypted if it is not remembered.
    pub(super) fn of(&self, address: Ipv4Addr, encrypt: impl FnOnce() -> Ipv4Addr) -> Ipv4Addr {
        let number = u32::from(address);
        let place = number.wrapping_mul(0x9e37_79b9) >> (u32::BITS - BITS);
        let place = &self.0[place as usize];
        // One number holds both, so no other order has to be kept.
        let known = place.load(Ordering::Relaxed);
        if known != 0 && (known >> 32) as u32 == number {
            return Ipv4Addr::from(known as u32);
        }
        let hidden = encrypt();
        place.store(u64::from(number) << 32 | u64::from(u32::from(hidden)), Ordering::Relaxed);
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_never_that_of_another_address() {
        let lately = Lately::default();
        let turned = |address: Ipv4Addr| Ipv4Addr::from(!u32::from(address));
        let addresses = || (1..4 << BITS).map(|number: u32| Ipv4Addr::from(number * 7919));
        for address in addresses().flat_map(|address| [address; 2]).chain(addresses()) {
            assert_eq!(lately.of(address, || turned(address)), turned(address));
        }
        let last = addresses().next_back().unwrap();
        assert_eq!(lately.of(last, || unreachable!("it is remembered")), turned(last));
    }
}
