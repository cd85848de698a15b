//! A ticket system in memory that breaks off wherever a test wants it to.

use super::*;
use crate::{
    bundle::{HostFacts, Status},
    sink::Watch,
};
use jiff::{SignedDuration, Timestamp};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io::Cursor,
    time::Duration,
};

const NAME: &str = "shop-20261123T104205Z-0123456789abcdefghjkmnpqrs.tar.xz.age";

/// Names and lengths.
type Held = Vec<(String, u64)>;

/// What was asked of the desk, in order.
#[derive(Default)]
struct Desk {
    /// Title, and what it holds by name.
    tickets: RefCell<Vec<(String, Held)>>,
    comments: RefCell<Vec<String>>,
    bodies: RefCell<Vec<String>>,
    /// Whether a ticket takes the file when it is opened.
    at_once: bool,
    limit: Option<u64>,
    /// The largest file; what is larger is refused only when it comes.
    most: Option<u64>,
    /// What is longer is cut without a word.
    cuts: Option<u64>,
    /// Whether another instance opens a ticket for the same report just before.
    rival: Cell<bool>,
    closed: RefCell<Vec<String>>,
    /// How long a ticket is not found.
    lag: Duration,
    /// The verb with this number does its work, and its answer is lost.
    lost: Cell<usize>,
    verbs: Cell<usize>,
}

struct Bytes(&'static [u8]);

impl Attachment for Bytes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        None
    }

    fn open(&self) -> std::io::Result<Box<dyn std::io::Read + Send>> {
        Ok(Box::new(Cursor::new(self.0)))
    }
}

impl Desk {
    fn ticket(index: usize) -> Ticket {
        Ticket { number: index.to_string(), url: format!("https://desk.example.com/{index}") }
    }

    /// Ends a verb that changed something.
    fn answer<T>(&self, value: T) -> Result<T, TicketError> {
        self.verbs.set(self.verbs.get() + 1);
        if self.verbs.get() == self.lost.get() {
            let reason = "the line broke".to_owned();
            return Err(TicketError::Unsure(DeliveryError::Unreachable { reason, help: None }));
        }
        Ok(value)
    }

    fn put(&self, index: usize, file: &dyn Attachment) -> Result<(), TicketError> {
        if self.most.is_some_and(|most| file.len() > most) {
            return Err(TicketError::TooLarge("422".into()));
        }
        let len = self.cuts.map_or(file.len(), |cut| cut.min(file.len()));
        self.tickets.borrow_mut()[index].1.push((file.name().to_owned(), len));
        Ok(())
    }
}

impl Tickets for Desk {
    fn find(&self, key: &str) -> Result<Vec<Ticket>, TicketError> {
        if !self.lag.is_zero() {
            return Ok(Vec::new());
        }
        let tickets = self.tickets.borrow();
        let found = tickets.iter().enumerate().filter(|(_, (title, _))| title.contains(key));
        Ok(found.map(|(index, _)| Self::ticket(index)).collect())
    }

    fn get(&self, number: &str) -> Result<Option<Ticket>, TicketError> {
        let index = number.parse().ok().filter(|index| *index < self.tickets.borrow().len());
        Ok(index.map(Self::ticket))
    }

    fn open(&self, letter: &Letter, file: Option<&dyn Attachment>) -> Result<Opened, TicketError> {
        if let Some(file) = file.filter(|_| self.at_once)
            && self.most.is_some_and(|most| file.len() > most)
        {
            return Err(TicketError::TooLarge("422".into()));
        }
        if self.rival.take() {
            self.tickets.borrow_mut().push((letter.title.clone(), Vec::new()));
        }
        self.tickets.borrow_mut().push((letter.title.clone(), Vec::new()));
        self.bodies.borrow_mut().push(letter.body.clone());
        let index = self.tickets.borrow().len() - 1;
        if let Some(file) = file.filter(|_| self.at_once) {
            self.put(index, file)?;
        }
        self.answer(Opened { ticket: Self::ticket(index), ignored: vec!["fields.77".into()] })
    }

    fn attach(
        &self,
        ticket: &Ticket,
        file: &dyn Attachment,
        comment: Option<&str>,
    ) -> Result<(), TicketError> {
        self.put(ticket.number.parse().unwrap(), file)?;
        self.comments.borrow_mut().extend(comment.map(str::to_owned));
        self.answer(())
    }

    fn comment(&self, _: &Ticket, text: &str) -> Result<(), TicketError> {
        self.comments.borrow_mut().push(text.to_owned());
        self.answer(())
    }

