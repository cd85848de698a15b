//! The scan: all anchors of all rules in one pass, then the rules where their anchors are.

use super::{
    Counts, Cutter, Piece, RuleError, ScrubError, Scrubbed,
    anchors::Anchors,
    below::{Heads, Held},
    block::{Block, Marks, State, Walk},
    colour::Plain,
    cut::Lines,
    files::parts,
    learnt::{Learnt, Needles, Sieve},
    line::{around, past},
    near::{REACH, near, within},
    proof::{Left, Proof},
    rule::{Kind, Pattern, Rule},
    spare::Spares,
};
use std::{
    cell::Cell,
    collections::BTreeMap,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// What stands in for a text in which a rule failed.
const WITHHELD: &str = "[withheld]";

/// How every replacement begins.
const TOKEN: &[u8] = b"[redacted:";

/// All rules of a profile, compiled. Cheap to clone; may be used from many threads at once. What its
/// rules learn is shared by its clones.
#[derive(Clone)]
pub struct Redaction {
    pub(super) compiled: Arc<Compiled>,
    /// None if no rule learns.
    learnt: Option<Arc<Learnt>>,
}

/// What a [`Redaction`] shares.
pub(super) struct Compiled {
    rules: Vec<Rule>,
    anchors: Option<Anchors>,
    /// The rules of every anchor.
    targets: Vec<Vec<usize>>,
    /// The rules without an anchor.
    everywhere: Vec<usize>,
    pub(super) marks: Marks,
    proof: Proof,
    pub(super) spares: Spares,
}

/// A part of a text that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Where that began which showed it to be a secret.
    pub(super) from: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) put: Put,
    /// What its rule puts there instead of a token.
    pub(super) own: Option<Vec<u8>>,
}

/// What stands in for a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Put {
    /// Nothing: it belongs to another span's token.
    Nothing,
    /// The token of a rule.
    Token(usize),
    /// The token of a rule, in double quotes.
    Quoted(usize),
}

