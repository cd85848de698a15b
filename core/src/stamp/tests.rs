use super::*;
use crate::Window;
use std::io::Read;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const UTC: &str = "UTC0";
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";

fn origin(zone: &str) -> Origin {
    Origin {
        zone: TimeZone::posix(zone).unwrap(),
        modified: at("2026-11-23T12:00:00Z"),
        booted: Some(at("2026-11-23T08:00:00Z")),
    }
}

/// The time that a log of such lines gives its last line.
fn read(lines: &str, zone: &str) -> Option<String> {
    let mut stamps = Stamps::detect(lines.as_bytes(), &origin(zone))?;
    let moments: Vec<_> = lines.lines().filter_map(|line| stamps.read(line.as_bytes())).collect();
    moments.last().map(|moment| moment.timestamp().unwrap().to_string())
}

fn kept(log: &str, since: &str, until: &str, origin: &Origin) -> String {
    let within = Within::of(&Window { since: Some(at(since)), until: Some(at(until)) }).unwrap();
    let filter = || Filter::new(within, Stamps::detect(log.as_bytes(), origin).unwrap());
    let mut from = log.as_bytes();
    let mut whole = String::new();
    Filtered::new(&mut from, filter()).read_to_string(&mut whole).unwrap();
    // However the stream is cut, the same lines come out.
    for step in [1, 2, 3, 7, 64] {
        let (mut filter, mut pieces) = (filter(), Vec::new());
        let mut keep = |bytes: &[u8]| {
            pieces.extend_from_slice(bytes);
            Ok(())
        };
        for piece in log.as_bytes().chunks(step) {
            filter.push(piece, &mut keep).unwrap();
        }
        filter.finish(&mut keep).unwrap();
        assert_eq!(String::from_utf8(pieces).unwrap(), whole, "in pieces of {step}");
    }
    whole
}

#[test]
fn the_time_is_found_in_lines_of_every_usual_format() {
    let exact = "2026-11-23T10:42:01Z";
    let milli = "2026-11-23T10:42:01.123Z";
    let micro = "2026-11-23T10:42:01.123456Z";
    for (line, expected) in [
        // RFC 3339 and what is near it: Java, Python, Go, rsyslog, PostgreSQL, MySQL, RabbitMQ.
        ("2026-11-23T10:42:01Z started", exact),
        ("2026-11-23T10:42:01.123456+00:00 host app[7]: started", micro),
        ("2026-11-23T12:42:01.123+02:00  INFO 1 --- [main] app : started", milli),
        ("2026-11-23T11:42:01+0100 DEBUG started", exact),
        ("2026-11-23T10:42:01.123456789Z stdout F started", micro),
        ("2026-11-23 10:42:01,123 - app - INFO - started", milli),
        ("2026-11-23 10:42:01.123 UTC [77] LOG:  started", milli),
        ("2026-11-23 07:42:01.123 -03 [77] LOG:  started", milli),
        ("2026-11-23 10:42:01.123456+00:00 [info] <0.1.0> started", micro),
        ("2026-11-23 10:42:01 status installed app:amd64 1.0", exact),
        ("[2026-11-23 10:42:01,123] INFO started (kafka.Server)", milli),
        ("[2026-11-23T10:42:01,123][INFO ][o.e.n.Node] started", milli),
        ("[2026-11-23T10:42:01.123+0000][info][gc] started", milli),
        ("\"2026-11-23 10:42:01\",\"a\"", exact),
        ("Start-Date: 2026-11-23  10:42:01", exact),
        // nginx's errors, Go's log, rsync, Samba.
        ("2026/11/23 10:42:01 [error] 7#7: *1 started", exact),
        ("2026/11/23 10:42:01.123456 main.go:7: started", micro),
        ("[2026/11/23 10:42:01.123456,  0] ../smbd.c:7(main)", micro),
        // Compact.
        ("20261123T104201Z started", exact),
        ("20261123 10:42:01.123 started", milli),
        // BIND, Tomcat, PHP, Redis.
        ("23-Nov-2026 10:42:01.123 INFO [main] started", milli),
        ("[23-Nov-2026 10:42:01 UTC] PHP Warning:  started", exact),
        ("23 Nov 2026 10:42:01.123 * started", milli),
        // syslog, with and without its priority.
        ("Nov 23 10:42:01 till-1 app[7]: started", exact),
        ("<34>Nov 23 10:42:01 till-1 app: started", exact),
        ("<34>1 2026-11-23T10:42:01.123Z till-1 app 7 - - started", milli),
        ("Nov 23 2026 10:42:01: %ASA-6-1: started", exact),
        ("Nov 23, 2026 10:42:01 AM com.example.App main", exact),
        // ctime, `dmesg -T`, Apache's errors, mail.
        ("Mon Nov 23 10:42:01 2026 [pid 2] started", exact),
        ("Mon Nov 23 10:42:01 UTC 2026: started", exact),
        ("[Mon Nov 23 10:42:01.123456 2026] [core:notice] [pid 7] started", micro),
        ("[Mon Nov 23 10:42:01 2026] usb 1-1: started", exact),
        ("Mon, 23 Nov 2026 10:42:01 +0000 started", exact),
        // klog and glog.
        ("I1123 10:42:01.123456    7 main.go:7] started", micro),
        ("E20261123 10:42:01.123456    7 main.cc:7] started", micro),
        // Numbers: squid, the kernel's audit.
        ("1795430521.123    45 192.0.2.7 TCP_MISS/200", milli),
        ("1795430521 started", exact),
        ("1795430521123 started", milli),
        ("type=SYSCALL msg=audit(1795430521.123:456): arch=c000003e", milli),
        ("[ 9721.123456] usb 1-1: started", micro),
        // Web servers' access logs; a user may have a space in the name.
        ("192.0.2.7 - - [23/Nov/2026:10:42:01 +0000] \"GET / HTTP/1.1\" 200 7", exact),
        ("2001:db8::7 - a b [23/Nov/2026:11:42:01 +0100] \"GET /[x] HTTP/1.1\" 200 7", exact),
        // Behind other words.
        ("INFO 2026-11-23 10:42:01,123 started", milli),
        ("[INFO] 2026-11-23T10:42:01Z started", exact),
        ("INFO  [main] 2026-11-23 10:42:01,123 App.java:7 - started", milli),
        ("I, [2026-11-23T10:42:01.123456 #7]  INFO -- : started", micro),
        ("7:M 23 Nov 2026 10:42:01.123 * started", milli),
        // Keys.
        ("{\"level\":\"info\",\"ts\":1795430521.123,\"msg\":\"started\"}", milli),
        ("{\"level\":30,\"time\":1795430521123,\"msg\":\"started\"}", milli),
        ("{\"@timestamp\": \"2026-11-23T10:42:01.123Z\", \"message\": \"a\"}", milli),
        ("{\"log\":\"{\\\"time\\\":1}\\n\",\"time\":\"2026-11-23T10:42:01.123456789Z\"}", micro),
        ("{\"t\":{\"$date\":\"2026-11-23T10:42:01.123+00:00\"},\"s\":\"I\"}", milli),
        ("{\"__REALTIME_TIMESTAMP\":\"1795430521123456\"}", micro),
        ("time=\"2026-11-23T10:42:01Z\" level=info msg=started", exact),
        ("level=info start-time=7 ts=2026-11-23T10:42:01.123Z msg=started", milli),
    ] {
        assert_eq!(read(&format!("{line}\n{line}\n"), UTC).as_deref(), Some(expected), "{line}");
    }
}

