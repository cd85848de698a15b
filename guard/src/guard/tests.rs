use super::*;
use crate::finding::Outcome;
use collect_core::Secret;

mod properties;

const REFERER: &str = "https://komand.example/report";
const UPLOAD: &str = "made-up-upload-token-7e";
const DESK: &str = "made-up-desk-token-number-42";
const RETIRED: &str = "made-up-old-upload-token-00";

fn at(time: &str) -> Timestamp {
    format!("2026-11-23T{time}:00Z").parse().unwrap()
}

fn tokens() -> Tokens {
    Tokens::new()
        .upload([Secret::new("made-up-upload-token-5c"), Secret::new(UPLOAD)])
        .desk([Secret::new(DESK)])
        .retired([Secret::new(RETIRED)])
        .referer(Secret::new(REFERER))
}

/// A request of a log.
#[derive(Clone, Debug)]
struct Request {
    time: i64,
    address: String,
    operation: &'static str,
    status: u16,
    size: u64,
    referer: String,
    agent: String,
}

impl Request {
    fn put(address: &str, time: i64) -> Self {
        Self {
            time,
            address: address.into(),
            operation: "REST.PUT.OBJECT",
            status: 200,
            size: 1000,
            referer: REFERER.into(),
            agent: UPLOAD.into(),
        }
    }

    fn refused(address: &str, time: i64, agent: &str) -> Self {
        Self { status: 403, agent: agent.into(), ..Self::put(address, time) }
    }

    fn line(&self, id: usize) -> String {
        let time = Timestamp::from_second(self.time).unwrap().strftime("%d/%b/%Y:%H:%M:%S +0000");
        format!(
            "owner reports [{time}] {} - ID{id:08} {} reports/a.age \"PUT /a HTTP/1.1\" {} - - {} 7 5 \
             \"{}\" \"{}\" - host= - TLS_AES - reports.s3.example.com TLSv1.3 - - -\n",
            self.address, self.operation, self.status, self.size, self.referer, self.agent
        )
    }
}

fn log(requests: &[Request]) -> String {
    requests.iter().enumerate().map(|(id, request)| request.line(id)).collect()
}

fn run_with(rules: Rules, log: &str, state: State, now: Timestamp) -> Verdict {
    let mut guard = Guard::new(rules, tokens(), state, now);
    guard.read(log.as_bytes()).unwrap();
    guard.finish()
}

fn run(log: &str, state: State, now: Timestamp) -> Verdict {
    run_with(Rules::default(), log, state, now)
}

fn told(verdict: &Verdict) -> Vec<String> {
    verdict.findings.iter().map(ToString::to_string).collect()
}

fn blocked(verdict: &Verdict) -> Vec<String> {
    let block = |block: &Block| {
        format!("{} {} {}", block.net, block.until.strftime("%d. %H:%M"), block.level)
    };
    verdict.blocks.iter().map(block).collect()
}

fn many(count: i64, request: impl Fn(i64) -> Request) -> Vec<Request> {
    (0..count).map(request).collect()
}

#[test]
fn of_three_two_are_blocked_and_the_honest_one_never_notices() {
    let start = at("10:00").as_second();
    let mut requests =
        many(30, |n| Request::refused("192.0.2.7", start + n, &format!("guess-{n}")));
    requests.extend(many(70, |n| Request::put("198.51.100.9", start + n * 30)));
    requests.extend(many(40, |n| Request::put("203.0.113.5", start + n * 80)));
    let verdict = run(&log(&requests), State::default(), at("11:00"));
    assert_eq!(
        told(&verdict),
        [
            "192.0.2.7/32: 30 different wrong tokens within 1h (limit 10), 2026-11-23 10:00 to 10:00 \
             UTC: blocked until 2026-11-23 12:00 UTC (time 1)",
            "198.51.100.9/32: 70 uploads within 1h (limit 60), 2026-11-23 10:00 to 10:34 UTC, with \
             upload token 2 of 2 (…ends 7e): blocked until 2026-11-23 12:00 UTC (time 1)",
            "192.0.2.7/32: 30 requests with the right Referer and a wrong token within 1h (limit 20), \
             2026-11-23 10:00 to 10:00 UTC: blocked until 2026-11-23 12:00 UTC (time 1)",
        ]
    );
    assert_eq!(blocked(&verdict), ["192.0.2.7/32 23. 12:00 1", "198.51.100.9/32 23. 12:00 1"]);
    assert_eq!(verdict.tally.requests, 140);
}

