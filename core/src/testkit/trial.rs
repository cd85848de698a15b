//! Runs one collector through the whole pipeline: gathered, redacted, sealed, and opened again.

use crate::{
    Collector, Profile,
    bundle::{self, BundleName, EntryRecord, Manifest, Status, StepRecord},
    event::Event,
    gather::{Gathered, Resources, gather},
    host::Host,
    plan::{Plan, Selection},
    plugin::Plugin,
    profile::{Compression, Limits, ReportForm, Step, StepOptions},
    redact::{Redaction, Rule},
    report::Report,
    seal::seal,
};
use std::{collections::BTreeMap, io::Read, num::NonZero, path::PathBuf, sync::Arc};

/// A run of one or more collectors, each a step, on a made-up host.
pub struct Trial {
    steps: Vec<(String, Box<dyn Collector>, StepOptions)>,
    limits: Limits,
    rules: Vec<Rule>,
    threads: usize,
    compression: Compression,
}

impl Trial {
    /// Runs one collector, as the step `test`.
    pub fn of(collector: impl Collector + 'static) -> Self {
        Self::none().step("test", collector, StepOptions::default())
    }

    /// Runs the collector that a profile calls `name`, with these options, as the step `test`.
    ///
    /// # Panics
    ///
    /// Panics if no such collector is linked, or the options are wrong.
    pub fn plugin(name: &str, options: &str) -> Self {
        let mut plugins = inventory::iter::<Plugin<dyn Collector>>.into_iter();
        let plugin = plugins.find(|plugin| plugin.name == name);
        let plugin = plugin.unwrap_or_else(|| panic!("no collector `{name}` is linked"));
        let options = format!("{{ {options} }}");
        let options = toml::de::ValueDeserializer::parse(&options);
        let mut unknown = |path: serde_ignored::Path<'_>| panic!("no option `{path}`");
        let collector = plugin.build(options.expect("options in TOML"), &mut unknown);
        let collector = collector.expect("options of the right types");
        assert_eq!(collector.check(), [], "wrong options");
        Self::of(collector)
    }

    /// Runs nothing yet.
    pub fn none() -> Self {
        Self {
            steps: Vec::new(),
            limits: Limits::default(),
            rules: Vec::new(),
            threads: 2,
            compression: Compression::Xz,
        }
    }

    /// Adds a step.
    #[must_use]
    pub fn step(
        mut self,
        id: &str,
        collector: impl Collector + 'static,
        options: StepOptions,
    ) -> Self {
        self.steps.push((id.to_owned(), Box::new(collector), options));
        self
    }

    /// Changes the options of the last step.
    ///
    /// # Panics
    ///
    /// Panics if there is no step.
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(&mut StepOptions)) -> Self {
        change(&mut self.steps.last_mut().expect("there is a step").2);
        self
    }

    /// Changes the limits of the run.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Redacts by these rules; without any, nothing is redacted.
    #[must_use]
    pub fn rules(mut self, rules: Vec<Rule>) -> Self {
        self.rules.extend(rules);
        self
    }

    /// Packs on so many threads.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Compresses like this.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Runs on this host.
    ///
    /// # Panics
    ///
    /// Panics if the bundle cannot be sealed, opened or read.
    pub fn on(self, host: impl Host + 'static) -> Collected {
        let mut gathered = self.gather(Arc::new(host));
        let dir = tempfile::tempdir().expect("a temporary folder");
        let key = age::x25519::Identity::generate();
        let recipients = [key.to_public().into()];
        let format = gathered.plan.format;
        let sealed = seal(&mut gathered, &Report::default(), &recipients, dir.path());
        let sealed = std::fs::read(sealed.expect("it is sealed").path()).expect("it is there");
        let plain = age::decrypt(&key, &sealed).expect("its key opens it");
        Collected::read(&plain, format)
    }

    /// Runs on this host, without sealing.
    ///
    /// # Panics
    ///
    /// Panics if the rules are wrong.
    pub fn gather(self, host: Arc<dyn Host>) -> Gathered {
        let steps = self.steps.into_iter();
        let steps = steps.map(|(id, collector, options)| {
            Arc::new(Step { id, plugin: "test", collector, options })
        });
        let profile = Profile {
            name: "test".into(),
            sha256: String::new(),
            params: BTreeMap::new(),
            set: Vec::new(),
            base: PathBuf::from("/"),
            product: "test".into(),
            report: ReportForm::default(),
            limits: self.limits,
            steps: steps.collect(),
            redaction: Redaction::compile(self.rules).expect("the rules are right"),
            redactors: Vec::new(),
            recipients: Vec::new(),
            envelope: None,
            compression: self.compression,
            sinks: Vec::new(),
        };
        let name = BundleName::with_id("test", host.now(), "0000");
        let selection = Selection::default();
        let plan = Plan::new(Arc::new(profile), &selection, name, &*host).expect("a plan");
        let resources = Resources {
            threads: NonZero::new(self.threads),
            stop: Arc::default(),
            spill: std::env::temp_dir(),
        };
        gather(Arc::new(plan), host, &resources, &|_: &Event| {})
    }
}

