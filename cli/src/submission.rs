//! Gathers, seals and delivers: what happens once the user has agreed.

use crate::{
    commands::send,
    exit::{Exit, Failure},
    manners, paths,
    report::{Ending, Voice, terminal},
    signals::Watch,
    text,
};
use collect_core::{
    deliver::{Hands, deliver},
    draft::OpenDraft,
    event::Event,
    gather::{Gathered, Resources, gather},
    host::Host,
    identity::Identity,
    outbox::{Outbox, OutboxError, Record},
    plan::Plan,
    recipient::Recipient,
    redact::pseudonym::{NameKind, Pseudonyms, host_key},
    report::Report,
    seal::{self, PARTIAL, SealError},
    sink::Sealed,
    ticket::Brief,
};
use std::{
    num::NonZero,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

/// The most characters of a pseudonym that is sent beside a bundle.
const PSEUDONYM: usize = 64;

/// All that a submission needs.
pub(crate) struct Submission<'s> {
    pub(crate) plan: Arc<Plan>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) report: Report,
    pub(crate) draft: OpenDraft,
    pub(crate) identity: Identity,
    pub(crate) target: Target,
    pub(crate) threads: Option<NonZero<usize>>,
    pub(crate) voice: &'s dyn Voice,
}

/// Where the sealed bundle is written.
pub(crate) enum Target {
    /// To the outbox, to be delivered, with a copy in this folder if there is one.
    Outbox { outbox: Outbox, copy: Option<PathBuf> },
    /// To this folder, for the user.
    Folder(PathBuf),
}

impl Target {
    /// The folder that the sealer writes to.
    pub(crate) fn dir(&self) -> &Path {
        match self {
            Self::Outbox { outbox, .. } => outbox.dir(),
            Self::Folder(dir) => dir,
        }
    }
}

/// What was sealed.
struct Bundle {
    sealed: Sealed,
    complete: bool,
    stopped: bool,
}

impl Submission<'_> {
    /// Does it all, and says how it ended.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        manners::stand_back();
        let watch = Watch::begin()
            .map_err(|error| Failure::unusable(format!("cannot watch for signals: {error}")))?;
        let bundle = self.seal(&watch)?;
        // What was typed is in the bundle now.
        let Self { plan, draft, identity, target, voice, .. } = self;
        if let Err(error) = draft.done() {
            voice.say(&format!("the saved report could not be removed: {error}"));
        }
        let ending = match target {
            Target::Outbox { outbox, copy } => {
                let kept = copy.and_then(|dir| keep_copy(&bundle.sealed, &dir, &watch, voice));
                let hands =
                    Hands { env: &paths::environment, identity: &identity, stop: &watch.stop };
                deliver_from(&outbox, &bundle, &plan, kept, hands, voice)?
            }
            Target::Folder(_) => written(&bundle, &plan, &identity),
        };
        voice.ended(&ending);
        Ok(ending.exit)
    }

    fn seal(&self, watch: &Watch) -> Result<Bundle, Failure> {
        let dir = self.target.dir().to_owned();
        let resources =
            Resources { threads: self.threads, stop: Arc::clone(&watch.stop), spill: dir.clone() };
        // People paste what is on their screen.
        self.plan.learn(&self.report);
        let plan = Arc::clone(&self.plan);
        let mut gathered = gather(plan, Arc::clone(&self.host), &resources, self.voice);
        self.voice.gathered(gathered.steps());

        let recipients = self.recipients()?;
        let file = file_name(&self.plan);
        let mut unfinished = vec![dir.join(format!("{file}{PARTIAL}"))];
        if let Target::Outbox { outbox, .. } = &self.target {
            unfinished.push(dir.join(format!("{file}.json")));
            unfinished.push(dir.join(format!("{file}.brief")));
            let brief = self.brief(&gathered).map_err(|error| not_sealed(&error))?;
            outbox
                .announce(&file, &record(&self.plan))
                .and_then(|()| match &brief {
                    Some(brief) => outbox.keep_brief(&file, brief, &self.identity),
                    None => Ok(()),
                })
                .map_err(|error| {
                    outbox.withdraw(&file);
                    Failure { exit: Exit::Unprotected, ..Failure::from(error) }
                })?;
        }
        watch.remove_if_ended(unfinished);
        self.voice.event(&Event::Sealing);
        let sealed = seal::seal(&mut gathered, &self.report, &recipients, &dir);
        watch.remove_if_ended(Vec::new());
        let sealed = sealed.map_err(|error| {
            if let Target::Outbox { outbox, .. } = &self.target {
                outbox.withdraw(&file);
            }
            not_sealed(&error)
        })?;
        let complete = gathered.is_complete();
        self.voice.event(&Event::Sealed {
            path: sealed.path().to_owned(),
            bytes: sealed.len(),
            partial: !complete,
        });
        Ok(Bundle { sealed, complete, stopped: watch.stopped() })
    }

    /// What may be told of the bundle beside it; none if no sink does.
    fn brief(&self, gathered: &Gathered) -> Result<Option<Brief>, SealError> {
        let profile = &self.plan.profile;
        let wanted = profile.sinks.iter().any(|sink| {
            sink.sink.wants_brief() || (profile.envelope.is_some() && sink.sink.takes_envelope())
        });
        wanted.then(|| seal::brief(gathered, &self.report)).transpose()
    }

    fn recipients(&self) -> Result<Vec<Recipient>, Failure> {
        let named = &self.plan.profile.recipients;
        if named.is_empty() {
            return Ok(vec![self.identity.recipient()]);
        }
        let parsed = named.iter().map(|recipient| recipient.parse());
        let parsed: Result<_, _> = parsed.collect();
        parsed.map_err(|error: collect_core::recipient::RecipientError| {
            Failure::new(Exit::Unprotected, error.to_string())
        })
    }
}