    fn close(&self, ticket: &Ticket, comment: &str) -> Result<(), TicketError> {
        self.closed.borrow_mut().push(ticket.number.clone());
        self.comment(ticket, comment)
    }

    fn holding(&self, ticket: &Ticket, file: &dyn Attachment) -> Result<Holding, TicketError> {
        let index: usize = ticket.number.parse().unwrap();
        let held = self.tickets.borrow()[index].1.clone();
        let named = held.into_iter().filter(|(name, _)| name == file.name());
        Ok(Holding::of(named.map(|(_, len)| (len, None)), file))
    }

    fn limit(&self) -> Result<Option<u64>, TicketError> {
        Ok(self.limit)
    }

    fn lag(&self) -> Duration {
        self.lag
    }
}

struct Patient;

impl Watch for Patient {
    fn sent(&self, _: u64, _: u64) {}

    fn retrying(&self, _: &str, _: Duration) {}

    fn stopped(&self) -> bool {
        false
    }
}

pub(super) fn brief() -> Brief {
    let step = |id: &str, status, missing: &[&str]| BriefStep {
        id: id.into(),
        status,
        entries: 2,
        bytes: 4_000,
        missing: missing.iter().map(|text| (*text).to_owned()).collect(),
    };
    Brief {
        tool: "collect 0.1.0".into(),
        product: "Shop".into(),
        started: jiff::Timestamp::UNIX_EPOCH,
        stopped: None,
        host: HostFacts {
            name: "host-3k9w".into(),
            os: "Debian".into(),
            kernel: "6.1.0".into(),
            architecture: "x86_64".into(),
            root: false,
        },
        contact: Some("me@example.com".into()),
        description: "It broke\nwhen I pressed the button".into(),
        answers: BTreeMap::from([("steps".into(), "pressed it".into())]),
        ticket: None,
        steps: vec![
            step("logs", Status::Complete, &[]),
            step("docker", Status::Absent, &[]),
            step("journal", Status::Denied, &["/var/log/journal: may not be read"]),
        ],
        left_out: 0,
    }
}

fn submit(
    desk: &Desk,
    brief: Option<&Brief>,
    elsewhere: &[String],
) -> Result<Filed, DeliveryError> {
    submit_with(&Unrecorded, desk, brief, elsewhere)
}

fn submit_with(
    journal: &dyn Journal,
    desk: &Desk,
    brief: Option<&Brief>,
    elsewhere: &[String],
) -> Result<Filed, DeliveryError> {
    file(&Filing {
        tickets: desk,
        markup: Markup::Plain,
        options: &TicketOptions::default(),
        origin: Origin { file: NAME, request: "01234567", source: None },
        brief,
        file: &Bytes(b"sealed"),
        remarks: &[],
        elsewhere,
        watch: &Patient,
        journal,
        pause: Duration::ZERO,
    })
}

fn letter(markup: Markup, brief: Option<&Brief>) -> Letter {
    let origin = Origin { file: NAME, request: "r-1", source: "192.0.2.7".parse().ok() };
    Letter::write(&TicketOptions::default(), markup, &origin, brief, &[])
}

#[test]
fn a_lost_answer_after_any_step_leads_to_one_ticket_with_one_attachment() {
    for at_once in [true, false] {
        for lost in 0..5 {
            let desk = Desk { at_once, lost: Cell::new(lost), ..Desk::default() };
            let filed = submit(&desk, Some(&brief()), &[]).unwrap();
            assert!(filed.attached);
            // Once more, as after a crash.
            assert_eq!(submit(&desk, Some(&brief()), &[]).unwrap(), filed);
            let tickets = desk.tickets.borrow();
            assert_eq!(tickets.len(), 1, "answer {lost} was lost");
            assert_eq!(tickets[0].1, [(NAME.to_owned(), 6)], "answer {lost} was lost");
        }
    }
}

#[test]
fn of_two_that_file_one_report_at_the_same_time_the_later_closes_its_ticket() {
    for at_once in [true, false] {
        let desk = Desk { at_once, rival: Cell::new(true), ..Desk::default() };
        let filed = submit(&desk, None, &[]).unwrap();
        assert_eq!((filed.ticket.number.as_str(), filed.attached), ("0", true));
        assert_eq!(*desk.closed.borrow(), ["1"]);
        assert!(desk.comments.borrow()[0].contains("has the ticket 0 already"));
        assert_eq!(desk.tickets.borrow()[0].1, [(NAME.to_owned(), 6)]);
    }
}

/// A journal on paper.
#[derive(Default)]
struct Paper(RefCell<Past>);

impl Journal for Paper {
    fn past(&self) -> Past {
        self.0.borrow().clone()
    }