#[test]
fn blocks_expire_and_grow_with_repetition() {
    let flood = |time: &str| {
        let start = at(time).as_second();
        log(&many(100, |n| Request::put("192.0.2.7", start + n)))
    };
    let first = run(&flood("10:00"), State::default(), at("10:30"));
    assert_eq!(blocked(&first), ["192.0.2.7/32 23. 11:30 1"]);
    let later = run("", first.state.clone(), at("11:31"));
    assert_eq!(blocked(&later), [""; 0]);
    let second = run(&flood("12:00").replace("ID", "JD"), later.state, at("12:10"));
    assert_eq!(blocked(&second), ["192.0.2.7/32 24. 12:10 2"]);
}

#[test]
fn what_somebody_did_before_or_during_a_block_is_paid_for() {
    let start = at("10:00").as_second();
    let flood = log(&many(100, |n| Request::put("192.0.2.7", start + n)));
    let first = run(&flood, State::default(), at("10:30"));
    let during = at("10:40").as_second();
    let refused = many(500, |n| Request::refused("192.0.2.7", during + n, UPLOAD));
    let refused = log(&refused).replace("ID", "JD");
    let again = run(&(flood + &refused), first.state, at("12:00"));
    assert_eq!((told(&again), blocked(&again)), (vec![], vec![]));
    assert_eq!(again.tally.paid, 600);
}

#[test]
fn counts_are_carried_from_one_log_to_the_next() {
    let start = at("10:50").as_second();
    let requests = many(60, |n| Request::put("192.0.2.7", start + n * 20));
    let (mut state, mut seen) = (State::default(), Vec::new());
    for (id, request) in requests.iter().enumerate() {
        let verdict = run(&request.line(id), state, at("11:20"));
        seen.push(verdict.blocks.len());
        state = State::parse(verdict.state.to_json().as_bytes()).unwrap();
    }
    assert_eq!(seen[58..], [0, 1], "the window reaches over two stretches of time");
}

#[test]
fn the_same_line_counts_once() {
    let start = at("10:00").as_second();
    let honest = log(&many(40, |n| Request::put("192.0.2.7", start + n)));
    let verdict = run(&honest.repeat(3), State::default(), at("10:30"));
    assert_eq!(told(&verdict), [""; 0]);
}

#[test]
fn who_is_allowed_is_never_blocked_and_neither_is_a_network_around_them() {
    let start = at("10:00").as_second();
    let mut requests = Vec::new();
    for host in 1..10 {
        requests.extend(many(100, |n| Request::put(&format!("192.0.2.{host}"), start + n)));
    }
    let log = log(&requests);
    let aggregated = run(&log, State::default(), at("10:30"));
    assert_eq!(blocked(&aggregated), ["192.0.2.0/24 23. 11:30 1"]);
    let rules = Rules::default().allowing(["192.0.2.3/32".parse().unwrap()]);
    let verdict = run_with(rules.clone(), &log, State::default(), at("10:30"));
    assert_eq!(verdict.blocks.len(), 8);
    assert!(verdict.blocks.iter().all(|block| block.within.is_none()));
    let allowed =
        verdict.findings.iter().find(|finding| finding.subject == "192.0.2.3/32").unwrap();
    assert_eq!(allowed.outcome, Outcome::Allowed);
    let lifted = run_with(rules, "", aggregated.state, at("10:40"));
    assert!(lifted.blocks.iter().all(|block| !block.net.overlaps("192.0.2.3/32".parse().unwrap())));
}

