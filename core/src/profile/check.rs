//! Makes a [`Profile`] of a merged table, or says everything that is wrong with it.

use super::{
    Compression, ConfiguredSink, LEAST_MEMORY, Limits, Profile, ReportForm, Step, StepOptions,
    encrypt::Encrypt,
    merge::{SECTIONS, TABLES},
    options::{Options, schema_of},
    params::{PARAMS, Wanted},
    read::Env,
    source::{Finding, Findings, Sources, Span},
    syntax,
};
use crate::{
    host::Host,
    plugin::Plugins,
    redact::{Redaction, Rule},
    secret::SecretSource,
    suggest,
};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What stands at the top of a profile, beside its tables.
const TOP: [&str; 3] = ["product", "description", "extends"];

/// `[archive]`
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Archive {
    /// How the archive is compressed; `xz` if not given.
    pub(super) compression: Compression,
}

/// A profile without its name and hash.
pub(super) struct Parts {
    product: String,
    report: ReportForm,
    limits: Limits,
    steps: Vec<Arc<Step>>,
    redaction: Redaction,
    redactors: Vec<String>,
    encrypt: Encrypt,
    compression: Compression,
    sinks: Vec<ConfiguredSink>,
}

impl Parts {
    pub(super) fn into_profile(
        self,
        wanted: Wanted<'_>,
        sha256: String,
        params: BTreeMap<String, Vec<String>>,
        base: PathBuf,
    ) -> Profile {
        Profile {
            name: wanted.name.to_owned(),
            sha256,
            params,
            set: wanted.set.to_vec(),
            base,
            product: self.product,
            report: self.report,
            limits: self.limits,
            steps: self.steps,
            redaction: self.redaction,
            redactors: self.redactors,
            recipients: self.encrypt.recipients,
            envelope: self.encrypt.envelope,
            compression: self.compression,
            sinks: self.sinks,
        }
    }
}

/// Checks the merged table of a profile.
pub(super) struct Checker<'a> {
    pub(super) plugins: &'a Plugins,
    pub(super) sources: &'a Sources,
    /// The numbers of the sources, each after all that it extends.
    pub(super) order: &'a [usize],
    pub(super) base: &'a Path,
    pub(super) env: Env<'a>,
    pub(super) host: Option<&'a dyn Host>,
    pub(super) key: Option<&'a Path>,
    /// Some of the profile is no TOML, so what is missing may only seem to be.
    pub(super) broken: bool,
    pub(super) findings: Findings,
}

impl Checker<'_> {
    /// Checks all of it; gives nothing if anything that a profile must have is missing.
    pub(super) fn profile(&mut self, mut root: DeTable<'_>) -> Option<Parts> {
        let product = self.product(root.remove("product"));
        self.text("description", root.remove("description"));
        root.remove("extends");
        let report: Option<ReportForm> = self.table("report", &mut root);
        let limits: Option<Limits> = self.table("limits", &mut root);
        let archive: Option<Archive> = self.table("archive", &mut root);
        let encrypt: Option<Encrypt> = self.table("encrypt", &mut root);
        let steps = self.steps(root.remove("collect"));
        let (rules, redactors) = self.redactors(root.remove("redact"));
        let deliver = root.get_key_value("deliver").map(|(key, _)| key.span());
        let (sinks, secrets) = self.sinks(root.remove("deliver"));
        self.unknown_tables(&root);
        if let (Some(span), Some([])) =
            (deliver, encrypt.as_ref().map(|encrypt| &encrypt.recipients[..]))
            && !sinks.is_empty()
        {
            self.missing(
                Finding::new(span, "the profile delivers bundles that nobody could keep secret")
                    .label("needs `[encrypt]`")
                    .help(
                        "add `[encrypt]` with `recipients = [\"age1…\"]`; \
                         `age-keygen` makes such a key"
                            .to_owned(),
                    ),
            );
        }
        let redaction = self.redaction(rules, secrets);
        Some(Parts {
            product: product?,
            report: report?,
            limits: limits?,
            steps,
            redaction: redaction?,
            redactors,
            encrypt: encrypt?,
            compression: archive?.compression,
            sinks,
        })
    }

    /// Reports that something is missing.
    pub(super) fn missing(&mut self, finding: Finding) {
        if !self.broken {
            self.findings.push(finding);
        }
    }

    fn product(&mut self, value: Option<Spanned<DeValue<'_>>>) -> Option<String> {
        let Some(value) = value else {
            let start = self.sources.get(0).start;
            let finding = Finding::new(start..start, "the profile names no product");
            self.missing(finding.help("add `product = \"…\"` at its top".to_owned()));
            return None;
        };
        let span = value.span();
        let product = self.text("product", Some(value))?;
        if product.trim().is_empty() {
            self.findings.push(Finding::new(span, "the product has no name"));
        }
        Some(product)
    }

    fn text(&mut self, name: &str, value: Option<Spanned<DeValue<'_>>>) -> Option<String> {
        let value = value?;
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            let found = syntax::kind(value.get_ref());
            let finding = Finding::new(value.span(), format!("expected a text, found {found}"));
            self.findings.push(finding.help(format!("write it like `{name} = \"…\"`")));
        }
        text
    }

    /// Reads one of the tables that hold options.
    fn table<T: DeserializeOwned + JsonSchema + Verify>(
        &mut self,
        name: &str,
        root: &mut DeTable<'_>,
    ) -> Option<T> {
        let options = self.options::<T>(name, root)?;
        let read: T = options.read(&mut self.findings)?;
        read.verify(&options, &mut self.findings);
        Some(read)
    }

    /// The options of a table; none if it is no table.
    fn options<'i, T: JsonSchema>(
        &mut self,
        name: &str,
        root: &mut DeTable<'i>,
    ) -> Option<Options<'i>> {
        let (span, table) = match root.remove_entry(name) {
            None => (0..0, DeTable::new()),
            Some((key, value)) => (key.span(), self.expect_table(&format!("[{name}]"), value)?),
        };
        let (owner, schema) = (format!("`[{name}]`"), schema_of::<T>());
        Some(Options { owner, span, table, schema, common: Vec::new() })
    }

    pub(super) fn expect_table<'i>(
        &mut self,
        written: &str,
        value: Spanned<DeValue<'i>>,
    ) -> Option<DeTable<'i>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Some(table),
            other => {
                let message = format!("expected a table, found {}", syntax::kind(&other));
                let help = format!("write it as a table of its own: `{written}`");
                self.findings.push(Finding::new(span, message).help(help));
                None
            }
        }
    }

    fn unknown_tables(&mut self, root: &DeTable<'_>) {
        for (key, value) in root {
            let name = key.get_ref().as_ref();
            let known: Vec<_> = match value.get_ref() {
                DeValue::Table(_) => [&SECTIONS[..], &TABLES[..], &[PARAMS]].concat(),
                _ => TOP.to_vec(),
            };
            let help = suggest::did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("a profile has {}", suggest::list(known)));
            let message = format!("a profile has no `{name}`");
            self.findings.push(Finding::new(key.span(), message).label("unknown").help(help));
        }
    }

    /// Compiles the rules of the redactors, and one for every secret of the sinks.
    fn redaction(&mut self, rules: Vec<Rule>, secrets: Vec<SinkSecret>) -> Option<Redaction> {
        // Where two rules find the same value, the first one names it.
        let mut all = Vec::new();
        for SinkSecret { sink, span, source } in secrets {
            // What cannot be read now is no error of the profile: delivery will say so.
            let Ok(secret) = source.resolve(self.base, self.env) else {
                continue;
            };
            match Rule::literal(format!("deliver.{sink}"), secret.reveal().as_bytes()) {
                Ok(rule) => all.push(rule),
                Err(error) => {
                    let help = "use a secret of at least 16 characters on one line".to_owned();
                    let message = format!("a secret of `{sink}` cannot be kept out of bundles");
                    self.findings
                        .push(Finding::new(span, message).label(error.to_string()).help(help));
                }
            }
        }
        all.extend(rules);
        match Redaction::compile(all) {
            Ok(redaction) => Some(redaction),
            Err(error) => {
                let start = self.sources.get(0).start;
                self.findings.push(Finding::new(start..start, error.to_string()));
                None
            }
        }
    }
}