#[test]
fn what_is_no_log_has_no_times() {
    for text in [
        "",
        "one\ntwo\n",
        "2026-11-23 10:42:01\n",
        "127.0.0.1 localhost\n10.0.0.1 till-1\n",
        "# 2026-01-01 10:00:00\n# 2026-01-01 10:00:00\nkey = value\n",
        "a = 1\nb = 2\nbuilt = 2026-01-01 10:00:00\nc = 3\n",
        "{\n  \"time\": \"2026-01-01T10:00:00Z\",\n  \"ts\": 1\n}\n",
        "1234567890\nabc\n1234567891\n",
        "2026-11-23 99:42:01 x\n2026-13-23 10:42:01 x\n2026-02-30 10:42:01 x\n",
        "[12.5] not since boot, no\n[x]\n",
    ] {
        assert_eq!(read(text, UTC), None, "{text}");
    }
}

#[test]
fn a_clock_of_another_boot_says_nothing() {
    let mut origin = origin(UTC);
    origin.modified = at("2026-11-23T07:00:00Z");
    assert!(Stamps::detect(b"[    1.5] a\n[    2.5] b\n", &origin).is_none());
}

#[test]
fn times_without_a_zone_are_those_of_the_host() {
    let line = "2026-07-23 10:42:01 a\n2026-11-23 10:42:01 b\n";
    assert_eq!(read(line, BERLIN).as_deref(), Some("2026-11-23T09:42:01Z"));
    assert_eq!(read(line, NEW_YORK).as_deref(), Some("2026-11-23T15:42:01Z"));
}

