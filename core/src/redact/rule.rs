//! Rules: what is looked for, and what of it is replaced.

use super::{RuleError, below::Heads, block::Block, files::Files, literal, near::Near};
use regex::bytes::{Captures, Match, Regex, RegexBuilder};
use std::ops::Range;

/// One rule: how a kind of secret is found.
///
/// Anchors are words of which at least one stands in every line with such a secret; they are found
/// in any case (ASCII). The rarer they are in ordinary text, the faster the rule.
pub struct Rule {
    pub(super) id: String,
    pub(super) anchors: Vec<Vec<u8>>,
    pub(super) kind: Kind,
    pub(super) replace: Option<Box<Replace>>,
    pub(super) aligned: bool,
    /// Only in these files.
    pub(super) files: Option<Files>,
    pub(super) worth: Option<Box<Valid>>,
    /// Which values stay that a comment gives as examples.
    pub(super) example: Option<fn(&[u8]) -> bool>,
    pub(super) shapes: Vec<String>,
}

pub(super) enum Kind {
    /// An expression, run once over a line that holds an anchor.
    Pattern(Pattern),
    /// A function, run at every anchor.
    Finder(Box<Find>),
    /// A function, run at every anchor, that may find several values.
    Several(Box<Several>),
    /// A function, run once over a line that holds an anchor.
    Lines(Box<Lines>),
    /// A function, run at every anchor, or once for every line if there is none, which sees the
    /// lines around, too.
    Nearby(Box<Nearby>),
    /// A function, run over everything.
    Sweep(Box<Sweep>),
    /// A function, run on every line that begins with a word of this length or longer.
    Lone(usize, Box<Nearby>),
    /// The anchors themselves are what is looked for, in exactly this case.
    Literal,
    /// A block of lines between two markers.
    Block(Block),
    /// Lines below one that says what they are.
    Below(Heads),
}

type Find = dyn Fn(&[u8], Range<usize>) -> Option<Found> + Send + Sync;

type Several = dyn Fn(&[u8], Range<usize>) -> Vec<Found> + Send + Sync;

type Lines = dyn Fn(&[u8]) -> Vec<Found> + Send + Sync;

pub(super) type Nearby = dyn Fn(&Near<'_>, Range<usize>) -> Vec<Found> + Send + Sync;

type Sweep = dyn Fn(&[u8], &mut dyn FnMut(Range<usize>)) + Send + Sync;

type Replace = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync;

pub(super) type Valid = dyn Fn(&[u8]) -> bool + Send + Sync;

pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// The group that is replaced; without one, the first that took part.
    pub(super) group: Option<usize>,
    pub(super) bare: Option<usize>,
    pub(super) valid: Option<Box<Valid>>,
    /// Whether it may match, by what is behind an anchor.
    pub(super) before: Option<fn(&[u8]) -> bool>,
}

impl Pattern {
    /// The part of a match that is replaced.
    pub(super) fn secret<'t>(&self, found: &Captures<'t>) -> Option<Match<'t>> {
        let Some(group) = self.group else {
            let mut groups = found.iter().skip(1).flatten();
            return groups.find(|group| !group.is_empty()).or_else(|| found.get(0));
        };
        found.get(group)
    }
}

/// What a finder found: a value within the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where the value is in the line.
    pub value: Range<usize>,
    /// Whether the replacement needs quotes of its own, as for a bare number in JSON.
    pub quote: bool,
}

impl From<Range<usize>> for Found {
    fn from(value: Range<usize>) -> Self {
        Self { value, quote: false }
    }
}

/// The shortest anchor: shorter ones stand in every other line.
const SHORTEST_ANCHOR: usize = 3;

/// How large the automaton of one expression may become.
const PATTERN_SIZE: usize = 4 << 20;