impl Redaction {
    /// Compiles the rules. Where two rules find the same value, the earlier one names it.
    pub fn compile(rules: Vec<Rule>) -> Result<Self, RuleError> {
        let mut targets: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        let mut everywhere = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            if rule.anchors.is_empty() {
                everywhere.push(index);
            }
            for anchor in &rule.anchors {
                let of = targets.entry(anchor.to_ascii_lowercase()).or_default();
                if of.last() != Some(&index) {
                    of.push(index);
                }
            }
        }
        let (anchors, targets): (Vec<_>, Vec<_>) = targets.into_iter().unzip();
        let anchors = if anchors.is_empty() { None } else { Some(Anchors::compile(&anchors)?) };
        let blocks = rules.iter().filter(|rule| matches!(rule.kind, Kind::Block(_)));
        let marks = Marks::compile(blocks.flat_map(|rule| &rule.anchors))?;
        let learnt = rules.iter().any(|rule| rule.worth.is_some()).then(Arc::default);
        let proof = Proof::compile(&rules)?;
        let spares = Spares::default();
        let compiled = Compiled { rules, anchors, targets, everywhere, marks, proof, spares };
        Ok(Self { compiled: Arc::new(compiled), learnt })
    }

    /// The same rules for another run, which has learnt nothing yet.
    #[must_use]
    pub fn for_run(&self) -> Self {
        let learnt = self.learnt.as_ref().map(|_| Arc::default());
        Self { compiled: Arc::clone(&self.compiled), learnt }
    }

    /// Whether any rule learns.
    pub(crate) fn learns(&self) -> bool {
        self.learnt.is_some()
    }

    /// Forgets all that was learnt but so much; says how much that was, if it was more.
    pub(crate) fn keep_learnt(&self, most: usize) -> Option<usize> {
        self.learnt.as_ref()?.keep(most)
    }

    /// What was learnt so far; none if that is nothing.
    pub(crate) fn needles(&self) -> Option<Needles> {
        let values = self.learnt.as_ref()?.values();
        (!values.is_empty()).then(|| Needles::new(&values))
    }

    /// The sieve of what was redacted, if anything may be learnt that could be in it.
    pub(crate) fn sieve(&self, redacted: &[u8]) -> Option<Sieve> {
        self.learnt.as_ref().map(|_| Sieve::of(redacted))
    }

    /// Looks at what was redacted a second time, by other means.
    pub(crate) fn prove(&self, redacted: &[u8]) -> Result<(), Left> {
        self.compiled.proof.of(redacted)
    }

    /// Starts on a stream of which is not known where it comes from.
    pub fn cutter(&self) -> Cutter {
        Cutter::new(self.clone(), &[])
    }

    /// Starts on a stream that comes from a file at this path, or from a member of an archive, so
    /// that the rules for well-known files apply.
    pub fn cutter_for(&self, path: &str) -> Cutter {
        let rules = self.compiled.rules.iter().enumerate();
        let parts = parts(path);
        let of = |rule: &Rule| rule.files.as_ref().is_some_and(|files| files.have(&parts));
        let scope: Vec<usize> =
            rules.filter(|(_, rule)| of(rule)).map(|(index, _)| index).collect();
        Cutter::new(self.clone(), &scope)
    }

    /// Redacts one piece. Pure: the same piece gives the same bytes.
    pub fn scrub(&self, piece: Piece) -> Result<Scrubbed, ScrubError> {
        piece.scrub(self)
    }

    /// An empty buffer with room for so many bytes: one that was used before, if there is one.
    pub(crate) fn buffer(&self, len: usize) -> Vec<u8> {
        self.compiled.spares.take(len)
    }

    /// Takes back a large buffer that is no longer needed.
    pub(crate) fn spare(&self, buffer: Vec<u8>) {
        self.compiled.spares.give(buffer);
    }

    /// Where in a text there is something to replace, for rules that decode what they find; all of
    /// the text if a rule fails.
    pub fn places(&self, text: &[u8]) -> Vec<Range<usize>> {
        let spans = self.compiled.spans(&Look::at(text), None);
        let whole = || std::iter::once(0..text.len()).collect();
        spans.map_or_else(
            |_| whole(),
            |spans| spans.iter().map(|span| span.start..span.end).collect(),
        )
    }

    /// Redacts a short text made here: a path, a note, an error message.
    ///
    /// Text in which a rule fails is replaced as a whole.
    pub fn text(&self, text: &str) -> String {
        self.whole(text.as_bytes().to_vec())
            .map_or_else(|_| WITHHELD.to_owned(), |scrubbed| into_text(scrubbed.bytes))
    }

    /// Redacts a text that is held as a whole.
    pub fn whole(&self, text: Vec<u8>) -> Result<Scrubbed, ScrubError> {
        self.all(self.cutter(), text)
    }

    /// Redacts a text that is held as a whole and comes from a file at this path.
    pub fn whole_of(&self, path: &str, text: Vec<u8>) -> Result<Scrubbed, ScrubError> {
        self.all(self.cutter_for(path), text)
    }

    fn all(&self, mut cutter: Cutter, text: Vec<u8>) -> Result<Scrubbed, ScrubError> {
        let mut scrubbed = Scrubbed::default();
        let first = cutter.push(text)?;
        for piece in [first, cutter.finish()?].into_iter().flatten() {
            scrubbed.append(self.scrub(piece)?);
        }
        Ok(scrubbed)
    }
}

impl Redaction {
    /// Redacts whole lines.
    pub(super) fn lines(&self, lines: &Lines) -> Result<Scrubbed, ScrubError> {
        let look = Look {
            text: &lines.text,
            own: lines.own.clone(),
            state: &lines.state,
            heads: &lines.heads,
            scope: &lines.scope,
            reach: lines.reach,
            window: false,
        };
        let spans = self.spans(&look)?;
        Ok(self.compiled.replace(&lines.text, spans, lines.own.clone()))
    }

    /// What is to be replaced in a text, as [`Compiled::spans`].
    pub(super) fn spans(&self, look: &Look<'_>) -> Result<Vec<Span>, ScrubError> {
        self.compiled.spans(look, self.learnt.as_deref())
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A text to be looked at, and what is known of it.
#[derive(Clone)]
pub(super) struct Look<'t> {
    pub(super) text: &'t [u8],
    /// What of it is to be redacted; what is around that is there to be looked at only.
    pub(super) own: Range<usize>,
    /// Whether that begins within a block.
    pub(super) state: &'t State,
    /// The heads that it begins below.
    pub(super) heads: &'t [Held],
    /// The rules for the file that it is from.
    pub(super) scope: &'t [usize],
    /// How far rules may look around a line.
    pub(super) reach: usize,
    /// Whether it is a window of one line, that has no end of lines in it.
    pub(super) window: bool,
}

impl<'t> Look<'t> {
    /// A text of which nothing is known.
    pub(super) fn at(text: &'t [u8]) -> Self {
        let own = 0..text.len();
        Self {
            text,
            own,
            state: &State::Closed,
            heads: &[],
            scope: &[],
            reach: REACH,
            window: false,
        }
    }
}

impl Compiled {
    /// The rules that look for blocks.
    pub(super) fn blocks(&self) -> Vec<(usize, &Block)> {
        let rules = self.rules.iter().enumerate();
        rules
            .filter_map(|(index, rule)| match &rule.kind {
                Kind::Block(block) => Some((index, block)),
                _ => None,
            })
            .collect()
    }

