//! Where people live: streets with a number, where a key or the words before say what follows.

use collect_core::redact::{
    Found, Rule, RuleError,
    pseudonym::{NameKind, Pseudonyms},
};
use std::{ops::Range, sync::Arc};

/// What stands before an address.
const BEFORE: &[&str] = &[
    "street\"",
    "street=",
    "street:",
    "street_address",
    "streetaddress",
    "address\"",
    "address=",
    "address:",
    "address_line",
    "addressline",
    "addr1",
    "ship to ",
    "shipped to ",
    "shipping to ",
    "deliver to ",
    "delivered to ",
    "delivery to ",
    "geocode ",
    "geocoded ",
    "lives at ",
    "resides at ",
    "home address ",
    "billing address ",
    "shipping address ",
];

/// Words for streets and dwellings, or their ends, in the languages of Europe.
const STREETS: &[&str] = &[
    "street",
    "st.",
    "road",
    "rd.",
    "avenue",
    "ave",
    "lane",
    "drive",
    "court",
    "square",
    "boulevard",
    "blvd",
    "highway",
    "parkway",
    "terrace",
    "apt",
    "apt.",
    "suite",
    "floor",
    "unit",
    "rue",
    "chemin",
    "allée",
    "impasse",
    "quai",
    "place",
    "route",
    "calle",
    "avenida",
    "plaza",
    "paseo",
    "ronda",
    "camino",
    "via",
    "viale",
    "piazza",
    "corso",
    "rua",
    "ulica",
    "ul.",
    "aleja",
    "al.",
    "pl.",
    "plac",
    "os.",
    "straße",
    "strasse",
    "str.",
    "weg",
    "platz",
    "gasse",
    "allee",
    "ring",
    "ufer",
    "damm",
    "straat",
    "laan",
    "plein",
    "gatan",
    "vägen",
    "vej",
    "gade",
    "piso",
    "puerta",
    "esc.",
    "glorieta",
    "cuesta",
    "acceso",
    "callejón",
    "pasaje",
    "urbanización",
    "vial",
    "cañada",
    "rambla",
    "strada",
    "vicolo",
    "largo",
    "contrada",
    "borgo",
    "rotonda",
    "travessa",
    "praça",
    "alameda",
    "singel",
    "gracht",
    "náměstí",
    "třída",
    "utca",
    "tér",
    "gate",
    "veien",
    "katu",
    "tie",
    "way",
    "close",
    "crescent",
    "trail",
    "circle",
    "loop",
    "alley",
    "building",
    "house",
];

/// A longer text is no address.
const LONGEST: usize = 120;

pub(super) fn rules(pseudonyms: &Arc<Pseudonyms>) -> Result<Vec<Rule>, RuleError> {
    let pseudonyms = Arc::clone(pseudonyms);
    let rule = Rule::finder("address", BEFORE, find)?
        .replaced(move |place| Some(pseudonyms.name(NameKind::Address, place).into_bytes()));
    Ok(vec![rule])
}

fn find(line: &[u8], at: Range<usize>) -> Option<Found> {
    let sign = |byte: &&u8| {
        b"\"'\\:= ".contains(byte) || byte.is_ascii_digit() && line[at.end - 1] == b'e'
    };
    let spoken = line[at.end - 1] == b' ';
    let start =
        at.end + if spoken { 0 } else { line[at.end..].iter().take(6).take_while(sign).count() };
    let quoted = start > 0 && b"\"'".contains(&line[start - 1]);
    let ends = |byte: &u8| {
        b"\"\\\t\r<>{}[]|;=\0".contains(byte)
            || *byte == b'\'' && quoted && line[start - 1] == b'\''
    };
    let rest = &line[start..line.len().min(start + LONGEST + 1)];
    let len = rest.iter().position(ends).unwrap_or(rest.len());
    let text = &rest[..len];
    let text = if quoted { text } else { without_sequel(text) };
    let end = start + text.trim_ascii_end().len();
    (len <= LONGEST && is_place(&line[start..end], quoted)).then(|| (start..end).into())
}

/// Cuts the words of a sentence off that go on behind an address.
fn without_sequel(text: &[u8]) -> &[u8] {
    let mut end = text.trim_ascii_end().len();
    while let Some(space) = text[..end].iter().rposition(|&byte| byte == b' ') {
        let word = &text[space + 1..end];
        if !word.iter().all(u8::is_ascii_lowercase) || is_street(word) {
            break;
        }
        end = text[..space].trim_ascii_end().len();
    }
    &text[..end]
}

fn is_street(word: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(word).to_lowercase();
    let lower = lower.trim_end_matches(',');
    let ends = [
        "straße", "strasse", "str.", "weg", "platz", "gasse", "allee", "ring", "straat", "laan",
        "plein", "kade", "gracht", "steeg", "gatan", "vägen", "gränd", "vej", "gade", "veien",
        "katu",
    ];
    STREETS.contains(&lower) || ends.iter().any(|end| lower.ends_with(end))
}

/// Whether the text is a street, and neither a number, nor the address of a host.
fn is_place(text: &[u8], quoted: bool) -> bool {
    let words: Vec<&[u8]> =
        text.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
    let capital = |word: &&[u8]| word[0].is_ascii_uppercase() && word.len() > 1 || word[0] >= 0x80;
    let number = |word: &&[u8]| {
        word[0].is_ascii_digit()
            && word.len() <= 9
            && word.iter().all(|b| b.is_ascii_alphanumeric() || b"/-.,".contains(b))
    };
    let technical = text.iter().any(|byte| b":@_(*%".contains(byte))
        || text.starts_with(b"0x")
        || text.starts_with(b"/");
    let street = words.iter().any(|word| is_street(word));
    let named = words.iter().any(capital);
    let numbered = words.iter().any(number);
    words.len() >= 2 && !technical && named && (street || numbered && (quoted || words.len() <= 8))
}
