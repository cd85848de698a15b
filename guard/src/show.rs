//! Text from logs, made fit to be shown.

use crate::token::Tokens;

/// How much of a line is shown.
const SHOWN: usize = 120;

/// A word of that many letters may be a token, a key or an id.
const LONG_WORD: usize = 12;

/// A line that could not be read, so that it can be recognised and gives nothing away: only what is
/// before the first quotation mark, where what clients wrote begins, without known tokens, and without
/// words that are long enough to be one.
pub(crate) fn malformed(line: &[u8], tokens: &Tokens) -> String {
    // A token may begin before what is shown and end behind it.
    let head = &line[..line.len().min(SHOWN * 8)];
    let text = tokens.mask(&String::from_utf8_lossy(head));
    let text = text.split('"').next().unwrap_or_default();
    let cut = text.len() < head.len() || head.len() < line.len();
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    let mut shown: String = words.join(" ").chars().take(SHOWN).collect();
    if cut {
        shown.push('…');
    }
    shown
}

fn word(word: &str) -> String {
    let is_place = word
        .trim_matches(['[', ']'])
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".:/+-".contains(&byte));
    let is_operation = word.starts_with("REST.")
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || b"._".contains(&byte));
    if word.chars().count() >= LONG_WORD && !is_place && !is_operation {
        return "…".to_owned();
    }
    let harmless = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    word.chars().filter(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::Secret;

    #[test]
    fn a_malformed_line_is_shown_without_what_could_be_a_secret() {
        let tokens = Tokens::new().upload([Secret::new("made up token")]);
        let line = b"owner bucket made up token 192.0.2.7 aVeryLongWordThatMayBeAToken \x1b[2J\xe2\x80\xae x \"GET /secret\"";
        assert_eq!(malformed(line, &tokens), "owner bucket … 192.0.2.7 … [2J x…");
    }

    #[test]
    fn a_long_line_is_cut() {
        let shown = malformed("word ".repeat(10_000).as_bytes(), &Tokens::new());
        assert_eq!(shown.chars().count(), SHOWN + 1);
    }
}
