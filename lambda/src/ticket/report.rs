//! The way of one report to its ticket.

use super::{
    Desk,
    claim::{Found, Held, Noted, Taken},
    object::Object,
    time::Deadline,
};
use collect_core::{
    bundle::object_key,
    sink::{DeliveryContext, DeliveryError},
    ticket::{
        self, Brief, Filed, Filing, Journal, Note, Origin, PAUSE, Past, TicketSettings, envelope,
    },
};
use collect_sinks::s3::{Arrival, Bucket, BucketError, Head};
use jiff::{SignedDuration, Timestamp};
use std::{io, path::Path, sync::Arc};
use tokio::runtime::Handle;

/// What an age file begins with (<https://age-encryption.org/v1>).
const AGE: &[u8] = b"age-encryption.org/v1\n";

/// The tag by which a bucket shows which ticket an object became.
const TAG: &str = "ticket";

/// The longest value of a tag
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>).
const TAG_LENGTH: usize = 256;

/// How long an id in a name is at least; a shorter one would be found in titles that are not its own.
const ID: usize = 8;

/// What became of a report.
pub(super) enum Outcome {
    /// Its ticket is there.
    Filed(Note),
    /// Nothing is to be done, and why.
    Nothing(&'static str),
}

/// Why a report is not done.
pub(super) struct Trouble {
    pub(super) reason: String,
    pub(super) help: Option<String>,
    /// Whether others would fare the same.
    pub(super) is_general: bool,
}

impl Trouble {
    fn own(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), help: None, is_general: false }
    }
}

impl From<BucketError> for Trouble {
    fn from(error: BucketError) -> Self {
        let is_general = matches!(error, BucketError::Unreachable { .. } | BucketError::Stopped);
        Self { reason: error.to_string(), help: error.help().map(str::to_owned), is_general }
    }
}

impl From<DeliveryError> for Trouble {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Unreachable { reason, help } => Self { reason, help, is_general: true },
            DeliveryError::Refused { reason, help } => Self { reason, help, is_general: false },
            DeliveryError::Stopped => Self {
                reason: "there is no time left in this run".into(),
                help: None,
                is_general: true,
            },
            DeliveryError::Read(error) => Self {
                reason: format!("cannot read the bundle: {error}"),
                help: None,
                is_general: error.kind() == io::ErrorKind::ConnectionAborted,
            },
            other => Self::own(other.to_string()),
        }
    }
}

/// One report, and who works on it.
pub(super) struct Report<'r> {
    pub(super) desk: &'r Desk,
    pub(super) bucket: &'r Bucket,
    pub(super) handle: &'r Handle,
    pub(super) deadline: &'r Deadline,
    /// What this run calls itself.
    pub(super) by: &'r str,
    pub(super) stored: &'r Arrival,
}

