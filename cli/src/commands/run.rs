//! `collect --profile P`: the main job.

use super::Context;
use crate::{
    args::{Choice, Job},
    conversation::{self, Conversation, draft},
    exit::{Exit, Failure},
    manners,
    outline::{Goal, Look, Outline, around},
    report::{self, terminal},
    submission::{Submission, Target},
    text,
};
use collect_core::{
    Profile,
    bundle::{BundleName, object_key},
    draft::{Drafts, OpenDraft},
    host::{Host, Machine},
    identity::Identity,
    outbox::Outbox,
    plan::{Plan, Selection},
    profile::Wanted,
    report::{Consent, Report},
    seal::PARTIAL,
    units::{Length, TimePoint},
};
use rustix::fs::Access;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How closely the host is looked at while somebody waits for a question.
const GLANCE: Look = Look { patience: Duration::from_millis(150), rights: false };

/// How closely it is looked at when that is what was asked for.
const LOOK: Look = Look { patience: Duration::from_secs(10), rights: true };

/// Runs the main job.
pub(super) fn run(context: &Context<'_>, args: &Job) -> Result<Exit, Failure> {
    let host: Arc<dyn Host> = Arc::new(Machine::new());
    let name = args.profile.as_deref().unwrap_or_default();
    let wanted = Wanted { name, set: &args.given.set };
    let key = context.places.redact_key();
    let profile = context.profile_for(&*host, Some(&key), wanted)?;
    let selection = selection(&args.choice, &*host)?;
    let name = BundleName::new(&profile.product, host.now());
    let plan = Arc::new(Plan::new(Arc::clone(&profile), &selection, name, &*host)?);
    let sends = !args.no_send && !profile.sinks.is_empty();
    let folder = args.output.clone().unwrap_or_else(|| PathBuf::from("."));
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    let goal = if sends { Goal::Sinks } else { Goal::Folder(&folder) };
    let outline = |look| Outline::new(&plan, &context.plugins, &host, goal, look);
    if args.dry_run {
        show(context, &|| outline(LOOK));
        return Ok(Exit::Complete);
    }
    let run = Begun { context, args, profile: &profile, host: &*host };
    let flags = conversation::said(&args.said, &profile)?;
    let asking = run.asking();
    if asking.is_none() {
        conversation::refuse(&conversation::missing(&profile, &args.said, &flags), args.yes)?;
    }
    let target = run.target(sends, &folder)?;
    manners::check_room(&*host, target.dir())?;
    let identity = Identity::load_or_create(&context.places.identity())?;
    let drafts = Drafts::open(&context.places.drafts(), identity.clone())
        .map_err(|error| draft::cannot_save(&error))?;
    if let Some(conversation) = &asking {
        conversation.greet(&profile);
    }
    run.tidy(&target)?;
    let (mut report, mut draft) = run.report(flags, &drafts, asking.as_ref())?;
    context.voice.outline(&|| outline(GLANCE));
    if !args.yes
        && let Some(conversation) = &asking
        && !conversation.agree(sends)?
    {
        context.voice.say("Nothing was gathered. What you typed is kept for the next run.");
        return Ok(Exit::Stopped);
    }
    let by = if args.yes { "--yes" } else { "asked" };
    report.consent = Some(Consent { at: host.now(), by: by.to_owned() });
    draft.save(report.clone(), host.now()).map_err(|error| draft::cannot_save(&error))?;
    let voice = context.voice;
    let threads = args.threads;
    Submission { plan, host, report, draft, identity, target, threads, voice }.run()
}

/// What will be sent, as data: it is what a dry run was asked for.
fn show(context: &Context<'_>, outline: &dyn Fn() -> Outline) {
    if context.json {
        context.voice.outline(outline);
    } else {
        let style = context.voice.styles().output;
        report::print(&terminal::outline(&outline(), style, terminal::WIDTH));
    }
}

/// What the command line selects of the profile.
pub(super) fn selection(args: &Choice, host: &dyn Host) -> Result<Selection, Failure> {
    let (now, zone) = (host.now(), host.zone());
    let (mut since, mut until) = (args.since, args.until);
    if let Some(at) = &args.at {
        let Length(window) = args.window;
        let window = around(at.resolve(now, &zone), window);
        (since, until) = (window.since.map(TimePoint::At), window.until.map(TimePoint::At));
    }
    let resolved = |point: &Option<TimePoint>| point.as_ref().map(|at| at.resolve(now, &zone));
    if let (Some(since), Some(until)) = (resolved(&since), resolved(&until))
        && since >= until
    {
        let (since, until) = (text::moment(since, &zone), text::moment(until, &zone));
        return Err(Failure::unusable(format!("nothing lies between {since} and {until}"))
            .help("`--since` is the earlier of the two"));
    }
    Ok(Selection { only: args.only.clone(), skip: args.skip.clone(), since, until })
}