fn not_sealed(error: &SealError) -> Failure {
    Failure::new(Exit::Unprotected, format!("the bundle could not be sealed: {error}"))
        .help("nothing is left of it; what you typed is kept, and offered by the next run")
}

/// The file name of the bundle that a plan leads to.
fn file_name(plan: &Plan) -> String {
    format!("{}.{}.age", plan.name, plan.format.extension())
}

/// What the outbox will know of the bundle.
fn record(plan: &Plan) -> Record {
    let profile = &plan.profile;
    let sinks = profile.sinks.iter().map(|sink| sink.id.as_str());
    let has_bucket = profile.sinks.iter().any(|sink| sink.plugin == "s3");
    Record::new(&paths::lasting_name(&profile.name), &profile.product, plan.started, sinks)
        .with(&profile.set)
        .of_host(has_bucket.then(|| pseudonym(plan)).flatten())
}

/// What stands in for this host beside the bundle, so that support sees which reports come from one
/// host: that of the bundle's own pages, or, where these bear the host's name itself, one under the
/// key of pseudonyms that this host has. None if there is no such key.
fn pseudonym(plan: &Plan) -> Option<String> {
    let system = rustix::system::uname();
    let name = system.nodename().to_str().ok()?;
    let shown = &plan.host.name;
    let pseudonym = if shown != name && shown.starts_with("host-") {
        shown.clone()
    } else {
        let key = host_key(&paths::Places::of_this_user().redact_key()).ok()?;
        Pseudonyms::new(&key).name(NameKind::Host, name)
    };
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    Some(pseudonym.chars().filter(fits).take(PSEUDONYM).collect())
}

fn deliver_from(
    outbox: &Outbox,
    bundle: &Bundle,
    plan: &Plan,
    kept: Option<PathBuf>,
    hands: Hands<'_>,
    voice: &dyn Voice,
) -> Result<Ending, Failure> {
    let name = bundle.sealed.name();
    let mut ending = Ending {
        exit: exit_of(bundle),
        id: plan.name.quote().to_owned(),
        bundle: name.to_owned(),
        path: kept,
        locations: Vec::new(),
        complete: bundle.complete,
        open: None,
        send: Some(format!("collect send {name}")),
        reason: None,
    };
    if bundle.stopped {
        ending.path = Some(bundle.sealed.path().to_owned());
        ending.reason = Some("you stopped it; what was gathered by then is kept, not sent".into());
        return Ok(ending);
    }
    let claim = match outbox.claim(name) {
        Ok(claim) => claim,
        Err(error) => return taken_over(outbox, ending, error),
    };
    let delivery = deliver(claim, &plan.profile, hands, voice).map_err(send::not_delivered)?;
    ending.locations = delivery.locations;
    if delivery.complete {
        ending.send = None;
    } else {
        let stopped = hands.stop.load(Ordering::Relaxed);
        ending.exit = if stopped { Exit::Stopped } else { Exit::NotDelivered };
        ending.reason = Some(send::KEPT.to_owned());
        ending.path = Some(bundle.sealed.path().to_owned());
    }
    Ok(ending)
}

