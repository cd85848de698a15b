//! What a text cannot hold, in little memory.

/// How much of a text makes one mark: so much that a text full of numbers in hexadecimal does not
/// have all there are.
const GRAM: usize = 6;

/// The marks of the largest texts, as a power of two. A segment of a log, of 3 MiB, has 100,000 to
/// 500,000 different ones. Of a value of eight characters three must be set, of one of sixteen
/// eleven: they pass by chance in one of fifty segments, or in none.
const BITS: u32 = 20;

/// As many as are set, times this, are kept at least.
const ROOM: usize = 4;

/// The fewest that are kept.
const FEWEST: usize = 512;

/// Which groups of six bytes are in a text, so that it need not be read again to know that
/// something is not in it. Takes half of the text's size where that is small, and 128 KiB at most.
pub(crate) struct Sieve(Vec<u8>);

impl Sieve {
    /// The sieve of a text.
    pub(crate) fn of(text: &[u8]) -> Self {
        // A byte for each mark: setting a bit would have to wait for what was set before. Of the groups
        // in a text hardly half are different ones.
        let most = (text.len() * ROOM * 3 / 8).next_power_of_two().clamp(FEWEST, 1 << BITS);
        let mut marks = vec![0_u8; most];
        // The last group has nothing behind it that a word could be read with.
        let (words, last) = (text.windows(8), &text[text.len().saturating_sub(8)..]);
        let words = words.map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
        words.for_each(|word| marks[mark(word) & (most - 1)] = 1);
        last.windows(GRAM).for_each(|gram| marks[mark(word_of(gram)) & (most - 1)] = 1);
        let (eights, _) = marks.as_chunks();
        let mut bits: Vec<u8> = eights.iter().map(|&eight| byte_of(eight)).collect();
        let set: usize = bits.iter().map(|byte| byte.count_ones() as usize).sum();
        while bits.len() * 8 / 2 >= FEWEST.max(set * ROOM) {
            let half = bits.len() / 2;
            let (lower, upper) = bits.split_at_mut(half);
            lower.iter_mut().zip(upper).for_each(|(lower, upper)| *lower |= *upper);
            bits.truncate(half);
        }
        // Thousands of them are kept.
        bits.shrink_to_fit();
        Self(bits)
    }

    /// Whether the text may hold this.
    pub(crate) fn may_hold(&self, part: &[u8]) -> bool {
        part.windows(GRAM).all(|gram| {
            let mark = mark(word_of(gram)) & (self.0.len() * 8 - 1);
            self.0[mark / 8] >> (mark % 8) & 1 == 1
        })
    }

    /// How many bytes it takes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The sieve as bytes, …
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// … and back; none if it is not a whole one.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        bytes.len().is_power_of_two().then_some(Self(bytes))
    }
}

/// Eight marks, as bits: of every byte, multiplication brings the lowest bit to the top.
fn byte_of(marks: [u8; 8]) -> u8 {
    (u64::from_le_bytes(marks).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

fn word_of(gram: &[u8]) -> u64 {
    u64::from_le_bytes([gram[0], gram[1], gram[2], gram[3], gram[4], gram[5], 0, 0])
}

/// The mark of the first six bytes of a word.
fn mark(word: u64) -> usize {
    let gram = word << (u64::BITS - 8 * GRAM as u32);
    (gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_in_a_text_always_passes(
            text in prop::collection::vec(any::<u8>(), 8..4000),
            from in any::<prop::sample::Index>(),
            len in 8..60_usize,
        ) {
            let from = from.index(text.len() - 7);
            let part = &text[from..text.len().min(from + len)];
            let sieve = Sieve::from_bytes(Sieve::of(&text).into_bytes()).unwrap();
            prop_assert!(sieve.may_hold(part));
        }
    }

    #[test]
    fn what_is_not_in_a_text_hardly_ever_passes() {
        let mut state = 1_u64;
        let mut word = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{:08x}", state >> 32)
        };
        let text: Vec<String> = (0..20_000).map(|_| format!("line of {}", word())).collect();
        let sieve = Sieve::of(text.join("\n").as_bytes());
        let passed = (0..2000).filter(|_| sieve.may_hold(format!("{}Q", word()).as_bytes()));
        assert!(passed.count() < 40);
        assert!(!sieve.may_hold(b"Tr0ub4dor&3"));
    }

    #[test]
    fn the_sieve_of_a_long_text_of_few_words_takes_no_more_than_it_holds() {
        let sieve = Sieve::of(&b"a line of a log\n".repeat(100_000)).into_bytes();
        assert!(sieve.capacity() <= FEWEST / 8, "{}", sieve.capacity());
    }

    #[test]
    fn the_sieve_of_a_small_text_is_small() {
        assert!(Sieve::of(b"a=b\n").into_bytes().len() <= FEWEST / 8);
        assert!(!Sieve::of(b"").may_hold(b"Tr0ub4dor&3"));
    }
}
