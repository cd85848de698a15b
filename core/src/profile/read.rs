//! Reads a profile and all that it extends.

use super::{
    Profile,
    check::Checker,
    fill::{Filler, mentioned},
    merge::Merger,
    params::{PARAMS, Parameter, Params, Wanted},
    problem::{Problem, ProfileError},
    search::{Found, Library, NotFound},
    source::{Finding, Findings, Sources, Span},
    syntax,
};
use crate::{host::Host, plugin::Plugins};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Looks up an environment variable; only the command line reads the environment.
pub type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// Reads the profile that is wanted.
///
/// # Errors
///
/// Names everything that is wrong with the profile, with those that it extends and with what is
/// given for its parameters, in one pass.
pub fn load<'w>(
    wanted: impl Into<Wanted<'w>>,
    library: &Library,
    plugins: &Plugins,
    env: Env<'_>,
) -> Result<Profile, ProfileError> {
    read(wanted.into(), library, plugins, env, None, None)
}

/// Reads a profile as [`load`] does, to redact data of `host`: redactors learn its facts from it,
/// and keep the key of pseudonyms at `key` if the profile names none. Without a place for it, the
/// key is made up and forgotten.
///
/// # Errors
///
/// As [`load`].
pub fn load_for<'a>(
    host: &dyn Host,
    key: impl Into<Option<&'a Path>>,
    wanted: impl Into<Wanted<'a>>,
    library: &Library,
    plugins: &Plugins,
    env: Env<'_>,
) -> Result<Profile, ProfileError> {
    read(wanted.into(), library, plugins, env, Some(host), key.into())
}

/// The parameters of a profile, also those of what it extends, by name.
///
/// # Errors
///
/// Says why the profile is not found. What else is wrong with it costs only what it concerns.
pub fn parameters(named: &str, library: &Library) -> Result<Vec<Parameter>, ProfileError> {
    let chain = chain(named, library)?;
    let mut findings = Findings::default();
    let (mut merged, ..) = merged(&chain, &mut findings);
    Ok(Params::read(merged.remove(PARAMS), &[], true, &mut findings).described())
}

fn read(
    wanted: Wanted<'_>,
    library: &Library,
    plugins: &Plugins,
    env: Env<'_>,
    host: Option<&dyn Host>,
    key: Option<&Path>,
) -> Result<Profile, ProfileError> {
    let mut chain = chain(wanted.name, library)?;
    let base = chain.files[0].folder.clone();
    let mut findings = std::mem::take(&mut chain.findings);
    let (mut root, broken, used) = merged(&chain, &mut findings);
    let Chain { sources, order, .. } = &chain;
    let mut wrong = Findings::default();
    let table = root.remove(PARAMS);
    let params = Params::read(table, wanted.set, !broken.is_empty(), &mut wrong);
    let mut filler = Filler {
        params: &params,
        sources,
        findings: &mut wrong,
        unfilled: Vec::new(),
        filled: Vec::new(),
    };
    filler.fill(&mut root);
    let Filler { unfilled, filled, .. } = filler;
    params.unused(&used, &mut wrong);
    // Values of a line that is no TOML are made up by the parser, and so is what is wrong with them.
    let lines: BTreeSet<_> = broken.iter().map(|span| line(sources, span)).collect();
    let mut checker = Checker {
        plugins,
        sources,
        order,
        base: &base,
        env,
        host,
        key,
        broken: !broken.is_empty(),
        findings: Findings::default(),
    };
    let parts = checker.profile(root);
    let mut found = checker.findings;
    let meets = |span: &Span, other: &Span| span.start < other.end && other.start < span.end;
    found.forget(|span| unfilled.iter().any(|unfilled| meets(span, unfilled)));
    found.remark(|span| {
        let (_, name) = filled.iter().find(|(filled, _)| filled == span)?;
        let given = params.get(name)?.given;
        let from = if given { format!("`--set {name}=…`") } else { "its default".to_owned() };
        Some(format!("`${{{name}}}` stands for what {from} says"))
    });
    wrong.append(found);
    wrong.forget(|span| lines.contains(&line(sources, span)));
    findings.append(wrong);

    match parts {
        Some(parts) if findings.is_empty() => {
            let hash = hash(sources, order);
            Ok(parts.into_profile(wanted, hash, params.values(), base))
        }
        _ => Err(findings.into_error(sources)),
    }
}

/// A profile and all that it extends, read.
fn chain<'l>(named: &str, library: &'l Library) -> Result<Chain<'l>, ProfileError> {
    let found = library.find(named, Path::new("")).map_err(|NotFound { message, help }| {
        ProfileError::new(vec![Problem::general(message, help)])
    })?;
    let mut chain = Chain::new(library);
    chain.read(found);
    Ok(chain)
}

