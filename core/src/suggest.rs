//! "Did you mean …?"

/// The known name that `given` is a slip of the pen of, if there is one.
pub(crate) fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let given = plain(given);
    // One slip for every three letters, as compilers allow.
    let allowed = (given.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&given, &plain(name)), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The question that goes with it.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(given, known).map(|name| format!("did you mean `{name}`?"))
}

/// Names in backticks, with commas between them.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Which names there are.
pub(crate) fn there_are<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    match list(names) {
        names if names.is_empty() => "there are none in this program".to_owned(),
        names => format!("there are {names}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_another_word_is_not() {
        let known = ["max-size", "timeout", "paths"];
        assert_eq!(nearest("max_size", known), Some("max-size"));
        assert_eq!(nearest("tiemout", known), Some("timeout"));
        assert_eq!(nearest("path", known), Some("paths"));
        assert_eq!(nearest("recipients", known), None);
    }
}
