//! Finds the pseudonyms of names in a text, so that they can be turned back: what the customer does
//! with an answer from support.

use super::{NameKind, Pseudonyms};
use regex::bytes::Regex;
use std::{ops::Range, sync::LazyLock};

/// What may be the pseudonym of a name; that of a domain ends in one that nobody can register.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    let kinds: Vec<&str> =
        NameKind::ALL.into_iter().map(|kind| kind.prefix().trim_end_matches('-')).collect();
    Regex::new(&format!(r"(?-u)(?:{})-[0-9a-z]{{8,}}(?:\.invalid)?", kinds.join("|")))
        .expect("the expression is right")
});

/// What a pseudonym of a domain ends in (RFC 2606).
const DOMAIN_END: &[u8] = b".invalid";

impl Pseudonyms {
    /// Calls back with all that may be the pseudonym of a name, in order.
    pub fn names(text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
        let border = |byte: Option<&u8>| !byte.is_some_and(u8::is_ascii_alphanumeric);
        for name in NAMES.find_iter(text) {
            let mut at = name.range();
            if !name.as_bytes().starts_with(NameKind::Domain.prefix().as_bytes())
                && name.as_bytes().ends_with(DOMAIN_END)
            {
                at.end -= DOMAIN_END.len();
            }
            let before = at.start.checked_sub(1).and_then(|before| text.get(before));
            if border(before) && border(text.get(at.end)) {
                found(at);
            }
        }
    }

    /// The name that the pseudonym stands in for, if it is one of this key.
    pub fn named(&self, pseudonym: &[u8]) -> Option<Vec<u8>> {
        let pseudonym = pseudonym.strip_suffix(DOMAIN_END).unwrap_or(pseudonym);
        self.original(std::str::from_utf8(pseudonym).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn the_names_in_a_text_are_turned_back_with_their_key_only() {
        let one = Pseudonyms::new(&Secret::new("a made-up key of a customer"));
        let hidden = format!(
            "{}.{}.invalid_{} xhost-00000000 host-7 {}x",
            one.name(NameKind::Host, "shop1"),
            one.name(NameKind::Domain, "made-up.net"),
            one.name(NameKind::Person, b"Zo\xe9 Madeup"),
            one.name(NameKind::User, "zmadeup"),
        );
        let shown = |key: &Pseudonyms| {
            let mut names = Vec::new();
            Pseudonyms::names(hidden.as_bytes(), &mut |at| {
                names.extend(key.named(&hidden.as_bytes()[at]));
            });
            names
        };
        assert_eq!(shown(&one), [&b"shop1"[..], b"made-up.net", b"Zo\xe9 Madeup"]);
        let other = Pseudonyms::new(&Secret::new("another made-up key"));
        assert!(shown(&other).iter().all(|name| !shown(&one).contains(name)));
    }
}
