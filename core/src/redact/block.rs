//! Blocks over many lines: private keys between BEGIN and END.
//!
//! Of a block, the markers and what is base64 between them are removed and one token is put in
//! their place; what else is in its lines, such as the prefix of a log, stays. Lines of other
//! origin may stand in between, as they do in logs.

use super::{
    RuleError,
    line::{after_prefix, around, base64_run, has_base64, is_base64, is_blank, past},
    rule,
    span::{Put, Span},
};
use memchr::{memchr2, memmem};
use regex::bytes::Regex;
use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// The two markers of a block.
pub(super) struct Block {
    begin: Regex,
    end: Regex,
}

/// What tells a line that may hold a marker: the anchors of the rules that look for blocks.
pub(super) struct Marks(Option<Regex>);

impl Marks {
    pub(super) fn compile<'a>(
        anchors: impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<Self, RuleError> {
        let anchors: Vec<_> =
            anchors.map(|anchor| regex::escape(&String::from_utf8_lossy(anchor))).collect();
        let any = (!anchors.is_empty()).then(|| rule::regex("all", &anchors.join("|")));
        any.transpose().map(Self)
    }

    /// The lines that hold one, in order.
    pub(super) fn lines(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut lines: Vec<Range<usize>> = Vec::new();
        for found in self.0.iter().flat_map(|marks| marks.find_iter(text)) {
            if lines.last().is_none_or(|last| last.end <= found.start()) {
                lines.push(around(text, found.start()));
            }
        }
        lines
    }
}

/// Whether a line begins within a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// It does not.
    #[default]
    Closed,
    /// It does.
    Open(Open),
}

/// A block that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    rule: usize,
    /// What stood before the BEGIN marker: other lines of the block begin alike.
    prefix: Arc<[u8]>,
    /// Whether a full line of base64 was seen.
    body: bool,
    /// How many lines in a row did not belong to the block.
    strangers: u8,
}

/// After so many lines in a row that do not belong to it, a block without END is over.
const STRANGERS: u8 = 16;

/// A longer prefix is no prefix of a log.
const PREFIX: usize = 512;

/// Base64 of this length is part of the block; shorter, only at its end.
const FULL: usize = 40;

/// How far back a block is removed whose BEGIN is missing. A private key is shorter.
pub(super) const LOOK_BACK: usize = 64 << 10;

/// The shortest base64 that makes a line one that may belong to a block.
const SUSPECT: usize = 24;

/// Every END has these whose block is looked for above it, and no line of such a block.
const DASHES: &[u8] = b"----";

/// Whether a line may belong to a block whose END is still to come. The last one before it may be
/// short.
pub(super) fn may_be_body(line: &[u8], last: bool) -> bool {
    memmem::find(line, DASHES).is_none() && (last || has_base64(line, SUSPECT))
}

impl Block {
    pub(super) fn new(begin: Regex, end: Regex) -> Self {
        Self { begin, end }
    }

    /// The expression of its BEGIN.
    pub(super) fn begin(&self) -> &str {
        self.begin.as_str()
    }

    pub(super) fn begins(&self, line: &[u8]) -> bool {
        self.begin.is_match(line)
    }
}

/// The blocks of all rules, with the index of the rule.
pub(super) type Blocks<'r> = [(usize, &'r Block)];

/// Goes through the lines of a text and says what of blocks is in them.
pub(super) struct Walk<'r, 't> {
    pub(super) blocks: &'r Blocks<'r>,
    pub(super) text: &'t [u8],
    pub(super) state: State,
    pub(super) spans: Vec<Span>,
}

struct Marker {
    at: Range<usize>,
    rule: usize,
    begins: bool,
}

impl Walk<'_, '_> {
    /// Takes one line. `marked` says whether it may hold a marker.
    pub(super) fn line(&mut self, line: Range<usize>, marked: bool) {
        let markers = if marked { self.markers(&line) } else { Vec::new() };
        if markers.is_empty() {
            if let State::Open(open) = &self.state {
                let open = open.clone();
                self.state = self.within(&line, open);
            }
        } else {
            self.marked(&line, &markers);
        }
    }

