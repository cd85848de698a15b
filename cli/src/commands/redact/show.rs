//! Changes as a person reads them: like a unified diff of which only the changed lines are shown.

use crate::text::{Style, count, harmless, one_line};
use collect_core::rewrite::{Change, Rewritten, Segment};
use std::fmt::Write as _;

/// What changes in one file; nothing if that is nothing.
pub(super) fn changes(rewritten: &Rewritten, style: Style) -> String {
    let Rewritten { path, redactions, changes, further, .. } = rewritten;
    if changes.is_empty() {
        return String::new();
    }
    let rules: Vec<_> = redactions.iter().map(|(rule, count)| format!("{count} {rule}")).collect();
    let mut shown = format!("{}  {}\n", style.bold(&one_line(path)), style.dim(&rules.join(", ")));
    for Change { line, before, after } in changes {
        _ = writeln!(shown, "{}", style.dim(&format!("@@ {line} @@")));
        let removed = |text: &str| style.bad(text);
        let added = |text: &str| style.good(text);
        _ = writeln!(shown, "{}{}", removed("-"), painted(before, removed));
        _ = writeln!(shown, "{}{}", added("+"), painted(after, added));
    }
    if *further > 0 {
        let further = count(*further as usize, "further line");
        _ = writeln!(shown, "{}", style.dim(&format!("   and {further}")));
    }
    shown + "\n"
}

/// A line of text without colours.
pub(super) fn plain(line: &[Segment]) -> String {
    line.iter().map(|segment| segment.text.as_str()).collect()
}

fn painted(line: &[Segment], paint: impl Fn(&str) -> String) -> String {
    let paint = |Segment { text, changed }: &Segment| {
        let text = harmless(text);
        if *changed { paint(&text) } else { text.into_owned() }
    };
    line.iter().map(paint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten() -> Rewritten {
        let segment = |text: &str, changed| Segment { text: text.to_owned(), changed };
        let before = vec![segment("a=\x1b[2J", false), segment("h…2", true)];
        let after = vec![segment("a=\x1b[2J", false), segment("[redacted:pin]", true)];
        let changes = vec![Change { line: 7, before, after }];
        let redactions = [("pin".to_owned(), 1)].into();
        let path = "etc/app.conf".to_owned();
        Rewritten { path, redactions, changes, further: 3, ..Rewritten::default() }
    }

    #[test]
    fn a_change_is_shown_with_its_place_and_rule_and_harmless() {
        let shown = changes(&rewritten(), Style { colours: false });
        assert_eq!(
            shown,
            "etc/app.conf  1 pin\n@@ 7 @@\n-a=\u{fffd}[2Jh…2\n+a=\u{fffd}[2J[redacted:pin]\n   \
             and 3 further lines\n\n"
        );
    }

    #[test]
    fn only_what_was_changed_is_coloured() {
        let shown = changes(&rewritten(), Style { colours: true });
        assert!(shown.contains("[2J\x1b[1;31mh…2\x1b[0m"), "{shown:?}");
        assert!(shown.contains("[2J\x1b[1;32m[redacted:pin]\x1b[0m"), "{shown:?}");
        assert_eq!(changes(&Rewritten::default(), Style { colours: true }), "");
    }
}