/// What becomes of a bundle that a `collect send` of somebody else took before this run could.
fn taken_over(outbox: &Outbox, ending: Ending, error: OutboxError) -> Result<Ending, Failure> {
    match error {
        OutboxError::Busy(_) => Ok(Ending {
            exit: Exit::NotDelivered,
            path: Some(outbox.dir().join(&ending.bundle)),
            reason: Some("another `collect` delivers it; `collect outbox` shows how".into()),
            ..ending
        }),
        OutboxError::Unknown(_) => {
            let delivered = outbox.delivered().map_err(send::not_delivered)?;
            let record = delivered.into_iter().find(|(name, _)| *name == ending.bundle);
            let (_, record) = record.ok_or_else(|| send::not_delivered(error))?;
            let receipts = record.sinks.into_iter().filter_map(|sink| sink.receipt);
            let locations = receipts.map(|receipt| receipt.to_string()).collect();
            Ok(Ending { send: None, locations, ..ending })
        }
        other => Err(send::not_delivered(other)),
    }
}

/// A bundle that is the user's to keep.
fn written(bundle: &Bundle, plan: &Plan, identity: &Identity) -> Ending {
    let path = bundle.sealed.path();
    let profile = &plan.profile;
    let own = profile.recipients.is_empty();
    let reason = "you stopped it; the bundle holds what was gathered by then";
    let send = || {
        let set = profile.set.iter().map(|(name, value)| format!("{name}={value}"));
        let set = set.fold(String::new(), |all, set| {
            format!("{all} --set {}", text::shell(Path::new(&set)))
        });
        let profile = text::shell(Path::new(&profile.name));
        format!("collect send {} --profile {profile}{set}", text::shell(path))
    };
    Ending {
        exit: exit_of(bundle),
        id: plan.name.quote().to_owned(),
        bundle: bundle.sealed.name().to_owned(),
        path: Some(path.to_owned()),
        locations: Vec::new(),
        complete: bundle.complete,
        open: own.then(|| terminal::open_command(identity.path(), path)),
        send: (!profile.sinks.is_empty()).then(send),
        reason: bundle.stopped.then(|| reason.to_owned()),
    }
}

fn exit_of(bundle: &Bundle) -> Exit {
    match bundle {
        Bundle { stopped: true, .. } => Exit::Stopped,
        Bundle { complete: false, .. } => Exit::Partial,
        _ => Exit::Complete,
    }
}

/// Keeps the copy that was asked for. If that fails it is said, and the bundle is delivered all the
/// same.
fn keep_copy(sealed: &Sealed, dir: &Path, watch: &Watch, voice: &dyn Voice) -> Option<PathBuf> {
    watch.remove_if_ended(vec![dir.join(format!("{}{PARTIAL}", sealed.name()))]);
    let copied = seal::copy(sealed, dir);
    watch.remove_if_ended(Vec::new());
    copied
        .inspect_err(|error| voice.say(&format!("the copy that you asked for failed: {error}")))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::sink::Receipt;
    use jiff::Timestamp;

    #[test]
    fn a_bundle_that_another_process_delivers_is_no_mistake_of_the_user() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(dir.path()).unwrap();
        let name = "shop-20261123T104205Z-0123456789.tar.xz.age";
        let at = Timestamp::UNIX_EPOCH;
        outbox.announce(name, &Record::new("shop", "Shop", at, ["share"])).unwrap();
        std::fs::write(dir.path().join(name), "sealed").unwrap();
        let ending = || Ending {
            exit: Exit::Complete,
            id: "01234567".into(),
            bundle: name.into(),
            path: None,
            locations: Vec::new(),
            complete: true,
            open: None,
            send: Some("collect send".into()),
            reason: None,
        };

        let mut theirs = outbox.claim(name).unwrap();
        let busy = taken_over(&outbox, ending(), outbox.claim(name).unwrap_err()).unwrap();
        assert_eq!(busy.exit, Exit::NotDelivered);
        let receipt = Receipt { location: "/srv/share".into(), reference: None, ticket: None, at };
        theirs.confirmed("share", receipt).unwrap();
        assert!(theirs.close().unwrap());
        let gone = taken_over(&outbox, ending(), outbox.claim(name).unwrap_err()).unwrap();
        assert_eq!((gone.exit, gone.send), (Exit::Complete, None));
        assert_eq!(gone.locations, ["/srv/share"]);
    }

    #[test]
    fn a_disk_that_is_full_after_sealing_is_no_mistake_of_the_user() {
        let source = std::io::ErrorKind::StorageFull.into();
        let failure = send::not_delivered(OutboxError::Io { path: "/var".into(), source });
        assert_eq!(failure.exit, Exit::NotDelivered);
    }
}
