//! Passwords in sentences and notes: `the password of db1 is hunter2`, `use hunter2 as the password`,
//! `login: admin / hunter2`.

use super::value::{is_password_like, is_placeholder};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

/// What a sentence calls a secret.
const NOUNS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pass phrase",
    "passcode",
    "passwort",
    "kennwort",
    "secret",
    "token",
    "credential",
    "pwd",
    " pw ",
    "psk",
    "community",
    "api key",
    "apikey",
    "access key",
    "-shared key",
    "license key",
    "recovery key",
    "mot de passe",
    "contrase",
    "wachtwoord",
];

/// What a sentence calls a number that lets in.
const CODES: &[&str] = &["pin", "puk", "otp", "tan", "passcode", "code"];

/// Words that bind a noun to the value behind them.
const BINDING: &[&str] = &[
    "is", "was", "are", "be", "to", "lautet", "ist", "war", "est", "es", "=", ":", "=>", "->",
    "as", "become", "becomes", "equals", "value",
];

/// Words that may stand between the noun and the value.
const BETWEEN: &[&str] = &[
    "attempt",
    "set",
    "generated",
    "now",
    "will",
    "typed",
    "entered",
    "used",
    "changed",
    "reset",
    "password",
    "passphrase",
    "secret",
    "with",
    "using",
    "token",
    "string",
    "currently",
    "been",
    "has",
    "then",
    "again",
    "here",
    "still",
    "initially",
    "temporarily",
    "once",
    "more",
    "only",
    "old",
    "new",
    "key",
    "id",
    "phrase",
    "code",
    "s",
    "passe",
    "a",
    "ña",
    "the",
];

/// Words that begin a phrase which says whose secret it is.
const OWNING: &[&str] =
    &["for", "of", "on", "fuer", "f\u{fc}r", "von", "to", "in", "at", "der", "f=c3=bcr"];

/// How many words are looked at.
const WORDS: usize = 12;

/// How far words may reach.
const REACH: usize = 256;

/// A user and what stands behind it.
const PAIRS: &[(&[&str], &str)] = &[
    (
        &["creds", "credentials", "login: ", "login/pw", "user/pass", "user/pw"],
        r#"(?i)\b(?:creds|credentials|log ?in|account|user(?:name)?/(?:pass|pw)\w*|login/pw)\b(?:[ a-z]{0,40}?)(?: are| is|:)?[ ]*['"`]?[A-Za-z][\w.@\\-]{0,40}['"`]?(?: ?/ ?|:)['"`]?(?<secret>[^\s'"`,;]+)"#,
    ),
    (
        &[" / "],
        r#"(?i)\b(?:(?:admin|root|administrator|user)|user [\w.-]{1,40}) / ['"`]?(?<secret>[^\s'"`,;]+)"#,
    ),
    (&["u: ", " pw: ", " pass: "], r"(?i)\bu(?:ser)?: ?\S{1,64},? p(?:w|ass)?: ?(?<secret>\S+)"),
    (&["login attempt"], r"(?i)login attempt \[?b?'?[^\s/']{1,64}'?/b?'?(?<secret>[^\s'\]]+)"),
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let mut rules = vec![
        Rule::finder("password", NOUNS, find)?,
        Rule::finder("password", ["password", "passphrase", "passwort"], before)?,
        Rule::finder("code", [" code", "pin ", "pin:", "otp ", "otp:", "puk", "tan:"], code)?,
        Rule::pattern(
            "code",
            ["is your"],
            r"(?i)\b(?:[A-Z]-)?(?<secret>[0-9]{4,8}) is your [a-z ]{0,40}code",
        )?,
        Rule::pattern("key", ["recovery"], r"(?<secret>(?:[0-9]{6}-){7}[0-9]{6})")?,
    ];
    for (anchors, pattern) in PAIRS {
        rules.push(Rule::pattern("password", *anchors, pattern)?.valid(is_noted));
    }
    Ok(rules)
}

/// Whether a word of a note looks like a password and like no date, path or address.
pub(super) fn is_noted(word: &[u8]) -> bool {
    let inner = word.strip_suffix(b".").unwrap_or(word);
    is_password_like(inner) && !is_name_of_thing(inner)
}

