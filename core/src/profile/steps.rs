//! Checks the tables of `[collect]`, `[redact]` and `[deliver]`: each configures a plugin.

use super::{
    ConfiguredSink, Step, StepOptions,
    check::{Checker, ID_HELP, SinkSecret, Verify, is_id},
    options::{Built, Options, option_names, schema_by, schema_of},
    source::{Finding, Findings, Span},
};
use crate::{
    Sink,
    collector::Invalid,
    plugin::{Plugin, Registry},
    redact::{Rule, RuleContext, RuleError},
    suggest,
    ticket::{TicketOptions, TicketSink, TicketSystem},
};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use std::{borrow::Cow, sync::Arc};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The redactor that every profile has unless it switches it off by name, and its id.
const ALWAYS: &str = "secrets";

/// Whether a table is in use.
#[derive(Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Switch {
    /// `false` switches off what an extended profile has switched on.
    pub(super) enabled: bool,
}

impl Default for Switch {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// A table of a section.
struct Entry<'i> {
    id: String,
    /// Where its id stands.
    span: Span,
    table: DeTable<'i>,
}

/// A section and its kind of plugin.
struct Kind<T: ?Sized + 'static> {
    section: &'static str,
    /// What such a plugin is called.
    word: &'static str,
    /// The options that the tables of this section have beside those of their plugins.
    common: Vec<String>,
    plugins: Vec<&'static Plugin<T>>,
    /// The names of plugins of another kind that the section may name as well.
    others: Vec<&'static str>,
}

/// No options beside those of the plugin.
#[derive(Deserialize, JsonSchema)]
struct Nothing {}

/// A plugin, configured; `C` are the options that all of its kind have.
struct Configured<'i, T: ?Sized + 'static, C> {
    id: String,
    name: &'static str,
    built: Built<Box<T>>,
    /// The plugin's own options.
    options: Options<'i>,
    /// None if something is wrong with them.
    common: Option<C>,
    enabled: bool,
}

impl Entry<'_> {
    /// Whether it says that it uses one of these.
    fn uses(&self, names: &[&str]) -> bool {
        let wanted = self.table.get("use").and_then(|name| name.get_ref().as_str());
        wanted.is_some_and(|wanted| names.contains(&wanted))
    }
}

impl<'i> Configured<'i, dyn TicketSystem, TicketOptions> {
    /// The ticket system as a sink. What is wrong with the options of all has been said.
    fn into_sink(self) -> Configured<'i, dyn Sink, Nothing> {
        let Self { id, name, mut built, options, common, enabled } = self;
        if common.is_none() {
            built = built.without(option_names(&schema_of::<TicketOptions>()));
        }
        let common = common.unwrap_or_default();
        let built = built.map(|system| Box::new(TicketSink { system, options: common }) as _);
        Configured { id, name, built, options, common: None, enabled }
    }
}

impl Verify for Nothing {
    fn verify(&self, _: &Options<'_>, _: &mut Findings) {}
}

impl Verify for TicketOptions {
    fn verify(&self, _: &Options<'_>, _: &mut Findings) {}
}

impl<T: ?Sized> Kind<T> {
    fn new(
        section: &'static str,
        word: &'static str,
        registry: &Registry<T>,
        further: Vec<String>,
    ) -> Self {
        let mut common = option_names(&schema_of::<Switch>());
        common.push("use".to_owned());
        common.extend(further);
        Self { section, word, common, plugins: registry.iter().collect(), others: Vec::new() }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        let own = self.plugins.iter().map(|plugin| plugin.name);
        own.chain(self.others.iter().copied())
    }
}

impl Checker<'_> {
    /// The steps that are switched on.
    pub(super) fn steps(&mut self, section: Option<Spanned<DeValue<'_>>>) -> Vec<Arc<Step>> {
        let common = option_names(&schema_of::<StepOptions>());
        let kind = Kind::new("collect", "collector", &self.plugins.collectors, common);
        let mut steps = Vec::new();
        for step in self.configured::<_, StepOptions>(&kind, section) {
            self.invalid(&step, step.built.value.check());
            if let (Some(options), true) = (step.common, step.enabled) {
                let (id, plugin, collector) = (step.id, step.name, step.built.value);
                steps.push(Arc::new(Step { id, plugin, collector, options }));
            }
        }
        steps
    }

