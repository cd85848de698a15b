//! Forms with a file (RFC 7578), whose length is known before they are sent.

use super::{Body, hexadecimal};
use collect_core::ticket::Attachment;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

/// A form: texts, and then a file.
#[derive(Default)]
pub(crate) struct Form {
    texts: Vec<(String, String)>,
}

impl Form {
    /// The same with another text. Names are not escaped: they are ours.
    pub(crate) fn text(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.texts.push((name.into(), value.into()));
        self
    }

    /// The header and the body of a request that sends it; the file is its last part.
    pub(crate) fn with_file<'f>(
        &self,
        name: &str,
        file: &'f dyn Attachment,
    ) -> (HeaderMap, Body<'f>) {
        let boundary = self.boundary(file);
        let part =
            |name: &str| format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
        let texts = self.texts.iter();
        let texts = texts.map(|(name, value)| format!("{}\r\n\r\n{value}\r\n", part(name)));
        let head = format!(
            "{}; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
            part(name),
            file.name()
        );
        let before: String = texts.chain([head]).collect();
        let after = format!("\r\n--{boundary}--\r\n");
        let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
            .expect("a digest in hexadecimal is ASCII");
        let body = Body { before: before.into_bytes(), file, after: after.into_bytes() };
        (HeaderMap::from_iter([(CONTENT_TYPE, kind)]), body)
    }

    /// What separates the parts: a digest of the texts, which so cannot hold it.
    fn boundary(&self, file: &dyn Attachment) -> String {
        let mut digest = Sha256::new();
        for (name, value) in &self.texts {
            digest.update(name);
            digest.update(value);
        }
        digest.update(file.name());
        format!("collect-{}", &hexadecimal(&digest.finalize())[..48])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Memory, Seen, contract::parts};
    use std::io::Read;

    #[test]
    fn a_form_holds_what_was_put_into_it_and_no_more() {
        let file = Memory(b"sealed bytes");
        let hostile = "a\r\n--collect-0\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nb";
        let (headers, body) = Form::default().text("subject", hostile).with_file("file", &file);
        let mut sent = body.before;
        body.file.open().unwrap().read_to_end(&mut sent).unwrap();
        sent.extend(body.after);
        let kind = headers[CONTENT_TYPE].to_str().unwrap().to_owned();
        let seen = Seen {
            headers: [("content-type".to_owned(), kind)].into(),
            body: sent,
            ..Seen::default()
        };
        let text = ("subject".to_owned(), None, hostile.to_owned());
        let file = ("file".to_owned(), Some(Memory::NAME.to_owned()), "sealed bytes".to_owned());
        assert_eq!(parts(&seen), [text, file]);
    }
}
