//! Values of keys: `key = value` in all its spellings, from INI to JSON within JSON, XML, query
//! strings and command lines.

use super::{
    below,
    extent::{Value, value},
    key::{Strength, is_plural, strength},
    label,
    lone::{has_word, is_mixed},
    numbers, pair,
    place::{Place, key_around, trimmed, with_word_before},
    sign::{Sign, separator},
    value::{is_generated, is_password_like, is_random, is_secret},
};
use collect_core::redact::{Found, Near, Rule, RuleError};
use std::ops::Range;

/// What names a secret, by the rule that is counted.
const NOUNS: &[(&str, &[&str])] = &[
    (
        "password",
        &[
            "pass",
            "pwd",
            "pswd",
            "pasword",
            "rootpw",
            "bindpw",
            "adminpw",
            "kennwort",
            "masterauth",
            "_pw",
            "-pw",
            "pw:",
            "pw=",
            "pw\"",
            "pw ",
            "contrasena",
            "wachtwoord",
            "authtok",
        ],
    ),
    ("token", &["token", "jwt", "bearer"]),
    (
        "secret",
        &[
            "secret",
            "credential",
            "creds",
            "psk",
            "privateaccess",
            "connectionstring",
            "encrypt =",
            "encrypt=",
            "encrypt\"",
            "encrypt  ",
            "secure: \"",
            "authident",
            "userinfo",
        ],
    ),
    ("key", &["key"]),
    (
        "session",
        &[
            "cookie",
            "session",
            "sessid",
            "sig=",
            "signature",
            "_auth",
            "auth=",
            "auth\"",
            "auth:",
            "auth =",
            "otp=",
            "pin=",
            "\"pin\"",
            "\"otp\"",
            "otp =",
            "pin:",
            "pin =",
            "_pin",
            "pin\"",
            "otp:",
            "\"auth",
            "salt",
            "community",
            "mnemonic",
            "seed",
            "sid=",
            "&code=",
            "?code=",
            "alarm_code",
            "pin_code",
            "access_code",
            "door_code",
            "security_code",
            "unlock_code",
            "reg_code",
        ],
    ),
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let rule = |&(id, anchors): &(&str, &[&str])| {
        let rule = Rule::nearby(id, anchors, find)?;
        Ok(match id {
            "password" => rule.learns(is_password_like),
            "token" | "secret" => rule.learns(|value| is_random(value, 16)),
            "key" => rule.learns(|value| is_random(value, 24)),
            // There are too many of them in logs, and they say nothing for long.
            _ => rule,
        })
    };
    NOUNS.iter().map(rule).collect()
}

/// Parameters of a query that let whoever has them in.
const SESSIONS: [&[u8]; 3] = [b"code", b"session_id", b"auth_code"];

/// A name and how much it says of what it is given.
#[derive(Clone, Copy)]
pub(super) struct Subject<'l> {
    pub(super) name: &'l [u8],
    pub(super) strength: Strength,
}

/// Where the values of the key around `at` are that are secrets.
fn find(near: &Near<'_>, at: Range<usize>) -> Vec<Found> {
    let here = near.line();
    let line = &near.text()[here.clone()];
    let Some(key) = key_around(line, &(at.start - here.start..at.end - here.start)) else {
        return Vec::new();
    };
    let name = trimmed(line, &key);
    let query = key.start > 0 && matches!(line[key.start - 1], b'?' | b'&');
    // Most names that hold an anchor are no key's.
    let known = strength_of(line, &name, query);
    let Some(strength) = known.or_else(|| of_path(&line[name.clone()])) else {
        return Vec::new();
    };
    let place = Place::of(line, &key, &name);
    let is_signed =
        line[name.end..].starts_with(b"=AKIA") || line[name.end..].starts_with(b"=ASIA");
    if is_of_parts(&line[name.clone()]) || is_signed && name.len() == b"Credential".len() {
        return Vec::new();
    }
    let subject = Subject { name: &line[name.clone()], strength };
    let found = assigned(line, &key, &place, subject);
    if known.is_none() && !found.as_ref().is_some_and(|at| is_one_random(&line[at.value.clone()])) {
        return Vec::new();
    }
    let moved = |found: Found| Found {
        value: here.start + found.value.start..here.start + found.value.end,
        ..found
    };
    if let Some(found) = found {
        let mut all = below::continued(near, &found.value, &place);
        all.insert(0, moved(found));
        return all;
    }
    let pairs = pair::values(near, &key, subject);
    if pairs.is_empty() { below::values(near, &key, &place, subject) } else { pairs }
}

