//! Which reports a person means.

use super::{
    Context,
    key::{REPORTS, Report, companion_of, file_name},
    stream::{Item, Items, Kind, Scope},
};
use crate::{
    exit::{Exit, Failure},
    text,
};
use collect_core::bundle::object_key;
use collect_sinks::s3::Listed;
use std::collections::{BTreeMap, BTreeSet};

/// The shortest beginning of an id: anything shorter is more likely a slip.
const SHORTEST_ID: usize = 4;

/// So many candidates are named when a pattern means several.
const NAMED: usize = 5;

/// A report that was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::desk) struct Meant {
    pub(in crate::desk) object: Listed,
    /// The key of its companion, if there is one.
    pub(in crate::desk) companion: Option<String>,
}

/// All that was meant.
#[derive(Debug, Default)]
pub(in crate::desk) struct Found {
    /// By key.
    pub(in crate::desk) reports: BTreeMap<String, Meant>,
    /// A pattern that means everything there is, if one does.
    pub(in crate::desk) everything: Option<String>,
}

/// What a person wrote to name reports.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern<'p> {
    text: &'p str,
    wild: bool,
}

impl<'p> Pattern<'p> {
    fn new(text: &'p str) -> Result<Self, Failure> {
        let text = text.trim();
        if text.is_empty() {
            let failure = Failure::unusable("an empty pattern means every report");
            return Err(failure.help("name a report, or write `*` if you mean every one"));
        }
        Ok(Self { text, wild: text.contains(['*', '?']) })
    }

    /// Whether nothing in it tells one report from another.
    fn is_boundless(&self) -> bool {
        let rest = self.text.strip_prefix(REPORTS).unwrap_or(self.text);
        let rest = rest.strip_suffix(".age").unwrap_or(rest);
        self.wild && !rest.contains(|c: char| c.is_alphanumeric())
    }

    /// What the keys of all that it can mean begin with.
    fn prefix(&self) -> String {
        let literal = self.text.split(['*', '?']).next().unwrap_or_default();
        if literal.starts_with(REPORTS) {
            return literal.to_owned();
        }
        // With a whole name, the key is known; it need not be looked for.
        let key = object_key(literal).filter(|_| Report::of_name(literal));
        key.unwrap_or_else(|| REPORTS.to_owned())
    }

