//! The scan: all anchors of all rules in one pass, then the rules where their anchors are.

use super::{
    ScrubError,
    below::Held,
    block::{State, Walk},
    colour::Plain,
    compiled::{Compiled, Look},
    example::{is_comment, is_example},
    learnt::Learnt,
    line::{around, past},
    lone::words,
    near::{near, within},
    rule::{Kind, Pattern, Rule},
    span::{Put, Span, align, is_redacted, merged},
};
use std::{
    cell::Cell,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};

impl Compiled {
    /// What is to be replaced in a text, in order.
    pub(super) fn spans(
        &self,
        look: &Look<'_>,
        learnt: Option<&Learnt>,
    ) -> Result<Vec<Span>, ScrubError> {
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
            // They have no anchors.
            Kind::Sweep(_) | Kind::Lone(..) => {}
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
        let (text, part) = (self.text, self.part(line));
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

    /// The part of the text that rules may look at around a line.
    fn part(&self, line: &Range<usize>) -> Range<usize> {
        let reach = if self.window { 0 } else { self.reach };
        // How far they look does not depend on colours, which are in the way from piece to piece.
        match self.colours {
            None => near(self.text, line, reach),
            Some((plain, original)) => {
                let part = near(original, &plain.line(original, line.start), reach);
                plain.place(part.start)..plain.place(part.end)
            }
        }
    }

    /// Whether a comment gives a value as an example.
    fn is_example(&mut self, value: &Range<usize>) -> bool {
        let line = self.line(value.start);
        if self.window || !is_comment(&self.text[line.clone()]) {
            return false;
        }
        let part = self.part(&line);
        let inner = line.start - part.start..line.end - part.start;
        let near = within(&self.text[part.clone()], inner);
        is_example(&near, &(value.start - part.start..value.end - part.start))
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
                // A line in windows is longer than any such word.
                Kind::Lone(..) if self.window => continue,
                Kind::Lone(least, find) => {
                    let (text, own) = (self.text, self.own.clone());
                    words(&text[own.clone()], *least, |word| {
                        let word = own.start + word.start..own.start + word.end;
                        let line = self.line(word.start);
                        self.nearby(rule, find, &line, word);
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
        let Rule { replace, aligned, worth, example, .. } = &self.compiled.rules[rule];
        if example.is_some_and(|may| may(&self.text[value.clone()])) && self.is_example(&value) {
            return;
        }
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
