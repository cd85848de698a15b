//! One ticket system, tried step by step.

use crate::{desk::voice::Voice, exit::Exit, text};
use collect_core::{
    bundle::{BundleName, HostFacts, Status},
    sink::{DeliveryContext, DeliveryError, Unwatched},
    ticket::{
        Attachment, Brief, BriefStep, Holding, Letter, Origin, Ticket, TicketError, TicketSink,
        Tickets,
    },
    units::Size,
};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::{self, Read},
};

/// What the file repeats.
const FILLING: u8 = b'-';

/// What the ticket says of itself.
const REMARK: &str =
    "this is a test: `collect-desk tickets test` opened this ticket, and closes it";

/// What a user might type; where it is not shown as it stands, the markup is not what the options say.
const TYPED: &str =
    "This has to be shown as it is: *stars*, _lines_, <b>tags</b>, {braces}, #1, @admin.";

/// A ticket system that is to be tried.
pub(super) struct Trial<'t> {
    pub(super) sink: &'t TicketSink,
    /// What the file calls it.
    pub(super) id: &'t str,
    pub(super) product: &'t str,
    /// How large the file is that is attached.
    pub(super) size: Size,
}

/// What came of a step.
enum Came {
    /// It is right.
    Well(String),
    /// It is not as it might be.
    Odd(String),
}

/// A step.
type Step = Result<Came, Wrong>;

/// Why a step went wrong.
struct Wrong {
    reason: String,
    help: Option<String>,
}

impl From<DeliveryError> for Wrong {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Unreachable { reason, help }
            | DeliveryError::Refused { reason, help } => Self { reason, help },
            other => Self { reason: other.to_string(), help: None },
        }
    }
}

impl From<TicketError> for Wrong {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::TooLarge(reason) => Self {
                reason,
                help: Some(
                    "raise the limit there, or lower `size` in `[limits]`; a report that is in a \
                     bucket, too, gets a ticket that says where it is"
                        .to_owned(),
                ),
            },
            TicketError::Failed(error) | TicketError::Unsure(error) => error.into(),
            other => Self { reason: other.to_string(), help: None },
        }
    }
}

impl Trial<'_> {
    /// Runs it and says what came of each step.
    pub(super) fn run(&self, context: &DeliveryContext<'_>, voice: &Voice) -> Exit {
        let teller = Teller { id: self.id, voice };
        let mut opened = None;
        let tried = self.steps(context, &teller, &mut opened);
        let wrong = if context.watch.stopped() { Exit::Stopped } else { Exit::UNREACHED };
        let Some(ticket) = opened else { return if tried { Exit::Complete } else { wrong } };
        // Whoever stopped it wants no open ticket either.
        let unwatched = DeliveryContext { watch: &Unwatched, ..*context };
        let closed = teller.step("close", || {
            let tickets = self.sink.system.connect(&self.sink.options, &unwatched)?;
            tickets.close(&ticket, "The test is over.")?;
            Ok(Came::Well(format!("ticket {} is closed", ticket.number)))
        });
        match (tried, closed) {
            (true, true) => Exit::Complete,
            (true, false) => {
                voice.warn(&format!("close the ticket {} yourself: {}", ticket.number, ticket.url));
                Exit::Left
            }
            (false, _) => wrong,
        }
    }

    /// All steps until one goes wrong; whether none did.
    fn steps(
        &self,
        context: &DeliveryContext<'_>,
        teller: &Teller<'_>,
        opened: &mut Option<Ticket>,
    ) -> bool {
        let (system, options) = (&self.sink.system, &self.sink.options);
        let mut tickets = None;
        let connected = teller.step("options", || {
            tickets = Some(system.connect(options, context)?);
            Ok(Came::Well(system.destination(options)))
        });
        let Some(tickets) = tickets.filter(|_| connected) else { return false };
        let tickets = &*tickets;
        let name = BundleName::new(&format!("{}-test", self.product), Timestamp::now());
        let file = Filler::new(format!("{}.tar.xz.age", name.as_str()), self.size.0);
        let key = name.quote();
        let letter = self.letter(&file, key);

        teller.step("find", || {
            tickets.find(key)?;
            Ok(Came::Well("the account may look for tickets".into()))
        }) && teller.step("limit", || match tickets.limit()? {
            None => Ok(Came::Well("the ticket system does not say how large a file may be".into())),
            Some(0) => Ok(Came::Odd("it takes no files: tickets say where the bundle is".into())),
            Some(limit) => Ok(Came::Well(format!("a file may have {}", Size(limit)))),
        }) && teller.step("open", || {
            let fits = tickets.limit()?.is_none_or(|limit| file.len <= limit);
            let made = tickets.open(&letter, fits.then_some(&file as &dyn Attachment))?;
            let ticket = opened.insert(made.ticket);
            match made.ignored.as_slice() {
                [] => Ok(Came::Well(format!("ticket {}, {}", ticket.number, ticket.url))),
                ignored => Ok(Came::Odd(format!(
                    "ticket {}, {}; not heeded of the options: {}",
                    ticket.number,
                    ticket.url,
                    ignored.join(", ")
                ))),
            }
        }) && opened.as_ref().is_some_and(|ticket| {
            teller.step("attach", || attach(tickets, ticket, &file))
                && teller.step("find again", || find(tickets, ticket, key))
                && teller.step("comment", || {
                    tickets.comment(ticket, "A comment of the test.")?;
                    Ok(Came::Well("the account may comment".into()))
                })
        })
    }

    fn letter(&self, file: &Filler, key: &str) -> Letter {
        let origin = Origin { file: &file.name, request: key, source: None };
        let brief = self.brief();
        let remarks = [REMARK.to_owned()];
        let markup = self.sink.system.markup();
        Letter::write(&self.sink.options, markup, &origin, Some(&brief), &remarks)
    }

    /// A report such as a host would make.
    fn brief(&self) -> Brief {
        let step = |id: &str, status, missing: &[&str]| BriefStep {
            id: id.to_owned(),
            status,
            entries: 1,
            bytes: 0,
            missing: missing.iter().map(|text| (*text).to_owned()).collect(),
        };
        Brief {
            tool: format!("collect-desk {}", env!("CARGO_PKG_VERSION")),
            product: self.product.to_owned(),
            started: Timestamp::now(),
            stopped: None,
            host: HostFacts {
                name: "test".to_owned(),
                os: "none".to_owned(),
                kernel: "none".to_owned(),
                architecture: std::env::consts::ARCH.to_owned(),
                root: false,
            },
            contact: None,
            description: TYPED.to_owned(),
            answers: BTreeMap::new(),
            ticket: None,
            steps: vec![
                step("journal", Status::Denied, &["/var/log/journal: this is made up"]),
                step("logs", Status::Complete, &[]),
            ],
            left_out: 0,
        }
    }
}