/// Whether the word looks made up but is a name: of a host, a version, a file, an algorithm, a class.
fn is_name_of_thing(word: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let letters = word.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let digits = word[letters..].iter().take_while(|b| b.is_ascii_digit()).count();
    // `web01`, `SHA256`, `utf8`; but `hunter2` is none, because whoever writes so writes passwords.
    let is_numbered = letters + digits == word.len() && letters <= 5 && digits <= 4;
    let dots = memchr::memchr_iter(b'.', word).count();
    let is_host = dots >= 2 && word.iter().all(|b| plain(b) || b".-".contains(b));
    let is_version = word.first().is_some_and(u8::is_ascii_digit) && dots >= 1;
    let is_time = word.first().is_some_and(u8::is_ascii_digit)
        && word.iter().filter(|b| b.is_ascii_alphabetic()).count() <= 2;
    let is_address = word.contains(&b'@') && dots > 0;
    let is_path = memchr::memchr_iter(b'/', word).count() >= 2;
    let is_ticket = word[0] == b'#';
    let humps = word.windows(2).filter(|b| b[0].is_ascii_lowercase() && b[1].is_ascii_uppercase());
    let is_identifier = word.iter().all(u8::is_ascii_alphabetic) && humps.count() >= 2;
    is_numbered
        || is_host
        || is_version
        || is_time
        || is_address
        || is_path
        || is_ticket
        || is_identifier
}

/// A word of a text.
struct Word {
    /// With its quotes and stops.
    whole: Range<usize>,
    /// Without.
    inner: Range<usize>,
    quoted: bool,
}

/// The next word of a text.
fn word(text: &[u8], from: usize) -> Option<Word> {
    let gap = text[from..].iter().take_while(|b| b" \t".contains(b)).count();
    let start = from + gap;
    let mut open = start;
    while open < text.len() && b"(*".contains(&text[open]) && open < start + 3 {
        open += 1;
    }
    let quote = *text.get(open)?;
    let two = text[open..].starts_with(b"''");
    if b"\"'`".contains(&quote) {
        let from = open + 1 + usize::from(two);
        let len = text[from..].iter().position(|&b| b == quote)?;
        if len > 0 {
            let end = (from + len + 1 + usize::from(two)).min(text.len());
            return Some(Word { whole: start..end, inner: from..from + len, quoted: true });
        }
    }
    if text[open..].starts_with(b"&quot;") {
        let from = open + 6;
        let len = memchr::memmem::find(&text[from..], b"&quot;")?;
        return Some(Word { whole: start..from + len + 6, inner: from..from + len, quoted: true });
    }
    if text[open..].starts_with(b"<code>") {
        let from = open + 6;
        let len = text[from..].iter().position(|&b| b == b'<')?;
        return Some(Word { whole: start..from + len, inner: from..from + len, quoted: true });
    }
    let len = text[open..].iter().position(|b| b.is_ascii_whitespace() || *b == 0);
    let end = open + len.unwrap_or(text.len() - open);
    if start == end {
        return None;
    }
    let mut inner = open..end;
    while inner.start < inner.end && b"),:;.?*`'\"".contains(&text[inner.end - 1]) {
        inner.end -= 1;
    }
    Some(Word { whole: start..end, inner, quoted: false })
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

/// The password behind the noun at `at`, with only words of a sentence between.
fn find(line: &[u8], at: Range<usize>) -> Option<Found> {
    let anchor = &line[at.clone()];
    if line[..at.start].last().is_some_and(|&b| is_word_byte(b))
        && is_word_byte(anchor[0])
        && anchor[0] != b'-'
    {
        return None;
    }
    // The name of a file, as in `/etc/pam.d/passwd`.
    // Helm marks what changes with a secret as `checksum/secret`, AWS names one `arn:…:secret:name`.
    let before = &line[..at.start];
    if matches!(before.last(), Some(b'/' | b':')) {
        let len = before.iter().rev().take(128).take_while(|b| !b.is_ascii_whitespace()).count();
        let word = &before[before.len() - len..];
        let slashes = memchr::memchr_iter(b'/', word).count();
        let is_arn = memchr::memmem::find(word, b"arn:").is_some();
        if word.ends_with(b"/") && slashes >= 2 || word.ends_with(b"checksum/") || is_arn {
            return None;
        }
    }
    // A parameter of a URL ends with it, or before the next.
    if matches!(line[..at.start].last(), Some(b'?' | b'&')) {
        return None;
    }
    let text = &line[..line.len().min(at.end + REACH)];
    // `passwords`, `credentials`, `contraseña`.
    let tail = text[at.end..].iter().take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80).count();
    let may_go_on = anchor.starts_with(b"cont") || anchor.starts_with(b"mot");
    if tail > 1 && !may_go_on || text.get(at.end + tail).is_some_and(|&b| b"_-/(".contains(&b)) {
        return None;
    }
    let mut next = at.end + tail;
    let mut bound = false;
    let mut owner = 0;
    let sign = text[next..].iter().take_while(|b| b" \t".contains(b)).count();
    if text.get(next + sign).is_some_and(|b| b":=".contains(b)) {
        bound = true;
        next += sign + text[next + sign..].iter().take_while(|b| b":=>".contains(b)).count();
    }
    if !bound && sign == 0 {
        return None;
    }
    for number in 0..WORDS {
        let found = word(text, next)?;
        let inner = &text[found.inner.clone()];
        let lower = String::from_utf8_lossy(inner).to_ascii_lowercase();
        let ends = &text[found.inner.end..found.whole.end];
        let colon =
            !found.quoted && ends.contains(&b':') || inner.is_empty() && ends.contains(&b'=');
        if found.quoted && (bound || number == 0 || owner == 0) && is_phrase(inner) {
            return Some(found.inner.into());
        }
        // In `the key of the tunnel to Berlin is …` it binds nothing yet.
        let is_phrase_of_owner = owner > 0
            && (lower == "as"
                || lower == "to"
                    && !word(text, found.whole.end)
                        .is_some_and(|next| is_noted(&text[next.inner])));
        if !found.quoted && BINDING.contains(&lower.as_str()) && !is_phrase_of_owner
            || colon && inner.is_empty()
        {
            bound = true;
            owner = 0;
            next = found.whole.end;
            continue;
        }
        if !found.quoted && BETWEEN.contains(&lower.as_str()) {
            bound |= colon;
            next = found.whole.end;
            if ends.iter().any(|b| b".?,".contains(b)) {
                return None;
            }
            continue;
        }
        if owner == 0 && OWNING.contains(&lower.as_str()) {
            owner = 6;
            bound = false;
            next = found.whole.end;
            continue;
        }
        if owner > 0 {
            if !found.quoted
                && let Some(value) = behind_owner(inner)
            {
                let start = found.inner.start + value;
                return Some((start..found.inner.end).into());
            }
            owner -= 1;
            bound = colon || memchr::memmem::find(ends, b"=").is_some();
            if bound {
                owner = 0;
            } else if ends.iter().any(|b| b".?;".contains(b)) || owner == 0 {
                return None;
            }
            next = found.whole.end;
            continue;
        }
        if bound && !found.quoted && is_made(line, &found) && is_given(&text[..found.whole.start]) {
            return Some(found.inner.into());
        }
        let is_password = anchor.first().is_some_and(|b| b" pPkKwWmM".contains(b));
        let fits = (is_noted(inner) || bound && is_generated(inner))
            && (is_password || !is_resource(inner));
        return fits.then(|| found.inner.into());
    }
    None
}