    fn opening(&self) -> Result<(), DeliveryError> {
        *self.0.borrow_mut() = Past::Opening(Timestamp::now());
        Ok(())
    }

    fn opened(&self, ticket: &Ticket) -> Result<(), DeliveryError> {
        *self.0.borrow_mut() = Past::Opened(ticket.number.clone());
        Ok(())
    }
}

#[test]
fn a_ticket_that_is_not_found_yet_is_not_opened_again() {
    let slow = || Desk { lag: Duration::from_hours(1), ..Desk::default() };
    let (desk, paper) = (slow(), Paper::default());
    submit_with(&paper, &desk, None, &[]).unwrap();
    submit_with(&paper, &desk, None, &[]).unwrap();
    assert_eq!(desk.tickets.borrow().len(), 1, "its number is written down");

    // The process ended while the ticket was being opened: nobody knows its number.
    let desk = slow();
    let begun = |ago: i64| {
        Paper(RefCell::new(Past::Opening(Timestamp::now() - SignedDuration::from_mins(ago))))
    };
    let error = submit_with(&begun(59), &desk, None, &[]).unwrap_err();
    assert!(matches!(error, DeliveryError::Unreachable { help: Some(_), .. }), "{error}");
    assert!(desk.tickets.borrow().is_empty());
    submit_with(&begun(61), &desk, None, &[]).unwrap();
    assert_eq!(desk.tickets.borrow().len(), 1);
}

#[test]
fn a_second_report_of_the_same_incident_goes_into_the_ticket_of_the_first() {
    let desk = Desk::default();
    desk.tickets.borrow_mut().push(("Shop: broken [abcdefgh]".into(), Vec::new()));
    let named = Brief { ticket: Some("abcdefgh".into()), ..brief() };
    let filed = submit(&desk, Some(&named), &[]).unwrap();
    assert_eq!((filed.ticket.number.as_str(), filed.attached), ("0", true));
    assert_eq!(desk.tickets.borrow().len(), 1);
}

#[test]
fn what_the_ticket_system_did_not_heed_is_said_in_the_ticket() {
    let desk = Desk::default();
    submit(&desk, None, &[]).unwrap();
    assert!(desk.comments.borrow()[0].contains("fields.77"));
}

#[test]
fn an_attachment_that_was_cut_without_a_word_is_not_taken_for_delivered() {
    let desk = Desk { at_once: true, cuts: Some(3), ..Desk::default() };
    let error = submit(&desk, None, &[]).unwrap_err().to_string();
    assert!(error.contains("holds 3 of 6 bytes"), "{error}");
}

#[test]
fn a_bundle_over_the_limit_is_linked_if_it_is_somewhere_else() {
    let places = ["https://bucket.example.com/reports/shop".to_owned()];
    for (limit, most) in [(Some(5), None), (None, Some(5)), (Some(0), None)] {
        let desk = Desk { at_once: true, limit, most, ..Desk::default() };
        let error = submit(&desk, Some(&brief()), &[]).unwrap_err();
        assert!(matches!(error, DeliveryError::Refused { help: Some(_), .. }), "{error}");
        assert!(desk.tickets.borrow().is_empty(), "no ticket without a bundle");
        let filed = submit(&desk, Some(&brief()), &places).unwrap();
        assert!(!filed.attached);
        assert!(desk.bodies.borrow()[0].contains(&places[0]));
        submit(&desk, Some(&brief()), &places).unwrap();
        assert_eq!(desk.tickets.borrow().len(), 1);
    }
}

#[test]
fn a_ticket_that_the_user_named_gets_the_bundle_and_the_text() {
    let desk = Desk::default();
    desk.tickets.borrow_mut().push(("theirs".into(), Vec::new()));
    let named = Brief { ticket: Some("0".into()), ..brief() };
    let filed = submit(&desk, Some(&named), &[]).unwrap();
    assert_eq!((filed.ticket.number.as_str(), filed.attached), ("0", true));
    submit(&desk, Some(&named), &[]).unwrap();
    assert_eq!(desk.comments.borrow().len(), 1);
    assert!(desk.comments.borrow()[0].contains("when I pressed the button"));
    assert_eq!(desk.tickets.borrow().len(), 1);

    let unknown = Brief { ticket: Some("4711".into()), ..brief() };
    submit(&desk, Some(&unknown), &[]).unwrap();
    assert_eq!(
        desk.tickets.borrow().len(),
        2,
        "a ticket that is not there is no reason to lose it"
    );
    assert!(desk.bodies.borrow()[0].contains("belongs to the ticket 4711"));
}