#[test]
fn a_year_that_is_left_out_is_that_of_the_last_change_or_before() {
    let mut origin = origin(UTC);
    let mut year = |modified: &str, line: &str| {
        origin.modified = at(modified);
        let lines = format!("{line}\n{line}\n");
        let mut stamps = Stamps::detect(lines.as_bytes(), &origin).unwrap();
        stamps.read(line.as_bytes()).unwrap().timestamp().unwrap().to_string()
    };
    let new_year = "2027-01-02T00:00:00Z";
    assert_eq!(year(new_year, "Dec 31 23:59:59 a b"), "2026-12-31T23:59:59Z");
    assert_eq!(year(new_year, "Jan  1 00:00:01 a b"), "2027-01-01T00:00:01Z");
    // Its clock may be ahead of the one that the last change was noted by.
    assert_eq!(year("2026-12-31T23:59:58Z", "Jan  1 00:00:01 a b"), "2027-01-01T00:00:01Z");
    // Whatever lines of the same day came before.
    origin.modified = at("2026-06-30T12:00:00Z");
    let log = "Jul  1 11:00:00 a\nJul  1 13:00:00 a\nJul  1 11:00:00 a\n";
    let mut stamps = Stamps::detect(log.as_bytes(), &origin).unwrap();
    let years = log.lines().filter_map(|line| stamps.read(line.as_bytes())?.timestamp());
    let years: Vec<_> = years.map(|at| at.strftime("%Y").to_string()).collect();
    assert_eq!(years, ["2026", "2025", "2026"]);
}

#[test]
fn a_day_that_few_years_have_is_found_in_the_last_that_had_it() {
    let mut origin = origin(UTC);
    let mut year = |modified: &str, line: &str| {
        origin.modified = at(modified);
        let lines = format!("{line}\n{line}\n");
        let mut stamps = Stamps::detect(lines.as_bytes(), &origin).unwrap();
        stamps.read(line.as_bytes()).unwrap().timestamp().unwrap().to_string()
    };
    assert_eq!(year("2027-03-01T00:00:00Z", "Feb 29 10:00:00 a b"), "2024-02-29T10:00:00Z");
}

#[test]
fn lines_without_a_time_belong_to_the_line_before_and_the_first_ones_to_the_line_behind() {
    let log = "banner\n2026-11-23 10:00:00 a\n  at a.b(c)\n\nCaused by: x\n\
               2026-11-23 11:00:00 b\ntrace of b\n2026-11-23 12:00:00 c\nlast";
    let origin = origin(UTC);
    let kept = |since: &str, until: &str| kept(log, since, until, &origin);
    assert_eq!(
        kept("2026-11-23T09:00:00Z", "2026-11-23T10:30:00Z"),
        "banner\n2026-11-23 10:00:00 a\n  at a.b(c)\n\nCaused by: x\n"
    );
    assert_eq!(
        kept("2026-11-23T10:30:00Z", "2026-11-23T11:00:00Z"),
        "2026-11-23 11:00:00 b\ntrace of b\n"
    );
    assert_eq!(kept("2026-11-23T11:30:00Z", "2027-01-01T00:00:00Z"), "2026-11-23 12:00:00 c\nlast");
    assert_eq!(kept("2026-11-24T00:00:00Z", "2027-01-01T00:00:00Z"), "");
}

#[test]
fn both_bounds_belong_to_the_window_to_the_fraction_of_a_second() {
    let log = "2026-11-23 10:00:00.250 a\n2026-11-23 10:00:00.500 b\n2026-11-23 10:00:00.750 c\n";
    let (since, until) = ("2026-11-23T10:00:00.5Z", "2026-11-23T10:00:00.5Z");
    assert_eq!(kept(log, since, until, &origin(UTC)), "2026-11-23 10:00:00.500 b\n");
    // A line that says whole seconds may have been written at any time of its second.
    let log = "2026-11-23 09:59:59 a\n2026-11-23 10:00:00 b\n2026-11-23 10:00:01 c\n";
    assert_eq!(kept(log, since, until, &origin(UTC)), "2026-11-23 10:00:00 b\n");
}

#[test]
fn every_line_is_judged_by_its_own_time_where_a_clock_was_set_back() {
    let log = "2026-11-23 10:00:00 a\n2026-11-23 11:00:00 b\n2026-11-23 10:01:00 c\n\
               2026-11-23 11:01:00 d\n";
    let (since, until) = ("2026-11-23T09:00:00Z", "2026-11-23T10:30:00Z");
    let expected = "2026-11-23 10:00:00 a\n2026-11-23 10:01:00 c\n";
    assert_eq!(kept(log, since, until, &origin(UTC)), expected);
}

#[test]
fn a_time_of_the_future_is_taken_as_it_is_written() {
    let log = "2026-11-23 10:00:00 a\n2036-11-23 10:00:00 b\n2026-11-23 10:01:00 c\n";
    let (since, until) = ("2026-11-23T09:00:00Z", "2026-11-23T10:30:00Z");
    let expected = "2026-11-23 10:00:00 a\n2026-11-23 10:01:00 c\n";
    assert_eq!(kept(log, since, until, &origin(UTC)), expected);
}

