//! Puts the values of parameters where `${name}` stands.
//!
//! It works on values that are parsed already: what is given is never read as TOML, and every value
//! keeps its place in its file.

use super::{
    merge::SECTIONS,
    params::{Meant, PARAMS, Params, text_of},
    problem::is_secret,
    source::{Finding, Findings, Sources, Span},
};
use crate::suggest;
use std::borrow::Cow;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

/// What to do where no parameter was meant.
const LITERAL: &str = "for a literal `${` write `$${`";

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    /// The name of a parameter.
    Param(&'t str),
    /// Begins like one and is none.
    Open,
}

/// The parts of a text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            pieces.extend([Piece::Text(before), Piece::Text("${")]);
            rest = &from[2..];
            continue;
        }
        pieces.push(Piece::Text(before));
        let Some((name, behind)) = from[2..].split_once('}') else {
            pieces.push(Piece::Open);
            return pieces;
        };
        pieces.push(Piece::Param(name));
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// Adds the names of all parameters that a table mentions.
pub(super) fn mentioned(table: &DeTable<'_>, names: &mut Vec<String>) {
    for (key, value) in table {
        if key.get_ref() != PARAMS {
            mentioned_in(value.get_ref(), names);
        }
    }
}

fn mentioned_in(value: &DeValue<'_>, names: &mut Vec<String>) {
    match value {
        DeValue::String(text) => names.extend(pieces(text).into_iter().filter_map(|piece| {
            let Piece::Param(name) = piece else { return None };
            Some(name.to_owned())
        })),
        DeValue::Array(items) => items.iter().for_each(|item| mentioned_in(item.get_ref(), names)),
        DeValue::Table(table) => table.values().for_each(|v| mentioned_in(v.get_ref(), names)),
        _ => {}
    }
}

/// Fills a profile with the values of its parameters.
pub(super) struct Filler<'f, 'i> {
    pub(super) params: &'f Params<'i>,
    pub(super) sources: &'f Sources,
    pub(super) findings: &'f mut Findings,
    /// Values with a parameter in them that could not be filled in.
    pub(super) unfilled: Vec<Span>,
    /// Values that were filled in, with the names of the parameters.
    pub(super) filled: Vec<(Span, String)>,
}

/// Where a value stands.
#[derive(Clone, Copy, Default)]
struct At {
    /// Why no parameter may stand there.
    fixed: Option<&'static str>,
    /// Whether it may be a secret, which is not to be repeated.
    secret: bool,
}

