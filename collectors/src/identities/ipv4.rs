//! Addresses of IPv4, and not what looks like them: versions, object identifiers, parts of numbers.

use super::layout::{self, Way, before, has_any, is_border, lead, word_before};
use collect_core::redact::{Rule, RuleError, pseudonym::Pseudonyms};
use memchr::memchr_iter;
use std::{
    net::{IpAddr, Ipv4Addr},
    ops::Range,
    sync::Arc,
};

/// Words before what is a version.
const VERSIONS: &[&str] = &[
    "version",
    "ver",
    "v",
    "release",
    "rel",
    "rev",
    "revision",
    "build",
    "firmware",
    "fw",
    "driver",
    "bios",
    "microcode",
    "installed",
    "upgrade",
    "upgraded",
    "package",
    "pkg",
    "oid",
    "install",
];

/// Words before what is an address, however much it looks like a version.
const ADDRESSES: &[&str] = &[
    "ip",
    "addr",
    "address",
    "host",
    "server",
    "client",
    "peer",
    "src",
    "dst",
    "from",
    "to",
    "via",
    "inet",
    "gateway",
    "gw",
    "dns",
    "nameserver",
    "remote",
    "local",
    "rhost",
    "listen",
    "bind",
    "route",
    "ntp",
];

/// What stands behind the version of a package, in lists of packages.
const ARCHITECTURES: &[&str] = &["amd64", "all ", "i386", "x86_64", "noarch", "arm64", "aarch64"];

pub(super) fn rule(pseudonyms: &Arc<Pseudonyms>, way: Way) -> Result<Rule, RuleError> {
    let pseudonyms = Arc::clone(pseudonyms);
    let rule =
        Rule::sweep("ipv4", move |text, found| find(text, way, found))?.replaced(move |value| {
            let address: Ipv4Addr = std::str::from_utf8(value).ok()?.parse().ok()?;
            match way.address(&pseudonyms, IpAddr::V4(address))? {
                IpAddr::V4(turned) => Some(written(turned)),
                IpAddr::V6(_) => None,
            }
        });
    Ok(rule.aligned().but_examples(is_private))
}

/// The address in text. There are many, and the standard library takes its time.
fn written(address: Ipv4Addr) -> Vec<u8> {
    let mut text = Vec::with_capacity(16);
    for part in address.octets() {
        let digits = [part / 100, part / 10 % 10, part % 10].map(|digit| b'0' + digit);
        let noughts = usize::from(part < 100) + usize::from(part < 10);
        text.extend_from_slice(&digits[noughts..]);
        text.push(b'.');
    }
    text.pop();
    text
}

/// Whether it is one of those that every network has, and says nothing of whose it is.
fn is_private(value: &[u8]) -> bool {
    let address = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
    address.is_some_and(|address: Ipv4Addr| address.is_private())
}

fn find(text: &[u8], way: Way, found: &mut dyn FnMut(Range<usize>)) {
    let mut done = 0;
    for dot in memchr_iter(b'.', text) {
        if dot < done || !is_digit(before(text, dot)) || !is_digit(text.get(dot + 1).copied()) {
            continue;
        }
        let run = run(text, dot);
        done = run.end;
        if let Some(address) = address(&text[run.clone()])
            && is_address(text, &run, address, way)
        {
            found(run);
        }
    }
}

fn is_digit(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_digit())
}

/// The digits and full stops around a place, without one at the end.
fn run(text: &[u8], at: usize) -> Range<usize> {
    let part = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
    let start = at - text[at.saturating_sub(64)..at].iter().rev().take_while(part).count();
    let len = text[at..].iter().take(64).take_while(part).count();
    let mut end = at + len;
    if text[end - 1] == b'.' {
        end -= 1;
    }
    start..end
}