/// How much a name says that ends as that of a file does: what it is given may be the secret still.
fn of_path(name: &[u8]) -> Option<Strength> {
    let ending = name.iter().rposition(u8::is_ascii_alphabetic)? + 1;
    let ends = |word: &[u8]| {
        ending > word.len() && name[ending - word.len()..ending].eq_ignore_ascii_case(word)
    };
    (ends(b"path") || ends(b"file")).then_some(Strength::Weak)
}

/// Whether the value is random throughout, as base64 is and no path, though there be slashes in it.
fn is_one_random(value: &[u8]) -> bool {
    (32..=64).contains(&value.len())
        && value.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b))
        && is_mixed(value)
        && !has_word(value)
}

/// Whether the value has parts of which only some are secrets; others find these.
fn is_of_parts(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 4] = [b"cookie", b"set-cookie", b"x-amz-credential", b"x-goog-credential"];
    NAMES.contains(&&*name.to_ascii_lowercase())
}

/// Settings of units that say which credential is meant (systemd.exec(5), systemd.unit(5)).
const NAMES_OF_CREDENTIALS: [&[u8]; 6] = [
    b"ConditionCredential",
    b"AssertCredential",
    b"ImportCredential",
    b"LoadCredential",
    b"LoadCredentialEncrypted",
    b"ImportCredentialEncrypted",
];

/// How much the key says, by its name and where it stands.
fn strength_of(line: &[u8], name: &Range<usize>, query: bool) -> Option<Strength> {
    let text = &line[name.clone()];
    // What follows begins with a name of its own (systemd.exec(5)).
    if text.len() >= 13 && text[..13].eq_ignore_ascii_case(b"setcredential")
        || NAMES_OF_CREDENTIALS.contains(&text)
    {
        return None;
    }
    match strength(text) {
        Some(Strength::Weak) if query => Some(Strength::Strong),
        Some(Strength::Weak)
            if text.eq_ignore_ascii_case(b"key") || text.eq_ignore_ascii_case(b"keys") =>
        {
            strength(&line[with_word_before(line, name)])
        }
        None if query && SESSIONS.contains(&&*text.to_ascii_lowercase()) => Some(Strength::Strong),
        None if is_code(text) || is_id(text) => Some(Strength::Weak),
        strength => strength,
    }
}

/// The secret that a key at this place is given in its own line.
pub(super) fn assigned(
    line: &[u8],
    key: &Range<usize>,
    place: &Place,
    subject: Subject<'_>,
) -> Option<Found> {
    let (start, sign) = separator(line, key.end, place)?;
    if is_path_of(line, key, start, sign) {
        return None;
    }
    if matches!(sign, Sign::Equals | Sign::Colon)
        && let Some((value, quote)) = numbers::list(&line[start..])
    {
        let value = start + value.start..start + value.end;
        return (!is_plural(subject.name)).then_some(Found { value, quote });
    }
    let raw = value(line, start, place, sign, subject.strength)?;
    if place.option && subject.strength == Strength::Weak && is_passed(line, &raw, subject.name) {
        return Some(Found { value: raw.at, quote: false });
    }
    if !fits(line, place, sign, &raw, subject) {
        return None;
    }
    judged(line, &raw, place, sign, subject)
}

/// Whether a key is a part of a name, and what follows another part: `app::secret::Key`,
/// `arn:…:secret:name`, `checksum/secret: …`.
fn is_path_of(line: &[u8], key: &Range<usize>, start: usize, sign: Sign) -> bool {
    let before = &line[..key.start];
    let tight = sign == Sign::Colon && line[..start].ends_with(b":");
    tight && (line[..start].ends_with(b"::") || before.ends_with(b":"))
        || before.ends_with(b"checksum/")
        || sign == Sign::Space && before.ends_with(b"/")
}

