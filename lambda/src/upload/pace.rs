//! How often an address may ask.

use jiff::{SignedDuration, Timestamp};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

/// Addresses that are remembered at once: some hundred kilobytes.
const MOST: usize = 10_000;

/// So many requests an hour from each address, all of them at once if need be.
///
/// One time is kept for each address: when it will have paid for all that it asked for (the generic
/// cell rate algorithm, ITU-T I.371). IPv6 addresses count by their /64, which is what one
/// subscriber has.
#[derive(Debug)]
pub struct Pace {
    an_hour: u32,
    paid: HashMap<IpAddr, Timestamp>,
}

impl Pace {
    /// Allows `an_hour` requests an hour, at least one.
    pub fn new(an_hour: u32) -> Self {
        Self { an_hour: an_hour.max(1), paid: HashMap::new() }
    }

    /// Counts a request, or says how long to wait.
    pub(super) fn take(&mut self, from: IpAddr, now: Timestamp) -> Result<(), Duration> {
        let price = SignedDuration::from_hours(1) / i32::try_from(self.an_hour).unwrap_or(i32::MAX);
        let from = subscriber(from);
        let paid = self.paid.get(&from).copied().unwrap_or(now).max(now);
        let credit = price * i32::try_from(self.an_hour - 1).unwrap_or(i32::MAX);
        let wait = paid.duration_since(now) - credit;
        if wait.is_positive() {
            return Err(wait.unsigned_abs());
        }
        if self.paid.len() >= MOST {
            self.forget(now);
        }
        self.paid.insert(from, paid + price);
        Ok(())
    }

    /// Makes room: who owes nothing any more is forgotten, and if that is nobody, the half that owes
    /// least; so much at once that a flood cannot make this the main work.
    fn forget(&mut self, now: Timestamp) {
        self.paid.retain(|_, paid| *paid > now);
        if self.paid.len() >= MOST {
            let mut debts: Vec<Timestamp> = self.paid.values().copied().collect();
            let (_, middle, _) = debts.select_nth_unstable(MOST / 2);
            let middle = *middle;
            self.paid.retain(|_, paid| *paid > middle);
        }
    }
}

/// What of an address stands for one subscriber.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn an_address_that_asks_too_often_waits_and_others_do_not() {
        let mut pace = Pace::new(4);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..4 {
            pace.take(one, at(0)).unwrap();
        }
        assert_eq!(pace.take(one, at(0)), Err(Duration::from_mins(15)));
        assert_eq!(pace.take(one, at(600)), Err(Duration::from_mins(5)));
        pace.take(other, at(600)).unwrap();
        pace.take(one, at(900)).unwrap();
        assert!(pace.take(one, at(900)).is_err());
        // A day later all is forgotten.
        for _ in 0..4 {
            pace.take(one, at(86_400)).unwrap();
        }
    }

    #[test]
    fn addresses_of_one_subscriber_count_as_one() {
        let mut pace = Pace::new(1);
        pace.take("2001:db8::1".parse().unwrap(), at(0)).unwrap();
        assert!(pace.take("2001:db8::ffff:1".parse().unwrap(), at(0)).is_err());
        pace.take("2001:db8:0:1::1".parse().unwrap(), at(0)).unwrap();
        pace.take("192.0.2.1".parse().unwrap(), at(0)).unwrap();
        assert!(pace.take("::ffff:192.0.2.1".parse().unwrap(), at(0)).is_err());
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory() {
        let mut pace = Pace::new(2);
        let patient = "192.0.2.1".parse().unwrap();
        pace.take(patient, at(0)).unwrap();
        pace.take(patient, at(0)).unwrap();
        for low in 0..30_000_u32 {
            let address = IpAddr::from((0x0a00_0000 + low).to_be_bytes());
            pace.take(address, at(i64::from(low) / 1000)).unwrap();
        }
        assert!(pace.paid.len() <= MOST);
        assert!(pace.take(patient, at(31)).is_err(), "who owes most is remembered longest");
    }
}