#[test]
fn a_ticket_says_first_which_file_then_what_is_missing_then_what_the_user_says() {
    let letter = letter(Markup::Plain, Some(&brief()));
    assert_eq!(letter.title, "Shop: It broke [01234567]");
    assert_eq!(
        letter.body,
        format!(
            "Info: [ File: {NAME}, Req. ID: r-1, Source IP: 192.0.2.7 ]

Missing or partial
  journal          denied      /var/log/journal: may not be read

Description
  It broke
  when I pressed the button

Contact
  me@example.com

Answers
  steps: pressed it

Host and steps
  Shop on host-3k9w, Debian
  kernel 6.1.0, x86_64
  collect 0.1.0, without root's rights, begun 1970-01-01 00:00:00Z

  logs             complete         2 entries     4.0 kB
  docker           absent           2 entries     4.0 kB
  journal          denied           2 entries     4.0 kB"
        )
    );
}

#[test]
fn without_a_brief_there_is_a_ticket_that_says_so() {
    let letter = letter(Markup::Textile, None);
    assert_eq!(letter.title, "shop: problem report [01234567]");
    assert!(letter.body.contains("stand in the bundle only"), "{}", letter.body);
}

#[test]
fn hostile_text_is_shown_as_text_and_shortened() {
    let hostile = format!(
        "</pre>\r\nSubject: x\n``` \u{1b}[31m\u{202e}<CODE>@admin #1{}",
        " word".repeat(200_000)
    );
    let brief = Brief { description: hostile, ..brief() };
    let textile = letter(Markup::Textile, Some(&brief)).body;
    assert!(textile.contains("< /pre>") && textile.contains("< CODE>@admin #1"), "{textile}");
    let fences: Vec<_> =
        textile.lines().filter(|line| matches!(*line, "<pre>" | "</pre>")).collect();
    assert_eq!(fences, ["<pre>", "</pre>"].repeat(5), "{textile}");
    assert!(textile.len() < 12_000 && !textile.contains(['\u{1b}', '\u{202e}', '\r']));
    assert!(textile.lines().all(|line| line.chars().count() <= 120));

    let letter = letter(Markup::Markdown, Some(&brief));
    assert!(letter.body.contains("\n````\n</pre>\nSubject: x\n```"), "{}", letter.body);
    assert!(letter.title.starts_with("Shop: </pre> [0"), "{}", letter.title);

    let hostile = "</pre><script>&#9;{{ticket.requester.email}}</script>".to_owned();
    let html = self::letter(Markup::Html, Some(&Brief { description: hostile, ..brief })).body;
    let shown = "<pre>\n&lt;/pre&gt;&lt;script&gt;&amp;#9;&#123;&#123;ticket";
    assert!(html.contains(shown) && !html.contains("<script"), "{html}");
    assert_eq!(html.matches("<pre>").count(), html.matches("</pre>").count());
    assert_eq!(Markup::Html.inline("a<b>"), "<code>a&lt;b&gt;</code>");
}

#[test]
fn a_title_keeps_its_key_however_much_was_typed() {
    let typed = Brief { description: "word ".repeat(100), ..brief() };
    let options = TicketOptions {
        title: Template::parse(&format!("{} {{description}} [{{id}}]", "x".repeat(200))).unwrap(),
        ..TicketOptions::default()
    };
    let origin = Origin { file: NAME, request: "r-1", source: None };
    let title = Letter::write(&options, Markup::Plain, &origin, Some(&typed), &[]).title;
    assert!(title.ends_with("… [01234567]") && title.chars().count() <= 255, "{title}");
}

#[test]
fn a_template_says_what_is_wrong_with_it() {
    assert_eq!(Template::parse("a { b"), Err(TemplateError::Open));
    assert_eq!(Template::parse("a {b{c}}"), Err(TemplateError::Open));
    assert_eq!(Template::parse("a } b"), Err(TemplateError::Close));
    let template = Template::parse("{{{prodct}}}").unwrap();
    assert_eq!(template.fill(str::to_owned), "{prodct}");
    let (message, help) = template.objection(&letter::IN_TITLE).unwrap();
    assert_eq!(message, "there is no placeholder `prodct`");
    assert_eq!(help, "did you mean `product`?");
}

#[test]
fn a_bundle_is_whole_if_any_attachment_of_its_name_is() {
    let file = Bytes(b"sealed");
    assert_eq!(Holding::of([], &file), Holding::Missing);
    assert_eq!(Holding::of([(3, None)], &file), Holding::Other { len: 3 });
    assert_eq!(Holding::of([(3, None), (6, None)], &file), Holding::Whole);
}