/// Attaches the file unless that is done, and looks at what arrived.
fn attach(tickets: &dyn Tickets, ticket: &Ticket, file: &Filler) -> Step {
    let size = Size(file.len);
    match tickets.limit()? {
        Some(0) => return Ok(Came::Odd("left out: the ticket system takes no files".into())),
        Some(limit) if file.len > limit => {
            let reason = format!("a file of {size} is too large: it may have {}", Size(limit));
            return Err(TicketError::TooLarge(reason).into());
        }
        _ => {}
    }
    if tickets.holding(ticket, file)? != Holding::Whole {
        tickets.attach(ticket, file, None)?;
    }
    match tickets.holding(ticket, file)? {
        Holding::Whole => Ok(Came::Well(format!("a file of {size} arrived whole"))),
        Holding::Unknown => {
            Ok(Came::Odd(format!("a file of {size} was taken; what arrived is not told")))
        }
        held => {
            let what = match held {
                Holding::Other { len } if len != file.len => format!("{len} of {} bytes", file.len),
                Holding::Other { .. } => "other bytes than were sent".to_owned(),
                _ => "nothing of it".to_owned(),
            };
            Err(Wrong {
                reason: format!("the file was accepted, and the ticket holds {what}"),
                help: Some(
                    "ask those who run the ticket system for its limit of attachments".to_owned(),
                ),
            })
        }
    }
}

/// Looks for the ticket as it would be looked for after a lost answer.
fn find(tickets: &dyn Tickets, ticket: &Ticket, key: &str) -> Step {
    let found = tickets.find(key)?;
    if found.iter().any(|found| found.number == ticket.number) {
        return Ok(Came::Well("the ticket is found by its id".into()));
    }
    Ok(Came::Odd(match tickets.lag() {
        lag if lag.is_zero() => "the ticket is not found by its id".into(),
        lag => format!("the ticket is not found yet, which may take {}", text::length(lag)),
    }))
}

/// Says what comes of steps.
struct Teller<'t> {
    id: &'t str,
    voice: &'t Voice,
}

impl Teller<'_> {
    /// Takes a step and says what came of it; whether it went right.
    fn step(&self, name: &str, step: impl FnOnce() -> Step) -> bool {
        let (result, said, help) = match step() {
            Ok(Came::Well(said)) => ("ok", said, None),
            Ok(Came::Odd(said)) => ("note", said, None),
            Err(Wrong { reason, help }) => ("failed", reason, help),
        };
        if self.voice.json {
            self.voice.object(&json!({
                "event": "step", "sink": self.id, "step": name, "result": result, "said": said,
                "help": help,
            }));
        } else {
            let said = text::one_line(&said);
            self.voice.line(&format!("{result:<8}{:<12}{name:<12}{said}", self.id));
            if let Some(help) = help {
                self.voice.line(&format!("{:<32}help: {}", "", text::one_line(&help)));
            }
        }
        result != "failed"
    }
}

/// A file of a given size, which is nowhere.
struct Filler {
    name: String,
    len: u64,
    sha256: [u8; 32],
}

impl Filler {
    fn new(name: String, len: u64) -> Self {
        let mut digest = Sha256::new();
        io::copy(&mut io::repeat(FILLING).take(len), &mut digest)
            .expect("neither side of it can fail");
        Self { name, len, sha256: digest.finalize().into() }
    }
}

impl Attachment for Filler {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        Some(self.sha256)
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::repeat(FILLING).take(self.len)))
    }
}
