//! Headers and cookies (RFC 9110, RFC 6265), with the values of each scheme and of each cookie alone.

use super::{
    key::strength,
    value::{is_placeholder, is_random},
};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

/// How far credentials may reach.
const REACH: usize = 8192;

/// Parameters of OAuth 1 and 2, `OpenID` Connect, SAML and servlets whose names say nothing.
const PARAMETERS: &[&str] = &[
    "code_verifier",
    "device_code",
    "user_code",
    "samlresponse",
    "jsessionid",
    "phpsessid",
    "oauth_verifier",
    "client_assertion",
    "oauth_signature",
    "id_token_hint",
    "login_hint_token",
    "sessionid",
    "asp.net_sessionid",
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let names = PARAMETERS.join("|").replace('.', r"\.");
    // No names of types as in `client_assertion_type=`.
    let pattern =
        format!(r#"(?i)\b(?:{names})\\*["']?\s*[=:]\s*\\*["']?(?<secret>[^\s&"'\\;,?<>]{{6,}})"#);
    Ok(vec![
        Rule::several("authorization", ["authorization"], authorization)?,
        Rule::several("cookie", ["cookie"], cookies)?,
        Rule::pattern("session", PARAMETERS, &pattern)?.before(is_given).valid(|value| {
            !value.starts_with(b"0x")
                && !is_placeholder(value)
                && value.iter().any(u8::is_ascii_digit)
                || is_random(value, 12)
                || value.len() > 6 && value.iter().skip(1).any(u8::is_ascii_uppercase)
        }),
    ])
}

/// Whether a name that ends here may be given a value: most that logs hold are only spoken of.
fn is_given(rest: &[u8]) -> bool {
    let of = |byte: &&u8| b"\\\"'".contains(byte) || byte.is_ascii_whitespace();
    matches!(rest.iter().find(|byte| !of(byte)), Some(b'=' | b':'))
}

/// Where the value of a header begins whose name ends at `end`, in whatever syntax.
fn header(line: &[u8], end: usize) -> Option<usize> {
    let count = |from: usize, of: &[u8]| {
        line[from..].iter().take(16).take_while(|b| of.contains(b)).count()
    };
    let closed = count(end, b"\\\"']");
    let mut at = end + closed;
    at += count(at, b" \t");
    match line.get(at)? {
        b':' | b'=' => at += 1 + usize::from(line.get(at + 1) == Some(&b'>')),
        b',' if closed > 0 => at += 1,
        _ => return None,
    }
    at += count(at, b" \t");
    Some(at + count(at, b"\\\"'[("))
}

fn authorization(line: &[u8], at: Range<usize>) -> Vec<Found> {
    let Some(start) = header(line, at.end) else { return Vec::new() };
    let text = &line[..line.len().min(start + REACH)];
    let len =
        text[start..].iter().take_while(|b| b.is_ascii_alphanumeric() || b"-_".contains(b)).count();
    let scheme = text[start..start + len].to_ascii_lowercase();
    let behind = start + len;
    if text.get(behind) == Some(&b' ')
        || text.get(behind) == Some(&b':') && text.get(behind + 1) == Some(&b' ')
    {
        let from = behind + text[behind..].iter().take_while(|b| b": ".contains(b)).count();
        let names: &[&[u8]] = match &scheme[..] {
            b"digest" => &[b"response=", b"cnonce-secret="],
            b"oauth" => &[b"oauth_token=", b"oauth_signature=", b"oauth_verifier="],
            b"hawk" => &[b"mac="],
            b"signature" => &[b"signature="],
            b"token" if text[from..].starts_with(b"token=") => &[b"token="],
            _ if scheme.starts_with(b"aws4-") => &[b"Signature="],
            _ => return token(text, from, &scheme),
        };
        return names.iter().filter_map(|name| parameter(text, from, name)).collect();
    }
    token(text, start, b"")
}

/// The value of a parameter of a scheme.
fn parameter(text: &[u8], from: usize, name: &[u8]) -> Option<Found> {
    let at = from + memchr::memmem::find(&text[from..], name)? + name.len();
    let at = at + text[at..].iter().take_while(|b| b"\\\"'".contains(b)).count();
    let len = text[at..]
        .iter()
        .take_while(|b| !b.is_ascii_whitespace() && !b"\\\"',;".contains(b))
        .count();
    (len >= 6).then(|| (at..at + len).into())
}

/// One word of credentials.
fn token(text: &[u8], from: usize, scheme: &[u8]) -> Vec<Found> {
    let ends = |b: &u8| b.is_ascii_whitespace() || b"\"'\\,;<>])}\0|".contains(b);
    let len = text[from..].iter().position(ends).unwrap_or(text.len() - from);
    let word = &text[from..from + len];
    // `key=…`, `PVEAPIToken=user@realm!name=…` and `SharedKey account:…`.
    let named = word.iter().position(|&b| b == b'=').filter(|&at| {
        at > 0 && at + 8 < len && word[..at].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    });
    let skip = match named {
        Some(_) if word.contains(&b'!') => {
            word.iter().rposition(|&b| b == b'=').map_or(0, |at| at + 1)
        }
        Some(at) => at + 1,
        None if scheme == b"sharedkey" || scheme == b"sharedkeylite" || scheme == b"aws" => {
            word.iter().position(|&b| b == b':').map_or(0, |at| at + 1)
        }
        None => 0,
    };
    let value = &word[skip..];
    const WORDS: [&[u8]; 12] = [
        b"bearer",
        b"basic",
        b"digest",
        b"negotiate",
        b"ntlm",
        b"token",
        b"required",
        b"header",
        b"content-type",
        b"accept",
        b"x-api-key",
        b"proxy",
    ];
    let lower = value.to_ascii_lowercase();
    let is_challenge = scheme == b"basic" && word.starts_with(b"realm=");
    // Words of a sentence, as in `authorization: user is not allowed`.
    let is_plain = value.iter().all(|b| b.is_ascii_lowercase() || b"-_.".contains(b));
    let fits = value.len() >= 6
        && !WORDS.contains(&&*lower)
        && !is_challenge
        && !is_placeholder(value)
        && !(is_plain && (scheme.is_empty() || value.len() < 16));
    if fits { vec![(from + skip..from + len).into()] } else { Vec::new() }
}

/// The values of cookies that let somebody in.
fn cookies(line: &[u8], at: Range<usize>) -> Vec<Found> {
    const ATTRIBUTES: [&[u8]; 8] = [
        b"path",
        b"domain",
        b"expires",
        b"max-age",
        b"samesite",
        b"version",
        b"priority",
        b"comment",
    ];
    let skip = line[at.end..].iter().take(1).take_while(|b| b"2s".contains(b)).count();
    let Some(mut at) = header(line, at.end + skip) else { return Vec::new() };
    let text = &line[..line.len().min(at + REACH)];
    let mut found = Vec::new();
    while at < text.len() {
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_-.%$!#&*+^`|~".contains(b);
        let name = text[at..].iter().take_while(|b| is_name(b)).count();
        let sign = at + name;
        if name == 0 || name > 128 || text.get(sign) != Some(&b'=') {
            // An attribute without a value.
            if text.get(sign) == Some(&b';') && name > 0 {
                at = sign + 1 + text[sign + 1..].iter().take_while(|&&b| b == b' ').count();
                continue;
            }
            break;
        }
        let start = sign + 1;
        let ends = |b: &u8| b.is_ascii_whitespace() || b";\"'\\,]\0<>".contains(b);
        let len = text[start..].iter().position(ends).unwrap_or(text.len() - start);
        let key = text[at..sign].to_ascii_lowercase();
        let value = &text[start..start + len];
        let has = |part: &&[u8]| memchr::memmem::find(&key, part).is_some();
        let lets_in = strength(&key).is_some()
            || [
                &b"sess"[..],
                b"sid",
                b"auth",
                b"token",
                b"csrf",
                b"xsrf",
                b"login",
                b"logged",
                b"remember",
                b"sso",
                b"jwt",
                b"signature",
            ]
            .iter()
            .any(has);
        let is_value = if lets_in { value.len() >= 6 } else { is_random(value, 16) };
        if is_value && !ATTRIBUTES.contains(&&*key) && !is_placeholder(value) {
            found.push((start..start + len).into());
        }
        if text.get(start + len) != Some(&b';') {
            // The date of `Expires` has blanks and a comma.
            break;
        }
        at = start + len + 1;
        at += text[at..].iter().take_while(|&&b| b == b' ').count();
    }
    found
}
