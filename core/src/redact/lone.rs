//! Words at the start of lines, for what has no word to be anchored by.

use memchr::memchr_iter;
use std::ops::Range;

/// Which bytes a word may have: those of base64 in both alphabets, and what stands between the parts
/// of tokens.
const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "there are 256 bytes")]
        let is_word = matches!(byte as u8, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'/' | b'=' | b'_' | b'-' | b'.' | b'~');
        table[byte] = is_word;
        byte += 1;
    }
    table
};

/// Calls `each` with every word of at least `least` bytes that begins one of the lines of a text,
/// behind white space and a quote at most.
///
/// Most lines begin with a shorter word, so little of a text is looked at.
pub(super) fn words(text: &[u8], least: usize, mut each: impl FnMut(Range<usize>)) {
    let mut line = |start: usize| {
        let indent = text[start..].iter().take_while(|b| b" \t\"'".contains(b)).count();
        let start = start + indent;
        let is_word = |byte: &&u8| WORD[usize::from(**byte)];
        let len = text[start..].iter().take_while(is_word).count();
        if len >= least {
            each(start..start + len);
        }
    };
    line(0);
    memchr_iter(b'\n', text).for_each(|feed| line(feed + 1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_found_where_lines_begin_and_nowhere_else() {
        let text = b"abcd\nabc\n  \"ab-d\" x\nx abcd\n\nab/=e,\n";
        let mut found = Vec::new();
        words(text, 4, |at| found.push(String::from_utf8_lossy(&text[at]).into_owned()));
        assert_eq!(found, ["abcd", "ab-d", "ab/=e"]);
    }
}
