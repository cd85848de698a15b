//! Configuration of routers, switches and firewalls: lines of words, of which one names a secret and
//! a later one is it.

use super::{phrase::rest_of_name, value::is_placeholder, words::Words};
use collect_core::redact::{Found, Rule, RuleError};
use std::{ops::Range, sync::LazyLock};

macro_rules! words {
    ($text:expr) => {
        Words::new(LazyLock::new(|| $text.split_ascii_whitespace().collect()))
    };
}

/// Words that such lines begin with.
static HEADS: Words = words!(
    "enable username user local-user tacacs-server radius-server tacacs radius aaa-server snmp-server \
     snmp-agent snmpv3 snmp neighbor ip ipv6 crypto ppp standby vrrp glbp hsrp ntp key key-string wpa-psk \
     security encryption failover ikev1 ikev2 pre-shared-key area isis mpls ldp peer passwd password \
     ldap-login-password message-digest-key server-private shared-secret wlan-wpa-passphrase wpa-passphrase \
     community authentication secret psksecret passphrase root-authentication system protocols tunnel \
     encrypted-password plaintext-password pre-shared-secret interface radius-common-pw ospf bgp \
     cipher vpn wlan ssid dot11 aaa router line login super set"
);

/// Words behind which a secret follows.
static NOUNS: Words = words!(
    "password passwd secret key key-string pre-shared-key authentication-key community psksecret \
     passphrase set-key wpa-psk encrypted-password plaintext-password plain-text-password-value \
     shared-secret phash pre-shared-secret ldap-login-password wlan-wpa-passphrase wpa-passphrase \
     message-digest-key authentication-password privacy-password privacy-key secret-key psk auth priv \
     cipher sha1 simple authentication"
);

/// Words between the two that say how it is written.
static TYPES: Words = words!(
    "enc encrypted cipher simple irreversible-cipher hash plaintext plain-text ascii-text ascii hex md5 \
     sha sha1 sha-1 sha224 sha256 sha-256 sha384 sha512 sha-512 hmac-md5 hmac-sha-1 hmac-sha-256 key \
     key-string local remote unencrypted hashed text string clear cleartext wpa akm aes des 3des \
     aes128 aes192 aes256 128 192 256 read write type value pbkdf2 scrypt address hostname size 128bit 40bit"
);

/// Words that follow such a noun where no secret does.
static NO_SECRETS: Words = words!(
    "generate chain config-key encryption recovery min-length authentication management zeroize \
     pubkey-chain mypubkey export import storage rsa ec local remote default group required host timeout \
     policy expire aging length strength history retry change mode manager user level version auth priv \
     noauth open network-role role privilege enable disable none all any traps trap login exec line \
     console vty radius tacacs tacacs+ ldap failed failure success for is was ro rw prompt id map list \
     view name algorithm order method server source-interface port key-chain linkdown linkup \
     psk psk-sha256 dot1x message-digest eap ssid pki isakmp ipsec ike gdoi provisioning profile \
     authorization accounting read-only read-write password-encrypted config-key"
);

/// A line has no more words than this.
const WORDS: usize = 40;

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let anchors = [
        "password ",
        "passwd ",
        "secret ",
        "key ",
        "key-string ",
        "pre-shared-key ",
        "authentication-key",
        "community ",
        "passphrase ",
        "set-key ",
        "wpa-psk ",
        "encrypted-password ",
        " auth ",
        " priv ",
        "md5 ",
        "authentication ",
        "psksecret ",
        "shared-secret ",
        "phash ",
        "cipher ",
        "pre-shared-secret ",
    ];
    Ok(vec![Rule::finder("network-password", anchors, first)?])
}

/// The first secret at or behind an anchor, so that every anchor leads on to the next one.
fn first(line: &[u8], at: Range<usize>) -> Option<Found> {
    // Nearly all lines of logs begin with something else.
    let start = line.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let len = line[start..].iter().take(40).take_while(|b| !b.is_ascii_whitespace()).count();
    let head = line[start..start + len].to_ascii_lowercase();
    let known = std::str::from_utf8(&head).is_ok_and(|head| HEADS.have(head) || head == "no");
    if line.len() > 1024 || !known {
        return None;
    }
    let all = secrets(line);
    let value = all.into_iter().find(|value| value.start >= at.start)?;
    Some(value.into())
}