    /// The rules that look for what is below a head.
    pub(super) fn heads(&self) -> impl Iterator<Item = (usize, &Heads)> {
        self.rules.iter().enumerate().filter_map(|(index, rule)| match &rule.kind {
            Kind::Below(heads) => Some((index, heads)),
            _ => None,
        })
    }

    /// What is to be replaced in a text, in order.
    fn spans(&self, look: &Look<'_>, learnt: Option<&Learnt>) -> Result<Vec<Span>, ScrubError> {
        let Look { text, window, .. } = *look;
        let running = Cell::new(0);
        let scan = AssertUnwindSafe(|| {
            // Whatever is coloured is looked at without its colours; only blocks, whose state goes
            // from piece to piece, are looked for in what is there.
            let plain = if window { None } else { Plain::of(text) };
            let seen = plain.as_ref().map_or_else(
                || look.clone(),
                |plain| Look {
                    text: &plain.text,
                    own: plain.place(look.own.start)..plain.place(look.own.end),
                    ..look.clone()
                },
            );
            let mut scan = Scan::new(self, &running, seen);
            scan.colours = plain.as_ref().map(|plain| (plain, text));
            scan.learnt = learnt;
            scan.anchors();
            if scan.failed {
                return None;
            }
            scan.everywhere();
            scan.below(look.heads);
            if let Some(plain) = &plain {
                let spans = scan.spans.into_iter().map(|span| plain.moved(span)).collect();
                scan = Scan::new(self, &running, look.clone());
                scan.spans = spans;
                scan.marked = self.marks.lines(text);
                scan.marked
                    .retain(|line| look.own.start <= line.start && line.start < look.own.end);
            }
            scan.blocks(look.state);
            Some(merged(scan.spans))
        });
        let failed = || ScrubError { rule: self.rules[running.get()].id.clone() };
        catch_unwind(scan).ok().flatten().ok_or_else(failed)
    }

    /// Copies a part of a text with what `spans` say instead of what is there.
    pub(super) fn replace(&self, text: &[u8], spans: Vec<Span>, own: Range<usize>) -> Scrubbed {
        let len = own.end;
        let mut bytes = self.spares.take(own.len() + own.len() / 64 + 64);
        let mut counts = Counts::new();
        let mut at = own.start;
        for span in spans {
            if span.start >= len {
                break;
            }
            bytes.extend_from_slice(&text[at..span.start]);
            at = span.end.min(len);
            let own = span.own.as_deref();
            let (rule, quote): (_, &[u8]) = match span.put {
                Put::Nothing => continue,
                Put::Token(rule) => (rule, b""),
                Put::Quoted(rule) => (rule, b"\""),
            };
            let id = &self.rules[rule].id;
            match own {
                Some(own) => bytes.extend_from_slice(own),
                None => {
                    for part in [quote, TOKEN, id.as_bytes(), b"]", quote] {
                        bytes.extend_from_slice(part);
                    }
                }
            }
            *counts.entry(id.clone()).or_default() += 1;
        }
        bytes.extend_from_slice(&text[at..len]);
        Scrubbed { bytes, counts }
    }
}

/// Sorts spans and joins those that overlap; the first, or longer, or earlier rule's, names them. A
/// secret names them before any value that has a replacement of its own.
pub(super) fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end), span.put));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => {
                let secret = span.own.is_none() && span.put != Put::Nothing;
                if last.own.is_some() && secret {
                    last.put = span.put;
                }
                // The replacement is of what it was made for, and of nothing more.
                if secret || span.end > last.end {
                    last.own = None;
                }
                last.end = last.end.max(span.end);
                last.from = last.from.min(span.from);
            }
            _ => merged.push(span),
        }
    }
    merged
}

