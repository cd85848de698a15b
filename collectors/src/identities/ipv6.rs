//! Addresses of IPv6, in any spelling, and not what else has colons: times, hardware addresses,
//! paths of programming languages.

use super::layout::{self, Way, before, is_border};
use collect_core::redact::{Rule, RuleError, pseudonym::Pseudonyms};
use memchr::memchr_iter;
use std::{
    net::{IpAddr, Ipv6Addr},
    ops::Range,
    sync::Arc,
};

/// The longest spelling (RFC 4291, section 2.2), with a port behind it.
const LONGEST: usize = 52;

/// How many colons there are if nothing is left out: six before an address of IPv4.
const FEWEST: usize = 6;

/// The most digits between two colons.
const GROUP: usize = 4;

pub(super) fn rule(pseudonyms: &Arc<Pseudonyms>, way: Way) -> Result<Rule, RuleError> {
    let pseudonyms = Arc::clone(pseudonyms);
    let rule = Rule::sweep("ipv6", find)?.replaced(move |value| {
        let text = std::str::from_utf8(value).ok()?;
        let address: Ipv6Addr = text.parse().ok()?;
        let turned = way.address(&pseudonyms, IpAddr::V6(address))?.to_string();
        let upper = value.iter().any(u8::is_ascii_uppercase) && !turned.contains('.');
        Some(if upper { turned.to_uppercase() } else { turned }.into_bytes())
    });
    Ok(rule.aligned())
}

fn find(text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
    let (mut done, mut last, mut near) = (0, 0, 0);
    for colon in memchr_iter(b':', text) {
        near = if colon - last <= GROUP + 1 { near + 1 } else { 1 };
        last = colon;
        // Two colons at once stand for groups that are left out; a time has none.
        let all = near >= FEWEST || text.get(colon + 1) == Some(&b':');
        if colon < done || !all {
            continue;
        }
        let part = |byte: &&u8| byte.is_ascii_hexdigit() || **byte == b':' || **byte == b'.';
        let head =
            text[done.max(colon.saturating_sub(LONGEST))..colon].iter().rev().take_while(part);
        let start = colon - head.count();
        let end = colon + text[colon..].iter().take(2 * LONGEST).take_while(part).count();
        done = end;
        if let Some(address) = within(text, start..end)
            && !is_kind(text, &address)
        {
            found(address);
        }
    }
}

/// The address in a run of hexadecimal digits, colons and full stops.
fn within(text: &[u8], mut run: Range<usize>) -> Option<Range<usize>> {
    if !is_border(before(text, run.start)) || before(text, run.start) == Some(b'_') {
        // The end of a word, as in `addr:fe80::1`.
        run.start += memchr::memchr(b':', &text[run.clone()])? + 1;
    } else if text[run.start] == b':' && text.get(run.start + 1) != Some(&b':') {
        run.start += 1;
    }
    if !is_border(text.get(run.end).copied()) || text.get(run.end) == Some(&b'_') {
        run.end = run.start + memchr::memrchr(b':', &text[run.clone()])?;
    }
    while run.end > run.start
        && (text[run.end - 1] == b'.' || ends_in_one_colon(&text[run.clone()]))
    {
        run.end -= 1;
    }
    if is_address(&text[run.clone()]) {
        return Some(run);
    }
    // A port behind it, or a word before it that has only letters up to F.
    let port = run.start..run.start + memchr::memrchr(b':', &text[run.clone()])?;
    let word = run.start + memchr::memchr(b':', &text[run.clone()])? + 1..run.end;
    [port, word].into_iter().find(|part| is_address(&text[part.clone()]))
}

/// Whether it is a network so large that it only says of what kind its addresses are (IANA's
/// registry of special-purpose addresses, RFC 6890).
fn is_kind(text: &[u8], at: &Range<usize>) -> bool {
    let address = &text[at.clone()];
    match layout::network(text, at.end) {
        Some(bits) => bits <= 16 || bits == 32 && [&b"2001::"[..], b"2001:0::"].contains(&address),
        None => false,
    }
}

fn ends_in_one_colon(text: &[u8]) -> bool {
    text.ends_with(b":") && !text.ends_with(b"::")
}

fn is_address(text: &[u8]) -> bool {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
    parsed.is_some() && text.iter().any(u8::is_ascii_digit)
}
