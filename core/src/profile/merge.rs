//! Puts a profile on top of those that it extends.

use super::{
    params::PARAMS,
    source::{Finding, Findings, Span},
};
use std::collections::{BTreeMap, BTreeSet};
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// The tables that hold one table for every id.
pub(super) const SECTIONS: [&str; 3] = ["collect", "redact", "deliver"];

/// The tables that hold options.
pub(super) const TABLES: [&str; 4] = ["report", "limits", "archive", "encrypt"];

/// A section and an id in it.
type Id = (&'static str, String);

/// Merges profiles, each after those that it extends: tables of the same id key by key, all else as
/// a whole.
#[derive(Default)]
pub(super) struct Merger<'i> {
    merged: DeTable<'i>,
    /// Which profile gave the `use` of an id, and where.
    givers: BTreeMap<Id, (usize, Span)>,
    collisions: BTreeMap<Id, Collision>,
}

/// Two profiles, neither of which extends the other, gave an id its `use`: they hardly mean the same
/// step.
struct Collision {
    givers: [usize; 2],
    finding: Finding,
}

impl<'i> Merger<'i> {
    /// Adds the profile with that number, which extends those with the numbers `extends`.
    pub(super) fn add(&mut self, table: DeTable<'i>, number: usize, extends: &BTreeSet<usize>) {
        for (key, value) in table {
            let name = key.get_ref();
            if let Some(section) = SECTIONS.into_iter().find(|section| section == name) {
                let from = From { section, number, extends };
                self.add_section(&from, key, value);
            } else if name == PARAMS {
                let from = From { section: PARAMS, number, extends };
                self.add_section(&from, key, with_defaults(value));
            } else if TABLES.iter().any(|table| table == name) {
                merge(&mut self.merged, key, value);
            } else {
                put(&mut self.merged, key, value);
            }
        }
    }

    fn add_section(&mut self, from: &From<'_>, key: Key<'i>, value: Value<'i>) {
        let span = value.span();
        let steps = match value.into_inner() {
            DeValue::Table(steps) => steps,
            other => return put(&mut self.merged, key, Spanned::new(span, other)),
        };
        let below = self.merged.entry(key).or_insert_with(|| empty(span));
        let DeValue::Table(below) = below.get_mut() else {
            // The checker says what is wrong with it.
            return;
        };
        for (id, step) in steps {
            let name = (from.section, id.get_ref().to_string());
            if let Some(given) = from.identity_of(step.get_ref()) {
                let finding = from.collision(&name, self.givers.get(&name), given.span());
                self.collisions.extend(finding.map(|finding| (name.clone(), finding)));
                self.givers.insert(name.clone(), (from.number, given.span()));
            }
            let settled = |collision: &Collision| from.extends_all(&collision.givers);
            if self.collisions.get(&name).is_some_and(settled) {
                self.collisions.remove(&name);
            }
            merge_step(below, id, step);
        }
    }

    /// The merged profile.
    pub(super) fn finish(self, findings: &mut Findings) -> DeTable<'i> {
        for collision in self.collisions.into_values() {
            findings.push(collision.finding);
        }
        self.merged
    }
}

type Key<'i> = Spanned<DeString<'i>>;
type Value<'i> = Spanned<DeValue<'i>>;

/// Where a step comes from.
struct From<'a> {
    section: &'static str,
    number: usize,
    extends: &'a BTreeSet<usize>,
}

impl From<'_> {
    fn extends_all(&self, numbers: &[usize]) -> bool {
        numbers.iter().all(|number| self.extends.contains(number))
    }

    /// What says that a table is one of its own, and does not only change another of its id.
    fn identity_of<'a, 'i>(&self, table: &'a DeValue<'i>) -> Option<&'a Value<'i>> {
        let option = if self.section == PARAMS { "description" } else { "use" };
        table.as_table()?.get(option)
    }

    fn collision(
        &self,
        (section, id): &Id,
        giver: Option<&(usize, Span)>,
        span: Span,
    ) -> Option<Collision> {
        let (giver, first) = giver?;
        if *giver == self.number || self.extends.contains(giver) {
            return None;
        }
        let message =
            format!("two profiles define `[{section}.{id}]`, and neither extends the other");
        let help = "give one of them another id, or say in the extending profile what \
                    is meant: repeat the table there"
            .to_owned();
        let finding = Finding::new(span, message).also(first.clone(), "and here").help(help);
        Some(Collision { givers: [*giver, self.number], finding })
    }
}

/// Parameters in their long form: `unit = "…"` is short for `unit = { default = "…" }`.
fn with_defaults(mut value: Value<'_>) -> Value<'_> {
    if let DeValue::Table(params) = value.get_mut() {
        for (key, param) in params.iter_mut() {
            if param.get_ref().as_table().is_none() {
                let span = param.span();
                let mut table = DeTable::new();
                let default = std::mem::replace(param, empty(span.clone()));
                table.insert(Spanned::new(key.span(), "default".into()), default);
                *param = Spanned::new(span, DeValue::Table(table));
            }
        }
    }
    value
}

fn empty<'i>(span: Span) -> Value<'i> {
    Spanned::new(span, DeValue::Table(DeTable::new()))
}

fn use_of<'a, 'i>(step: &'a DeValue<'i>) -> Option<&'a Value<'i>> {
    step.as_table()?.get("use")
}

/// Puts a value in the place of another.
fn put<'i>(table: &mut DeTable<'i>, key: Key<'i>, value: Value<'i>) {
    // A map keeps the key it has, and with it the place of what is replaced.
    table.remove(key.get_ref().as_ref());
    table.insert(key, value);
}

/// Merges two tables key by key; anything else is replaced.
fn merge<'i>(table: &mut DeTable<'i>, key: Key<'i>, value: Value<'i>) {
    let span = value.span();
    match (table.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value.into_inner()) {
        (Some(DeValue::Table(below)), DeValue::Table(above)) => {
            for (key, value) in above {
                put(below, key, value);
            }
        }
        (_, value) => put(table, key, Spanned::new(span, value)),
    }
}

/// Merges a step into those below it, where it keeps its place. With another `use` it is another
/// step, for which the options of the old one mean nothing.
fn merge_step<'i>(below: &mut DeTable<'i>, id: Key<'i>, step: Value<'i>) {
    let name = |step: &DeValue<'_>| use_of(step)?.get_ref().as_str().map(str::to_owned);
    match below.get_mut(id.get_ref().as_ref()) {
        Some(old) if name(step.get_ref()).is_some_and(|new| name(old.get_ref()) != Some(new)) => {
            *old = step;
        }
        _ => merge(below, id, step),
    }
}