/// What was in the bundle.
#[derive(Debug)]
pub struct Collected {
    files: BTreeMap<String, Vec<u8>>,
    manifest: Manifest,
}

impl Collected {
    fn read(plain: &[u8], format: bundle::Format) -> Self {
        let mut files = BTreeMap::new();
        let mut archive = bundle::archive(plain, format).expect("a decoder");
        for entry in archive.entries().expect("a tar") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let (_bundle, path) = path.split_once('/').expect("the bundle's folder");
            let path = path.to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("an entry can be read");
            files.insert(path, bytes);
        }
        let manifest = files.remove("manifest.json").expect("a manifest");
        files.remove("report.json");
        let manifest = serde_json::from_slice(&manifest).expect("a manifest is JSON");
        Self { files, manifest }
    }

    /// The bytes of an entry of the step `test`, or of another step if `entry` begins with `ID:`.
    ///
    /// # Panics
    ///
    /// Panics if there is none.
    pub fn bytes(&self, entry: &str) -> &[u8] {
        let (step, entry) = entry.split_once(':').unwrap_or(("test", entry));
        let path = format!("{step}/{}", entry.trim_start_matches('/'));
        self.files
            .get(&path)
            .unwrap_or_else(|| panic!("no entry `{path}` among {:?}", self.files.keys()))
    }

    /// The text of an entry, as [`Collected::bytes`].
    ///
    /// # Panics
    ///
    /// Panics if there is none, or it is no UTF-8.
    pub fn text(&self, entry: &str) -> &str {
        std::str::from_utf8(self.bytes(entry)).expect("UTF-8")
    }

    /// The paths of all entries, sorted, with their steps' folders.
    pub fn paths(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The record of the only step.
    ///
    /// # Panics
    ///
    /// Panics if there are several.
    pub fn step(&self) -> &StepRecord {
        assert_eq!(self.manifest.steps.len(), 1, "there are several steps");
        &self.manifest.steps[0]
    }

    /// How the only step ended.
    pub fn status(&self) -> Status {
        self.step().status
    }

    /// The notes of the only step, as `kind source: text`.
    pub fn notes(&self) -> Vec<String> {
        let notes = self.step().notes.iter();
        notes.map(|note| format!("{:?} {}: {}", note.kind, note.source, note.text)).collect()
    }

    /// The record of an entry, named as for [`Collected::bytes`].
    ///
    /// # Panics
    ///
    /// Panics if there is none.
    pub fn record(&self, entry: &str) -> &EntryRecord {
        let (step, entry) = entry.split_once(':').unwrap_or(("test", entry));
        let path = format!("{step}/{}", entry.trim_start_matches('/'));
        let mut records = self.manifest.entries.iter();
        records.find(|record| record.path == path).expect("the manifest names the entry")
    }
}