impl Report<'_> {
    /// Sees to it that there is a ticket of the report.
    pub(super) fn work(&self, log: &mut dyn FnMut(&str)) -> Result<Outcome, Trouble> {
        let key = &self.stored.key;
        let Some(product) = product(key) else {
            return Ok(Outcome::Nothing("it is no report"));
        };
        if !self.deadline.is_far() {
            return Err(DeliveryError::Stopped.into());
        }
        let noted = Noted::of(key, self.bucket, self.handle, self.by, self.deadline);
        let found = noted.look()?;
        if let Found::Note(note, _) = &found
            && note.filed().is_some()
        {
            return self.finish(note.clone());
        }
        let head = match self.checked(log)? {
            Ok(head) => head,
            Err(why) => return Ok(Outcome::Nothing(why)),
        };
        let claim = match noted.take(found)? {
            Taken::Ours(claim) => claim,
            Taken::Filed(note) => return self.finish(note),
            Taken::Busy(until) => {
                let reason = format!("another run is at work on it, until {until} at the latest");
                return Err(Trouble::own(reason));
            }
            Taken::Unreadable => {
                let reason = "what is beside the report is no note of its ticket";
                let help = "delete the object KEY.ticket.json, or write there which ticket it is";
                return Err(Trouble { help: Some(help.into()), ..Trouble::own(reason) });
            }
        };
        match self.file(product, head, &claim) {
            Ok(filed) => self.finish(claim.filed(&filed.ticket, filed.attached)?),
            Err(error) => Err(self.give_up(&claim, error, log)),
        }
    }

    /// What is known of the object; or why there is to be no ticket: whoever may upload could fill
    /// the ticket system with anything otherwise.
    fn checked(&self, log: &mut dyn FnMut(&str)) -> Result<Result<Head, &'static str>, Trouble> {
        let (bucket, key) = (self.bucket, &self.stored.key);
        let head = match self.handle.block_on(bucket.head(key)) {
            Ok(head) => head,
            Err(BucketError::Missing) => return Ok(Err("it is gone")),
            Err(error) => return Err(error.into()),
        };
        if head.size == 0 {
            return Ok(Err("it is empty: no ticket"));
        }
        if self.stored.size.is_some_and(|size| size != head.size) {
            log("it is of another size than the event says: it was overwritten meanwhile");
        }
        let first = bucket.first_bytes(key, AGE.len(), head.etag.as_deref());
        match self.handle.block_on(first) {
            Ok(first) if first == AGE => Ok(Ok(head)),
            Ok(_) => Ok(Err("it is no age file: no ticket")),
            Err(BucketError::Missing) => Ok(Err("it is gone")),
            Err(error) => Err(error.into()),
        }
    }

    /// Files the ticket; with settings that were read anew if those before were refused.
    fn file(&self, product: &str, head: Head, claim: &Held<'_>) -> Result<Filed, DeliveryError> {
        let object = Object {
            bucket: self.bucket.clone(),
            handle: self.handle.clone(),
            key: self.stored.key.clone(),
            head,
            seen: Arc::default(),
        };
        let settings = self.desk.settings.get(self.handle)?;
        match self.file_by(&settings, product, &object, claim) {
            Err(refused @ DeliveryError::Refused { .. }) => {
                match self.desk.settings.renewed(self.handle)? {
                    Some(settings) => self.file_by(&settings, product, &object, claim),
                    None => Err(refused),
                }
            }
            ended => ended,
        }
    }

    fn file_by(
        &self,
        settings: &TicketSettings,
        product: &str,
        object: &Object,
        claim: &Held<'_>,
    ) -> Result<Filed, DeliveryError> {
        let sink = settings.of(product);
        let host = object.head.meta.get("host").map(String::as_str);
        let (brief, remarks) = told(&object.head, settings);
        let context = DeliveryContext {
            watch: self.deadline,
            tried_before: claim.past() != Past::Nothing,
            host,
            brief: None,
            envelope: None,
            elsewhere: &[],
            base: Path::new("/"),
            env: &crate::settings::variable,
        };
        let tickets = sink.system.connect(&sink.options, &context)?;
        let file = self.stored.key.rsplit('/').next().unwrap_or_default();
        let request = self.stored.request.as_deref().unwrap_or("-");
        let origin = Origin { file, request, source: self.stored.source };
        let place = format!("s3://{}/{}", self.bucket.name(), self.stored.key);
        let command = format!("(collect-desk reports get {})", origin.key());
        ticket::file(&Filing {
            tickets: &*tickets,
            markup: sink.system.markup(),
            options: &sink.options,
            origin,
            brief: brief.as_ref(),
            file: object,
            remarks: &remarks,
            elsewhere: &[place, command],
            watch: self.deadline,
            journal: claim,
            pause: PAUSE,
        })
        .map_err(|error| match error {
            // A ticket that is not found yet holds up nobody else.
            DeliveryError::Unreachable { reason, help } if is_lagging(&*tickets, claim) => {
                DeliveryError::Refused { reason, help }
            }
            error => error,
        })
    }

    /// Lets others go on, later if something may still be under way.
    fn give_up(
        &self,
        claim: &Held<'_>,
        error: DeliveryError,
        log: &mut dyn FnMut(&str),
    ) -> Trouble {
        let mut until = Timestamp::now();
        if claim.is_open_ended() && !matches!(error, DeliveryError::Refused { .. }) {
            until = until.saturating_add(self.deadline.margin).unwrap_or(until);
        }
        if let Err(error) = claim.release(until) {
            log(&format!("the claim stays until it runs out: {error}"));
        }
        error.into()
    }

    /// Tags the object with its ticket, if it is not.
    fn finish(&self, note: Note) -> Result<Outcome, Trouble> {
        let (bucket, key) = (self.bucket, &self.stored.key);
        let value = tag(note.filed().unwrap_or_default());
        let tagged = self.handle.block_on(async {
            let mut tags = bucket.tags(key).await?;
            if tags.iter().any(|(name, there)| name == TAG && *there == value) {
                return Ok(());
            }
            tags.retain(|(name, _)| name != TAG);
            tags.push((TAG.to_owned(), value));
            let tags: Vec<_> = tags.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            bucket.put_tags(key, &tags).await
        });
        match tagged {
            Ok(()) => Ok(Outcome::Filed(note)),
            Err(BucketError::Missing) => Ok(Outcome::Nothing("it is gone")),
            Err(error) => {
                let trouble = Trouble::from(error);
                let number = note.ticket.unwrap_or_default();
                let reason =
                    format!("the ticket {number} is there, but no tag: {}", trouble.reason);
                Err(Trouble { reason, ..trouble })
            }
        }
    }
}

