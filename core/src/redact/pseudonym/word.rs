//! Names written as words that can be permuted.
//!
//! A name becomes a number, the number some digits, and how many there are depends only roughly on
//! the length of the name. What no alphabet of names has is taken byte by byte, and makes a word
//! whose length says so.

/// The digits of a word.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// What most names are made of.
const LETTERS: &[u8; 39] = b"abcdefghijklmnopqrstuvwxyz0123456789-_.";

/// The fewest digits, and the step by which there are more: so that a word says little of how
/// long a name is.
const STEP: usize = 4;
const SHORTEST: usize = 8;

/// The most digits of a word: more than any name needs that a rule finds.
const LONGEST: usize = 1024;

/// How many digits are there to be nought: so that one word in 1,296 at most is taken for one that
/// was made of a name.
const CHECKS: usize = 2;

/// The digits that stand for a name; nothing if it is too long.
pub(super) fn encode(name: &[u8]) -> Option<Vec<u8>> {
    let letters: Option<Vec<usize>> =
        name.iter().map(|byte| LETTERS.iter().position(|letter| letter == byte)).collect();
    if let Some(letters) = letters {
        return number(&letters, LETTERS.len(), SHORTEST);
    }
    let bytes: Vec<usize> = name.iter().map(|&byte| byte.into()).collect();
    number(&bytes, 256, SHORTEST + STEP / 2)
}

/// Writes symbols as one number, in as few digits as hold it of the lengths from `shortest`.
fn number(symbols: &[usize], radix: usize, shortest: usize) -> Option<Vec<u8>> {
    let mut digits: Vec<usize> = Vec::new();
    for symbol in symbols {
        // One more than the symbol, so that leading ones count.
        let mut carry = symbol + 1;
        for digit in &mut digits {
            carry += *digit * radix;
            *digit = carry % 36;
            carry /= 36;
        }
        while carry > 0 {
            digits.push(carry % 36);
            carry /= 36;
        }
    }
    let len = (shortest..=LONGEST).step_by(STEP).find(|&len| len >= digits.len() + CHECKS)?;
    digits.resize(len, 0);
    Some(digits.into_iter().rev().map(|digit| digit as u8).collect())
}

/// The name that [`encode`] made these digits of; nothing if it made them of none.
pub(super) fn decode(digits: &[u8]) -> Option<Vec<u8>> {
    let radix = if digits.len().is_multiple_of(STEP) { LETTERS.len() } else { 256 };
    let mut number: Vec<usize> = digits.iter().map(|&digit| digit.into()).collect();
    let mut name = Vec::new();
    while number.iter().any(|&digit| digit > 0) {
        // Divides, with a remainder of 1 to `radix` instead of 0 to `radix - 1`.
        let mut rest = 0;
        for digit in &mut number {
            rest = rest * 36 + *digit;
            *digit = rest / radix;
            rest %= radix;
        }
        if rest == 0 {
            borrow(&mut number);
            rest = radix;
        }
        name.push(if radix == 256 { (rest - 1) as u8 } else { LETTERS[rest - 1] });
    }
    name.reverse();
    (encode(&name).as_deref() == Some(digits)).then_some(name)
}

/// Takes one from a number.
fn borrow(number: &mut [usize]) {
    for digit in number.iter_mut().rev() {
        if *digit > 0 {
            *digit -= 1;
            return;
        }
        *digit = 35;
    }
}

/// Writes digits as text.
pub(super) fn text(digits: &[u8]) -> String {
    digits.iter().map(|&digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// Reads digits from text; nothing if there are others in it, or not as many as in any word.
pub(super) fn digits(text: &[u8]) -> Option<Vec<u8>> {
    let plain = text.len() >= SHORTEST && text.len() <= LONGEST && text.len().is_multiple_of(2);
    let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte).map(|at| at as u8);
    if plain { text.iter().map(digit).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_comes_back(name in "[a-z0-9._-]{0,300}", other in prop::collection::vec(any::<u8>(), 0..200)) {
            let digits = encode(name.as_bytes()).unwrap();
            prop_assert_eq!(decode(&digits), Some(name.clone().into_bytes()));
            prop_assert_eq!(super::digits(text(&digits).as_bytes()), Some(digits));
            let digits = encode(&other).unwrap();
            prop_assert_eq!(decode(&digits), Some(other));
        }
    }

    #[test]
    fn names_of_like_length_make_words_of_one_length() {
        let len = |name: &str| encode(name.as_bytes()).map(|digits| digits.len());
        assert_eq!([len("a"), len("shop"), len("web01")], [Some(8); 3]);
        assert_eq!(len("kubernetes"), Some(12));
        assert_eq!(len("Zoé"), Some(10));
        assert_eq!(len(&"x".repeat(63)), Some(68));
        assert_eq!(len(&"x".repeat(2000)), None);
    }
}