impl Rule {
    /// A rule that replaces what a regular expression finds in a line: its group `secret` if it has
    /// one, its group `bare`, with quotes around, if that took part, or else the whole match.
    ///
    /// The expression is run on every line with an anchor, or on every line if there is none. It
    /// sees bytes, not characters, and no line feed. It must not need what follows the value: a
    /// very long line is looked at in parts, and a value at the end of a part goes on in the next.
    pub fn pattern<A: AsRef<[u8]>>(
        id: impl Into<String>,
        anchors: impl IntoIterator<Item = A>,
        pattern: &str,
    ) -> Result<Self, RuleError> {
        let id = id.into();
        let regex = regex(&id, pattern)?;
        let named = |name| regex.capture_names().position(|group| group == Some(name));
        let (group, bare) = (named("secret").unwrap_or(0), named("bare"));
        let anchors = anchors.into_iter().map(|anchor| anchor.as_ref().to_vec()).collect();
        let kind =
            Kind::Pattern(Pattern { regex, group: Some(group), bare, valid: None, before: None });
        Self::new(id, anchors, kind).checked()
    }

    /// Has this group replaced instead of `secret`.
    pub fn group(mut self, group: usize) -> Result<Self, RuleError> {
        if let Kind::Pattern(pattern) = &mut self.kind {
            if group >= pattern.regex.captures_len() {
                let reason = format!("its expression has no group {group}");
                return Err(RuleError::Unusable { rule: self.id, reason });
            }
            pattern.group = Some(group);
        }
        Ok(self)
    }

    /// Has the first group replaced that took part in a match, or all of it if none did.
    #[must_use]
    pub fn first_group(mut self) -> Self {
        if let Kind::Pattern(pattern) = &mut self.kind {
            pattern.group = None;
        }
        self
    }

    /// Has a function decide, by the value, whether a match of a pattern is a secret.
    #[must_use]
    pub fn valid(mut self, valid: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        if let Kind::Pattern(pattern) = &mut self.kind {
            pattern.valid = Some(Box::new(valid));
        }
        self
    }

    /// Has the expression of a pattern run only where the line goes on like this behind an anchor: for
    /// anchors that are frequent where nothing is found.
    #[must_use]
    pub fn before(mut self, before: fn(&[u8]) -> bool) -> Self {
        if let Kind::Pattern(pattern) = &mut self.kind {
            pattern.before = Some(before);
        }
        self
    }

    /// A rule whose values are found by a function, which gets the line and the place of an anchor
    /// in it. Anchors within a value already found are passed over.
    ///
    /// So that time stays linear, the function must not look farther than a fixed distance unless
    /// it finds something.
    pub fn finder<A: AsRef<[u8]>>(
        id: impl Into<String>,
        anchors: impl IntoIterator<Item = A>,
        find: impl Fn(&[u8], Range<usize>) -> Option<Found> + Send + Sync + 'static,
    ) -> Result<Self, RuleError> {
        Self::anchored(id.into(), anchors, Kind::Finder(Box::new(find)))
    }

    /// A rule like [`Rule::finder`] whose function may find several values at one anchor.
    pub fn several<A: AsRef<[u8]>>(
        id: impl Into<String>,
        anchors: impl IntoIterator<Item = A>,
        find: impl Fn(&[u8], Range<usize>) -> Vec<Found> + Send + Sync + 'static,
    ) -> Result<Self, RuleError> {
        Self::anchored(id.into(), anchors, Kind::Several(Box::new(find)))
    }

    /// A rule whose values are found by a function that goes through all of a text, for what has no
    /// word to be anchored by, such as an address. It calls back with every value.
    ///
    /// So that it does not matter how a stream is cut, what it finds in a line must follow from that
    /// line alone; so that time stays linear, it must not look back farther than a fixed distance.
    pub fn sweep(
        id: impl Into<String>,
        sweep: impl Fn(&[u8], &mut dyn FnMut(Range<usize>)) + Send + Sync + 'static,
    ) -> Result<Self, RuleError> {
        Self::new(id.into(), Vec::new(), Kind::Sweep(Box::new(sweep))).checked()
    }

    /// Has a function say what stands in for a value, instead of `[redacted:RULE-ID]`: a pseudonym.
    /// If it says nothing, the value stays.
    ///
    /// It is called with the value alone and must depend on nothing else, so that a value is
    /// replaced alike wherever it stands. Where a value overlaps with a secret, both are removed.
    #[must_use]
    pub fn replaced(
        mut self,
        replace: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        self.replace = Some(Box::new(replace));
        self
    }