/// One scan of one text.
struct Scan<'c, 't> {
    compiled: &'c Compiled,
    learnt: Option<&'c Learnt>,
    /// The rule that is running, for the report of a panic.
    running: &'c Cell<usize>,
    text: &'t [u8],
    own: Range<usize>,
    scope: &'t [usize],
    reach: usize,
    /// The text is without its colours; this is how it was.
    colours: Option<(&'t Plain, &'t [u8])>,
    window: bool,
    /// The line that was looked at last.
    line: Range<usize>,
    /// Up to where every rule has looked.
    done: Vec<usize>,
    spans: Vec<Span>,
    /// Lines that may hold the marker of a block.
    marked: Vec<Range<usize>>,
    /// Lines that may say what is below them, by the rule that knows.
    heads: Vec<(usize, Range<usize>)>,
    /// Whether the rule that is running cannot look at what it has to.
    failed: bool,
}

impl<'c, 't> Scan<'c, 't> {
    fn new(compiled: &'c Compiled, running: &'c Cell<usize>, look: Look<'t>) -> Self {
        Self {
            compiled,
            learnt: None,
            running,
            text: look.text,
            own: look.own,
            scope: look.scope,
            reach: look.reach,
            colours: None,
            window: look.window,
            line: 0..0,
            done: vec![0; compiled.rules.len()],
            spans: Vec::new(),
            marked: Vec::new(),
            heads: Vec::new(),
            failed: false,
        }
    }

    fn anchors(&mut self) {
        let compiled = self.compiled;
        let Some(anchors) = &compiled.anchors else {
            return;
        };
        anchors.find(self.text, |anchor, at| {
            for &rule in &compiled.targets[anchor] {
                self.running.set(rule);
                self.anchor(rule, at.clone());
                if self.failed {
                    return false;
                }
            }
            true
        });
    }

    fn anchor(&mut self, rule: usize, at: Range<usize>) {
        let nearby = matches!(self.compiled.rules[rule].kind, Kind::Nearby(_));
        if at.start < self.done[rule] || !nearby && !self.own.contains(&at.start) {
            return;
        }
        match &self.compiled.rules[rule].kind {
            Kind::Pattern(pattern) => {
                let line = self.line(at.start);
                if pattern.before.is_some_and(|before| !before(&self.text[at.end..line.end])) {
                    return;
                }
                self.done[rule] = past(self.text, line.end);
                self.pattern(rule, pattern, line);
            }
            Kind::Finder(find) => {
                let line = self.line(at.start);
                let within = at.start - line.start..at.end - line.start;
                let Some(found) = find(&self.text[line.clone()], within) else {
                    return;
                };
                let value = line.start + found.value.start..line.start + found.value.end;
                self.done[rule] = value.end;
                let put = if found.quote { Put::Quoted(rule) } else { Put::Token(rule) };
                self.put(at.start, value, put, rule);
            }
            Kind::Several(find) => {
                let line = self.line(at.start);
                let within = at.start - line.start..at.end - line.start;
                for found in find(&self.text[line.clone()], within) {
                    let value = line.start + found.value.start..line.start + found.value.end;
                    self.done[rule] = self.done[rule].max(value.end);
                    let put = if found.quote { Put::Quoted(rule) } else { Put::Token(rule) };
                    self.put(at.start, value, put, rule);
                }
            }
            Kind::Lines(find) => {
                self.failed |= self.window;
                let line = self.line(at.start);
                self.done[rule] = past(self.text, line.end);
                for found in find(&self.text[line.clone()]) {
                    let value = line.start + found.value.start..line.start + found.value.end;
                    let put = if found.quote { Put::Quoted(rule) } else { Put::Token(rule) };
                    self.put(value.start, value, put, rule);
                }
            }
            Kind::Nearby(find) => {
                let line = self.line(at.start);
                self.nearby(rule, find, &line, at);
            }
            Kind::Literal => {
                let exact = &self.text[at.clone()];
                if self.compiled.rules[rule].anchors.iter().any(|form| form == exact) {
                    self.put(at.start, at, Put::Token(rule), rule);
                }
            }
            // It has no anchors.
            Kind::Sweep(_) => {}
            Kind::Below(_) => {
                let line = self.line(at.start);
                self.done[rule] = past(self.text, line.end);
                if !self.window {
                    self.heads.push((rule, line));
                }
            }
            Kind::Block(_) => {
                let line = self.line(at.start);
                if self.marked.last() != Some(&line) {
                    self.marked.push(line);
                }
            }
        }
    }