    fn markers(&self, line: &Range<usize>) -> Vec<Marker> {
        let text = &self.text[line.clone()];
        let mut markers = Vec::new();
        for &(rule, block) in self.blocks {
            for (regex, begins) in [(&block.begin, true), (&block.end, false)] {
                markers.extend(regex.find_iter(text).map(|found| Marker {
                    at: line.start + found.start()..line.start + found.end(),
                    rule,
                    begins,
                }));
            }
        }
        markers.sort_by_key(|marker| marker.at.start);
        markers
    }

    /// A line with markers. What state it leaves depends on nothing before it, unless it has only
    /// an END.
    fn marked(&mut self, line: &Range<usize>, markers: &[Marker]) {
        let mut cursor = line.start;
        let ends = ends(markers);
        for (marker, end) in markers.iter().zip(ends) {
            if marker.at.start < cursor {
                continue;
            }
            if !marker.begins {
                self.end(line, cursor, marker);
                cursor = marker.at.end;
                continue;
            }
            if let Some(end) = end {
                self.put(marker.at.start..end.at.end, Put::Token(marker.rule));
                self.state = State::Closed;
                cursor = end.at.end;
            } else {
                let rest = marker.at.end + body_forward(&self.text[marker.at.end..line.end]);
                self.put(marker.at.start..rest, Put::Token(marker.rule));
                let from = line.start.max(marker.at.start.saturating_sub(PREFIX));
                let prefix = &self.text[from..marker.at.start];
                self.state = State::Open(Open {
                    rule: marker.rule,
                    prefix: if from == line.start { prefix.into() } else { Arc::default() },
                    body: false,
                    strangers: 0,
                });
                cursor = marker.at.end;
            }
        }
    }

    /// An END for which there is no BEGIN in this line.
    fn end(&mut self, line: &Range<usize>, cursor: usize, marker: &Marker) {
        let before = &self.text[cursor..marker.at.start];
        let body = before.len() - body_backward(before);
        let start = marker.at.start - body;
        let open = std::mem::take(&mut self.state);
        if matches!(&open, State::Open(open) if open.rule == marker.rule) {
            self.remove(line, start..marker.at.end);
        } else if body >= SUSPECT {
            self.put(start..marker.at.end, Put::Token(marker.rule));
        } else if cursor == line.start && self.text[marker.at.clone()].starts_with(DASHES) {
            self.orphan(line, marker);
        }
    }

    /// An END whose BEGIN is missing: what looks like the block above it is removed.
    fn orphan(&mut self, line: &Range<usize>, marker: &Marker) {
        let prefix = &self.text[line.start..marker.at.start];
        let mut bodies = Vec::new();
        let mut below = line.start;
        while below > 0 {
            let above = around(self.text, below - 1);
            let content = &self.text[above.clone()];
            let last = bodies.is_empty();
            if line.start - above.start > LOOK_BACK || !may_be_body(content, last) {
                break;
            }
            let offset = after_prefix(content, prefix);
            let Some(body) = body(&content[offset..], last) else {
                break;
            };
            below = above.start;
            bodies.push((above, offset, body));
        }
        // A lone short word above the marker is none of its block.
        let Some((first, offset, len)) = bodies.pop() else {
            return;
        };
        if bodies.is_empty() && len < SUSPECT {
            return;
        }
        let start = first.start + offset;
        self.put(start..start + len, Put::Token(marker.rule));
        for (line, offset, len) in bodies.into_iter().rev() {
            let start = line.start + offset;
            self.remove(&line, start..start + len);
        }
        self.remove(line, marker.at.clone());
    }

    /// A line without markers after a BEGIN.
    fn within(&mut self, line: &Range<usize>, mut open: Open) -> State {
        let text = &self.text[line.clone()];
        let mut offset = after_prefix(text, &open.prefix);
        // In source, each line is a string of its own.
        if open.prefix.last().is_some_and(|last| b"\"'".contains(last)) {
            offset += text[offset..].iter().take_while(|b| b"\"'".contains(b)).count();
        }
        let content = &text[offset..];
        if is_blank(content) {
            return State::Open(open);
        }
        if content.starts_with(DASHES) {
            return State::Closed;
        }
        let start = line.start + offset;
        if is_header(content) {
            let len = content.trim_ascii_end().len();
            let len = memchr2(b'"', b'\\', &content[..len]).unwrap_or(len);
            self.remove(line, start..start + len);
        } else if let Some(len) = body(content, open.body && open.strangers == 0) {
            self.remove(line, start..start + len);
            open.body |= len >= FULL;
            open.strangers = 0;
        } else {
            open.strangers += 1;
            if open.strangers >= STRANGERS {
                return State::Closed;
            }
        }
        State::Open(open)
    }

