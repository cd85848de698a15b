//! Names of people: those of the host's accounts, and where a key or a salutation says that one
//! follows.

use super::layout::{before, is_border};
use collect_core::redact::{
    Found, HostFacts, Rule, RuleError,
    pseudonym::{NameKind, Pseudonyms},
};
use std::{ops::Range, sync::Arc};

/// Two words or more that begin with a capital, in UTF-8 or a one-byte encoding. Those with a digit
/// are found, so that not a part of them is taken, and are names of things.
const NAME: &str = r"(?<secret>(?:[A-Z]|[\x80-\xff])[A-Za-z0-9#\x80-\xff'.-]*(?: (?:(?:de|del|della|van|von|der|den|da|di|du|la|le|el|ter|zu|y|bin|al) )*(?:[A-Z]|[\x80-\xff])[A-Za-z0-9#\x80-\xff'.-]*){1,4})";

/// Keys of names.
const KEYED: &str = r#"(?i-u:(?:full|display|first|last|given|family|middle|sur|customer|contact|owner|employee|holder|cardholder|card_holder|account|real|nick|person|patient|author|maintainer|recipient|sender|billing|shipping)?[ _-]?name|gecos|author|assignee|reporter|cardholder|recipient|\bcn)\\*["']?\s{0,2}[:=]\s{0,2}\\*["']?"#;

/// Words before names in sentences.
const SPOKEN: &str = r"(?:\b(?:Dear|[Cc]ustomer|[Cc]lient|[Pp]atient|[Ee]mployee|[Aa]ssigned to|[Rr]eported by|[Rr]equested by|[Aa]pproved by|[Ss]igned by|[Cc]reated by|[Aa]uthored by|[Oo]n behalf of|[Cc]ontact|[Aa]ttn:?|Mr\.?|Mrs\.?|Ms\.?|Dr\.?|Herr|Frau|Monsieur|Madame|Se[\x80-\xff]+ora?) )";

/// Words that are in names of things, and hardly in names of people.
const THINGS: &[&str] = &[
    "linux",
    "server",
    "service",
    "system",
    "default",
    "intel",
    "amd",
    "controller",
    "device",
    "microsoft",
    "windows",
    "google",
    "apple",
    "chrome",
    "ubuntu",
    "debian",
    "red",
    "hat",
    "fedora",
    "kernel",
    "manager",
    "daemon",
    "network",
    "local",
    "remote",
    "internet",
    "error",
    "warning",
    "file",
    "files",
    "disk",
    "drive",
    "root",
    "user",
    "users",
    "group",
    "account",
    "admin",
    "administrator",
    "team",
    "support",
    "inc",
    "inc.",
    "ltd",
    "ltd.",
    "llc",
    "gmbh",
    "corp",
    "corp.",
    "corporation",
    "company",
    "authority",
    "ca",
    "certificate",
    "trust",
    "global",
    "premium",
    "standard",
    "test",
    "example",
    "web",
    "mobile",
    "app",
    "application",
    "data",
    "database",
    "cloud",
    "virtual",
    "machine",
    "memory",
    "power",
    "audio",
    "video",
    "usb",
    "pci",
    "bluetooth",
    "wireless",
    "ethernet",
    "adapter",
    "client",
    "request",
    "response",
    "id",
    "type",
    "name",
    "not",
    "found",
    "the",
    "new",
    "unknown",
    "bus",
    "hub",
    "host",
    "bridge",
    "foundation",
    "project",
    "community",
    "open",
    "api",
    "security",
    "update",
    "package",
    "library",
    "tools",
    "signing",
    "validation",
    "secure",
    "public",
    "key",
    "desktop",
    "engine",
    "driver",
    "agent",
    "studio",
    "office",
    "java",
    "python",
    "generic",
    "side",
    "monitoring",
    "portal",
    "family",
    "edition",
];

/// Where the keys and words begin; in any case.
const KEYS: &[&str] =
    &["name", "gecos", "author", "assignee", "reporter", "cardholder", "recipient", "cn="];

const WORDS: &[&str] = &[
    "dear ",
    "customer ",
    "client ",
    "patient ",
    "employee ",
    "assigned to ",
    "reported by ",
    "requested by ",
    "approved by ",
    "signed by ",
    "created by ",
    "authored by ",
    "on behalf of ",
    "contact ",
    "attn",
    "mr ",
    "mr. ",
    "mrs",
    "ms ",
    "ms. ",
    "dr ",
    "dr. ",
    "herr ",
    "frau ",
    "monsieur ",
    "madame ",
    "ora ",
];

pub(super) fn rules(
    pseudonyms: &Arc<Pseudonyms>,
    facts: &HostFacts,
) -> Result<Vec<Rule>, RuleError> {
    let mut rules = vec![
        Rule::pattern("person", KEYS.iter().copied(), &format!("{KEYED}{NAME}"))?
            .before(|rest| {
                let sign = |byte: &&u8| b" \t\r\x0b\x0c\\\"':=".contains(byte);
                begins_name(rest.iter().find(|byte| !sign(byte)))
            })
            .valid(is_person),
        Rule::pattern("person", WORDS.iter().copied(), &format!("{SPOKEN}{NAME}"))?
            .before(|rest| {
                let sign = |byte: &&u8| b" .:".contains(byte);
                begins_name(rest.iter().take(4).find(|byte| !sign(byte)))
            })
            .valid(is_person),
    ];
    let known: Vec<String> =
        facts.people.iter().filter(|name| is_person(name.as_bytes())).cloned().collect();
    if !known.is_empty() {
        rules.push(Rule::finder("person", known, alone)?);
    }
    let replaced = |rule: Rule| {
        let pseudonyms = Arc::clone(pseudonyms);
        rule.replaced(move |name| Some(pseudonyms.name(NameKind::Person, name).into_bytes()))
    };
    Ok(rules.into_iter().map(replaced).collect())
}

fn begins_name(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_uppercase() || *byte >= 0x80)
}

fn is_person(name: &[u8]) -> bool {
    let words: Vec<&[u8]> = name.split(|&byte| byte == b' ').collect();
    let thing = |word: &&[u8]| {
        let lower = word.to_ascii_lowercase();
        THINGS.iter().any(|thing| thing.as_bytes() == lower)
    };
    let shouted = |word: &[u8]| word.len() > 3 && word.iter().all(u8::is_ascii_uppercase);
    let numbered = name.iter().any(|byte| byte.is_ascii_digit() || *byte == b'#');
    (2..=7).contains(&words.len())
        && !numbered
        && !words.iter().any(|word| is_product(word))
        && name.len() <= 80
        && !words.iter().any(|word| thing(word) || word.is_empty())
        && !words.iter().all(|word| shouted(word))
        && words.iter().any(|word| word.len() > 2)
}

/// What capitals stand behind in names of people.
const PREFIXES: &[&str] =
    &["Mc", "Mac", "De", "Di", "Da", "Del", "Du", "La", "Le", "Lo", "Fitz", "Van", "Von", "St"];

/// Whether a capital stands in the middle of a word, as in names of products.
fn is_product(word: &[u8]) -> bool {
    let inner = word
        .windows(2)
        .position(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    inner.is_some_and(|at| !PREFIXES.iter().any(|known| known.as_bytes() == &word[..=at]))
}

fn alone(line: &[u8], at: Range<usize>) -> Option<Found> {
    let free = is_border(before(line, at.start)) && is_border(line.get(at.end).copied());
    free.then(|| at.into())
}