/// What of a value is secret, if it is.
pub(super) fn judged(
    line: &[u8],
    raw: &Value,
    place: &Place,
    sign: Sign,
    subject: Subject<'_>,
) -> Option<Found> {
    let whole = &line[raw.at.clone()];
    let inner = label::inner(whole);
    let labelled = inner.len() < whole.len();
    let mut at = raw.at.start + inner.start..raw.at.start + inner.end;
    let mut text = &line[at.clone()];
    let mut strength = subject.strength;
    if strength == Strength::Weak {
        if labelled && text.len() >= 16 {
            strength = Strength::Strong;
        } else if let Some(colon) = user(text, subject.name) {
            at.start += colon + 1;
            text = &line[at.clone()];
            strength = Strength::Password;
        }
    } else if subject.name.to_ascii_lowercase().ends_with(b"userpwd")
        && let Some(colon) = user(text, b"users")
    {
        // What libcurl calls both, CURLOPT_USERPWD(3).
        at.start += colon + 1;
        text = &line[at.clone()];
    }
    let code = is_code(subject.name)
        && (4..=8).contains(&text.len())
        && text.iter().all(u8::is_ascii_digit);
    let fingerprint = is_fingerprint(subject.name, text);
    let named = strength != Strength::Password && names_itself(subject.name, text);
    if fingerprint || named || !(code || is_secret(text, strength, raw.quoted)) {
        return None;
    }
    let number = text.iter().all(|b| b.is_ascii_digit() || b".-".contains(b));
    let bare =
        place.json || sign == Sign::Equals && place.first && line[..raw.at.start].ends_with(b"= ");
    Some(Found { value: at, quote: bare && !raw.quoted && number })
}

/// Whether a value may be meant by the sign before it.
fn fits(line: &[u8], place: &Place, sign: Sign, raw: &Value, subject: Subject<'_>) -> bool {
    let text = &line[raw.at.clone()];
    let weak = subject.strength == Strength::Weak;
    let leads = place.first || place.directive;
    match sign {
        // Behind white space alone stand the words of sentences, unless in quotes.
        // `pass "--quiet" to it`: what is passed on.
        Sign::Space
            if !place.option
                && !leads
                && raw.quoted
                && (text.starts_with(b"-")
                    || subject.name.eq_ignore_ascii_case(b"pass")
                        && !text.iter().any(u8::is_ascii_digit)) =>
        {
            false
        }
        Sign::Space if !place.option && raw.quoted => match subject.strength {
            Strength::Password => {
                leads || !text.contains(&b'/') && !text.contains(&b'.') || !text.contains(&b' ')
            }
            Strength::Strong => {
                leads
                    || is_random(text, 12)
                    || !subject.name.eq_ignore_ascii_case(b"token") && !text.contains(&b'/')
            }
            Strength::Weak => leads && is_generated(text),
        },
        Sign::Space if !place.option => {
            let is_hash = text.len() == 64 && text.iter().all(u8::is_ascii_hexdigit);
            !text.starts_with(b"--") && leads && raw.last && !weak && is_field(text)
                || place.directive && !weak && is_field(text) && place_is_set(line)
                || is_random(text, if weak { 32 } else { 20 })
                    && (leads || !weak)
                    && (raw.last || !is_hash)
        }
        // Columns of help are farther apart than an option and its value.
        Sign::Space => !text.starts_with(b"-") && !line[..raw.at.start].ends_with(b"  "),
        // `(passwd:chauthtok)`: PAM's name for what it does. Tests that pass say `PASS: name`.
        // What goes on with `//` is a URL, of which the name is the scheme.
        Sign::Colon => {
            text != b"chauthtok"
                && (place.json || !is_result(line, raw, subject.name))
                && !(weak && text.starts_with(b"//"))
        }
        // A program compares with what it does not allow as well.
        Sign::Differs => {
            raw.quoted
                && (subject.strength == Strength::Password
                    || is_password_like(text)
                    || is_generated(text))
        }
        Sign::Comma => {
            let behind = line[raw.at.end..].iter().skip(1).find(|b| !b.is_ascii_whitespace());
            raw.quoted && matches!(behind, Some(b')' | b'}' | b'>'))
        }
        Sign::Equals | Sign::Element | Sign::Default => true,
    }
}

/// Whether a name says that a test has passed: `PASS: name`. In `ID:name/PASS:value` it does not.
fn is_result(line: &[u8], raw: &Value, name: &[u8]) -> bool {
    let head = &line[..raw.at.start];
    let of_pair = head.strip_suffix(b"PASS:").is_some_and(|head| head.ends_with(b"/"));
    matches!(name, b"PASS" | b"XPASS") && !of_pair
}