/// Where the password begins in `owner:PASSWORD`.
fn behind_owner(word: &[u8]) -> Option<usize> {
    let colon = word.iter().position(|&b| b == b':').filter(|at| *at > 1)?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_.-@".contains(b);
    let value = &word[colon + 1..];
    (word[..colon].iter().all(plain) && is_noted(value) && !value.contains(&b'/'))
        .then_some(colon + 1)
}

/// Whether what comes last in a line is of small letters only and like no word of a sentence.
fn is_made(line: &[u8], found: &Word) -> bool {
    /// How adjectives, participles and adverbs end that say something of a password.
    const ENDS: &[&str] = &[
        "ed", "ing", "ly", "ful", "ent", "ant", "ory", "ary", "able", "ible", "al", "ive", "ion",
        "less", "ment", "ous", "ity", "ic", "en", "ate", "ow", "ness", "thing", "where", "word",
        "words", "phrase", "ers", "or", "er", "ect", "out", "ons", "ess",
    ];
    let word = &line[found.inner.clone()];
    word.len() >= 8
        && line[found.whole.end..].trim_ascii().is_empty()
        && word.iter().all(u8::is_ascii_lowercase)
        && !ENDS.iter().any(|end| word.ends_with(end.as_bytes()))
        && !is_placeholder(word)
}

/// Whether the text before a password says that somebody, or something, made it up for once.
fn is_given(head: &[u8]) -> bool {
    let lower = head[head.len().saturating_sub(REACH)..].to_ascii_lowercase();
    [&b"generated"[..], b"temporary", b"initial", b"one-time", b"random"]
        .iter()
        .any(|word| memchr::memmem::find(&lower, word).is_some())
}

