//! From counts to decisions, and from one run to the next.

use crate::{
    block::Block,
    event::Verb,
    finding::{Finding, Outcome},
    guard::{Guard, Verdict},
    meter::{self, Bucket, Key, Mark, Offence, Subject},
    net::Net,
    rules::{Action, Rule, What},
    state::{self, Count, State, identity},
    token::Kind,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use std::{cmp::Reverse, collections::BTreeMap};

/// What the state puts before the fingerprint of a token.
const TOKEN: &str = "token:";

/// Decides: blocks, findings, state.
pub(crate) fn of(mut guard: Guard) -> Verdict {
    let offences = guard.meters.offences();
    for (key, offence) in &offences {
        let rule = &guard.rules.rules[key.rule];
        if let Some(net) = guard.to_block(key, rule) {
            let weight = u128::from(offence.count) * 1000 / u128::from(rule.threshold);
            let weight = u64::try_from(weight).unwrap_or(u64::MAX);
            guard.blocks.decide(net, &rule.name, weight, &guard.rules);
        }
    }
    guard.blocks.aggregate(&guard.rules);
    let findings = guard.findings(&offences);
    guard.tally.evicted = guard.meters.evicted;
    let now = guard.now.as_second();
    for key in offences.keys() {
        let id = guard.identity(key);
        guard.told.insert(id, now);
    }
    let tally = std::mem::take(&mut guard.tally);
    Verdict { findings, blocks: guard.blocks.in_force(), state: guard.into_state(), tally }
}

impl Guard {
    /// Whom an offence blocks.
    fn to_block(&self, key: &Key, rule: &Rule) -> Option<Net> {
        match key.subject {
            Subject::Net(net)
                if rule.action == Action::Block
                    && !self.is_past(key)
                    && !self.rules.allows(net) =>
            {
                Some(net)
            }
            _ => None,
        }
    }

    /// Whether it was longer ago than lines may be late.
    fn is_past(&self, key: &Key) -> bool {
        let end = self.meters.gauge(key.rule).start(key.window.saturating_add(1));
        end.saturating_add(self.rules.late) < self.now.as_second()
    }

    fn identity(&self, key: &Key) -> String {
        identity(&self.rules.rules[key.rule].name, &self.name(key.subject), key)
    }

    /// What the state calls a subject.
    fn name(&self, subject: Subject) -> String {
        match subject {
            Subject::Net(net) => net.to_string(),
            Subject::Token(number) => {
                let fingerprint = self.tokens.get(number).map_or("", |token| token.fingerprint());
                format!("{TOKEN}{fingerprint}")
            }
        }
    }

    fn subject(&self, name: &str) -> Option<Subject> {
        match name.strip_prefix(TOKEN) {
            Some(fingerprint) => {
                let mut tokens = self.tokens.all();
                tokens.position(|token| token.fingerprint() == fingerprint).map(Subject::Token)
            }
            None => name.parse().ok().map(Subject::Net),
        }
    }

    fn findings(&self, offences: &BTreeMap<Key, Offence>) -> Vec<Finding> {
        let mut grouped: BTreeMap<(usize, Subject), Vec<(&Key, &Offence)>> = BTreeMap::new();
        for (key, offence) in offences {
            grouped.entry((key.rule, key.subject)).or_default().push((key, offence));
        }
        let findings = grouped.into_iter();
        findings.map(|((rule, subject), offences)| self.finding(rule, subject, &offences)).collect()
    }

    fn finding(&self, rule: usize, subject: Subject, offences: &[(&Key, &Offence)]) -> Finding {
        let rule = &self.rules.rules[rule];
        let name = match subject {
            Subject::Net(net) => net.to_string(),
            Subject::Token(number) => {
                self.tokens.get(number).map(ToString::to_string).unwrap_or_default()
            }
        };
        let mut finding = Finding::of(rule, name);
        let mut evidence = Bucket { first: i64::MAX, last: i64::MIN, ..Bucket::default() };
        for (key, offence) in offences {
            evidence.absorb(&offence.evidence);
            if offence.count >= finding.count {
                (finding.count, finding.exact) = (offence.count, offence.exact);
            }
            finding.new |= !self.told.contains_key(&self.identity(key));
        }
        finding.windows = offences.len();
        finding.first = Timestamp::from_second(evidence.first).unwrap_or(Timestamp::MIN);
        finding.last = Timestamp::from_second(evidence.last).unwrap_or(Timestamp::MAX);
        let asked = Verb::ALL.into_iter().filter(|verb| evidence.verbs & verb.bit() != 0);
        finding.asked = asked.map(Verb::word).collect();
        let tokens: Vec<_> = meter::tokens_of(evidence.tokens, &self.tokens).collect();
        let leaked = matches!(rule.what, What::WrongReferer | What::MisusedToken | What::Spread);
        let valid = tokens.iter().filter(|token| leaked && token.kind() != Kind::Retired);
        finding.rotate = valid.map(ToString::to_string).collect();
        if let Subject::Net(_) = subject {
            finding.tokens = tokens.iter().map(ToString::to_string).collect();
        }
        finding.addresses = evidence.addresses.into_iter().collect();
        finding.outcome = self.outcome(rule, subject, offences);
        finding
    }

    fn outcome(&self, rule: &Rule, subject: Subject, offences: &[(&Key, &Offence)]) -> Outcome {
        let (Subject::Net(net), Action::Block) = (subject, rule.action) else {
            return Outcome::Alert;
        };
        if self.rules.allows(net) {
            return Outcome::Allowed;
        }
        if offences.iter().all(|(key, _)| self.is_past(key)) {
            return Outcome::Past;
        }
        let block = [Some(net), Some(net.network())].into_iter().flatten();
        let block = block.filter_map(|net| self.blocks.get(net)).max_by_key(|block| block.until);
        block.map_or(Outcome::Alert, |block: &Block| Outcome::Blocked {
            until: block.until,
            level: block.level,
        })
    }

    /// Takes over what an earlier run left, as far as the rules count the same way.
    pub(crate) fn restore(&mut self, state: State) {
        let forget = self.now.as_second() - self.rules.forget;
        self.told = state.told.into_iter().filter(|(_, seen)| *seen > forget).collect();
        let numbers: Vec<Option<usize>> = state
            .tokens
            .iter()
            .map(|fingerprint| {
                self.tokens.all().position(|token| token.fingerprint() == fingerprint)
            })
            .collect();
        for count in state.counts {
            let rule = self.rules.rules.iter().position(|rule| {
                rule.name == count.rule && state.rules.get(&rule.name) == Some(&manner(rule))
            });
            let Some((rule, subject)) = rule.zip(self.subject(&count.subject)) else { continue };
            let key = Key { rule, subject, window: count.window };
            if let Some(bucket) = self.bucket_of(&key, &count, &numbers) {
                self.meters.restore(key, bucket);
            }
        }
    }

    /// The bucket of a saved count, without what is paid for.
    fn bucket_of(&self, key: &Key, count: &Count, numbers: &[Option<usize>]) -> Option<Bucket> {
        let bytes = STANDARD.decode(&count.marks).ok()?;
        let gauge = self.meters.gauge(key.rule);
        let paid = match key.subject {
            Subject::Net(net) => self.blocks.paid(net).max(self.blocks.paid(net.network())),
            Subject::Token(_) => None,
        };
        let start = gauge.start(key.window);
        let paid_offset = paid.map_or(0, |until| until.saturating_sub(start).max(0));
        let mut marks: Vec<Mark> = bytes.chunks_exact(12).map(mark_of).collect();
        marks.retain(|mark| i64::from(mark.last) >= paid_offset);
        for mark in &mut marks {
            if i64::from(mark.first) < paid_offset {
                mark.first = mark.last;
            }
        }
        marks.sort_unstable_by_key(|mark| mark.hash);
        marks.dedup_by_key(|mark| mark.hash);
        marks.truncate(gauge.most());
        let known = numbers.iter().enumerate().filter_map(|(bit, number)| {
            number.filter(|_| count.tokens & meter::token_bit(bit) != 0)
        });
        (!marks.is_empty()).then(|| Bucket {
            more: count.more && paid.is_none_or(|until| count.first >= until),
            first: paid.map_or(count.first, |until| count.first.max(until)),
            last: count.last,
            tokens: known.fold(0, |bits, number| bits | meter::token_bit(number)),
            verbs: count.verbs,
            addresses: count.addresses.iter().copied().collect(),
            marks,
        })
    }

    fn into_state(mut self) -> State {
        let counts = self.counts();
        if self.told.len() > state::MOST_TOLD {
            let mut told: Vec<_> = std::mem::take(&mut self.told).into_iter().collect();
            told.sort_by_key(|(id, seen)| (Reverse(*seen), id.clone()));
            told.truncate(state::MOST_TOLD);
            self.told = told.into_iter().collect();
        }
        let rules = self.rules.rules.iter();
        State {
            rules: rules.map(|rule| (rule.name.clone(), manner(rule))).collect(),
            tokens: self.tokens.all().map(|token| token.fingerprint().to_owned()).collect(),
            counts,
            told: self.told,
            blocks: self.blocks.into_remembered(state::MOST_BLOCKS),
            ..State::default()
        }
    }

    /// The counts that further lines may still add to; where there are too many, those nearest to an
    /// offence.
    fn counts(&self) -> Vec<Count> {
        let now = self.now.as_second();
        let buckets = self.meters.buckets.iter().filter(|(key, _)| {
            let gauge = self.meters.gauge(key.rule);
            // A window may reach from this stretch into the next one.
            gauge.start(key.window.saturating_add(2)).saturating_add(self.rules.late) > now
        });
        let mut order: Vec<_> = buckets
            .map(|(key, bucket)| (Reverse(self.meters.fill(key, bucket)), *key, bucket))
            .collect();
        order.sort_unstable_by_key(|(fill, key, _)| (*fill, *key));
        let mut marks = 0;
        let mut kept: Vec<_> = order
            .into_iter()
            .take(state::MOST_COUNTS)
            .take_while(|(_, _, bucket)| {
                marks += bucket.marks.len();
                marks <= state::MOST_MARKS
            })
            .collect();
        kept.sort_unstable_by_key(|(_, key, _)| *key);
        kept.into_iter().map(|(_, key, bucket)| self.saved(&key, bucket)).collect()
    }

    fn saved(&self, key: &Key, bucket: &Bucket) -> Count {
        let numbers = bucket.marks.iter().flat_map(|mark| [mark.hash, mark.first, mark.last]);
        let bytes: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
        Count {
            rule: self.rules.rules[key.rule].name.clone(),
            subject: self.name(key.subject),
            window: key.window,
            marks: STANDARD.encode(bytes),
            more: bucket.more,
            first: bucket.first,
            last: bucket.last,
            tokens: bucket.tokens,
            verbs: bucket.verbs,
            addresses: bucket.addresses.iter().copied().collect(),
        }
    }
}

/// A mark as it is saved.
fn mark_of(bytes: &[u8]) -> Mark {
    let mut numbers = bytes
        .chunks_exact(4)
        .map(|number| u32::from_le_bytes(number.try_into().expect("the chunk has 4 bytes")));
    let mut next = || numbers.next().unwrap_or_default();
    Mark { hash: next(), first: next(), last: next() }
}

/// How a rule counts, so that its counts can be gone on with.
fn manner(rule: &Rule) -> String {
    format!("{:?} {} {} {:?}", rule.what, rule.threshold, rule.window, rule.on)
}