    /// Keeps columns where they are: if two spaces or more follow a value, as many are added or
    /// taken, down to one, as its replacement is shorter or longer.
    #[must_use]
    pub fn aligned(mut self) -> Self {
        self.aligned = true;
        self
    }

    /// Leaves those values where they are, of which `may` says so, that a comment gives as examples: a
    /// line that begins with `#`, `;` or `//`, and says `example` or `e.g.` before the value or in the
    /// comments right above.
    #[must_use]
    pub fn but_examples(mut self, may: fn(&[u8]) -> bool) -> Self {
        self.example = Some(may);
        self
    }

    /// Has what this rule finds learnt: where nothing but a secret can stand, it is one wherever
    /// else it stands, and is removed there, too, in all its forms, whether it was gathered before or
    /// after. `worth` decides by the value; what is short, a word, a number or stands for something
    /// else is not learnt in any case.
    ///
    /// A value that is no secret is removed everywhere by this: only rules that are never wrong
    /// should learn.
    #[must_use]
    pub fn learns(mut self, worth: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        self.worth = Some(Box::new(worth));
        self
    }

    /// Says what must not be anywhere in a text after this rule has run: an expression for secrets
    /// that can be told by their form alone. What is redacted is looked at a second time for it, by
    /// other means, and left out if it is there.
    ///
    /// All that it matches, the rule must match, too, but for what has fewer than eight different
    /// characters and only shows how such a secret looks. It should begin with some fixed characters.
    #[must_use]
    pub fn leaves_no(mut self, shape: impl Into<String>) -> Self {
        self.shapes.push(shape.into());
        self
    }

    /// A rule whose values are found by a function, which gets a whole line that holds an anchor and
    /// gives the values in it, in order.
    ///
    /// A line with an anchor that is too long to be held cannot be looked at: redaction fails then,
    /// and what the line is in does not leave.
    pub fn lines<A: AsRef<[u8]>>(
        id: impl Into<String>,
        anchors: impl IntoIterator<Item = A>,
        find: impl Fn(&[u8]) -> Vec<Found> + Send + Sync + 'static,
    ) -> Result<Self, RuleError> {
        Self::anchored(id.into(), anchors, Kind::Lines(Box::new(find)))
    }