/// Whether a line gives several names values, one after the other.
fn place_is_set(line: &[u8]) -> bool {
    let head = line.trim_ascii_start().to_ascii_lowercase();
    head.starts_with(b"set") || head.starts_with(b"export")
}

/// Where the colon is in `user:password`, if a key names both.
fn user(text: &[u8], name: &[u8]) -> Option<usize> {
    let lower = name.to_ascii_lowercase();
    let both = [&b"auth"[..], b"credentials", b"creds", b"ident", b"info", b"login", b"users"];
    let colon = text.iter().position(|&b| b == b':')?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_.@-\\".contains(b);
    (both.iter().any(|end| lower.ends_with(end))
        && text[0].is_ascii_alphabetic()
        && (1..40).contains(&colon)
        && text[..colon].iter().all(plain)
        && text.len() >= colon + 5
        && !text[colon + 1..].starts_with(b"/")
        && !text.contains(&b' '))
    .then_some(colon)
}

/// Whether what the option `--key` is given is a key, and no file, column, or number of a key.
fn is_passed(line: &[u8], raw: &Value, name: &[u8]) -> bool {
    let text = &line[raw.at.clone()];
    let digits = text.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let stem = &text[..text.len() - digits];
    let has = |of: fn(&u8) -> bool| stem.iter().any(of);
    let is_mixed =
        has(u8::is_ascii_digit) || has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let is_numbered = !is_mixed && (digits < 3 || stem.iter().any(|b| b"-_".contains(b)));
    name.eq_ignore_ascii_case(b"key")
        && text.len() >= 8
        && !text.iter().any(|b| b"/:,".contains(b))
        && !has_file_ending(text)
        && !text.iter().all(u8::is_ascii_hexdigit)
        && !is_numbered
        && is_password_like(text)
}

/// Whether a text ends as names of files and hosts do: `.pem`, `.p12`, `.com`.
fn has_file_ending(text: &[u8]) -> bool {
    let dot = text.iter().rposition(|&b| b == b'.');
    dot.is_some_and(|dot| {
        let ending = &text[dot + 1..];
        ending.len() <= 5
            && ending.first().is_some_and(u8::is_ascii_lowercase)
            && ending.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// Whether a name is that of a few digits that let whoever has them in.
fn is_code(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    let last = lower.rsplit(|b| !b.is_ascii_alphanumeric()).next().unwrap_or_default();
    let before = &lower[..lower.len() - last.len()];
    matches!(last, b"pin" | b"otp" | b"totp" | b"passcode" | b"pincode" | b"puk")
        || matches!(last, b"code")
            && [&b"alarm_"[..], b"pin_", b"access_", b"door_", b"security_", b"unlock_", b"reg_"]
                .iter()
                .any(|kind| before.ends_with(kind))
        || name.ends_with(b"Pin")
        || name.ends_with(b"PIN")
}

/// Whether a name is that of an id that is given out with a secret only.
fn is_id(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    [&b"access_key_id"[..], b"accesskeyid", b"access-key-id", b"secret_id"]
        .iter()
        .any(|id| lower.ends_with(id))
}

/// Whether the value is the name of its key, or the end of it, in other signs: a constant for a name.
fn names_itself(name: &[u8], text: &[u8]) -> bool {
    let letters = |text: &[u8]| -> Vec<u8> {
        let letters = text.iter().filter(|b| b.is_ascii_alphanumeric());
        letters.map(u8::to_ascii_lowercase).collect()
    };
    text.len() >= 5 && text.len() <= name.len() + 8 && letters(name).ends_with(&letters(text))
}

/// Whether the value is the fingerprint of a public key, as `gpg_key` and `signingkey` have it.
fn is_fingerprint(name: &[u8], text: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    let of = [&b"gpg_key"[..], b"gpgkey", b"gpg-key", b"signingkey", b"pgp_key", b"gpg.key"];
    of.iter().any(|end| lower.ends_with(end))
        && text.len() <= 40
        && text.iter().all(u8::is_ascii_hexdigit)
}

/// Whether the second of two words in a line is the value of the first, as in `.netrc`.
fn is_field(text: &[u8]) -> bool {
    // `kpasswd 464/tcp` is a line of `/etc/services`.
    let is_port = text.ends_with(b"/tcp") || text.ends_with(b"/udp");
    text.len() >= 5 && !is_port && text.iter().any(|b| !b.is_ascii_lowercase())
}
