//! The function `ticket` when things go wrong: it is killed at every step, runs twice at once, and the
//! ticket system is down, busy, or takes no such file. Each report has one ticket in the end, with one
//! attachment.

use crate::kit::{
    FaultServer, Gate, Hold, Instance, Seaweed, TICKET_SERVERS, TicketServer, needs, sha256,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a run may take, as the function is told, and how long some have.
const SHORT: Duration = Duration::from_secs(5);

/// How long a run has otherwise.
const LONG: Duration = Duration::from_secs(30);

/// The case whose claim really runs out: killed after its ticket was opened.
const WAITED_FOR: usize = 17;

/// How many reports are worked on at once.
const AT_ONCE: usize = 8;

/// The ticket system of that name, in front of which tests put their gates.
fn ticket_server(name: &str) -> Option<Box<dyn TicketServer>> {
    TICKET_SERVERS.iter().find(|(known, _)| *known == name).and_then(|(_, start)| start())
}

/// The settings of the function, for a ticket system behind a gate.
fn settings(server: &dyn TicketServer, address: &str) -> String {
    let options = server.options().replace(&server.url(), address);
    format!("[ticket]\n{options}")
}

/// A bucket and the settings of a ticket system, as a function is given them.
#[derive(Clone)]
struct Place {
    bucket: String,
    settings: String,
    role: Vec<(&'static str, String)>,
}

impl Place {
    fn new(bucket: &Seaweed, server: &dyn TicketServer) -> Self {
        let role = bucket.role();
        let role = role.into_iter().filter(|(name, _)| *name != "AWS_ENDPOINT_URL").collect();
        let settings = settings(server, &server.url());
        Self { bucket: bucket.plain_endpoint(), settings, role }
    }

    /// The same, both behind a gate.
    fn behind(&self, gate: &Gate, server: &str) -> Self {
        let settings = self.settings.replace(server, &gate.before(server));
        Self { bucket: gate.before(&self.bucket), settings, role: self.role.clone() }
    }

    fn instance(&self) -> Instance {
        let mut variables = self.role.clone();
        variables.extend([
            ("AWS_ENDPOINT_URL_S3", self.bucket.clone()),
            ("COLLECT_TICKET", self.settings.clone()),
            ("COLLECT_TIMEOUT", SHORT.as_secs().to_string()),
        ]);
        Instance::start("ticket", &variables)
    }
}

/// A report of that number.
struct Report {
    key: String,
    content: Vec<u8>,
}

impl Report {
    fn put(bucket: &Seaweed, number: usize, length: usize) -> Self {
        // The number goes first: a ticket is known by the first characters of the id.
        let name = format!("shop-20261123T104200Z-{number:08}{:018}.tar.xz.age", 0);
        let mut content = b"age-encryption.org/v1\n".to_vec();
        while content.len() < length {
            content.extend_from_slice(sha256(&content[content.len() - 20..]).as_bytes());
        }
        content.extend_from_slice(number.to_string().as_bytes());
        let report = Self { key: format!("reports/shop/2026/11/23/{name}"), content };
        bucket.put(&report.key, &report.content);
        report
    }

    fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap()
    }

    fn id(&self) -> &str {
        &self.name()[22..30]
    }

    /// The event of its upload, in a message of a queue.
    fn message(&self) -> Value {
        let body = json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "eventTime": "2026-11-23T10:42:05.000Z",
            "requestParameters": { "sourceIPAddress": "192.0.2.7" },
            "responseElements": { "x-amz-request-id": "R7A0B" },
            "s3": {
                "bucket": { "name": "bug-reports" },
                "object": {
                    "key": self.key, "size": self.content.len(), "sequencer": format!("{:0>16}", self.id()),
                },
            },
        }]});
        json!({ "eventSource": "aws:sqs", "messageId": self.id(), "body": body.to_string() })
    }
}

fn queue<'r>(reports: impl IntoIterator<Item = &'r Report>) -> Value {
    json!({ "Records": reports.into_iter().map(Report::message).collect::<Vec<_>>() })
}

