//! The tokens and the Referer that clients send, and what may be said of them.

use collect_core::Secret;
use sha2::{Digest, Sha256};
use std::fmt;

/// The values that requests are compared with. Nothing that is shown or kept holds one of them.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    known: Vec<(Token, Value)>,
    referers: Vec<Secret>,
}

/// What is known of a token.
#[derive(Clone, Debug)]
enum Value {
    Whole(Secret),
    /// Its SHA-256 only.
    Digest([u8; 32]),
}

impl Value {
    fn digest(&self) -> [u8; 32] {
        match self {
            Self::Whole(secret) => Sha256::digest(secret.reveal()).into(),
            Self::Digest(digest) => *digest,
        }
    }

    fn whole(&self) -> Option<&str> {
        match self {
            Self::Whole(secret) => Some(secret.reveal()),
            Self::Digest(_) => None,
        }
    }
}

/// One of the tokens: its kind, and its place in the list of that kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    kind: Kind,
    /// From 1.
    position: usize,
    /// How many there are of its kind.
    of: usize,
    /// The last characters, as far as they give nothing away.
    tail: String,
    /// The beginning of its SHA-256, by which the state knows it.
    fingerprint: String,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// To store reports.
    Upload,
    /// To list, read and delete them.
    Desk,
    /// Nothing any more.
    Retired,
}

/// A token of fewer characters is not shown in part.
const LONG_ENOUGH: usize = 16;

impl Tokens {
    /// None are known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the upload tokens, in the order of their list.
    #[must_use]
    pub fn upload(self, tokens: impl IntoIterator<Item = Secret>) -> Self {
        self.with(Kind::Upload, tokens)
    }

    /// Adds the desk's tokens, in the order of their list.
    #[must_use]
    pub fn desk(self, tokens: impl IntoIterator<Item = Secret>) -> Self {
        self.with(Kind::Desk, tokens)
    }

    /// Adds tokens that are no longer valid.
    #[must_use]
    pub fn retired(self, tokens: impl IntoIterator<Item = Secret>) -> Self {
        self.with(Kind::Retired, tokens)
    }

    /// Adds tokens that are no longer valid and of which only the SHA-256 is known.
    #[must_use]
    pub fn retired_by_digest(self, digests: impl IntoIterator<Item = [u8; 32]>) -> Self {
        self.add(Kind::Retired, digests.into_iter().map(Value::Digest))
    }

    /// Adds a Referer that clients must send.
    #[must_use]
    pub fn referer(mut self, referer: Secret) -> Self {
        if !referer.reveal().is_empty() {
            self.referers.push(referer);
        }
        self
    }

    fn with(self, kind: Kind, tokens: impl IntoIterator<Item = Secret>) -> Self {
        // An empty text would be found in everything.
        let tokens = tokens.into_iter().filter(|token| !token.reveal().is_empty());
        self.add(kind, tokens.map(Value::Whole))
    }