impl<'i> Filler<'_, 'i> {
    /// Fills a whole profile.
    pub(super) fn fill(&mut self, root: &mut DeTable<'i>) {
        for (key, value) in root.iter_mut() {
            let name = key.get_ref().as_ref();
            let fixed = match name {
                "extends" => Some("what a profile extends is the same in every run"),
                "product" => Some("the name of the product is the same in every run"),
                "encrypt" => Some("who can read a bundle is for the profile to say, not for a run"),
                _ => None,
            };
            let section = SECTIONS.contains(&name).then(|| name.to_owned());
            match (section, value.get_mut()) {
                (Some(section), DeValue::Table(tables)) => {
                    for (id, table) in tables.iter_mut() {
                        self.name(id);
                        self.step(&section, table);
                    }
                }
                _ => self.value(value, At { fixed, secret: false }),
            }
        }
    }

    /// The table of a plugin.
    fn step(&mut self, section: &str, step: &mut Spanned<DeValue<'i>>) {
        let DeValue::Table(options) = step.get_mut() else {
            return self.value(step, At::default());
        };
        for (key, value) in options.iter_mut() {
            self.name(key);
            let fixed = match key.get_ref().as_ref() {
                "use" => Some("which plugin it is is the same in every run"),
                "enabled" if section == "redact" => {
                    Some("what is removed is for the profile to say, not for a run")
                }
                _ => None,
            };
            self.value(value, At { fixed, secret: is_secret(key.get_ref()) });
        }
    }

    /// A name is the same in every run.
    fn name(&mut self, key: &Spanned<Cow<'i, str>>) {
        let mentions =
            |piece| matches!(piece, Piece::Param(name) if self.params.get(name).is_some());
        if pieces(key.get_ref()).into_iter().any(mentions) {
            let message = "a parameter cannot stand in a name";
            let help = "write it into a value".to_owned();
            self.findings.push(Finding::new(key.span(), message).help(help));
        }
    }

    fn value(&mut self, value: &mut Spanned<DeValue<'i>>, at: At) {
        let span = value.span();
        match value.get_mut() {
            DeValue::String(text) if text.contains("${") => {
                let text = std::mem::take(text);
                *value.get_mut() = self.text(&span, text, at);
            }
            DeValue::Array(items) => self.list(items, at),
            DeValue::Table(table) => {
                for (key, value) in table.iter_mut() {
                    self.name(key);
                    let name: &str = key.get_ref();
                    // `{ file = "…" }` says where a secret is, which is none.
                    let secret = (at.secret && !["file", "env"].contains(&name)) || is_secret(name);
                    self.value(value, At { secret, ..at });
                }
            }
            _ => {}
        }
    }

    /// Fills a list: an item that is a list itself becomes its items.
    fn list(&mut self, items: &mut DeArray<'i>, at: At) {
        let mut filled = DeArray::new();
        for item in items.iter_mut() {
            let placeholder = Spanned::new(0..0, DeValue::Boolean(false));
            let mut item = std::mem::replace(item, placeholder);
            let span = item.span();
            let spliced = item.get_ref().as_str().and_then(|text| self.whole_list(text));
            if let (Some((name, texts)), None) = (spliced, at.fixed) {
                for text in texts {
                    filled.push(Spanned::new(span.clone(), DeValue::String(text)));
                }
                self.filled.push((span, name));
            } else {
                self.value(&mut item, at);
                filled.push(item);
            }
        }
        *items = filled;
    }

    /// The parameter that a text is, and its items, if it is a list.
    fn whole_list(&self, text: &str) -> Option<(String, Vec<Cow<'i, str>>)> {
        let [Piece::Param(name)] = pieces(text)[..] else { return None };
        match self.params.get(name)?.value.as_ref()? {
            Meant::List(texts) => Some((name.to_owned(), texts.clone())),
            Meant::One(_) => None,
        }
    }

    fn text(&mut self, span: &Span, text: Cow<'i, str>, at: At) -> DeValue<'i> {
        let pieces = pieces(&text);
        if let [Piece::Param(name)] = pieces[..]
            && at.fixed.is_none()
            && let Some(Meant::One(value)) = self.params.get(name).and_then(|p| p.value.as_ref())
        {
            self.filled.push((span.clone(), name.to_owned()));
            return value.clone();
        }
        let (mut filled, mut is_whole) = (String::new(), true);
        for piece in &pieces {
            match self.piece(piece, span, at) {
                Some(part) => filled += &part,
                None => is_whole = false,
            }
        }
        if is_whole {
            DeValue::String(Cow::Owned(filled))
        } else {
            self.unfilled.push(span.clone());
            DeValue::String(text)
        }
    }

    /// What stands in for a part of a text; none, and a finding, if nothing can.
    fn piece(&mut self, piece: &Piece<'_>, span: &Span, at: At) -> Option<String> {
        let name = match piece {
            Piece::Text(text) => return Some((*text).to_owned()),
            Piece::Param(name) => name,
            Piece::Open => {
                let finding = Finding::new(span.clone(), "a `${` without its `}`");
                self.findings.push(finding.help(LITERAL.to_owned()));
                return None;
            }
        };
        let place = self.place(span, name);
        if let Some(why) = at.fixed {
            let message = "no parameter can stand here";
            self.findings.push(Finding::new(place, message).help(why.to_owned()));
            return None;
        }
        let Some(param) = self.params.get(name) else {
            self.unknown(place, name, at);
            return None;
        };
        match param.value.as_ref()? {
            Meant::One(value) => {
                self.filled.push((span.clone(), (*name).to_owned()));
                Some(text_of(value))
            }
            Meant::List(_) => {
                let message = format!("the parameter `{name}` is a list");
                let help =
                    format!("write `\"${{{name}}}\"` as an item of a list, where all of it goes");
                self.findings.push(Finding::new(place, message).help(help));
                None
            }
        }
    }

    fn unknown(&mut self, place: Span, name: &str, at: At) {
        // What stands in a secret is no more shown than the secret.
        let message = if at.secret {
            "the profile has no such parameter".to_owned()
        } else {
            format!("the profile has no parameter `{name}`")
        };
        let help = if at.secret { None } else { self.params.nearest(name) };
        let help = help.unwrap_or_else(|| match suggest::list(self.params.names()) {
            names if names.is_empty() => format!("{LITERAL}; `[params]` defines parameters"),
            names => format!("it has {names}; {LITERAL}"),
        });
        self.findings.push(Finding::new(place, message).label("unknown").help(help));
    }

    /// Where a parameter stands within a text, as far as the text is written plainly.
    fn place(&self, span: &Span, name: &str) -> Span {
        let source = self.sources.get(self.sources.number(span));
        let range = span.start.saturating_sub(source.start)..span.end.saturating_sub(source.start);
        let written = source.text.get(range).unwrap_or_default();
        let reference = format!("${{{name}}}");
        match written.find(&reference) {
            Some(at) => span.start + at..span.start + at + reference.len(),
            None => span.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dollar_before_it_makes_it_text() {
        use Piece::{Open, Param, Text};
        assert_eq!(pieces("a-${b}.c"), [Text("a-"), Param("b"), Text(".c")]);
        assert_eq!(pieces("$${b}"), [Text("${"), Text("b}")]);
        assert_eq!(pieces("5$ ${a}${b}"), [Text("5$ "), Param("a"), Param("b")]);
        assert_eq!(pieces("a${b"), [Text("a"), Open]);
        assert_eq!(pieces("$1 {2}"), [Text("$1 {2}")]);
    }
}
