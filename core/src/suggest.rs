//! "Did you mean …?"

/// How alike two names must be, from 0 to 1, for one to be taken for a misspelling of the other.
const ALIKE: f64 = 0.8;

/// A suggestion, if one of the known names is much like the given one.
pub fn did_you_mean<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    closest(given, known).map(|name| format!("did you mean `{name}`?"))
}

/// The known name that is most like the given one, if it is much like it.
pub fn closest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let score = |name: &str| strsim::jaro_winkler(given, name);
    let best = known.max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(best) > ALIKE).then_some(best)
}