/// The ids of those that failed.
fn failures(answer: &Value) -> Vec<String> {
    let items = answer["batchItemFailures"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    items.map(|item| item["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

/// Hands an event over as a queue does, until nothing fails any more.
fn replay(instance: &Instance, event: &Value) {
    let end = Instant::now() + 2 * LONG;
    loop {
        let answer = instance.invoke(event, LONG).unwrap_or_else(|error| panic!("{error}"));
        if failures(&answer).is_empty() {
            return;
        }
        assert!(Instant::now() < end, "it fails again and again: {}", instance.log());
        thread::sleep(Duration::from_millis(200));
    }
}

/// Each report has one ticket, one attachment that is the bundle, one finished note, and its tag.
fn assert_exactly_once(bucket: &Seaweed, server: &dyn TicketServer, reports: &[Report]) {
    let mut tickets: BTreeMap<String, Vec<_>> = BTreeMap::new();
    // The closed ones, too: no duplicate is made in the first place.
    for ticket in server.tickets() {
        let id = ticket.title.rsplit_once('[').unwrap().1.trim_end_matches(']').to_owned();
        tickets.entry(id).or_default().push(ticket);
    }
    assert_eq!(tickets.len(), reports.len(), "{:?}", tickets.keys());
    for report in reports {
        let [ticket] = &tickets[report.id()][..] else { panic!("{:#?}", tickets[report.id()]) };
        let attachments = server.attachments(&ticket.number);
        let [(name, content)] = &attachments[..] else {
            panic!("{}: {} attachments", ticket.title, attachments.len())
        };
        assert_eq!(name, report.name());
        assert!(*content == report.content, "{name} is the bundle, bit by bit");
        let note = bucket.object(&format!("{}.ticket.json", report.key));
        let note: Value = serde_json::from_slice(&note).unwrap();
        assert_eq!(note["ticket"], json!(ticket.number), "{note}");
        assert_eq!((&note["attached"], &note["state"]), (&json!(true), &json!("open")), "{note}");
        assert_eq!(note["filing"], Value::Null, "{note}");
        let tags = bucket.tags(&report.key);
        let tag = format!("<Tag><Key>ticket</Key><Value>{}</Value></Tag>", ticket.number);
        assert!(tags.contains(&tag) && tags.matches("<Tag>").count() == 1, "{tags}");
    }
}

/// Does some work for each number, many at once, and gives what came of it in order.
fn for_each_of<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let made = work(number);
                    done.lock().unwrap().insert(number, made);
                }
            });
        }
    });
    done.into_inner().unwrap().into_values().collect()
}

/// Lets the claim on a report run out, as if so much time had passed.
fn end_claim(bucket: &Seaweed, report: &Report) {
    let note = format!("{}.ticket.json", report.key);
    if !bucket.keys().contains(&note) {
        return;
    }
    let mut claim: Value = serde_json::from_slice(&bucket.object(&note)).unwrap();
    if claim["filing"].is_object() {
        claim["filing"]["until"] = json!("2026-11-23T10:42:05Z");
        bucket.put(&note, claim.to_string().as_bytes());
    }
}

/// Killed before and after each of its requests, it goes on where it was.
fn killed_at_every_step(name: &str) {
    needs!("weed", "openssl", "curl", "setpriv");
    let Some(server) = ticket_server(name) else { return };
    let bucket = Seaweed::without_policy();
    let place = Place::new(&bucket, &*server);
    let url = server.url();

    // Undisturbed, to know how many requests there are.
    let gate = Gate::default();
    let first = Report::put(&bucket, 0, 5_000);
    let undisturbed = place.behind(&gate, &url).instance();
    replay(&undisturbed, &queue([&first]));
    let requests = gate.requests();
    assert!(requests.len() > 10, "{requests:#?}");
    replay(&undisturbed, &queue([&first]));
    let again = &gate.requests()[requests.len()..];
    assert!(!again.iter().any(|line| line.starts_with('P')), "nothing is done twice: {again:#?}");

    let mut reports = for_each_of(2 * requests.len(), |number| {
        let report = Report::put(&bucket, number + 1, 5_000);
        let hold = if number % 2 == 0 { Hold::Before } else { Hold::After };
        let gate = Gate::default();
        gate.hold(number / 2, hold);
        let place = place.behind(&gate, &url);
        let mut killed = place.instance();
        // One of them is waited for; the time of the other claims is over when the test says so.
        let is_waited_for = number == WAITED_FOR;
        let time = if is_waited_for { 2 * SHORT } else { LONG };
        let answer = killed.hand(&queue([&report]), time);
        assert!(gate.is_held_within(LONG), "{number}: {:?} {}", answer.try_recv(), killed.log());
        killed.kill();
        gate.forget();
        if !is_waited_for {
            end_claim(&bucket, &report);
        }
        replay(&place.instance(), &queue([&report]));
        report
    });
    reports.push(first);
    assert_exactly_once(&bucket, &*server, &reports);
}

/// The same event is handed to two instances at the same moment, again and again.
fn two_instances_at_once(name: &str) {
    needs!("weed", "openssl", "curl", "setpriv");
    let Some(server) = ticket_server(name) else { return };
    let bucket = Seaweed::without_policy();
    let place = Place::new(&bucket, &*server);
    let reports = for_each_of(50, |number| {
        let report = Report::put(&bucket, number, 5_000);
        let instances = [place.instance(), place.instance()];
        let event = queue([&report]);
        let answers = instances.each_ref().map(|instance| instance.hand(&event, LONG));
        let answers = answers.map(|answer| failures(&answer.recv().unwrap().unwrap()));
        assert!(answers.iter().any(Vec::is_empty), "neither did it: {}", instances[0].log());
        for instance in &instances {
            replay(instance, &event);
        }
        report
    });
    assert_exactly_once(&bucket, &*server, &reports);
}