#[test]
fn a_misused_or_stolen_token_is_named_for_rotation_and_never_shown() {
    let start = at("10:00").as_second();
    let list = |n| Request {
        operation: "REST.GET.BUCKET",
        ..Request::refused("192.0.2.7", start + n, UPLOAD)
    };
    let other = |n| Request {
        referer: "https://evil.example".into(),
        ..Request::refused("192.0.2.8", start + n, DESK)
    };
    let requests = [many(3, list), many(20, other)].concat();
    let verdict = run(&log(&requests), State::default(), at("10:30"));
    let upload = "upload token 2 of 2 (…ends 7e)".to_owned();
    let desk = "desk token 1 of 1 (…ends 42)".to_owned();
    let rotate: Vec<_> =
        verdict.findings.iter().map(|f| (f.rule.as_str(), f.rotate.join(","))).collect();
    let expected =
        [("misused-token", upload), ("misused-token", desk.clone()), ("wrong-referer", desk)];
    assert_eq!(rotate, expected);
    let everything =
        format!("{verdict:?} {} {}", told(&verdict).join(" "), verdict.state.to_json());
    for secret in [UPLOAD, DESK, RETIRED, REFERER, "evil.example"] {
        assert!(!everything.contains(secret), "{secret}");
    }
}

#[test]
fn a_retired_token_and_one_used_from_everywhere_are_told_of_once() {
    let start = at("10:00").as_second();
    let old = |n| Request::refused(&format!("192.0.2.{n}"), start + n, RETIRED);
    let spread = |n: i64| Request {
        operation: "REST.GET.OBJECT",
        agent: DESK.into(),
        ..Request::put(&format!("10.{n}.0.1"), start + n)
    };
    let log = log(&[many(2, old), many(25, spread)].concat());
    let verdict = run(&log, State::default(), at("10:30"));
    assert_eq!(verdict.blocks, []);
    let told = told(&verdict);
    assert_eq!(told.len(), 2);
    assert!(
        told[0]
            .starts_with("desk token 1 of 1 (…ends 42): 25 networks that use one token within 1d"),
        "{told:?}"
    );
    assert!(told[0].ends_with("alert; rotate desk token 1 of 1 (…ends 42)"), "{told:?}");
    assert_eq!(
        told[1],
        "retired token 1 of 1 (…ends 00): 2 requests with a retired token within 1d (limit 1), \
         2026-11-23 10:00 to 10:00 UTC, from 192.0.2.0/32, 192.0.2.1/32: alert"
    );
    assert!(verdict.findings.iter().all(|finding| finding.new));
    let again = run(&log, verdict.state, at("11:30"));
    assert!(again.findings.iter().all(|finding| !finding.new));
}

#[test]
fn bytes_of_a_day_are_counted_to_within_a_few_percent() {
    let start = at("00:00").as_second();
    let upload =
        |size: u64| move |n: i64| Request { size, ..Request::put("192.0.2.7", start + n * 800) };
    let below = run(&log(&many(50, upload(350_000_000))), State::default(), at("23:00"));
    assert_eq!(told(&below), [""; 0]);
    let above = run(&log(&many(50, upload(450_000_000))), State::default(), at("23:00"));
    assert_eq!(above.findings[0].rule, "bytes");
    let count = above.findings[0].count;
    assert!((21_000_000_000..24_000_000_000).contains(&count), "{count}");
}

#[test]
fn what_is_long_ago_is_told_and_blocks_nobody() {
    let start = at("10:00").as_second() - 30 * 86_400;
    let verdict = run(
        &log(&many(100, |n| Request::put("192.0.2.7", start + n))),
        State::default(),
        at("10:00"),
    );
    assert_eq!(verdict.findings[0].outcome, Outcome::Past);
    assert_eq!(verdict.blocks, []);
}

