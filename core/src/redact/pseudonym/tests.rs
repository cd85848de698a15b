//! What everyone may rely on who reads a bundle with pseudonyms.

use super::*;
use proptest::prelude::*;
use std::{
    collections::HashSet,
    net::{Ipv4Addr, Ipv6Addr},
};

fn pseudonyms(key: &str) -> Pseudonyms {
    Pseudonyms::new(&Secret::new(key))
}

fn one() -> Pseudonyms {
    pseudonyms("a made-up key of a customer")
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn class(address: Ipv4Addr) -> u8 {
    let [a, b, ..] = address.octets();
    match a {
        10 => 1,
        172 if b & 0xf0 == 16 => 2,
        192 if b == 168 => 3,
        100 if b & 0xc0 == 64 => 4,
        _ => 0,
    }
}

fn common_v4(a: Ipv4Addr, b: Ipv4Addr) -> u32 {
    (u32::from(a) ^ u32::from(b)).leading_zeros()
}

fn common_v6(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (u128::from(a) ^ u128::from(b)).leading_zeros()
}

proptest! {
    #[test]
    fn neighbours_stay_neighbours(a: u32, flip in 0..32u32, rest: u32) {
        let pseudonyms = one();
        let b = a ^ (1 << flip) ^ (rest & ((1 << flip) - 1));
        let (a, b) = (Ipv4Addr::from(a), Ipv4Addr::from(b));
        let hidden = |a: Ipv4Addr| match pseudonyms.address(a.into()) {
            Some(IpAddr::V4(hidden)) => hidden,
            _ => a,
        };
        prop_assert_eq!(common_v4(hidden(a), hidden(b)), common_v4(a, b));
        prop_assert_eq!(class(hidden(a)), class(a));
        let back = pseudonyms.original_address(hidden(a).into());
        prop_assert_eq!(back.unwrap_or(hidden(a).into()), IpAddr::V4(a));
    }

    #[test]
    fn neighbours_of_ipv6_stay_neighbours(a: u128, top in prop::sample::select(vec![0x2001_u128, 0x2a03, 0x3fff, 0xfd00, 0xfe80, 0xff02, 0x0100]), flip in 0..112u32, rest: u128) {
        let pseudonyms = one();
        let a = top << 112 | a >> 16;
        let b = a ^ (1 << flip) ^ (rest & ((1 << flip) - 1));
        let (a, b) = (Ipv6Addr::from(a), Ipv6Addr::from(b));
        let hidden = |a: Ipv6Addr| match pseudonyms.address(a.into()) {
            Some(IpAddr::V6(hidden)) => hidden,
            _ => a,
        };
        prop_assert_eq!(common_v6(hidden(a), hidden(b)), common_v6(a, b));
        prop_assert_eq!(hidden(a).segments()[0] >> 13, a.segments()[0] >> 13);
        let back = pseudonyms.original_address(hidden(a).into());
        prop_assert_eq!(back.unwrap_or(hidden(a).into()), IpAddr::V6(a));
    }

    #[test]
    fn a_hardware_address_is_restored_with_the_key_alone(mac: [u8; 6], other: [u8; 6]) {
        let hide = |mac| one().mac(mac).unwrap_or(mac);
        prop_assert_eq!(one().original_mac(hide(mac)).unwrap_or(hide(mac)), mac);
        prop_assert_eq!(hide(mac)[0] & 3, mac[0] & 3);
        prop_assert_eq!(hide(mac) == hide(other), mac == other);
    }

    #[test]
    fn digits_are_restored_with_the_key_alone(digits in prop::collection::vec(0..10u8, 0..40)) {
        let mut hidden = digits.clone();
        one().digits("phone", 10, &mut hidden);
        one().original_digits("phone", 10, &mut hidden);
        prop_assert_eq!(hidden, digits);
    }

    #[test]
    fn a_name_is_restored_with_the_key_alone(name in "[a-z][a-z0-9-]{0,62}|[A-Z][a-zé ]{0,120}") {
        for kind in NameKind::ALL {
            let hidden = one().name(kind, &name);
            prop_assert_eq!(one().original(&hidden), Some(name.clone().into_bytes()));
            prop_assert!(pseudonyms("another made-up key").original(&hidden) != Some(name.clone().into_bytes()));
        }
    }
}

#[test]
fn addresses_that_name_nobody_stay() {
    let pseudonyms = one();
    for stays in [
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "255.255.240.0",
        "224.0.0.251",
        "169.254.7.7",
        "192.0.2.7",
        "198.51.100.7",
        "203.0.113.7",
        "::",
        "::1",
        "ff02::fb",
        "2001:db8::7",
        "::ffff:127.0.0.1",
    ] {
        assert_eq!(pseudonyms.address(ip(stays)), None, "{stays}");
        assert_eq!(pseudonyms.original_address(ip(stays)), None, "{stays}");
    }
}

#[test]
fn a_network_stays_a_network_and_its_broadcast_a_broadcast() {
    let hide = |text| one().address(ip(text)).unwrap().to_string();
    let (network, broadcast) = (hide("10.42.7.0"), hide("10.42.7.255"));
    let head = network.strip_suffix(".0").unwrap();
    assert_eq!(broadcast, format!("{head}.255"));
    assert_ne!(head, "10.42.7");
    assert!(hide("10.42.7.9").starts_with(head));
}

#[test]
fn an_address_within_another_is_hidden_like_itself() {
    let pseudonyms = one();
    let Some(IpAddr::V4(plain)) = pseudonyms.address(ip("10.42.7.1")) else { panic!() };
    assert_eq!(pseudonyms.address(ip("::ffff:10.42.7.1")), Some(plain.to_ipv6_mapped().into()));
    let translated = format!("64:ff9b::{plain}");
    assert_eq!(pseudonyms.address(ip("64:ff9b::10.42.7.1")), Some(ip(&translated)));
}

#[test]
fn twenty_thousand_values_have_as_many_pseudonyms() {
    let pseudonyms = one();
    let (mut v4, mut macs, mut users) = (HashSet::new(), HashSet::new(), HashSet::new());
    for number in 0..20_000u32 {
        v4.insert(pseudonyms.address(Ipv4Addr::from(0x0a00_0000 + number * 7).into()).unwrap());
        let [a, b, c, d] = number.to_be_bytes();
        macs.insert(pseudonyms.mac([0x00, 0x50, a, b, c, d]).unwrap());
    }
    for number in 0..20_000u32 {
        users.insert(pseudonyms.name(NameKind::User, format!("user{number}")));
    }
    assert_eq!((v4.len(), macs.len(), users.len()), (20_000, 20_000, 20_000));
}

#[test]
fn under_another_key_nothing_is_the_same() {
    let (one, other) = (one(), pseudonyms("another made-up key"));
    let same = (0..1000u32).filter(|number| {
        let name = format!("web{number}");
        let mac = [0, 1, 2, 3, (number >> 8) as u8, *number as u8];
        one.name(NameKind::Host, &name) == other.name(NameKind::Host, &name)
            || one.mac(mac) == other.mac(mac)
    });
    assert_eq!(same.count(), 0);
    assert_ne!(one.address(ip("10.42.7.1")), other.address(ip("10.42.7.1")));
    let digits = |pseudonyms: &Pseudonyms| {
        let mut digits = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        pseudonyms.digits("phone", 10, &mut digits);
        digits
    };
    assert_ne!(digits(&one), digits(&other));
}

#[test]
fn hardware_addresses_that_name_nobody_stay() {
    assert_eq!(one().mac([0; 6]), None);
    assert_eq!(one().mac([0xff; 6]), None);
    assert_eq!(one().mac([0x01, 0, 0x5e, 0, 0, 1]), None);
}