/// What the envelope of a bundle says; and without it, what the reader of the ticket has to know.
fn told(head: &Head, settings: &TicketSettings) -> (Option<Brief>, Vec<String>) {
    let opened = match (head.meta.get("envelope"), settings.identity()) {
        (None, _) => None,
        (Some(_), None) => Some(Err("there is no `identity` to open it".to_owned())),
        (Some(envelope), Some(key)) => {
            Some(envelope::open(envelope, key).map_err(|error| error.to_string()))
        }
    };
    let unopened = match opened {
        Some(Ok(brief)) => return (Some(brief), Vec::new()),
        Some(Err(why)) => Some(format!("the report's envelope was not opened: {why}")),
        None => None,
    };
    let host = head.meta.get("host").map(|host| format!("the host is {host}"));
    (None, unopened.into_iter().chain(host).collect())
}

/// Whether a ticket may be there that is not found yet.
fn is_lagging(tickets: &dyn ticket::Tickets, claim: &Held<'_>) -> bool {
    let lag = SignedDuration::try_from(tickets.lag()).unwrap_or(SignedDuration::MAX);
    matches!(claim.past(), Past::Opening(since) if Timestamp::now().duration_since(since) < lag)
}

/// The product of a report; none if the key is not that of a report as collect makes them, by whose
/// id a ticket could be found.
fn product(key: &str) -> Option<&str> {
    let (_, name) = key.rsplit_once('/')?;
    let id = name.split(".tar.").next()?.rsplit('-').next()?;
    let is_report = id.len() >= ID && object_key(name).as_deref() == Some(key);
    key.split('/').nth(1).filter(|_| is_report)
}

/// A number as a tag may hold it.
fn tag(number: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || " +-=._:/@".contains(c);
    number.chars().take(TAG_LENGTH).map(|c| if allowed(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_collect_stores_is_a_report() {
        let name = "shop-20261123T104205Z-0123456789abcdefghjkmnpqrs.tar.xz.age";
        assert_eq!(product(&format!("reports/shop/2026/11/23/{name}")), Some("shop"));
        for key in [
            &format!("reports/other/2026/11/23/{name}"),
            &format!("reports/shop/2026/11/23/{name}.ticket.json"),
            &format!("logs/shop/2026/11/23/{name}"),
            "reports/shop/2026/11/23/shop-20261123T104205Z-a.tar.xz.age",
            "reports/a.age",
            "",
        ] {
            assert_eq!(product(key), None, "{key}");
        }
    }

    #[test]
    fn a_report_without_an_envelope_that_can_be_opened_is_told_so() {
        let system = "[ticket]\nuse = \"webhook\"\nurl = \"https://desk.example.com/\"\n\
                      secret = \"made-up-secret-0123\"\n";
        let settings = TicketSettings::parse(system).map_err(|why| panic!("{why}")).unwrap();
        let remarks = |meta: &[(&str, &str)]| {
            let meta = meta.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            told(&Head { meta: meta.collect(), ..Head::default() }, &settings).1
        };
        assert_eq!(remarks(&[]), [""; 0]);
        assert_eq!(remarks(&[("host", "host-3k9w")]), ["the host is host-3k9w"]);
        let both = remarks(&[("envelope", "YWdl"), ("host", "host-3k9w")]);
        assert!(both[0].contains("no `identity`") && both.len() == 2, "{both:?}");
    }

    #[test]
    fn a_tag_has_no_character_that_s3_refuses() {
        assert_eq!(tag("BUGS-12"), "BUGS-12");
        assert_eq!(tag("#12 é(x)"), "_12 é_x_");
        assert_eq!(tag(&"9".repeat(300)).len(), TAG_LENGTH);
    }
}
