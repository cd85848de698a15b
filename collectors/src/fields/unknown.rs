//! The fields of a line that are not among those that are known.

use super::value::{composite_len, quoted_len};
use collect_core::redact::Found;

/// The values of all fields but those in `keep`; the whole line if it has no fields.
pub(crate) fn unknown_fields(line: &[u8], keep: &[String]) -> Vec<Found> {
    let end = line.trim_ascii_end().len();
    let line = &line[..end];
    let start = line.len() - line.trim_ascii_start().len();
    if line[start..].starts_with(b"{") {
        let mut found = Vec::new();
        let mut reader = Reader { line, at: start, keep, found: &mut found };
        if reader.object("").is_some() && reader.at == end {
            return found;
        }
    } else if let Some(found) = pairs(line, start, keep) {
        return found;
    }
    vec![(start..end).into()]
}

fn is_kept(name: &str, keep: &[String]) -> bool {
    keep.iter().any(|kept| kept == name)
}

/// Reads an object of JSON.
struct Reader<'l> {
    line: &'l [u8],
    at: usize,
    keep: &'l [String],
    found: &'l mut Vec<Found>,
}

impl Reader<'_> {
    /// Reads the object that is here, whose fields are called `above` and their own names. Nothing if
    /// it is none.
    fn object(&mut self, above: &str) -> Option<()> {
        self.sign(b'{')?;
        if self.sign(b'}').is_some() {
            return Some(());
        }
        loop {
            self.field(above)?;
            if self.sign(b',').is_none() {
                return self.sign(b'}');
            }
        }
    }

    fn field(&mut self, above: &str) -> Option<()> {
        self.sign(b'"')?;
        let len = quoted_len(&self.line[self.at..], b"\"");
        let name = String::from_utf8_lossy(&self.line[self.at..self.at + len]);
        let name = format!("{above}{name}");
        self.at += len;
        self.sign(b'"')?;
        self.sign(b':')?;
        self.spaces();
        let within = format!("{name}.");
        let leads = self.keep.iter().any(|kept| kept.starts_with(&within));
        if leads && !is_kept(&name, self.keep) && self.line.get(self.at) == Some(&b'{') {
            // No deeper than the names that are kept.
            return self.object(&within);
        }
        let found = self.value()?;
        if !is_kept(&name, self.keep) {
            self.found.push(found);
        }
        Some(())
    }

    /// The value that is here.
    fn value(&mut self) -> Option<Found> {
        let rest = &self.line[self.at..];
        let start = self.at;
        match rest.first()? {
            b'"' => {
                self.at += 1;
                let len = quoted_len(&rest[1..], b"\"");
                self.at += len;
                self.line.get(self.at).filter(|&&byte| byte == b'"')?;
                self.at += 1;
                Some((start + 1..start + 1 + len).into())
            }
            b'{' | b'[' => {
                self.at += composite_len(rest)?;
                Some(Found { value: start..self.at, quote: true })
            }
            _ => {
                let bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                let len = rest.iter().take_while(|byte| bare(byte)).count();
                self.at += len;
                (len > 0).then_some(Found { value: start..self.at, quote: true })
            }
        }
    }

    /// Takes a sign and the white space before it, if it is here.
    fn sign(&mut self, sign: u8) -> Option<()> {
        self.spaces();
        (self.line.get(self.at) == Some(&sign)).then(|| self.at += 1)
    }

    fn spaces(&mut self) {
        let rest = &self.line[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }
}

/// What is not known of a line of `key=value` pairs; nothing if it has no pair. Words that are in no
/// pair are not known.
fn pairs(line: &[u8], start: usize, keep: &[String]) -> Option<Vec<Found>> {
    let (mut found, mut at, mut any) = (Vec::<Found>::new(), start, false);
    while at < line.len() {
        at += line[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let rest = &line[at..];
        let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'=';
        let len = rest.iter().position(ends).unwrap_or(rest.len());
        if len == 0 || rest.get(len) != Some(&b'=') {
            let len = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            match found.last_mut() {
                Some(last) if line[last.value.end..at].trim_ascii().is_empty() => {
                    last.value.end = at + len;
                }
                _ => found.push((at..at + len).into()),
            }
            at += len;
            continue;
        }
        any = true;
        let name = String::from_utf8_lossy(&rest[..len]);
        at += len + 1;
        let rest = &line[at..];
        let (value, len) = if rest.starts_with(b"\"") {
            let len = quoted_len(&rest[1..], b"\"");
            (at + 1..at + 1 + len, len + 2)
        } else {
            let len = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            (at..at + len, len)
        };
        if !is_kept(&name, keep) {
            found.push(value.into());
        }
        at = (at + len).min(line.len());
    }
    any.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_found_and_nothing_else() {
        let keep = ["time", "msg", "http.status", "tags"].map(str::to_owned);
        for line in [
            r#"{"time":1,"user":"«a\"b»","n":«-1.5»,"x":«{"msg":["}"]}»,"msg":"m","t":«true»}"#,
            r#"{ "http" : {"status": 200, "url": "«u»"}, "tags": ["kept"], "a.b": «[]» }"#,
            r#"{"http":"«text»"}"#,
            "time=7 user=«svc» msg=\"a \\\" b\" q=\"«a b»\"",
            "«Nov 20 app:» msg=x «and more»",
            "«audit: nothing of the kind»",
            r#"«{"time":1} trailing»"#,
            r#"«{"time":1,"user":"svc"»"#,
            r#"«{"time":1 "user":"svc"}»"#,
            "{}",
        ] {
            let plain = line.replace(['«', '»'], "");
            let mut shown = String::new();
            let mut at = 0;
            for Found { value, .. } in unknown_fields(plain.as_bytes(), &keep) {
                shown += &plain[at..value.start];
                shown += "«";
                shown += &plain[value.clone()];
                shown += "»";
                at = value.end;
            }
            shown += &plain[at..];
            assert_eq!(shown, line);
        }
    }
}