    /// The rules of the redactors that are switched on, and the ids of those.
    pub(super) fn redactors(
        &mut self,
        section: Option<Spanned<DeValue<'_>>>,
    ) -> (Vec<Rule>, Vec<String>) {
        let kind = Kind::new("redact", "redactor", &self.plugins.redactors, Vec::new());
        let section = if kind.names().any(|name| name == ALWAYS) {
            Some(with_always(section))
        } else {
            section
        };
        let (base, env, host) = (self.base, self.env, self.host);
        let (mut rules, mut ids) = (Vec::new(), Vec::new());
        for redactor in self.configured::<_, Nothing>(&kind, section) {
            let wrong = redactor.built.value.check();
            // What is wrong with a rule, this has said already, and better.
            let usable = wrong.is_empty() && !redactor.built.doubtful;
            self.invalid(&redactor, wrong);
            // What is switched off makes no key.
            let key = self.key.filter(|_| redactor.enabled);
            let context = RuleContext { base, env, host, key };
            match redactor.built.value.rules(&redactor.id, &context) {
                Ok(more) if redactor.enabled => {
                    rules.extend(more);
                    ids.push(redactor.id);
                }
                // What is switched off needs no value or file that this host may not have.
                Err(RuleError::Secret { .. } | RuleError::File { .. }) if !redactor.enabled => {}
                Err(error) if usable => {
                    let message = error.to_string();
                    let span = redactor.options.span_of_any(&message);
                    self.findings.push(Finding::new(span, message));
                }
                _ => {}
            }
        }
        (rules, ids)
    }

    /// The sinks that are switched on, and the secrets of all, also of those that are not: they
    /// stand in the profile.
    pub(super) fn sinks(
        &mut self,
        section: Option<Spanned<DeValue<'_>>>,
    ) -> (Vec<ConfiguredSink>, Vec<SinkSecret>) {
        let mut kind = Kind::new("deliver", "sink", &self.plugins.sinks, Vec::new());
        let common = option_names(&schema_of::<TicketOptions>());
        let tickets = Kind::new("deliver", "sink", &self.plugins.tickets, common);
        kind.others = tickets.names().collect();
        let (mut sinks, mut secrets) = (Vec::new(), Vec::new());
        let entries = self.entries(kind.section, section);
        let ids: Vec<_> = entries.iter().map(|entry| entry.id.clone()).collect();
        for entry in entries {
            let sink = if entry.uses(&kind.others) {
                self.build(&tickets, entry, &ids).map(Configured::into_sink)
            } else {
                self.build::<_, Nothing>(&kind, entry, &ids)
            };
            let Some(sink) = sink else { continue };
            self.invalid(&sink, sink.built.value.check());
            secrets.extend(sink.built.value.secrets().into_iter().map(|source| SinkSecret {
                sink: sink.id.clone(),
                span: sink.options.span.clone(),
                source,
            }));
            if sink.enabled {
                let (id, plugin, sink) = (sink.id, sink.name, sink.built.value);
                sinks.push(ConfiguredSink { id, plugin, sink });
            }
        }
        (sinks, secrets)
    }

