//! The plan: what one run will do, before anything is touched.

use crate::{
    bundle::{BundleName, Format, HostFacts},
    host::Host,
    output::Window,
    profile::{Compression, Profile, Step, When},
    redact::Redaction,
    report::Report,
    units::{Size, TimePoint},
};
use jiff::Timestamp;
use std::{path::Path, sync::Arc};
use thiserror::Error;

/// What the command line says beside the profile.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these steps, if any are given.
    pub only: Vec<String>,
    /// Not these steps.
    pub skip: Vec<String>,
    /// Nothing older, instead of what the steps say.
    pub since: Option<TimePoint>,
    /// Nothing newer, instead of what the steps say.
    pub until: Option<TimePoint>,
}

/// What one run will do.
pub struct Plan {
    /// The profile.
    pub profile: Arc<Profile>,
    /// Its rules, with what this run learns.
    pub redaction: Redaction,
    /// The bundle's name.
    pub name: BundleName,
    /// When the run began.
    pub started: Timestamp,
    /// The steps, in the order of the bundle.
    pub steps: Vec<PlannedStep>,
    /// How the archive is compressed.
    pub format: Format,
    /// What is known of the host.
    pub host: HostFacts,
}

/// One step of a plan.
#[derive(Clone)]
pub struct PlannedStep {
    /// The step of the profile.
    pub step: Arc<Step>,
    /// The time that is of interest.
    pub window: Window,
    /// Whether the user left it out.
    pub skipped: bool,
}

/// Why a plan cannot be made.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// `--only` or `--skip` names a step that the profile does not have.
    #[error("the profile has no step `{id}`")]
    UnknownStep {
        /// The name given.
        id: String,
        /// What may have been meant, or all there are.
        help: String,
    },
}

impl Plan {
    /// Plans a run that begins now.
    pub fn new(
        profile: Arc<Profile>,
        selection: &Selection,
        name: BundleName,
        host: &dyn Host,
    ) -> Result<Self, PlanError> {
        let known: Vec<&str> = profile.steps.iter().map(|step| step.id.as_str()).collect();
        for id in selection.only.iter().chain(&selection.skip) {
            if !known.contains(&id.as_str()) {
                let help = crate::suggest::did_you_mean(id, known.iter().copied())
                    .unwrap_or_else(|| format!("its steps are {}", known.join(", ")));
                return Err(PlanError::UnknownStep { id: id.clone(), help });
            }
        }
        let (started, zone) = (host.now(), host.zone());
        let resolve = |given: &Option<TimePoint>, own: &Option<TimePoint>| {
            given.as_ref().or(own.as_ref()).map(|point| point.resolve(started, &zone))
        };
        let steps: Vec<PlannedStep> = profile
            .steps
            .iter()
            .map(|step| PlannedStep {
                window: Window {
                    since: resolve(&selection.since, &step.options.since),
                    until: resolve(&selection.until, &step.options.until),
                },
                skipped: selection.skip.contains(&step.id)
                    || (!selection.only.is_empty() && !selection.only.contains(&step.id)),
                step: Arc::clone(step),
            })
            .collect();
        let format = match profile.compression {
            Compression::Xz => Format::Xz,
            Compression::Zstd => Format::Zstd,
            Compression::Auto => fitting_format(&profile, &steps, host),
        };
        let mut host = host_facts(host);
        let redaction = profile.redaction.for_run();
        host.name = redaction.text(&host.name);
        Ok(Self { profile, redaction, name, started, steps, format, host })
    }

    /// Learns the secrets in what the user typed, so that they are also removed from what is
    /// gathered. To be called before.
    pub fn learn(&self, report: &Report) {
        // What comes out is made again, from what the report is by then, when it is sealed.
        drop(report.redacted(&self.redaction));
    }

    /// The steps that will run.
    pub fn active(&self) -> impl Iterator<Item = &PlannedStep> {
        self.steps.iter().filter(|step| !step.skipped)
    }
}

impl PlannedStep {
    /// About how many bytes the step would read, as far as that can be told without reading.
    pub fn estimate(&self, host: &dyn Host) -> Option<u64> {
        let estimate = self.step.collector.estimate(host, &self.window)?;
        Some(self.step.options.max_size.map_or(estimate, |Size(max)| estimate.min(max)))
    }

    /// What this user is refused and root would see.
    pub fn refused(&self, host: &dyn Host) -> Vec<String> {
        self.step.collector.refused(host, &self.window)
    }

    /// Why the step's `when` does not hold here, if it does not.
    pub fn unmet(&self, host: &dyn Host) -> Option<String> {
        self.step.options.when.as_ref().and_then(|when| unmet(when, host))
    }
}

/// What xz compresses in a second on one core, at the preset in use (measured: 36 MB/s).
const XZ_BYTES_PER_SECOND: u64 = 30_000_000;

fn fitting_format(profile: &Profile, steps: &[PlannedStep], host: &dyn Host) -> Format {
    let active = steps.iter().filter(|step| !step.skipped);
    let bytes: u64 = active.filter_map(|step| step.estimate(host)).sum();
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let seconds = bytes / (XZ_BYTES_PER_SECOND * cores);
    if seconds > profile.limits.time.0.as_secs() / 2 { Format::Zstd } else { Format::Xz }
}

/// Where programs are looked up for `when.command`: what a login shell of root has.
const PROGRAM_DIRS: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

fn unmet(when: &When, host: &dyn Host) -> Option<String> {
    let exists = |path: &Path| host.canonical(path).and_then(|path| host.info(&path)).is_ok();
    if let Some(path) = &when.path
        && !exists(path)
    {
        return Some(format!("there is no `{}`", path.display()));
    }
    if let Some(command) = &when.command
        && !PROGRAM_DIRS.iter().any(|dir| exists(&Path::new(dir).join(command)))
    {
        return Some(format!("there is no program `{command}`"));
    }
    None
}

fn host_facts(host: &dyn Host) -> HostFacts {
    let read = |path: &str| {
        let mut text = String::new();
        let path = host.canonical(Path::new(path)).ok()?;
        io_read(host, &path, &mut text)?;
        Some(text)
    };
    let line = |path: &str| read(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let release = read("/etc/os-release").unwrap_or_default();
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    HostFacts {
        name: line("/proc/sys/kernel/hostname"),
        os: pretty.map(|name| name.trim_matches('"').to_owned()).unwrap_or_default(),
        kernel: line("/proc/sys/kernel/osrelease"),
        architecture: std::env::consts::ARCH.to_owned(),
        root: rustix::process::geteuid().is_root(),
    }
}

/// These files hold a line or a page; more than this is none of them.
const FACT_MAX: u64 = 64 << 10;

fn io_read(host: &dyn Host, path: &Path, text: &mut String) -> Option<usize> {
    use std::io::Read;
    host.open(path).ok()?.take(FACT_MAX).read_to_string(text).ok()
}
