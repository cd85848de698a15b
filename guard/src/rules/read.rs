//! Reads rules, and lays those of a file over the defaults.

use super::{Action, On, Problem, Rule, Rules, RulesError, What};
use crate::{net::Net, token::Kind};
use collect_core::{
    suggest,
    units::{Length, Size},
};
use serde::{Deserialize, Deserializer, de, de::DeserializeOwned};
use std::{collections::BTreeMap, fmt, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

/// A rule is not looked for in windows beyond this: their counts would have to be kept as long.
const LONGEST_WINDOW: i64 = 30 * 86_400;

/// What stands at the top of a file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Top {
    allow: Option<Vec<Net>>,
    exempt_roles: Option<Vec<String>>,
    terms: Option<Vec<Length>>,
    forget: Option<Length>,
    late: Option<Length>,
    aggregate: Option<usize>,
}

/// What stands in `[rules.NAME]`.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    what: Option<What>,
    threshold: Option<Threshold>,
    window: Option<Length>,
    on: Option<Subject>,
    tokens: Option<Kind>,
    action: Option<Action>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Subject {
    Address,
    Network,
}

/// A number, or a size.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Threshold {
    Number(u64),
    Size(u64),
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Threshold;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number above 0, or a size like \"20GB\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Threshold, E> {
                let number = u64::try_from(number).ok().filter(|number| *number > 0);
                number.map(Threshold::Number).ok_or_else(|| {
                    E::custom("a threshold is a number above 0, or a size like \"20GB\"")
                })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Threshold, E> {
                let size = text.parse::<Size>().map_err(E::custom)?;
                if size.0 == 0 { self.visit_i64(0) } else { Ok(Threshold::Size(size.0)) }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A file while it is read.
struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    problems: Vec<Problem>,
}

/// What was read of a file: the top, and each rule with its place.
#[derive(Default)]
struct File {
    top: Top,
    rules: BTreeMap<String, (Written, Range<usize>)>,
}

pub(super) fn parse(file: &str, text: &str) -> Result<Rules, RulesError> {
    let mut defaults =
        Reader { file: "the default rules", text: Rules::DEFAULT_TEXT, problems: Vec::new() };
    let base = defaults.read();
    let mut reader = Reader { file, text, problems: Vec::new() };
    let over = reader.read();
    let rules = reader.lay_over(base, over);
    let problems = [defaults.problems, reader.problems].concat();
    if problems.is_empty() { Ok(rules) } else { Err(RulesError::new(problems, text)) }
}