#[test]
fn an_hour_that_the_clock_shows_twice_is_in_both_windows() {
    // 02:30 was at 00:30 UTC and at 01:30 UTC.
    let log = "2026-10-25 01:30:00 a\n2026-10-25 02:30:00 b\n2026-10-25 03:30:00 c\n";
    let mut origin = origin(BERLIN);
    origin.modified = at("2026-10-26T00:00:00Z");
    let b = "2026-10-25 02:30:00 b\n";
    assert_eq!(kept(log, "2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z", &origin), b);
    assert_eq!(kept(log, "2026-10-25T01:15:00Z", "2026-10-25T01:45:00Z", &origin), b);
    assert_eq!(kept(log, "2026-10-25T00:45:00Z", "2026-10-25T00:50:00Z", &origin), b);
    // 02:30 was not at all on that day: a clock that was not set says so.
    let log = "2026-03-29 01:30:00 a\n2026-03-29 02:30:00 b\n2026-03-29 03:30:00 c\n";
    let kept = kept(log, "2026-03-29T01:15:00Z", "2026-03-29T01:20:00Z", &origin);
    assert_eq!(kept, b.replace("10-25", "03-29"));
}

#[test]
fn a_message_that_begins_with_a_date_does_not_end_its_record() {
    let log =
        "Nov 23 10:00:00 till-1 db: rows\n2020-01-01 00:00:00 | 1\nNov 23 10:00:01 till-1 b\n";
    let (since, until) = ("2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z");
    assert_eq!(kept(log, since, until, &origin(UTC)), log);
}

#[test]
fn a_program_that_begins_to_write_another_format_is_followed() {
    let log = "Nov 23 10:00:00 till-1 a\nNov 23 10:10:00 till-1 b\n\
               2026-11-23T10:20:00+00:00 till-1 c\n2026-11-23T10:40:00+00:00 till-1 d\n";
    let (since, until) = ("2026-11-23T10:15:00Z", "2026-11-23T10:30:00Z");
    let expected = "2026-11-23T10:20:00+00:00 till-1 c\n";
    assert_eq!(kept(log, since, until, &origin(UTC)), expected);
}

#[test]
fn a_line_without_end_is_decided_by_its_beginning() {
    let filling = "x".repeat(LONG);
    let log = format!(
        "2026-11-23 10:00:00 a{filling}\n2026-11-23 11:00:00 b{filling}\n2026-11-23 12:00:00 c\n"
    );
    let within = Window { since: Some(at("2026-11-23T10:30:00Z")), until: None };
    let mut from = log.as_bytes();
    let sample = b"2026-11-23 10:00:00 a\n2026-11-23 11:00:00 b\n";
    let stamps = Stamps::detect(sample, &origin(UTC)).unwrap();
    let filter = Filter::new(Within::of(&within).unwrap(), stamps);
    let mut kept = String::new();
    Filtered::new(&mut from, filter).read_to_string(&mut kept).unwrap();
    assert!(
        kept.starts_with("2026-11-23 11:00:00 bx") && kept.ends_with("x\n2026-11-23 12:00:00 c\n")
    );
}

const LONG: usize = 300_000;

/// Prints how fast lines are judged: `cargo test -p collect-core --release -- --ignored --nocapture
/// how_fast`.
#[test]
#[ignore = "a measurement"]
fn how_fast_lines_are_judged() {
    let message =
        "till-1 app[4711]: request 17 of session 4 was answered with 200 in 12 ms, 512 bytes\n";
    for head in [
        "2026-11-23T10:42:01.123456+00:00 ",
        "2026-11-23 10:42:01,123 ",
        "Nov 23 10:42:01 ",
        "192.0.2.7 - - [23/Nov/2026:10:42:01 +0000] ",
        "INFO [main] 2026-11-23 10:42:01,123 ",
        "{\"level\":\"info\",\"msg\":\"a message of some length\",\"ts\":1795430521.123} ",
    ] {
        let log = format!("{head}{message}").repeat(500_000);
        let origin = origin(BERLIN);
        let stamps = Stamps::detect(log.as_bytes(), &origin).unwrap();
        for since in ["2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"] {
            let within = Window { since: Some(at(since)), until: None };
            let filter = Filter::new(Within::of(&within).unwrap(), stamps.clone());
            let start = std::time::Instant::now();
            let mut from = log.as_bytes();
            let read = std::io::copy(&mut Filtered::new(&mut from, filter), &mut std::io::sink());
            let took = start.elapsed().as_secs_f64();
            let speed = log.len() as f64 / took / 1e6;
            println!("{speed:6.0} MB/s, kept {:3} MB of {head}", read.unwrap() / 1_000_000);
        }
    }
}
