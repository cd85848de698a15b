//! Turns the pseudonyms of a text back: what the customer does with an answer from support.

use super::Pseudonyms;
use regex::{Captures, Regex};
use std::{net::IpAddr, sync::LazyLock};

/// Pseudonyms of names, and what may be an address. No longer word is taken for either.
static CANDIDATES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?<domain>\bdom-[0-9a-z]{8,48})\.invalid\b|(?<name>\b(?:host|user|person|address)-[0-9a-z]{8,48})\b",
        r"|(?<address>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:\.[0-9]{1,3}){0,3}|\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b)",
    ))
    .expect("the expression is right")
});

impl Pseudonyms {
    /// The text with every name and address turned back that this key can turn back.
    ///
    /// Hardware addresses, numbers of telephones, cards and accounts, and names of more than some 30
    /// to 40 characters stay as they are. What has the form of an address is taken for a pseudonym.
    pub fn reveal(&self, text: &str) -> String {
        CANDIDATES
            .replace_all(text, |found: &Captures<'_>| {
                let revealed =
                    match (found.name("domain").or(found.name("name")), found.name("address")) {
                        (Some(name), _) => self.original(name.as_str()),
                        (_, Some(address)) => self.revealed_address(address.as_str()),
                        _ => None,
                    };
                revealed.unwrap_or_else(|| found[0].to_owned())
            })
            .into_owned()
    }

    fn revealed_address(&self, text: &str) -> Option<String> {
        let address: IpAddr = text.parse().ok()?;
        let original = self.original_address(address)?.to_string();
        let upper = text.bytes().any(|byte| byte.is_ascii_uppercase()) && !original.contains('.');
        Some(if upper { original.to_uppercase() } else { original })
    }
}

#[cfg(test)]
mod tests {
    use super::super::NameKind;
    use super::*;
    use crate::Secret;

    #[test]
    fn a_text_is_turned_back_with_its_key_only() {
        let one = Pseudonyms::new(&Secret::new("a made-up key of a customer"));
        let hide = |address: &str| one.address(address.parse().unwrap()).unwrap().to_string();
        let name = |kind, name| one.name(kind, name);
        let hidden = format!(
            "{}.{}.invalid ({}) [{}]:22 {} as {}: \"{}\"",
            name(NameKind::Host, "shop1"),
            name(NameKind::Domain, "made-up.net"),
            hide("10.42.7.1"),
            hide("2a03:2880::7"),
            hide("::ffff:10.42.7.1"),
            name(NameKind::User, "zmadeup"),
            name(NameKind::Person, "Zoé Madeup"),
        );
        let original = "shop1.made-up.net (10.42.7.1) [2a03:2880::7]:22 ::ffff:10.42.7.1 as zmadeup: \"Zoé Madeup\"";
        assert_eq!(one.reveal(&hidden), original);
        let other = Pseudonyms::new(&Secret::new("another made-up key")).reveal(&hidden);
        for part in ["shop1", "made-up", "10.42.7.1", "2880", "zmadeup", "Zoé"] {
            assert!(!other.contains(part), "{other}");
        }
        assert_eq!(
            one.reveal("10:42:00 user-friendly 127.0.0.1 a::b"),
            "10:42:00 user-friendly 127.0.0.1 a::b"
        );
    }
}