impl Reader<'_> {
    fn problem(&mut self, at: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.problems.push(Problem::new(self.file, self.text, at, message, help));
    }

    fn read(&mut self) -> File {
        let mut table = match DeTable::parse(self.text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                self.problem(error.span().unwrap_or(0..0), error.message().to_owned(), None);
                return File::default();
            }
        };
        let rules = table.remove("rules");
        let top = self.table(0..0, table, "the file").unwrap_or_default();
        let mut file = File { top, rules: BTreeMap::new() };
        let Some(rules) = rules else { return file };
        let span = rules.span();
        let DeValue::Table(rules) = rules.into_inner() else {
            let help = "write each rule as a table: `[rules.uploads]`".to_owned();
            self.problem(span, "`rules` is no table", Some(help));
            return file;
        };
        for (name, value) in rules {
            let (place, name) = (name.span(), name.into_inner().into_owned());
            match value.into_inner() {
                DeValue::Table(options) => {
                    let owner = format!("the rule `{name}`");
                    if let Some(rule) = self.table(place.clone(), options, &owner) {
                        file.rules.insert(name, (rule, place));
                    }
                }
                _ => self.problem(
                    place,
                    format!("the rule `{name}` is no table"),
                    Some(format!("write `[rules.{name}]` with its options below it")),
                ),
            }
        }
        file
    }

    /// Reads the options of one table, and says of each that is wrong what is wrong with it.
    fn table<T: DeserializeOwned>(
        &mut self,
        place: Range<usize>,
        mut table: DeTable<'_>,
        owner: &str,
    ) -> Option<T> {
        let mut good = true;
        loop {
            let value = Spanned::new(place.clone(), DeValue::Table(table.clone()));
            let error = match T::deserialize(ValueDeserializer::from(value)) {
                Ok(read) => return good.then_some(read),
                Err(error) => error,
            };
            good = false;
            let span = error.span().unwrap_or_else(|| place.clone());
            let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
            let option = table
                .iter()
                .find(|(key, value)| holds(key.span()) || holds(value.span()))
                .map(|(key, _)| key.get_ref().to_string());
            let (message, help) = explain(error.message(), owner);
            self.problem(span, message, help);
            // A deserializer stops at its first error: without that option it finds the next one.
            table.remove(option?.as_str());
        }
    }

    fn lay_over(&mut self, base: File, over: File) -> Rules {
        let (low, top) = (base.top, over.top);
        let seconds = |length: Option<Length>| {
            length.map_or(0, |length| i64::try_from(length.0.as_secs()).unwrap_or(i64::MAX))
        };
        let terms = top.terms.or(low.terms).unwrap_or_default();
        let terms: Vec<i64> = terms.into_iter().map(|term| seconds(Some(term))).collect();
        if terms.is_empty() || terms.contains(&0) {
            let help = "write it like `terms = [\"1h\", \"1d\", \"7d\"]`".to_owned();
            self.problem(self.place_of("terms"), "a block needs a term above 0", Some(help));
        }
        let mut rules = Rules {
            allow: top.allow.or(low.allow).unwrap_or_default(),
            exempt_roles: top.exempt_roles.or(low.exempt_roles).unwrap_or_default(),
            terms,
            forget: seconds(top.forget.or(low.forget)),
            late: seconds(top.late.or(low.late)),
            aggregate: top.aggregate.or(low.aggregate).unwrap_or_default(),
            rules: Vec::new(),
        };
        let defaults: Vec<String> = base.rules.keys().cloned().collect();
        let mut written: BTreeMap<String, (Written, Range<usize>)> =
            base.rules.into_iter().map(|(name, (rule, _))| (name, (rule, 0..0))).collect();
        for (name, (rule, place)) in over.rules {
            let merged = match written.remove(&name) {
                Some((default, _)) => default.under(rule),
                None => rule,
            };
            written.insert(name, (merged, place));
        }
        for (name, (rule, place)) in written {
            if let Some(rule) = self.rule(&name, rule, &place, &defaults)
                && rule.action != Action::Off
            {
                rules.rules.push(rule);
            }
        }
        rules
    }

    /// Where an option at the top stands, as far as it can be found without a parser.
    fn place_of(&self, option: &str) -> Range<usize> {
        self.text.find(option).map_or(0..0, |at| at..at + option.len())
    }

    /// Checks what options say together.
    fn rule(
        &mut self,
        name: &str,
        rule: Written,
        place: &Range<usize>,
        defaults: &[String],
    ) -> Option<Rule> {
        let owner = format!("the rule `{name}`");
        let (Some(what), Some(threshold), Some(window), Some(action)) =
            (rule.what, rule.threshold, rule.window, rule.action)
        else {
            let help = suggest::did_you_mean(name, defaults.iter().map(String::as_str));
            let help = help.unwrap_or_else(|| {
                "a rule of your own needs `what`, `threshold`, `window` and `action`".to_owned()
            });
            self.problem(
                place.clone(),
                format!("{owner} is none of the defaults and not complete"),
                Some(help),
            );
            return None;
        };
        let mut wrong = |message: String, help: &str| {
            self.problem(place.clone(), message, Some(help.to_owned()));
            None
        };
        let threshold = match (what, threshold) {
            (What::Bytes, Threshold::Size(bytes) | Threshold::Number(bytes)) => bytes,
            (_, Threshold::Number(number)) => number,
            (_, Threshold::Size(_)) => {
                return wrong(format!("{owner} counts no bytes"), "write `threshold = 100`");
            }
        };
        let window = i64::try_from(window.0.as_secs()).unwrap_or(i64::MAX);
        if !(1..=LONGEST_WINDOW).contains(&window) {
            return wrong(
                format!("the window of {owner} is out of range"),
                "it may be `1s` to `30d`",
            );
        }
        let on = match (what, rule.on, rule.tokens) {
            (What::Spread, None, Some(kind)) => On::Token(kind),
            (What::Spread, None, None) => {
                return wrong(
                    format!("{owner} does not say which tokens"),
                    "add `tokens = \"desk\"`",
                );
            }
            (What::Retired, None, None) => On::Token(Kind::Retired),
            (_, Some(_), _) if what.is_of_tokens() => {
                return wrong(format!("{owner} counts by token"), "leave `on` out");
            }
            (_, _, Some(_)) => {
                return wrong(format!("{owner} does not choose tokens"), "leave `tokens` out");
            }
            (_, Some(Subject::Network), None) => On::Network,
            (_, _, None) => On::Address,
        };
        if what.is_of_tokens() && action == Action::Block {
            return wrong(
                format!("{owner} can block nobody: it counts by token"),
                "write `action = \"alert\"`",
            );
        }
        Some(Rule { name: name.to_owned(), what, threshold, window, on, action })
    }
}

impl Written {
    /// It, with what `over` sets in its place.
    fn under(self, over: Self) -> Self {
        Self {
            what: over.what.or(self.what),
            threshold: over.threshold.or(self.threshold),
            window: over.window.or(self.window),
            on: over.on.or(self.on),
            tokens: over.tokens.or(self.tokens),
            action: over.action.or(self.action),
        }
    }
}

/// The words of the deserializer in those of the file, and what was meant.
fn explain(message: &str, owner: &str) -> (String, Option<String>) {
    let names = |text: &str| -> Vec<String> {
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let Some((given, known)) =
        message.strip_prefix("unknown ").and_then(|rest| rest.split_once(", expected"))
    else {
        return (format!("{owner}: {message}"), None);
    };
    let known = names(known);
    let name = names(given).pop().unwrap_or_default();
    let help =
        suggest::did_you_mean(&name, known.iter().map(String::as_str)).unwrap_or_else(|| {
            let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("there are {}", known.join(", "))
        });
    let message = if given.starts_with("field") {
        format!("{owner} has no option `{name}`")
    } else {
        format!("{owner} knows no `{name}`")
    };
    (message, Some(help))
}