#[test]
fn exempt_principals_and_other_buckets_are_not_looked_at() {
    let start = at("10:00").as_second();
    let log = log(&many(200, |n| Request::refused("192.0.2.7", start + n, "aws-sdk")));
    let signed = log
        .replace("192.0.2.7 -", "192.0.2.7 arn:aws:sts::123456789012:assumed-role/ticket/session");
    let exempt_roles = vec!["arn:aws:iam::123456789012:role/komand/ticket".into()];
    let rules = Rules { exempt_roles, ..Rules::default() };
    assert_eq!(run_with(rules.clone(), &signed, State::default(), at("10:30")).tally.ignored, 200);
    let foreign = signed.replace("123456789012", "210987654321");
    assert_eq!(run_with(rules, &foreign, State::default(), at("10:30")).tally.ignored, 0);
    let mut guard =
        Guard::new(Rules::default(), tokens(), State::default(), at("10:30")).only("other");
    guard.read(log.as_bytes()).unwrap();
    assert_eq!(guard.finish().findings, []);
}

#[test]
fn malformed_lines_are_counted_and_shown_without_what_clients_sent() {
    let start = at("10:00").as_second();
    let flood = log(&many(100, |n| Request::put("192.0.2.7", start + n)));
    let text = format!("what {UPLOAD} is this\n{}\n{flood}", &flood[..160]);
    let verdict = run(&text, State::default(), at("10:30"));
    assert_eq!((verdict.tally.lines, verdict.tally.malformed), (102, 2));
    assert_eq!(verdict.tally.examples[0], "what … is this…");
    assert!(verdict.tally.examples[1].contains("192.0.2.7"), "{:?}", verdict.tally.examples);
    assert!(!verdict.tally.examples[1].contains(REFERER));
    assert_eq!(verdict.blocks.len(), 1);
}

#[test]
fn compressed_logs_and_cloudtrail_are_recognised() {
    use std::io::Write as _;
    let record = |n: i64| {
        format!(
            r#"{{"eventSource":"s3.amazonaws.com","eventName":"PutObject","sourceIPAddress":"192.0.2.7",
            "eventTime":"{}","userAgent":"[{UPLOAD}]","requestID":"ID{n:08}"}}"#,
            Timestamp::from_second(at("10:00").as_second() + n).unwrap()
        )
    };
    let records: Vec<_> = (0..50).map(record).collect();
    let json = format!("{{\"Records\":[{}]}}", records.join(","));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(json.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let start = at("10:00").as_second();
    let access = log(&many(70, |n| Request::put("192.0.2.7", start + n)));
    let mut guard = Guard::new(Rules::default(), tokens(), State::default(), at("10:30"));
    guard.read(packed.as_slice()).unwrap();
    guard.read(access.as_bytes()).unwrap();
    let verdict = guard.finish();
    assert_eq!(verdict.tally.lines, 120);
    assert_eq!(verdict.findings[0].count, 70, "a request in both logs counts once");
}

#[test]
fn a_torn_compressed_file_is_an_error_and_what_was_read_counts() {
    let mut guard = Guard::new(Rules::default(), tokens(), State::default(), at("10:30"));
    assert!(guard.read(&[0x1f, 0x8b, 8, 0, 0][..]).is_err());
}

#[test]
fn a_state_of_a_later_version_is_not_read() {
    assert!(matches!(State::parse(br#"{"version":2,"new":1}"#), Err(crate::StateError::Newer(2))));
    assert!(State::parse(b"").is_err() && State::parse(b"{}").is_err());
}

#[test]
fn more_addresses_than_fit_leave_those_that_matter_and_bounded_state() {
    let start = at("10:00").as_second();
    let mut guard = Guard::new(Rules::default(), tokens(), State::default(), at("10:30"));
    for n in 0..100u32 {
        guard.feed_line(
            Request::put("192.0.2.7", start + i64::from(n)).line(n as usize).trim_end().as_bytes(),
        );
    }
    for n in 0..250_000u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).to_string();
        guard
            .feed_line(Request::put(&address, start).line(1000 + n as usize).trim_end().as_bytes());
    }
    let verdict = guard.finish();
    assert_eq!(blocked(&verdict), ["192.0.2.7/32 23. 11:30 1"]);
    assert!(verdict.tally.evicted > 0);
    let size = verdict.state.to_json().len();
    assert!(size < 1_500_000, "{size}");
}