/// Whether a word has letters of both cases, digits and signs, as what a generator makes.
fn is_generated(word: &[u8]) -> bool {
    let has = |of: fn(&u8) -> bool| word.iter().any(of);
    word.len() >= 10
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && !word.iter().any(|b| b"(){}<>[]\"\\:&;,".contains(b))
        && !is_name_of_thing(word)
}

/// Whether the word is a name as Kubernetes makes them, such as `app-token-k2x7m`.
fn is_resource(word: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(b);
    word.iter().all(plain) && word.iter().filter(|b| b"-_.".contains(b)).count() >= 1
}

/// Whether what stands in quotes may be a password and is no name of a setting or placeholder.
fn is_phrase(text: &[u8]) -> bool {
    let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
    let blanks = memchr::memchr_iter(b' ', text).count();
    let is_sentence = blanks > 5 || text.ends_with(b".");
    let lower = text.to_ascii_lowercase();
    let names_itself =
        [&b"password"[..], b"passwd", b"token", b"secret", b"key", b"user", b"error", b"invalid"]
            .iter()
            .any(|noun| memchr::memmem::find(&lower, noun).is_some());
    text.len() >= 5
        && !is_sentence
        && !names_itself
        && !is_placeholder(text)
        && (digits > 0 && is_noted_phrase(text) || blanks >= 2)
        && !text.iter().any(|b| b"=<>{}()\\|".contains(b))
}

fn is_noted_phrase(text: &[u8]) -> bool {
    text.contains(&b' ') || is_noted(text)
}

/// The password before the noun: `use X as the password`, `enter X when asked for the password`.
fn before(line: &[u8], at: Range<usize>) -> Option<Found> {
    const VERBS: [&str; 6] = ["use", "enter", "type", "try", "with", "using"];
    let from = at.start.saturating_sub(96);
    let head = &line[from..at.start];
    let words: Vec<Range<usize>> = {
        let mut words = Vec::new();
        let mut next = 0;
        while let Some(word) = word(head, next) {
            next = word.whole.end;
            words.push(word.inner);
        }
        words
    };
    let lower =
        |index: usize| String::from_utf8_lossy(&head[words[index].clone()]).to_ascii_lowercase();
    let last = words.len().checked_sub(1)?;
    let mut index = last;
    // Back over `as the`, `when asked for the`.
    while index > 0
        && ["the", "a", "your", "as", "for", "asked", "when", "prompted", "initial", "my", "its"]
            .contains(&lower(index).as_str())
    {
        index -= 1;
    }
    if index == last || index == 0 || !VERBS.contains(&lower(index - 1).as_str()) {
        return None;
    }
    let value = words[index].clone();
    is_noted(&head[value.clone()]).then(|| (from + value.start..from + value.end).into())
}

/// The digits behind `PIN`, `verification code is` and their like.
fn code(line: &[u8], at: Range<usize>) -> Option<Found> {
    let start = at.start + usize::from(line[at.start] == b' ');
    if line[..start].last().is_some_and(|&b| is_word_byte(b)) {
        return None;
    }
    let text = &line[..line.len().min(at.start + 64)];
    let name = text[start..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let noun = String::from_utf8_lossy(&text[start..start + name]).to_ascii_lowercase();
    if !CODES.contains(&noun.as_str()) {
        return None;
    }
    if noun == "code" {
        let head =
            String::from_utf8_lossy(&line[start.saturating_sub(24)..start]).to_ascii_lowercase();
        const KINDS: [&str; 10] = [
            "verification",
            "security",
            "login",
            "access",
            "one-time",
            "confirmation",
            "auth",
            "authentication",
            "2fa",
            "sms",
        ];
        if !KINDS.iter().any(|kind| head.trim_end().ends_with(kind)) {
            return None;
        }
    }
    let mut next = start + name;
    for _ in 0..4 {
        next += text[next..].iter().take_while(|b| b" :=\"'".contains(b)).count();
        let digits = text[next..].iter().take_while(|b| b.is_ascii_digit()).count();
        let follows = text.get(next + digits).is_none_or(|&b| !is_word_byte(b) || b == b'.');
        if (4..=8).contains(&digits) && follows {
            return Some((next..next + digits).into());
        }
        let len = text[next..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let word = String::from_utf8_lossy(&text[next..next + len]).to_ascii_lowercase();
        if !["is", "code", "are", "was", "for", "number", "ist"].contains(&word.as_str()) {
            return None;
        }
        next += len;
    }
    None
}
