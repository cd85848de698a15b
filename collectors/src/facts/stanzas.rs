//! Paragraphs of `Name: value` lines, as `deb822(5)` has them: the databases and logs of dpkg, apt
//! and apk.

use super::text::Lines;
use std::io::Read;

/// No paragraph that is read needs more; a file that was damaged to one endless paragraph is not
/// taken into memory.
const LONGEST: usize = 1 << 20;

/// One paragraph.
#[derive(Debug, Default)]
pub(crate) struct Stanza(Vec<(String, String)>);

impl Stanza {
    /// The value of a field. Further lines of it stand behind line breaks, without the space that
    /// they begin with.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_str())
    }

    /// The same, as text of its own.
    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }
}

/// The paragraphs of a file, one after the other; of each only the fields of these names. A name
/// counts with its upper and lower case.
pub(crate) struct Stanzas<'n, R> {
    lines: Lines<R>,
    names: &'n [&'n str],
}

impl<'n, R: Read> Stanzas<'n, R> {
    /// Reads them from here.
    pub(crate) fn new(from: R, names: &'n [&'n str]) -> Self {
        Self { lines: Lines::new(from), names }
    }
}

impl<R: Read> Iterator for Stanzas<'_, R> {
    type Item = Stanza;

    fn next(&mut self) -> Option<Stanza> {
        let mut stanza = Stanza::default();
        let mut size = 0;
        let mut any = false;
        // Whether the field that the next lines may go on with is a wanted one.
        let mut wanted = false;
        for line in &mut self.lines {
            if line.trim().is_empty() {
                if any {
                    return Some(stanza);
                }
                continue;
            }
            any = true;
            size += line.len();
            if let Some(more) = line.strip_prefix([' ', '\t']) {
                if let Some((_, value)) = stanza.0.last_mut().filter(|_| wanted && size < LONGEST) {
                    value.push('\n');
                    value.push_str(more.trim_end());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                wanted = size < LONGEST && self.names.contains(&name);
                if wanted {
                    stanza.0.push((name.to_owned(), value.trim().to_owned()));
                }
            }
        }
        any.then_some(stanza)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_told_apart_and_only_wanted_fields_are_kept() {
        let text = "\nPackage: a\nConffiles:\n /etc/a 00\n /etc/b 11\nDescription: x\n more\n\n\n\
                    garbage\nPackage: b:c\n";
        let names = ["Package", "Conffiles"];
        let read: Vec<_> = Stanzas::new(text.as_bytes(), &names).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].get("Conffiles"), Some("\n/etc/a 00\n/etc/b 11"));
        assert_eq!(read[0].get("Description"), None);
        assert_eq!(read[1].owned("Package").as_deref(), Some("b:c"));
    }

    #[test]
    fn an_endless_paragraph_is_not_taken_into_memory() {
        let text = format!("Package: a\n{}", " more\n".repeat(LONGEST));
        let read: Vec<_> = Stanzas::new(text.as_bytes(), &["Package"]).collect();
        assert!(read[0].get("Package").unwrap().len() < LONGEST);
    }
}
