//! Lines of a name and a number, as many files of the kernel have them.

use std::collections::BTreeMap;

/// The numbers of lines `name number` by their names; what is no such line is passed over.
pub(crate) fn counters(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.trim_end_matches(':').to_owned(), words.next()?.parse().ok()?))
    });
    lines.collect()
}

/// The first number of such a name.
pub(crate) fn counter(text: &str, wanted: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| {
        (words.next()?.trim_end_matches(':') == wanted).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_lines_cost_no_others() {
        let text = "low 1\n\nhigh x\nmax\nMemTotal:   5 kB\noom_kill 3";
        assert_eq!(
            counters(text).into_iter().collect::<Vec<_>>(),
            [("MemTotal".to_owned(), 5), ("low".to_owned(), 1), ("oom_kill".to_owned(), 3)]
        );
        assert_eq!(counter(text, "oom_kill"), Some(3));
        assert_eq!(counter(text, "oom"), None);
        assert_eq!(counter(text, "high"), None);
    }
}
