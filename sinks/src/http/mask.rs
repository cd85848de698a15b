//! Text from elsewhere, made fit to be shown.

use collect_core::Secret;
use url::Url;

/// Query values of at least this length may be signatures or tokens.
const LONG_VALUE: usize = 16;

/// How much of a text from a server is repeated, in characters.
const SHOWN: usize = 200;

/// Hides credentials in messages.
#[derive(Clone, Debug, Default)]
pub struct Mask(Vec<Secret>);

impl Mask {
    /// Hides this value from now on.
    pub fn hide(&mut self, value: &str) {
        if !value.is_empty() {
            self.0.push(Secret::new(value));
            // A longer secret may hold a shorter one, whose removal would leave the rest standing.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.reveal().len()));
        }
    }

    /// Hides the credentials in a URL: user, password, the query and its long values.
    pub fn hide_url(&mut self, url: &Url) {
        self.hide(url.username());
        self.hide(url.password().unwrap_or_default());
        let query = url.query().unwrap_or_default();
        self.hide(query);
        for pair in query.split('&') {
            let value = pair.split_once('=').map_or("", |(_, value)| value);
            if value.len() >= LONG_VALUE {
                self.hide(value);
            }
        }
        for (_, value) in url.query_pairs() {
            if value.len() >= LONG_VALUE {
                self.hide(&value);
            }
        }
    }

    /// The text without the hidden values and without anything that a terminal would act on.
    pub fn clean(&self, text: &str) -> String {
        self.0.iter().fold(visible(text), |text, secret| text.replace(secret.reveal(), "…"))
    }

    /// The beginning of a cleaned text, for what a server says; cut only after hiding, so that no
    /// part of a credential is left at the end.
    pub fn quote(&self, text: &str) -> String {
        self.clean(text).chars().take(SHOWN).collect()
    }
}

/// The text on one line, without control characters and those that turn the direction of writing.
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .collect()
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_cannot_move_the_cursor_or_repeat_a_credential() {
        let mut mask = Mask::default();
        mask.hide("made-up-token");
        mask.hide("made-up-token-long");
        assert_eq!(
            mask.clean("no \u{1b}[2Jmade-up-token-long\r\nand \u{202e}made-\u{7}up-token"),
            "no [2J…  and …"
        );
        assert!(!format!("{mask:?}").contains("made-up"));
    }

    #[test]
    fn the_credentials_of_a_url_are_hidden_wherever_they_are_repeated() {
        let mut mask = Mask::default();
        let url =
            "https://me:made-up@s3.example.com/k?X-Amz-Credential=AKIDMADEUP%2F20261123%2Fs3&a=b";
        mask.hide_url(&url.parse().unwrap());
        assert_eq!(mask.clean("AKIDMADEUP/20261123/s3 made-up"), "… …");
        assert!(!mask.clean(url).contains("AKIDMADEUP"));
    }
}