    /// Whether it means the object of this key, and whether exactly that.
    fn means(&self, key: &str) -> Match {
        let name = file_name(key);
        if self.wild {
            let text = if self.text.contains('/') { key } else { name };
            let id = Report::of(key).is_some_and(|report| like(self.text, report.id));
            return if like(self.text, text) || id { Match::Begins } else { Match::Not };
        }
        if self.text == key || self.text == name {
            return Match::Exact;
        }
        let Some(report) = Report::of(key) else { return Match::Not };
        let stem = name.split(".tar.").next().unwrap_or(name);
        if self.text == stem || self.text == report.id {
            return Match::Exact;
        }
        let of_id = self.text.len() >= SHORTEST_ID && report.id.starts_with(self.text);
        if of_id || name.starts_with(self.text) { Match::Begins } else { Match::Not }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Exact,
    Begins,
    Not,
}

/// What a pattern has found.
#[derive(Default)]
struct Hits {
    exact: BTreeSet<String>,
    begins: BTreeSet<String>,
}

/// Finds what the patterns mean.
///
/// # Errors
///
/// If one means nothing, or means several without saying so by `*` or `?`.
pub(in crate::desk) async fn find(
    context: &Context<'_>,
    words: &[String],
) -> Result<Found, Failure> {
    let patterns = words.iter().map(|word| Pattern::new(word)).collect::<Result<Vec<_>, _>>()?;
    let mut prefixes: Vec<_> = patterns.iter().map(Pattern::prefix).collect();
    prefixes.sort();
    prefixes.dedup_by(|longer, shorter| longer.starts_with(&**shorter));
    let mut found = Found::default();
    let mut hits: Vec<Hits> = patterns.iter().map(|_| Hits::default()).collect();
    let mut all = 0;
    for prefix in prefixes {
        let failed = |error| context.failure("cannot list the reports", error);
        let mut items = Items::below(&context.bucket, &prefix);
        while let Some(item) = items.next().await.map_err(failed)? {
            if item.kind == Kind::Companion {
                continue;
            }
            all += 1;
            note(item, &patterns, &mut hits, &mut found);
        }
    }
    for (pattern, hits) in patterns.iter().zip(&hits) {
        judge(pattern, hits)?;
        let count = hits.exact.len() + hits.begins.len();
        let whole = pattern.prefix() == REPORTS && count == all;
        if pattern.is_boundless() || pattern.wild && whole {
            found.everything.get_or_insert_with(|| pattern.text.to_owned());
        }
    }
    // What only begins like a pattern is not meant where something is called so.
    let meant: BTreeSet<&String> = hits
        .iter()
        .flat_map(|hits| if hits.exact.is_empty() { &hits.begins } else { &hits.exact })
        .collect();
    found.reports.retain(|key, _| meant.contains(key));
    Ok(found)
}

fn note(item: Item, patterns: &[Pattern<'_>], hits: &mut [Hits], found: &mut Found) {
    let key = &item.object.key;
    let mut meant = false;
    for (pattern, hits) in patterns.iter().zip(hits) {
        match pattern.means(key) {
            Match::Not => continue,
            Match::Exact => hits.exact.insert(key.clone()),
            Match::Begins => hits.begins.insert(key.clone()),
        };
        meant = true;
    }
    if meant {
        let companion = match item.kind {
            Kind::Report { companion } => companion.map(|companion| companion.key),
            _ => None,
        };
        let key = item.object.key.clone();
        found.reports.insert(key, Meant { object: item.object, companion });
    }
}

/// Says what is wrong with what a pattern has found.
fn judge(pattern: &Pattern<'_>, hits: &Hits) -> Result<(), Failure> {
    let shown = text::one_line(pattern.text);
    let candidates = if hits.exact.is_empty() { &hits.begins } else { &hits.exact };
    if candidates.is_empty() {
        let companion = companion_of(pattern.text).is_some();
        let help = if companion {
            "a companion goes with its report: name that"
        } else {
            "`collect-desk reports list` shows what there is"
        };
        return Err(Failure::new(Exit::Left, format!("no report is `{shown}`")).help(help));
    }
    if candidates.len() > 1 && !pattern.wild {
        let names: Vec<_> =
            candidates.iter().take(NAMED).map(|key| text::one_line(file_name(key))).collect();
        let more = candidates.len() - names.len();
        let more = if more > 0 { format!("\nand {more} more") } else { String::new() };
        let message = format!("`{shown}` means {} reports", candidates.len());
        let help = format!(
            "write more of it, or `{shown}*` if you mean all of them:\n{}{more}",
            names.join("\n")
        );
        return Err(Failure::unusable(message).help(help));
    }
    Ok(())
}

/// Whether a text is like a pattern, in which `*` stands for anything and `?` for one character.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` was, and what it stands for so far ends.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, end)) = star {
            (p, t) = (at + 1, end + 1);
            star = Some((at, end + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

impl Items {
    /// Everything whose key begins so.
    fn below(bucket: &collect_sinks::s3::Bucket, prefix: &str) -> Self {
        Self::of(bucket.list(prefix, ""), Scope::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "reports/komand-pro/2026/11/23/komand-pro-20261123T104205Z-k7m2p9qa4x.tar.xz.age";

    fn means(text: &str) -> Match {
        Pattern::new(text).unwrap().means(KEY)
    }

    #[test]
    fn a_report_is_named_in_many_ways() {
        for text in [
            KEY,
            "komand-pro-20261123T104205Z-k7m2p9qa4x.tar.xz.age",
            "komand-pro-20261123T104205Z-k7m2p9qa4x",
            "k7m2p9qa4x",
        ] {
            assert_eq!(means(text), Match::Exact, "{text}");
        }
        for text in [
            "k7m2p9qa",
            "komand-pro-20261123",
            "komand*",
            "*k7m2*",
            "reports/komand-pro/2026/*",
            "k7m2?9qa4x",
        ] {
            assert_eq!(means(text), Match::Begins, "{text}");
        }
        for text in ["k7", "7m2p9qa4x", "pro-2026", "reports/komand-pro", "komand?", "other*"] {
            assert_eq!(means(text), Match::Not, "{text}");
        }
    }

    #[test]
    fn wildcards_stand_for_anything_and_for_one_character() {
        for (pattern, text, is) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*ab", "aab", true),
            ("?", "é", true),
            ("a?", "a", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(like(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn what_has_no_bounds_is_recognised() {
        let boundless = |text: &str| Pattern::new(text).unwrap().is_boundless();
        for text in ["*", "**", "*?*", "reports/*", "*.age", "reports/*/*", "*-*"] {
            assert!(boundless(text), "{text}");
        }
        for text in ["komand*", "*2026*", "reports/komand/*", "k7m2p9qa"] {
            assert!(!boundless(text), "{text}");
        }
        assert!(Pattern::new("").is_err() && Pattern::new(" ").is_err());
    }

    #[test]
    fn only_what_can_be_meant_is_listed() {
        let prefix = |text: &str| Pattern::new(text).unwrap().prefix();
        assert_eq!(prefix("k7m2p9qa"), "reports/");
        assert_eq!(prefix("komand*"), "reports/");
        assert_eq!(prefix("reports/komand/2026/*"), "reports/komand/2026/");
        assert_eq!(prefix(file_name(KEY)), KEY);
    }
}
