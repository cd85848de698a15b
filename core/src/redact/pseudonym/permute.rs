//! Permutations of words, under a key: what an address's encryption is to addresses.
//!
//! A word of so many digits becomes another of as many, no two the same, and with the key it can be
//! turned back. It is a Feistel network over two halves, as FF1 of NIST SP 800-38G is, with
//! HMAC-SHA-256 for its round function, and with digits added one by one, so that a word may be long.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// FF1 has ten rounds; fewer can be attacked where words are short.
const ROUNDS: u8 = 10;

/// How many digits one block of the round function makes, of two bytes each.
const BLOCK: usize = 16;

/// HMAC-SHA-256 of some parts, with a length before each so that they cannot be taken for others.
pub(super) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The word that stands in for `digits`, each of which is below `radix`.
pub(super) fn permute(key: &[u8; 32], radix: u8, digits: &mut [u8]) {
    for round in 0..ROUNDS {
        step(key, radix, digits, round, false);
    }
}

/// The word that [`permute`] made this one of.
pub(super) fn restore(key: &[u8; 32], radix: u8, digits: &mut [u8]) {
    for round in (0..ROUNDS).rev() {
        step(key, radix, digits, round, true);
    }
}

/// Adds, or takes away, what follows from one half to the other.
fn step(key: &[u8; 32], radix: u8, digits: &mut [u8], round: u8, back: bool) {
    let len = (digits.len() as u64).to_le_bytes();
    let (first, second) = digits.split_at_mut(digits.len() / 2);
    let (changed, other) = if round.is_multiple_of(2) { (first, second) } else { (second, first) };
    for (number, block) in changed.chunks_mut(BLOCK).enumerate() {
        let stream = hmac(key, &[&[round, radix], &len, &(number as u64).to_le_bytes(), other]);
        for (digit, bytes) in block.iter_mut().zip(stream.chunks_exact(2)) {
            let noise = u16::from_le_bytes([bytes[0], bytes[1]]) % u16::from(radix);
            let noise = if back { u16::from(radix) - noise } else { noise };
            *digit = ((u16::from(*digit) + noise) % u16::from(radix)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_comes_back(digits in prop::collection::vec(0..36u8, 0..=200), key: [u8; 32]) {
            let mut word = digits.clone();
            permute(&key, 36, &mut word);
            prop_assert!(word.iter().all(|&digit| digit < 36));
            prop_assert!(digits.len() < 8 || word != digits);
            restore(&key, 36, &mut word);
            prop_assert_eq!(word, digits);
        }
    }

    #[test]
    fn no_two_words_become_the_same() {
        let mut seen = vec![false; 10_000];
        for number in 0..10_000u16 {
            let mut word =
                [number / 1000, number / 100 % 10, number / 10 % 10, number % 10].map(|d| d as u8);
            permute(&[7; 32], 10, &mut word);
            let at = word.iter().fold(0, |at, &digit| at * 10 + usize::from(digit));
            assert!(!std::mem::replace(&mut seen[at], true));
        }
    }
}