    /// Builds the plugins of a section, in the order of the files.
    fn configured<'i, T: ?Sized, C: DeserializeOwned + JsonSchema + Verify>(
        &mut self,
        kind: &Kind<T>,
        section: Option<Spanned<DeValue<'i>>>,
    ) -> Vec<Configured<'i, T, C>> {
        let entries = self.entries(kind.section, section);
        let ids: Vec<_> = entries.iter().map(|entry| entry.id.clone()).collect();
        entries.into_iter().filter_map(|entry| self.build(kind, entry, &ids)).collect()
    }

    /// The tables of a section, in the order of the files.
    fn entries<'i>(
        &mut self,
        section: &str,
        value: Option<Spanned<DeValue<'i>>>,
    ) -> Vec<Entry<'i>> {
        let written = format!("[{section}.ID]");
        let tables = value.and_then(|value| self.expect_table(&written, value)).unwrap_or_default();
        let mut entries = Vec::new();
        for (key, value) in tables {
            let (id, span) = (key.get_ref().to_string(), key.span());
            if !is_id(&id) {
                let message = format!("`{id}` is no id");
                self.findings.push(Finding::new(span.clone(), message).help(ID_HELP.to_owned()));
            }
            if let Some(table) = self.expect_table(&written, value) {
                entries.push(Entry { id, span, table });
            }
        }
        let rank = |number| self.order.iter().position(|&other| other == number);
        entries.sort_by_key(|entry| {
            // What no file names was added by the checker, and comes first.
            let place = (rank(self.sources.number(&entry.span)), entry.span.start);
            (!entry.span.is_empty()).then_some(place)
        });
        entries
    }

    fn build<'i, T: ?Sized, C: DeserializeOwned + JsonSchema + Verify>(
        &mut self,
        kind: &Kind<T>,
        Entry { id, span, mut table }: Entry<'i>,
        ids: &[String],
    ) -> Option<Configured<'i, T, C>> {
        let wanted = table.remove("use");
        let switch = take(&mut table, |key| key == "enabled");
        let common = take(&mut table, |key| kind.common.iter().any(|name| name == key));
        let owner = format!("`[{}.{id}]`", kind.section);
        let switch = Options {
            owner: owner.clone(),
            span: span.clone(),
            table: switch,
            schema: schema_of::<Switch>(),
            common: Vec::new(),
        };
        let enabled = switch.read::<Switch>(&mut self.findings).unwrap_or_default().enabled;
        let common = Options { table: common, schema: schema_of::<C>(), ..switch };
        let read = common.read::<C>(&mut self.findings);
        if let Some(read) = &read {
            read.verify(&common, &mut self.findings);
        }
        let Some(wanted) = wanted else {
            self.without_use(kind, &id, &span, enabled, ids);
            return None;
        };
        let plugin = self.plugin(kind, &wanted)?;
        let mut options = Options {
            owner: format!("`{}`", plugin.name),
            span,
            table,
            schema: schema_by(|generator| plugin.schema(generator)),
            common: kind.common.clone(),
        };
        let built =
            options.build(&mut self.findings, |options, unknown| plugin.build(options, unknown))?;
        // So that what is said of them finds its place.
        options.table.extend(common.table);
        Some(Configured { id, name: plugin.name, built, options, common: read, enabled })
    }

    /// Reports what a plugin finds wrong with its options, unless that only follows from what is
    /// reported already.
    fn invalid<T: ?Sized, C>(&mut self, plugin: &Configured<'_, T, C>, invalid: Vec<Invalid>) {
        for Invalid { option, message, help } in invalid {
            if !plugin.built.doubtful || plugin.built.has(&plugin.options, option) {
                let span = plugin.options.span_of_named(option, &message);
                self.findings.push(Finding::new(span, message).help(help));
            }
        }
    }

    fn without_use<T: ?Sized>(
        &mut self,
        kind: &Kind<T>,
        id: &str,
        span: &Span,
        enabled: bool,
        ids: &[String],
    ) {
        let (section, word) = (kind.section, kind.word);
        let others = ids.iter().map(String::as_str).filter(|other| *other != id);
        let other = suggest::did_you_mean(id, others);
        let finding = if enabled {
            let message = format!("`[{section}.{id}]` does not say which {word} it uses");
            let help = format!("add `use = \"…\"`: {}", suggest::there_are(kind.names()));
            Finding::new(span.clone(), message).label("needs `use`").help(other.unwrap_or(help))
        } else {
            let message = format!("there is no `[{section}.{id}]` to switch off");
            Finding::new(span.clone(), message).help(other)
        };
        self.missing(finding);
    }

    fn plugin<T: ?Sized>(
        &mut self,
        kind: &Kind<T>,
        wanted: &Spanned<DeValue<'_>>,
    ) -> Option<&'static Plugin<T>> {
        let Some(name) = wanted.get_ref().as_str() else {
            let message = format!("expected the name of a {}", kind.word);
            self.findings.push(Finding::new(wanted.span(), message));
            return None;
        };
        let plugin = kind.plugins.iter().find(|plugin| plugin.name == name).copied();
        if plugin.is_none() {
            let help = suggest::did_you_mean(name, kind.names())
                .unwrap_or_else(|| suggest::there_are(kind.names()));
            let message = format!("there is no {} named `{name}`", kind.word);
            let label = format!("not a {}", kind.word);
            self.findings.push(Finding::new(wanted.span(), message).label(label).help(help));
        }
        plugin
    }
}

/// Takes the options out of a table that `wanted` says.
fn take<'i>(table: &mut DeTable<'i>, wanted: impl Fn(&str) -> bool) -> DeTable<'i> {
    let all = std::mem::take(table);
    let (taken, left) = all.into_iter().partition(|(key, _)| wanted(key.get_ref()));
    *table = left;
    taken
}

/// Adds the redactor that every profile has, and the `use` of a table that only switches it off or
/// gives it options.
fn with_always(section: Option<Spanned<DeValue<'_>>>) -> Spanned<DeValue<'_>> {
    let text = |text| Spanned::new(0..0, DeValue::String(Cow::Borrowed(text)));
    let key = |text| Spanned::new(0..0, Cow::Borrowed(text));
    let mut section = section.unwrap_or_else(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
    if let DeValue::Table(tables) = section.get_mut() {
        let uses = |value: &Spanned<DeValue<'_>>| {
            value.get_ref().get("use").and_then(|name| name.get_ref().as_str()) == Some(ALWAYS)
        };
        if tables.contains_key(ALWAYS) || !tables.iter().any(|(_, value)| uses(value)) {
            let table = tables
                .entry(key(ALWAYS))
                .or_insert_with(|| Spanned::new(0..0, DeValue::Table(DeTable::new())));
            if let DeValue::Table(table) = table.get_mut() {
                table.entry(key("use")).or_insert_with(|| text(ALWAYS));
            }
        }
    }
    section
}
