//! Where the anchors of all rules stand in a text.

use super::RuleError;
use aho_corasick::{
    Anchored, MatchKind, PatternID,
    automaton::{Automaton, StateID},
    dfa::DFA,
};
use std::ops::Range;

/// In how many places of a text the automaton runs at once.
///
/// What its next step costs is the wait for the memory that the last one named, so walks that do
/// not wait for each other go nearly as fast together as one of them alone.
const LANES: usize = 8;

/// How much one lane takes before the next strip of the text: so little that it stays in the
/// processor's nearest cache, and what is found in it does, too.
const LANE: usize = 4 << 10;

/// The anchors of all rules, in one automaton.
pub(super) struct Anchors {
    automaton: DFA,
    start: StateID,
}

/// An anchor that was found: which, and where it ends.
type Hit = (PatternID, usize);

impl Anchors {
    pub(super) fn compile(anchors: &[Vec<u8>]) -> Result<Self, RuleError> {
        let unusable = |reason: String| RuleError::Unusable { rule: "all".into(), reason };
        let automaton = DFA::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(anchors)
            .map_err(|error| unusable(error.to_string()))?;
        let start =
            automaton.start_state(Anchored::No).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { automaton, start })
    }

    /// Calls `each` with the number of every anchor and where it stands, overlapping ones too, in
    /// the order of their ends; until it says that it wants no more.
    pub(super) fn find(&self, text: &[u8], mut each: impl FnMut(usize, Range<usize>) -> bool) {
        let reach = self.automaton.max_pattern_len();
        let mut hits: [Vec<Hit>; LANES] = Default::default();
        let mut state = self.start;
        let mut at = 0;
        while at < text.len() {
            let rest = text.len() - at;
            // A lane begins before its part, where any anchor begins that ends in it.
            if rest < LANES * LANE || reach > LANE {
                let len = rest.min(LANES * LANE);
                state = self.walk(&text[at..at + len], at, state, &mut hits[0]);
                at += len;
            } else {
                let strip = &text[at..at + LANES * LANE];
                let mut states = [state; LANES];
                for (lane, state) in states.iter_mut().enumerate().skip(1) {
                    let from = at + lane * LANE;
                    *state = self.warm(&text[from - reach..from]);
                }
                self.walk_together(strip, at, &mut states, &mut hits);
                state = states[LANES - 1];
                at += strip.len();
            }
            for (pattern, end) in hits.iter_mut().flat_map(|hits| hits.drain(..)) {
                if !each(pattern.as_usize(), end - self.automaton.pattern_len(pattern)..end) {
                    return;
                }
            }
        }
    }

    fn next(&self, state: StateID, byte: u8) -> StateID {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    /// The state behind a text that begins anywhere.
    fn warm(&self, text: &[u8]) -> StateID {
        text.iter().fold(self.start, |state, &byte| self.next(state, byte))
    }

    fn walk(&self, text: &[u8], at: usize, mut state: StateID, hits: &mut Vec<Hit>) -> StateID {
        for (index, &byte) in text.iter().enumerate() {
            state = self.next(state, byte);
            if self.automaton.is_special(state) {
                self.note(state, at + index + 1, hits);
            }
        }
        state
    }

    #[expect(clippy::needless_range_loop, reason = "the lanes go side by side")]
    fn walk_together(
        &self,
        strip: &[u8],
        at: usize,
        states: &mut [StateID; LANES],
        hits: &mut [Vec<Hit>; LANES],
    ) {
        let lanes: [&[u8]; LANES] = std::array::from_fn(|lane| &strip[lane * LANE..][..LANE]);
        let mut now = *states;
        for index in 0..LANE {
            let mut any = false;
            for lane in 0..LANES {
                now[lane] = self.next(now[lane], lanes[lane][index]);
                any |= self.automaton.is_special(now[lane]);
            }
            if any {
                for (lane, state) in now.into_iter().enumerate() {
                    if self.automaton.is_special(state) {
                        self.note(state, at + lane * LANE + index + 1, &mut hits[lane]);
                    }
                }
            }
        }
        *states = now;
    }

    #[cold]
    fn note(&self, state: StateID, end: usize, hits: &mut Vec<Hit>) {
        if self.automaton.is_match(state) {
            let patterns = 0..self.automaton.match_len(state);
            hits.extend(patterns.map(|index| (self.automaton.match_pattern(state, index), end)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_found_wherever_they_stand_to_the_borders_of_lanes() {
        let words = ["abc", "bc", "c", "ABCABCABCABCABCABCABC"];
        let anchors: Vec<Vec<u8>> =
            words.iter().map(|word| word.to_ascii_lowercase().into_bytes()).collect();
        let found = |text: &[u8]| {
            let mut found = Vec::new();
            Anchors::compile(&anchors).unwrap().find(text, |anchor, at| {
                found.push((at.end, anchor));
                true
            });
            found.sort_unstable();
            found
        };
        for shift in 0..64 {
            let mut text = vec![b'.'; 2 * LANES * LANE + 100];
            for border in 0..2 * LANES {
                let at = (border * LANE + shift).saturating_sub(32);
                text[at..at + 21].copy_from_slice(words[3].as_bytes());
            }
            let lower = text.to_ascii_lowercase();
            let mut expected = Vec::new();
            for end in 1..=lower.len() {
                for (anchor, word) in anchors.iter().enumerate() {
                    if lower[..end].ends_with(word) {
                        expected.push((end, anchor));
                    }
                }
            }
            assert_eq!(found(&text), expected);
        }
    }
}