    /// A rule whose values are found by a function, which gets a line with those around it and the
    /// place of an anchor in that text. What it finds may stand in any of these lines, but no value
    /// in two of them.
    ///
    /// Anchors within a value already found in their line are passed over. So that time stays
    /// linear, the function must not look farther than a fixed distance unless it finds something.
    pub fn nearby<A: AsRef<[u8]>>(
        id: impl Into<String>,
        anchors: impl IntoIterator<Item = A>,
        find: impl Fn(&Near<'_>, Range<usize>) -> Vec<Found> + Send + Sync + 'static,
    ) -> Result<Self, RuleError> {
        Self::anchored(id.into(), anchors, Kind::Nearby(Box::new(find)))
    }

    /// A rule for values that no word is near, in lines that begin with them: a function that gets
    /// every such line with those around it, and the place of its first word.
    ///
    /// A word is of letters, digits and the signs of base64 and of tokens, `least` bytes or longer;
    /// white space and a quote may stand before it.
    pub fn lone(
        id: impl Into<String>,
        least: usize,
        find: impl Fn(&Near<'_>, Range<usize>) -> Vec<Found> + Send + Sync + 'static,
    ) -> Result<Self, RuleError> {
        Self::new(id.into(), Vec::new(), Kind::Lone(least, Box::new(find))).checked()
    }

    /// A rule for well-known files: a function that gets every line of them with those around it.
    ///
    /// `names` are ends of paths, in which `*` stands for any part of a name: `etc/shadow`. Copies
    /// (`shadow-`, `shadow.bak`, `shadow.1.gz`) are known, too.
    pub fn in_files(
        id: impl Into<String>,
        names: &[&str],
        find: impl Fn(&Near<'_>) -> Vec<Found> + Send + Sync + 'static,
    ) -> Result<Self, RuleError> {
        let kind = Kind::Nearby(Box::new(move |near, _| find(near)));
        let rule =
            Self { files: Some(Files::new(names)), ..Self::new(id.into(), Vec::new(), kind) };
        rule.checked()
    }

    /// A rule that looks only where one of its anchors stands.
    fn anchored<A: AsRef<[u8]>>(
        id: String,
        anchors: impl IntoIterator<Item = A>,
        kind: Kind,
    ) -> Result<Self, RuleError> {
        let anchors: Vec<Vec<u8>> =
            anchors.into_iter().map(|anchor| anchor.as_ref().to_vec()).collect();
        if anchors.is_empty() {
            return Err(unusable(&id, "it has no anchor"));
        }
        Self::new(id, anchors, kind).checked()
    }

    /// A rule for one known secret: found as it is and as base64, percent-encoded, escaped for JSON
    /// or in hexadecimal.
    pub fn literal(id: impl Into<String>, secret: &[u8]) -> Result<Self, RuleError> {
        let id = id.into();
        let anchors = literal::forms(secret);
        if anchors.is_empty() {
            return Err(unusable(&id, "the secret is too short, or spans several lines"));
        }
        let kind = Kind::Literal;
        Self::new(id, anchors, kind).checked()
    }

    /// A rule for blocks of base64 lines between two markers, such as private keys.
    ///
    /// `begin` and `end` are expressions for the markers, each of which holds one of the anchors.
    /// The block may have a prefix in every line, as logs have, stand in one line, or lack one of
    /// its markers.
    pub fn block(
        id: impl Into<String>,
        anchors: &[&str],
        begin: &str,
        end: &str,
    ) -> Result<Self, RuleError> {
        let id = id.into();
        let anchors: Vec<Vec<u8>> = anchors.iter().map(|a| a.as_bytes().to_vec()).collect();
        if anchors.is_empty() {
            return Err(unusable(&id, "it has no anchor"));
        }
        let kind = Kind::Block(Block::new(regex(&id, begin)?, regex(&id, end)?));
        Self::new(id, anchors, kind).checked()
    }

    /// A rule for values in lines below one that says so: columns of tables, values on the line below
    /// their label. `heads` must find nothing in a line that holds no anchor.
    ///
    /// Lines too long to be held, and what such a line says, are not looked at.
    pub fn below<A: AsRef<[u8]>>(
        id: impl Into<String>,
        anchors: impl IntoIterator<Item = A>,
        heads: Heads,
    ) -> Result<Self, RuleError> {
        Self::anchored(id.into(), anchors, Kind::Below(heads))
    }

    /// The id: what the replacement and the manifest call the rule.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The words of which one stands in every line that it looks at, as they were given; none if it
    /// looks at every line.
    pub fn anchors(&self) -> &[Vec<u8>] {
        &self.anchors
    }

    fn new(id: String, anchors: Vec<Vec<u8>>, kind: Kind) -> Self {
        Self {
            id,
            anchors,
            kind,
            replace: None,
            aligned: false,
            files: None,
            worth: None,
            example: None,
            shapes: Vec::new(),
        }
    }

    fn checked(self) -> Result<Self, RuleError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.id.is_empty() || !self.id.bytes().all(plain) {
            return Err(unusable(
                &self.id,
                "its id may hold only letters, digits, `-`, `_` and `.`",
            ));
        }
        for anchor in &self.anchors {
            if anchor.len() < SHORTEST_ANCHOR {
                let shown = String::from_utf8_lossy(anchor);
                return Err(unusable(
                    &self.id,
                    &format!("its anchor `{shown}` is shorter than three bytes"),
                ));
            }
            if anchor.contains(&b'\n') {
                return Err(unusable(&self.id, "an anchor holds a line feed"));
            }
        }
        Ok(self)
    }
}

fn unusable(rule: &str, reason: &str) -> RuleError {
    RuleError::Unusable { rule: rule.to_owned(), reason: reason.to_owned() }
}

pub(super) fn regex(rule: &str, pattern: &str) -> Result<Regex, RuleError> {
    RegexBuilder::new(pattern).unicode(false).size_limit(PATTERN_SIZE).build().map_err(|error| {
        RuleError::Pattern {
            rule: rule.to_owned(),
            pattern: pattern.to_owned(),
            reason: error.to_string(),
        }
    })
}