/// A secret among the options of a sink.
pub(super) struct SinkSecret {
    /// The id of the sink.
    pub(super) sink: String,
    /// Where its id stands.
    pub(super) span: Span,
    pub(super) source: SecretSource,
}

/// What must hold for options beyond their types.
pub(super) trait Verify {
    fn verify(&self, options: &Options<'_>, findings: &mut Findings);
}

impl Verify for Archive {
    fn verify(&self, _: &Options<'_>, _: &mut Findings) {}
}

impl Verify for ReportForm {
    fn verify(&self, options: &Options<'_>, findings: &mut Findings) {
        let places = options.table.get("questions").and_then(|value| value.get_ref().as_array());
        let places = places.into_iter().flat_map(|places| places.iter());
        let mut seen = Vec::new();
        for (place, question) in places.zip(&self.questions) {
            let id = &question.id;
            let span = place.get_ref().get("id").map_or_else(|| place.span(), Spanned::span);
            if !is_id(id) {
                findings
                    .push(Finding::new(span, format!("`{id}` is no id")).help(ID_HELP.to_owned()));
            } else if seen.contains(&id) {
                let message = format!("two questions have the id `{id}`");
                findings.push(Finding::new(span, message).help("rename one".to_owned()));
            }
            seen.push(id);
        }
    }
}

impl Verify for Limits {
    fn verify(&self, options: &Options<'_>, findings: &mut Findings) {
        let empty = [("time", self.time.0.is_zero()), ("size", self.size.0 == 0)];
        for (name, _) in empty.into_iter().filter(|(_, empty)| *empty) {
            let message = format!("with no {name} at all nothing can be gathered");
            findings.push(Finding::new(options.span_of(name), message));
        }
        if self.memory < LEAST_MEMORY {
            let message = format!("{} of memory is too little", self.memory);
            let help = format!("a run can do with {LEAST_MEMORY} or more");
            findings.push(Finding::new(options.span_of("memory"), message).help(help));
        }
    }
}

impl Verify for StepOptions {
    fn verify(&self, options: &Options<'_>, findings: &mut Findings) {
        if self.timeout.0.is_zero() {
            let message = "with no time at all nothing can be gathered";
            let help = "to switch the step off write `enabled = false`".to_owned();
            findings.push(Finding::new(options.span_of("timeout"), message).help(help));
        }
        let Some(when) = &self.when else { return };
        if when.path.is_none() && when.command.is_none() {
            let help = "write it like `when = { path = \"/etc/nginx\" }`".to_owned();
            let message = "`when` names neither a path nor a command";
            findings.push(Finding::new(options.span_of("when"), message).help(help));
        }
        if let Some(path) = when.path.as_ref().filter(|path| path.is_relative()) {
            let message = format!("`{}` is no absolute path", path.display());
            let span = options.span_of_named("when", &message);
            findings.push(Finding::new(span, message).help("let it begin with `/`".to_owned()));
        }
    }
}

/// What an id may be: part of a path in the bundle, on every system and in every shell.
pub(super) const ID_HELP: &str =
    "an id has small letters, digits and `-`, and begins with a letter or a digit";

pub(super) fn is_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    id.starts_with(allowed) && id.chars().all(|c| allowed(c) || c == '-')
}