/// A run whose profile is good.
struct Begun<'r> {
    context: &'r Context<'r>,
    args: &'r Job,
    profile: &'r Profile,
    host: &'r dyn Host,
}

impl Begun<'_> {
    /// Somebody who can be asked, if there is anybody.
    fn asking(&self) -> Option<Conversation> {
        let voice = self.context.voice;
        voice.may_ask().then(|| Conversation { style: voice.styles().error })
    }

    /// Where the bundle will be sealed.
    fn target(&self, sends: bool, folder: &Path) -> Result<Target, Failure> {
        if self.args.output.is_some() || !sends {
            let writable = fs::create_dir_all(folder)
                .and_then(|()| Ok(rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)?));
            writable.map_err(|error| {
                let folder = folder.display();
                Failure::unusable(format!("cannot write to `{folder}`: {error}"))
                    .help("choose another folder with `--output DIR`")
            })?;
        }
        if !sends {
            return Ok(Target::Folder(folder.to_owned()));
        }
        let outbox = Outbox::open(&self.context.places.outbox())?;
        Ok(Target::Outbox { outbox, copy: self.args.output.clone() })
    }

    /// Removes what dead runs left behind, and says what else waits.
    fn tidy(&self, target: &Target) -> Result<(), Failure> {
        let say = |remark: &str| self.context.voice.say(remark);
        let removed = match target {
            Target::Outbox { outbox, copy } => {
                // What is left of a copy is no loss: the bundle itself is in the outbox.
                copy.as_deref().map(recover);
                outbox.recover()?
            }
            Target::Folder(folder) => recover(folder),
        };
        for name in removed {
            say(&format!("An earlier run died while it sealed `{name}`; what it left is removed."));
        }
        let Target::Outbox { outbox, .. } = target else { return Ok(()) };
        let waiting = outbox.waiting()?.len();
        if waiting > 0 {
            let bundles = text::count(waiting, "bundle");
            let verb = if waiting == 1 { "waits" } else { "wait" };
            say(&format!(
                "{bundles} of earlier runs {verb} in the outbox; `collect send` delivers."
            ));
            say("");
        }
        Ok(())
    }

    /// The whole report, and the draft that holds it.
    fn report(
        &self,
        flags: Report,
        drafts: &Drafts,
        asking: Option<&Conversation>,
    ) -> Result<(Report, OpenDraft), Failure> {
        let now = || self.host.now();
        let (kept, damaged) = draft::unfinished(drafts, self.profile)?;
        for remark in damaged {
            self.context.voice.say(&remark);
        }
        let Some(conversation) = asking else {
            let draft = self.repeated(kept, &flags);
            let draft =
                draft.map_or_else(|| draft::begin(drafts, self.profile, &flags, now()), Ok)?;
            return Ok((flags, draft));
        };
        let resumed = conversation.resume(kept, self.profile, &self.host.zone())?;
        let earlier = resumed.as_ref().map(|draft| draft.draft.report.clone());
        let mut report = merged(flags, earlier.unwrap_or_default());
        let mut draft =
            resumed.map_or_else(|| draft::begin(drafts, self.profile, &report, now()), Ok)?;
        let missing = conversation::missing(self.profile, &self.args.said, &report);
        conversation.complete(&mut report, &missing, &mut |report| {
            draft.save(report.clone(), now()).map_err(|error| draft::cannot_save(&error))
        })?;
        Ok((report, draft))
    }

    /// The draft of an earlier run that said just the same.
    fn repeated(&self, kept: Vec<draft::Kept>, flags: &Report) -> Option<OpenDraft> {
        let say = |remark: &str| self.context.voice.say(remark);
        let (same, others) = draft::same(kept, flags);
        if same.is_some() {
            say(
                "An earlier run with the same report was left unfinished; this one takes its place.",
            );
        }
        if others > 0 {
            say(&format!(
                "{} of earlier runs {} kept; start collect in a terminal to use or throw away.",
                text::count(others, "unfinished report"),
                if others == 1 { "is" } else { "are" }
            ));
        }
        same
    }
}

/// What flags say goes before what an earlier run said.
fn merged(flags: Report, earlier: Report) -> Report {
    let description =
        if flags.description.is_empty() { earlier.description } else { flags.description };
    let mut answers = earlier.answers;
    answers.extend(flags.answers);
    Report {
        email: flags.email.or(earlier.email),
        description,
        answers,
        ticket: flags.ticket.or(earlier.ticket),
        consent: None,
    }
}

/// Removes bundles that dead runs left half-written in a folder, and says which.
fn recover(folder: &Path) -> Vec<String> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let bundle = name.to_str().and_then(|name| name.strip_suffix(PARTIAL));
        let Some(bundle) = bundle.filter(|bundle| object_key(bundle).is_some()) else { continue };
        // Whoever still writes it holds a lock on it.
        let abandoned = fs::File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if abandoned && fs::remove_file(entry.path()).is_ok() {
            removed.push(bundle.to_owned());
        }
    }
    removed
}