    fn add(mut self, kind: Kind, values: impl IntoIterator<Item = Value>) -> Self {
        for value in values {
            let digest = value.digest();
            // A token that is valid again is not retired.
            if self.known.iter().all(|(_, known)| known.digest() != digest) {
                let position = self.of_kind(kind).count() + 1;
                self.known.push((Token::new(kind, position, &value), value));
            }
        }
        let of = self.of_kind(kind).count();
        for (token, _) in self.known.iter_mut().filter(|(token, _)| token.kind == kind) {
            token.of = of;
        }
        self
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Token> {
        self.known.iter().map(|(token, _)| token).filter(move |token| token.kind == kind)
    }

    /// All tokens, in the order of the numbers that [`Tokens::find`] gives them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Token> {
        self.known.iter().map(|(token, _)| token)
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Token> {
        self.known.get(number).map(|(token, _)| token)
    }

    /// Which token a User-Agent is.
    pub(crate) fn find(&self, agent: &[u8]) -> Option<usize> {
        let whole = |value: &Value| value.whole().is_some_and(|token| token.as_bytes() == agent);
        let known = self.known.iter().position(|(_, value)| whole(value));
        known.or_else(|| {
            let mut digests =
                self.known.iter().enumerate().filter(|(_, (_, value))| value.whole().is_none());
            let first = digests.next()?;
            let digest: [u8; 32] = Sha256::digest(agent).into();
            let mut all = std::iter::once(first).chain(digests);
            all.find(|(_, (_, value))| value.digest() == digest).map(|(number, _)| number)
        })
    }

    /// Whether it is known what clients must send as Referer.
    pub(crate) fn knows_referer(&self) -> bool {
        !self.referers.is_empty()
    }

    pub(crate) fn is_referer(&self, referer: &[u8]) -> bool {
        self.referers.iter().any(|secret| secret.reveal().as_bytes() == referer)
    }

    /// The text without any of them.
    pub(crate) fn mask(&self, text: &str) -> String {
        let tokens = self.known.iter().filter_map(|(_, value)| value.whole());
        let mut secrets: Vec<&str> =
            tokens.chain(self.referers.iter().map(Secret::reveal)).collect();
        // A longer one may hold a shorter one, whose removal would leave the rest standing.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
}

impl Token {
    fn new(kind: Kind, position: usize, value: &Value) -> Self {
        let text = value.whole().unwrap_or_default();
        let letters = text.chars().count();
        let tail = if letters < LONG_ENOUGH { 0 } else { 2 };
        let digest = value.digest();
        let first: [u8; 8] = digest[..8].try_into().expect("a digest has 32 bytes");
        Self {
            kind,
            position,
            of: position,
            tail: text.chars().skip(letters - tail).collect(),
            fingerprint: format!("{:016x}", u64::from_be_bytes(first)),
        }
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the state calls it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Upload => "upload",
            Kind::Desk => "desk",
            Kind::Retired => "retired",
        };
        write!(f, "{kind} token {} of {}", self.position, self.of)?;
        if self.tail.is_empty() { Ok(()) } else { write!(f, " (…ends {})", self.tail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        let secrets = |values: &[&str]| values.iter().map(|v| Secret::new(*v)).collect::<Vec<_>>();
        Tokens::new()
            .upload(secrets(&["made-up-upload-token-5c", "made-up-upload-token-7e"]))
            .desk(secrets(&["made-up-desk"]))
            .retired(secrets(&["made-up-upload-token-00", "made-up-desk", ""]))
            .referer(Secret::new("https://komand.example/report"))
    }

    #[test]
    fn a_token_is_named_by_its_place_and_end_and_never_shown() {
        let tokens = tokens();
        let named: Vec<_> = tokens.all().map(ToString::to_string).collect();
        assert_eq!(
            named,
            [
                "upload token 1 of 2 (…ends 5c)",
                "upload token 2 of 2 (…ends 7e)",
                "desk token 1 of 1",
                "retired token 1 of 1 (…ends 00)"
            ]
        );
        assert!(!format!("{tokens:?}").contains("made-up"));
    }

    #[test]
    fn a_retired_token_is_recognised_by_its_digest() {
        let digest = |token: &str| Sha256::digest(token).into();
        let digests = [digest("made-up-of-last-month"), digest("made-up-desk")];
        let tokens = tokens().retired_by_digest(digests);
        let number = tokens.find(b"made-up-of-last-month").unwrap();
        assert_eq!(tokens.get(number).unwrap().to_string(), "retired token 2 of 2");
        let valid = tokens.find(b"made-up-desk").unwrap();
        assert_eq!(tokens.get(valid).unwrap().kind(), Kind::Desk);
        assert_eq!(tokens.find(b"something else"), None);
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        let tokens = tokens();
        assert_eq!(tokens.find(b"made-up-upload-token-7e"), Some(1));
        assert_eq!(tokens.find(b"made-up-upload-token-7e "), None);
        assert_eq!(tokens.find(b"Made-up-upload-token-7e"), None);
        assert_eq!(tokens.find(b""), None);
    }

    #[test]
    fn tokens_and_referer_are_masked_in_any_text() {
        let masked = tokens().mask("a made-up-upload-token-7e b https://komand.example/report c");
        assert_eq!(masked, "a … b … c");
    }
}