/// A profile on top of all that it extends, the places of what is no TOML, and the parameters that
/// any of them uses.
fn merged<'c>(
    chain: &'c Chain<'_>,
    findings: &mut Findings,
) -> (DeTable<'c>, Vec<Span>, Vec<String>) {
    let mut merger = Merger::default();
    let (mut broken, mut used) = (Vec::new(), Vec::new());
    for &number in &chain.order {
        let source = chain.sources.get(number);
        let (table, errors) = syntax::parse(&source.text, source.start);
        for error in errors {
            broken.push(error.span.clone());
            findings.push(error);
        }
        mentioned(&table, &mut used);
        merger.add(table, number, &chain.files[number].extends);
    }
    (merger.finish(findings), broken, used)
}

fn line(sources: &Sources, span: &Span) -> (String, usize) {
    let place = sources.place(span);
    (place.file, place.line)
}

/// The hash of one file is what `sha256sum` says of it; that of several is the hash of their hashes.
fn hash(sources: &Sources, order: &[usize]) -> String {
    let mut hashes: Vec<_> = order
        .iter()
        .map(|&number| hexadecimal(&Sha256::digest(&*sources.get(number).text)))
        .collect();
    match hashes.len() {
        1 => hashes.remove(0),
        _ => hexadecimal(&Sha256::digest(hashes.join("\n"))),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// A profile and all that it extends.
struct Chain<'l> {
    library: &'l Library,
    sources: Sources,
    /// By the number of the source.
    files: Vec<File>,
    /// The numbers of the sources, each after all that it extends.
    order: Vec<usize>,
    /// The sources that are being read: each extends the next.
    open: Vec<usize>,
    findings: Findings,
}

struct File {
    identity: PathBuf,
    folder: PathBuf,
    /// All that it extends, also through others.
    extends: BTreeSet<usize>,
}

impl<'l> Chain<'l> {
    fn new(library: &'l Library) -> Self {
        Self {
            library,
            sources: Sources::default(),
            files: Vec::new(),
            order: Vec::new(),
            open: Vec::new(),
            findings: Findings::default(),
        }
    }

    /// Reads a profile that was found and all that it extends; says which number it has.
    fn read(&mut self, found: Found) -> usize {
        let number = self.sources.add(found.shown, found.text);
        let (identity, folder) = (found.identity, found.folder);
        self.files.push(File { identity, folder, extends: BTreeSet::new() });
        self.open.push(number);
        for (name, span) in self.extended(number) {
            if let Some(base) = self.extend(number, &name, span) {
                let further = self.files[base].extends.clone();
                self.files[number].extends.extend(further);
                self.files[number].extends.insert(base);
            }
        }
        self.open.pop();
        self.order.push(number);
        number
    }

    fn extend(&mut self, number: usize, name: &str, span: Span) -> Option<usize> {
        let found = match self.library.find(name, &self.files[number].folder) {
            Ok(found) => found,
            Err(NotFound { message, help }) => {
                self.findings.push(Finding::new(span, message).help(help));
                return None;
            }
        };
        let known = self.files.iter().position(|file| file.identity == found.identity);
        match known.map(|known| (known, self.open.iter().position(|&open| open == known))) {
            None => Some(self.read(found)),
            Some((known, None)) => Some(known),
            Some((_, Some(start))) => {
                let chain = self.open[start..].iter().map(|&open| &*self.sources.get(open).name);
                let chain = chain.chain([&*found.shown]).collect::<Vec<_>>().join(" → ");
                let message = format!("profiles extend each other in a circle: {chain}");
                let help = "take one of them out of `extends`".to_owned();
                self.findings.push(Finding::new(span, message).help(help));
                None
            }
        }
    }

    /// The names in `extends`, each with its place.
    fn extended(&mut self, number: usize) -> Vec<(String, Span)> {
        let source = self.sources.get(number);
        let (mut root, _) = syntax::parse(&source.text, source.start);
        let Some(value) = root.remove("extends") else {
            return Vec::new();
        };
        let mut wrong = |value: &Spanned<DeValue<'_>>| {
            let found = syntax::kind(value.get_ref());
            let finding =
                Finding::new(value.span(), format!("expected a list of names, found {found}"));
            self.findings.push(finding.help("write it like `extends = [\"linux\"]`".to_owned()));
        };
        let DeValue::Array(items) = value.get_ref() else {
            wrong(&value);
            return Vec::new();
        };
        let mut names = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(name) => names.push((name.to_owned(), item.span())),
                None => wrong(item),
            }
        }
        names
    }
}