    /// Runs a rule that looks at the lines around, too.
    fn nearby(
        &mut self,
        rule: usize,
        find: &super::rule::Nearby,
        line: &Range<usize>,
        at: Range<usize>,
    ) {
        let (text, reach) = (self.text, if self.window { 0 } else { self.reach });
        // How far it looks does not depend on colours, which are in the way from piece to piece.
        let part = match self.colours {
            None => near(text, line, reach),
            Some((plain, original)) => {
                let part = near(original, &plain.line(original, line.start), reach);
                plain.place(part.start)..plain.place(part.end)
            }
        };
        let inner = line.start - part.start..line.end - part.start;
        let at = at.start - part.start..at.end - part.start;
        for found in find(&within(&text[part.clone()], inner), at) {
            let value = part.start + found.value.start..part.start + found.value.end;
            if line.start <= value.start && value.end <= line.end {
                self.done[rule] = self.done[rule].max(value.end);
            }
            if self.own.start <= value.start && value.end <= self.own.end {
                let put = if found.quote { Put::Quoted(rule) } else { Put::Token(rule) };
                self.put(line.start.min(value.start), value, put, rule);
            }
        }
    }

    /// The line around `at`. Anchors come nearly in order, so it is most often the same again.
    fn line(&mut self, at: usize) -> Range<usize> {
        if self.window {
            return 0..self.text.len();
        }
        if !(self.line.start <= at && at < self.line.end) {
            self.line = around(self.text, at);
        }
        self.line.clone()
    }

    fn everywhere(&mut self) {
        for &rule in &self.compiled.everywhere {
            self.running.set(rule);
            if self.compiled.rules[rule].files.is_some() && !self.scope.contains(&rule) {
                continue;
            }
            let pattern = match &self.compiled.rules[rule].kind {
                Kind::Pattern(pattern) => pattern,
                Kind::Sweep(sweep) => {
                    let own = self.own.clone();
                    let text = self.text;
                    sweep(&text[own.clone()], &mut |value| {
                        let value = own.start + value.start..own.start + value.end;
                        self.put(value.start, value, Put::Token(rule), rule);
                    });
                    continue;
                }
                Kind::Nearby(find) => {
                    let mut start = 0;
                    while start < self.text.len() {
                        let line =
                            if self.window { 0..self.text.len() } else { around(self.text, start) };
                        start = line.end + 1;
                        self.nearby(rule, find, &line, line.clone());
                    }
                    continue;
                }
                _ => continue,
            };
            let mut start = self.own.start;
            while start < self.own.end {
                let line = if self.window { 0..self.text.len() } else { around(self.text, start) };
                start = line.end + 1;
                self.pattern(rule, pattern, line);
            }
        }
    }

    fn pattern(&mut self, rule: usize, pattern: &Pattern, line: Range<usize>) {
        let text = &self.text[line.clone()];
        for found in pattern.regex.captures_iter(text) {
            let bare = pattern.bare.and_then(|group| found.get(group));
            let put = if bare.is_some() { Put::Quoted(rule) } else { Put::Token(rule) };
            let Some(value) = bare.or_else(|| pattern.secret(&found)) else {
                continue;
            };
            if pattern.valid.as_ref().is_some_and(|valid| !valid(value.as_bytes())) {
                continue;
            }
            let from = line.start + found.get(0).map_or(value.start(), |whole| whole.start());
            self.put(from, line.start + value.start()..line.start + value.end(), put, rule);
        }
    }

    fn put(&mut self, from: usize, mut value: Range<usize>, put: Put, rule: usize) {
        if value.is_empty() || is_redacted(&self.text[value.clone()]) {
            return;
        }
        let Rule { replace, aligned, worth, .. } = &self.compiled.rules[rule];
        // At the end of a window, a value may be the beginning of one.
        if let (Some(learnt), Some(worth)) = (self.learnt, worth)
            && !(self.window && value.end == self.text.len())
        {
            learnt.offer(&self.text[value.clone()], worth);
        }
        let mut own = None;
        if let Some(replace) = replace {
            let Some(mut replacement) = replace(&self.text[value.clone()]) else {
                return;
            };
            // What follows a window is not there to be looked at.
            if *aligned && !self.window {
                value.end += align(self.text, &value, &mut replacement);
            }
            own = Some(replacement);
        }
        self.spans.push(Span { from, start: value.start, end: value.end, put, own });
    }