fn secrets(line: &[u8]) -> Vec<Range<usize>> {
    let words = words_of(line);
    let text = |index: usize| line[words[index].clone()].to_ascii_lowercase();
    let mut found = Vec::new();
    let mut head = 0;
    while head < words.len() && matches!(text(head).as_slice(), b"set" | b"no") {
        head += 1;
    }
    let known =
        |word: &[u8], list: &Words| std::str::from_utf8(word).is_ok_and(|word| list.have(word));
    if head >= words.len() || !(known(&text(head), &HEADS) || head > 0) {
        return found;
    }
    let single = known(&text(head), &NOUNS) && head == 0;
    let mut at = head;
    while at < words.len() {
        let noun = text(at);
        at += 1;
        let authenticates = noun == b"authentication"
            && !matches!(text(head).as_slice(), b"standby" | b"vrrp" | b"glbp" | b"hsrp");
        if !known(&noun, &NOUNS)
            || authenticates
            || matches!(noun.as_slice(), b"cipher" | b"simple" | b"sha1") && at < 3
        {
            continue;
        }
        let mut next = at;
        let mut typed = false;
        while next < words.len() {
            let word = text(next);
            let number = word.len() <= 3 && word.iter().all(u8::is_ascii_digit);
            let kind = known(&word, &TYPES);
            let last = next + 1 == words.len();
            if !(number || kind && !last) {
                break;
            }
            typed = true;
            next += 1;
            if matches!(word.as_slice(), b"address" | b"hostname" | b"size") {
                next += 1;
            }
        }
        if next >= words.len() {
            break;
        }
        let value = words[next].clone();
        let quoted = value.start > 0 && line[value.start - 1] == b'"';
        let shown = &line[value.clone()];
        let word = shown.strip_suffix(b".").unwrap_or(shown);
        let lower = !word.iter().any(|b| !b.is_ascii_lowercase());
        // A lone noun and a word are as well the start of a sentence.
        let community = noun == b"community";
        let last = next + 1 == words.len() || community && next + 2 == words.len();
        let sentence =
            single && (lower || !(typed || last && shown.iter().any(|b| !b.is_ascii_alphabetic())));
        let plain = lower && !quoted && !typed && noun != b"authentication";
        let is_name = known(&shown.to_ascii_lowercase(), &NO_SECRETS)
            || known(&shown.to_ascii_lowercase(), &NOUNS);
        let fits = shown.len() >= 3
            && !is_name
            && !sentence
            && !plain
            && !is_placeholder(shown)
            && !matches!(shown.first(), Some(b'-' | b'/' | b'(' | b'{' | b'=' | b':' | b'.'))
            && !shown.ends_with(b":")
            && !shown.contains(&b'=') | typed | shown.ends_with(b"=")
            && shown.iter().filter(|b| **b == b'(' || **b == b'[').count() == 0;
        if fits {
            let start = if shown.starts_with(b"0x") && shown.len() > 10 {
                value.start + 2
            } else {
                value.start + rest_of_name(shown)
            };
            found.push(start..value.end);
            at = next + 1;
        }
    }
    found
}

/// The words of a line, without quotes and the `;` at their ends.
fn words_of(line: &[u8]) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut at = 0;
    while at < line.len() && words.len() < WORDS {
        if line[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if line[at] == b'"'
            && let Some(len) = line[at + 1..].iter().position(|&b| b == b'"')
        {
            words.push(at + 1..at + 1 + len);
            at += len + 2;
            continue;
        }
        let len = line[at..].iter().take_while(|b| !b.is_ascii_whitespace()).count();
        let end = line[at..at + len].iter().rposition(|&b| b != b';').map_or(0, |last| last + 1);
        words.push(at..at + end);
        at += len;
    }
    words
}