fn address(text: &[u8]) -> Option<Ipv4Addr> {
    let dots = memchr_iter(b'.', text).count();
    if dots == 3 && text.len() <= 15 { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

fn is_address(text: &[u8], at: &Range<usize>, address: Ipv4Addr, way: Way) -> bool {
    let private = address.is_private() && address.octets()[0] != 10;
    let (before, after) = (before(text, at.start), text.get(at.end).copied());
    if !is_border(before) || !is_border(after) || before == Some(b'_') {
        return false;
    }
    if layout::network(text, at.end).is_some_and(|bits| PRIVATE.contains(&(address, bits))) {
        return false;
    }
    match after {
        // A file, a domain, a fourth part of a longer version.
        Some(b'.') => {
            let next = text.get(at.end + 1).copied();
            if !is_border(next) && !private {
                return false;
            }
        }
        Some(b'-' | b'+' | b'~') => {
            let end = (at.end + 1 + 15).min(text.len());
            let to = run_of_quad(&text[at.end + 1..end]);
            if !is_border(text.get(at.end + 1).copied()) && !to && !private {
                return false;
            }
        }
        _ => {}
    }
    match before {
        Some(b'-' | b'+' | b'~') if !private && !follows_quad(text, at.start - 1) => return false,
        Some(b'/') if !private && is_product(text, at, after) => return false,
        // An epoch of a package's version.
        Some(b':') if is_epoch(text, at.start - 1) => return false,
        _ => {}
    }
    likely(text, at, address, way)
}

/// The private ranges as a whole (RFC 1918, RFC 6598), which every host may have.
const PRIVATE: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

/// Whether the text begins with an address, as the end of a range does.
fn run_of_quad(text: &[u8]) -> bool {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    address(&text[..len]).is_some()
}

/// Whether an address stands before a place, as the start of a range does.
fn follows_quad(text: &[u8], at: usize) -> bool {
    let head = &text[at.saturating_sub(15)..at];
    let len = head.iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    address(&head[head.len() - len..]).is_some()
}

/// Whether it is the version in `Chrome/57.0.2987.13`, and not the address in `db7/192.0.2.7:80`.
fn is_product(text: &[u8], at: &Range<usize>, after: Option<u8>) -> bool {
    let word = text[..at.start - 1].iter().rev().take(64);
    let word: Vec<u8> =
        word.take_while(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b)).copied().collect();
    let named = word.iter().any(u8::is_ascii_alphabetic) && !word.contains(&b'.');
    named
        && !(after == Some(b':') && is_digit(text.get(at.end + 1).copied()))
        && !word.iter().any(u8::is_ascii_digit)
}

fn is_epoch(text: &[u8], colon: usize) -> bool {
    is_digit(before(text, colon))
        && is_border(colon.checked_sub(2).map(|at| text[at]))
        && !matches!(colon.checked_sub(2).map(|at| text[at]), Some(b':' | b'.'))
}

fn likely(text: &[u8], at: &Range<usize>, address: Ipv4Addr, way: Way) -> bool {
    let word = word_before(text, at.start);
    let is = |words: &[&str]| words.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word));
    if is(VERSIONS) && !address.is_private() {
        return false;
    }
    let line = &text[at.end..(at.end + 24).min(text.len())];
    let gap = line.iter().take_while(|&&byte| byte == b' ').count();
    if gap > 0 && ARCHITECTURES.iter().any(|name| line[gap..].starts_with(name.as_bytes())) {
        return false;
    }
    // `iso.org.dod.internet`, where every object identifier of networks begins.
    if address.octets() == [1, 3, 6, 1] {
        return false;
    }
    let small = address.octets()[0] < 21 && address.octets().iter().all(|&part| part < 100);
    // Of a pseudonym nothing is known by how large its parts are.
    if !small
        || way == Way::Show
        || address.octets()[0] == 10
            && !has_any(&lead(text, at.start), &["version", "release", "install", "upgrade"])
    {
        return true;
    }
    let digit = is_digit(text.get(at.end + 1).copied());
    let ported = matches!(text.get(at.end), Some(b':' | b'/')) && digit;
    let enclosed = matches!((before(text, at.start), text.get(at.end)), (Some(b'['), Some(b']')));
    ported || enclosed || is(ADDRESSES) || matches!(before(text, at.start), Some(b'@' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_everywhere() {
        for part in 0..=255 {
            let address = Ipv4Addr::new(part, 255 - part, part / 3, part / 29);
            assert_eq!(written(address), address.to_string().as_bytes());
        }
    }
}