    fn below(&mut self, held: &[Held]) {
        if self.heads.is_empty() && held.is_empty() {
            return;
        }
        let candidates = std::mem::take(&mut self.heads);
        let compiled = self.compiled;
        for (rule, heads) in compiled.heads() {
            self.running.set(rule);
            let mut held = held.iter().find(|held| held.rule == rule).cloned();
            let mut next = self.own.start;
            for (_, line) in candidates.iter().filter(|(of, _)| *of == rule) {
                self.rows(&mut held, rule, next, line.start);
                match (heads.head)(trimmed(&self.text[line.clone()])) {
                    Some(below) => held = Some(Held::new(rule, below)),
                    None => self.rows(&mut held, rule, line.start, line.end),
                }
                next = past(self.text, line.end);
            }
            self.rows(&mut held, rule, next, self.own.end);
        }
    }

    /// Takes the lines from `next` to `end`, as long as what a head said is not over.
    fn rows(&mut self, held: &mut Option<Held>, rule: usize, mut next: usize, end: usize) {
        while next < end
            && let Some(head) = held
        {
            let line = around(self.text, next);
            next = past(self.text, line.end);
            let Some(values) = head.next(trimmed(&self.text[line.clone()])) else {
                *held = None;
                return;
            };
            for value in values {
                let value = line.start + value.start..line.start + value.end;
                self.put(value.start, value, Put::Token(rule), rule);
            }
        }
    }

    fn blocks(&mut self, state: &State) {
        if self.marked.is_empty() && *state == State::Closed {
            return;
        }
        let blocks = self.compiled.blocks();
        if let Some(&(rule, _)) = blocks.first() {
            self.running.set(rule);
        }
        let (text, first) = (&self.text[self.own.clone()], self.own.start);
        let mut walk = Walk { blocks: &blocks, text, state: state.clone(), spans: Vec::new() };
        let mut next = 0;
        for marked in &self.marked {
            let marked = marked.start - first..marked.end - first;
            unmarked(&mut walk, next, marked.start, self.window);
            walk.line(marked.clone(), true);
            next = marked.end + 1;
        }
        unmarked(&mut walk, next, text.len(), self.window);
        self.spans.extend(walk.spans.into_iter().map(|span| Span {
            from: first + span.from,
            start: first + span.start,
            end: first + span.end,
            ..span
        }));
    }
}

/// A line without the end that Windows puts.
fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Takes the lines from `next` to `end`, which hold no marker, as long as a block is open.
fn unmarked(walk: &mut Walk<'_, '_>, mut next: usize, end: usize, window: bool) {
    while next < end && walk.state != State::Closed {
        let line = if window { next..end } else { around(walk.text, next) };
        next = line.end + 1;
        walk.line(line, false);
    }
}

/// Adds spaces to a replacement, or says how many of those behind the value it takes the place of,
/// so that what follows in a column stays there.
pub(super) fn align(text: &[u8], value: &Range<usize>, replacement: &mut Vec<u8>) -> usize {
    let spaces = text[value.end..].iter().take_while(|&&byte| byte == b' ').count();
    let ends = text.get(value.end + spaces).is_none_or(|byte| b"\r\n".contains(byte));
    if spaces < 2 || ends {
        return 0;
    }
    let width = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
    let (old, new) = (width(&text[value.clone()]), width(replacement));
    replacement.extend(std::iter::repeat_n(b' ', old.saturating_sub(new)));
    new.saturating_sub(old).min(spaces - 1)
}

/// Whether there is nothing in a value but what an earlier redaction has left.
fn is_redacted(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some(start) = memchr::memmem::find(rest, TOKEN) {
        if rest[..start].iter().any(u8::is_ascii_alphanumeric) {
            return false;
        }
        let Some(end) = memchr::memchr(b']', &rest[start..]) else {
            return start == 0 && rest.len() < 64 && is_plain(&rest[TOKEN.len()..]);
        };
        if end > 64 || !is_plain(&rest[start + TOKEN.len()..start + end]) {
            return false;
        }
        rest = &rest[start + end + 1..];
    }
    rest.len() < value.len() && !rest.iter().any(u8::is_ascii_alphanumeric)
}

fn is_plain(id: &[u8]) -> bool {
    id.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}