/// Down, then up: nothing is lost, nothing is twice, and the order is kept.
fn down_then_up(name: &str) {
    needs!("weed", "openssl", "curl", "setpriv");
    let Some(mut server) = ticket_server(name) else { return };
    let bucket = Seaweed::without_policy();
    let instance = Place::new(&bucket, &*server).instance();
    let reports: Vec<_> = (0..4).map(|number| Report::put(&bucket, number, 5_000)).collect();
    // The queue gives them in any order.
    let event = queue(reports.iter().rev());
    server.stop();
    let answer = instance.invoke(&event, SHORT).unwrap();
    assert_eq!(failures(&answer).len(), 4, "{}", instance.log());
    assert_eq!(instance.log().matches("not tried").count(), 3, "{}", instance.log());
    server.resume();
    replay(&instance, &event);
    assert_exactly_once(&bucket, &*server, &reports);
    let tickets = server.tickets();
    let order =
        reports.iter().zip(&tickets).all(|(report, ticket)| ticket.title.contains(report.id()));
    assert!(order, "{tickets:#?}");
}

#[test]
fn redmine_gets_one_ticket_wherever_the_function_is_killed() {
    killed_at_every_step("redmine");
}

#[test]
fn redmine_gets_one_ticket_from_two_instances() {
    two_instances_at_once("redmine");
}

#[test]
fn redmine_misses_nothing_while_it_is_down() {
    down_then_up("redmine");
}

#[test]
fn roundup_gets_one_ticket_wherever_the_function_is_killed() {
    killed_at_every_step("roundup");
}

#[test]
fn roundup_gets_one_ticket_from_two_instances() {
    two_instances_at_once("roundup");
}

#[test]
fn roundup_misses_nothing_while_it_is_down() {
    down_then_up("roundup");
}

#[test]
fn request_tracker_gets_one_ticket_wherever_the_function_is_killed() {
    killed_at_every_step("request-tracker");
}

#[test]
fn request_tracker_gets_one_ticket_from_two_instances() {
    two_instances_at_once("request-tracker");
}

#[test]
fn request_tracker_misses_nothing_while_it_is_down() {
    down_then_up("request-tracker");
}

/// The most memory that a process has had, in kB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_large_bundle_takes_no_more_memory_than_a_small_one() {
    needs!("weed", "openssl", "curl", "setpriv");
    let bucket = Seaweed::without_policy();
    let desk = FaultServer::start(&[]);
    let settings = format!(
        "[ticket]\nuse = \"webhook\"\nurl = \"{}\"\nsecret = \"made-up-secret-0123\"\n",
        desk.url()
    );
    let role = bucket.role().into_iter().filter(|(name, _)| *name != "AWS_ENDPOINT_URL").collect();
    let instance = Place { bucket: bucket.plain_endpoint(), settings, role }.instance();
    let (small, large) = (Report::put(&bucket, 1, 1 << 20), Report::put(&bucket, 2, 48 << 20));
    replay(&instance, &queue([&small]));
    let before = peak(instance.id());
    replay(&instance, &queue([&large]));
    let more = peak(instance.id()) - before;
    assert!(more < 8 << 10, "{more} kB more");
    let sent = desk.accepted().pop().unwrap();
    assert!(sent.body == large.content, "what arrived is the bundle");
}

#[test]
fn a_busy_ticket_system_is_not_waited_for_longer_than_there_is_time() {
    needs!("weed", "openssl", "curl", "setpriv");
    let Some(server) = ticket_server("redmine") else { return };
    let bucket = Seaweed::without_policy();
    let place = Place::new(&bucket, &*server);
    let gate = Gate::default();
    let busy = Place { settings: settings(&*server, &gate.before(&server.url())), ..place };
    let instance = busy.instance();
    let reports = [Report::put(&bucket, 0, 5_000), Report::put(&bucket, 1, 5_000)];
    gate.answer(Some(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n",
    ));
    let since = Instant::now();
    let answer = instance.invoke(&queue(&reports), LONG).unwrap();
    assert!(since.elapsed() < LONG / 3, "it did not sleep until its end");
    assert_eq!(failures(&answer).len(), 2);
    assert!(instance.log().contains("429"), "{}", instance.log());
    gate.answer(None);
    replay(&instance, &queue(&reports));
    assert_exactly_once(&bucket, &*server, &reports);
}

#[test]
fn a_bundle_that_the_ticket_system_does_not_take_is_linked() {
    needs!("weed", "openssl", "curl", "setpriv");
    let Some(server) = ticket_server("redmine") else { return };
    let bucket = Seaweed::without_policy();
    let instance = Place::new(&bucket, &*server).instance();
    let report = Report::put(&bucket, 7, 600_000);
    for _ in 0..2 {
        replay(&instance, &queue([&report]));
        let tickets = server.tickets();
        let [ticket] = &tickets[..] else { panic!("{tickets:#?}") };
        let place = format!("s3://bug-reports/{}", report.key);
        let command = format!("collect-desk reports get {}", report.id());
        for said in ["maximum allowed file size", &place, &command] {
            assert!(ticket.text.contains(said), "{said}: {}", ticket.text);
        }
        assert!(server.attachments(&ticket.number).is_empty());
        let note = bucket.object(&format!("{}.ticket.json", report.key));
        let note: Value = serde_json::from_slice(&note).unwrap();
        assert_eq!((&note["ticket"], &note["attached"]), (&json!(ticket.number), &json!(false)));
    }
}