    /// Removes a part of a line, or the whole line if nothing else is in it.
    fn remove(&mut self, line: &Range<usize>, part: Range<usize>) {
        let around = [line.start..part.start, part.end..line.end];
        if around.into_iter().all(|rest| is_blank(&self.text[rest])) {
            self.put(line.start..past(self.text, line.end), Put::Nothing);
        } else {
            self.put(part, Put::Nothing);
        }
    }

    fn put(&mut self, at: Range<usize>, put: Put) {
        self.spans.push(Span { from: at.start, start: at.start, end: at.end, put, own: None });
    }
}

/// For every marker, the next END of its rule behind it.
fn ends(markers: &[Marker]) -> Vec<Option<&Marker>> {
    let mut next: BTreeMap<usize, &Marker> = BTreeMap::new();
    let mut ends: Vec<_> = markers
        .iter()
        .rev()
        .map(|marker| {
            let end = next.get(&marker.rule).copied();
            if !marker.begins {
                next.insert(marker.rule, marker);
            }
            end
        })
        .collect();
    ends.reverse();
    ends
}

/// How much of the content of a line is base64 of a block. `last` allows the short line at the end
/// of a block.
fn body(content: &[u8], last: bool) -> Option<usize> {
    let len = body_forward(content);
    let run = base64_run(content);
    let ends = content[run..]
        .first()
        .is_none_or(|byte| byte.is_ascii_whitespace() || b"\\\"'<,;)".contains(byte));
    let closes = content[run..].first().is_none_or(|byte| !byte.is_ascii_whitespace())
        || is_blank(&content[run..]);
    // Static keys of OpenVPN are lines of 32 digits.
    let digits = run == 32 && content[..run].iter().all(u8::is_ascii_hexdigit);
    let full = (run >= FULL || digits && is_blank(&content[run..])) && ends;
    (full || last && run > 0 && ends && closes).then_some(len.max(run))
}

/// The fields that stand above the base64 of a PEM or PGP block.
fn is_header(content: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"Proc-Type:",
        b"DEK-Info:",
        b"Version:",
        b"Comment:",
        b"Hash:",
        b"Charset:",
        b"MessageID:",
        b"X-",
    ];
    NAMES.iter().any(|name| content.starts_with(name))
}

/// How much of a text, from its start, is base64 with line ends between, real or escaped.
fn body_forward(text: &[u8]) -> usize {
    let (mut at, mut end) = (0, 0);
    loop {
        let run = base64_run(&text[at..]);
        let escaped = escape(&text[at + run..]);
        if run >= FULL || run > 0 && (at + run == text.len() || escaped > 0) {
            end = at + run;
        } else if run > 0 || escaped == 0 {
            return end;
        }
        at += run + escaped;
        if escaped == 0 {
            return end;
        }
    }
}

/// The length of the line ends, real or escaped, and of the spaces at the start of a text.
fn escape(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let next = text.get(at + 1);
        match byte {
            b'\\' if next.is_some_and(|b| b"nr\\".contains(b)) => at += 2,
            b'n' | b'r' if at > 0 && text[at - 1] == b'\\' => at += 1,
            b' ' | b'\r' | b'\t' => at += 1,
            b'%' if text[at..].starts_with(b"%0A") || text[at..].starts_with(b"%0D") => at += 3,
            _ => break,
        }
    }
    at
}

/// Where the base64, with escaped line ends or spaces, begins that ends a text. Words are none.
fn body_backward(text: &[u8]) -> usize {
    let start = text
        .iter()
        .rposition(|&byte| !is_base64(byte) && !b"\\ \r\t%".contains(&byte))
        .map_or(0, |other| other + 1);
    let indent = text[start..].iter().take_while(|b| b.is_ascii_whitespace()).count();
    let body = &text[start + indent..];
    if has_base64(body, SUSPECT) || !body.iter().any(u8::is_ascii_whitespace) {
        start + indent
    } else {
        text.len()
    }
}
