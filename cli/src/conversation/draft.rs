//! What earlier runs left unfinished, and what is typed now.

use super::{Conversation, Failure};
use collect_core::{
    Profile,
    draft::{Draft, Drafts, OpenDraft},
    report::Report,
};
use jiff::{Timestamp, tz::TimeZone};
use std::io;

/// The report of a run that did not finish.
pub(crate) struct Kept(OpenDraft);

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    Use,
    ThrowAway,
    Leave,
}

impl Kept {
    /// What was typed.
    pub(crate) fn report(&self) -> &Report {
        &self.0.draft.report
    }

    /// When it was last saved.
    pub(crate) fn saved(&self) -> Timestamp {
        self.0.draft.saved
    }

    /// The draft itself, to go on with.
    pub(crate) fn take(self) -> OpenDraft {
        self.0
    }
}

/// What earlier runs with this profile left unfinished, oldest first, and what could not be read.
pub(crate) fn unfinished(
    drafts: &Drafts,
    profile: &Profile,
) -> Result<(Vec<Kept>, Vec<String>), Failure> {
    let (mut kept, mut damaged) = (Vec::new(), Vec::new());
    for found in drafts.unfinished().map_err(|error| cannot_save(&error))? {
        match found {
            // Of somebody who looked at the first question and left.
            Ok(open) if open.draft.report == Report::default() => {
                open.done().map_err(|error| cannot_save(&error))?;
            }
            Ok(open) if open.draft.product == profile.product => kept.push(Kept(open)),
            Ok(_) => {}
            Err((path, error)) => damaged.push(format!(
                "an unfinished report in `{}` cannot be read: {error}",
                path.display()
            )),
        }
    }
    Ok((kept, damaged))
}

impl Conversation {
    /// Offers what earlier runs left unfinished, the newest first, until one is used.
    pub(crate) fn resume(
        &self,
        mut kept: Vec<Kept>,
        profile: &Profile,
        zone: &TimeZone,
    ) -> Result<Option<OpenDraft>, Failure> {
        while let Some(one) = kept.pop() {
            match self.offer(&one, profile, zone)? {
                Offer::Use => return Ok(Some(one.take())),
                Offer::ThrowAway => one.take().done().map_err(|error| cannot_save(&error))?,
                Offer::Leave => {}
            }
        }
        Ok(None)
    }
}

/// Without a terminal only the same report once more is the same report: the one of the earlier run
/// goes on with this one.
pub(crate) fn same(kept: Vec<Kept>, report: &Report) -> (Option<OpenDraft>, usize) {
    let (mut same, mut others) = (None, 0);
    for one in kept {
        let said = Report { consent: None, ..one.report().clone() };
        if said == *report && same.is_none() {
            same = Some(one.take());
        } else {
            others += 1;
        }
    }
    (same, others)
}

/// Begins a draft of what is said now.
pub(crate) fn begin(
    drafts: &Drafts,
    profile: &Profile,
    report: &Report,
    now: Timestamp,
) -> Result<OpenDraft, Failure> {
    let draft = Draft {
        profile: profile.name.clone(),
        product: profile.product.clone(),
        saved: now,
        report: report.clone(),
    };
    drafts.begin(draft).map_err(|error| cannot_save(&error))
}

/// What is typed must be safe before anything else happens.
pub(crate) fn cannot_save(error: &io::Error) -> Failure {
    let failure = Failure::unusable(format!("what you type cannot be saved: {error}"));
    if error.kind() == io::ErrorKind::StorageFull {
        return failure.help("make some space on the disk that holds $XDG_STATE_HOME/collect");
    }
    failure.help(
        "collect keeps its state in $XDG_STATE_HOME/collect, which must be a folder that you can \
         write to",
    )
}
