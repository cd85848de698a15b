use super::*;
use proptest::prelude::*;

/// A line of the documented example, with the fields of today.
const LINE: &str = "79a59df900b949e5 reports [06/Feb/2019:00:00:38 +0000] 192.0.2.3 - 3E57427F3EXAMPLE \
    REST.PUT.OBJECT reports/komand/2019/02/06/a.tar.xz.age \
    \"PUT /reports/komand/2019/02/06/a.tar.xz.age HTTP/1.1\" 200 - - 113 7 5 \
    \"https://komand.example/report\" \"made-up-token\" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2= - \
    ECDHE-RSA-AES128-GCM-SHA256 - reports.s3.eu-central-1.amazonaws.com TLSv1.2 - - eu-central-1";

fn parse(line: &str) -> Line<'_> {
    Line::parse(line.as_bytes()).unwrap()
}

#[test]
fn every_field_is_where_it_belongs() {
    let line = parse(LINE);
    let some = |text: &'static str| Some(text.as_bytes());
    assert_eq!(line.bucket_owner, some("79a59df900b949e5"));
    assert_eq!(line.bucket, some("reports"));
    assert_eq!(line.time, b"06/Feb/2019:00:00:38 +0000");
    assert_eq!(line.remote_ip, some("192.0.2.3"));
    assert_eq!(line.requester, None);
    assert_eq!(line.request_id, some("3E57427F3EXAMPLE"));
    assert_eq!(line.operation, some("REST.PUT.OBJECT"));
    assert_eq!(line.key, some("reports/komand/2019/02/06/a.tar.xz.age"));
    assert_eq!(line.request_uri, some("PUT /reports/komand/2019/02/06/a.tar.xz.age HTTP/1.1"));
    assert_eq!((line.status, line.error_code, line.bytes_sent), (Some(200), None, None));
    assert_eq!(line.object_size, some("113"));
    assert_eq!((line.total_time, line.turn_around_time), (some("7"), some("5")));
    assert_eq!(line.referer, some("https://komand.example/report"));
    assert_eq!(line.user_agent, some("made-up-token"));
    let tail = line.tail();
    assert_eq!(
        (tail.version_id, tail.host_id),
        (None, some("s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2="))
    );
    assert_eq!((tail.signature_version, tail.authentication_type), (None, None));
    assert_eq!(tail.cipher_suite, some("ECDHE-RSA-AES128-GCM-SHA256"));
    assert_eq!(tail.host_header, some("reports.s3.eu-central-1.amazonaws.com"));
    assert_eq!((tail.tls_version, tail.access_point_arn), (some("TLSv1.2"), None));
    assert_eq!((tail.acl_required, tail.source_region), (None, some("eu-central-1")));
}

#[test]
fn lines_of_all_years_are_read() {
    let older = LINE.split(" - s9lz").next().unwrap();
    assert_eq!(parse(older).user_agent, Some(&b"made-up-token"[..]));
    assert_eq!(parse(older).tail(), Tail::default());
    assert_eq!(parse(&format!("{LINE} what may come next")).tail(), parse(LINE).tail());
    assert_eq!(parse(&format!("{LINE}\r")).tail(), parse(LINE).tail());
}

#[test]
fn quotation_marks_of_clients_do_not_end_their_field() {
    let with = |from: &str, to: &str| LINE.replace(from, to);
    let line = with("made-up-token", "a \"b\" c\" - \"d");
    assert_eq!(parse(&line).user_agent, Some(&b"a \"b\" c\" - \"d"[..]));
    assert_eq!(parse(&line).tail(), parse(LINE).tail());
    let line = with("PUT /reports", "PUT /a\"b\"/reports");
    assert!(parse(&line).request_uri.unwrap().starts_with(b"PUT /a\"b\"/reports"));
    assert_eq!(parse(&line).status, Some(200));
    let line = with("https://komand.example/report", "x\"y");
    assert_eq!(parse(&line).referer, Some(&b"x\"y"[..]));
}

#[test]
fn nobody_comes_to_a_token_by_putting_it_into_the_referer() {
    let line = LINE.replace("https://komand.example/report", "x\" \"made-up-token");
    let line = line.replace("\"made-up-token\" -", "\"curl\" -");
    assert_eq!(parse(&line).user_agent, Some(&b"made-up-token\" \"curl"[..]));
}

#[test]
fn fields_without_a_value_are_none() {
    let line = "owner reports [06/Feb/2019:00:00:38 +0000] - AmazonS3 ID S3.EXPIRE.OBJECT reports/a - - - - 5 - - - - v1 -";
    let line = parse(line);
    assert_eq!(
        (line.remote_ip, line.status, line.referer, line.user_agent),
        (None, None, None, None)
    );
    assert_eq!(line.tail().version_id, Some(&b"v1"[..]));
    assert_eq!(line.event(), Ok(None));
    let line = LINE.replace("\"https://komand.example/report\" \"made-up-token\"", "\"-\" -");
    assert_eq!((parse(&line).referer, parse(&line).user_agent), (None, None));
    assert_eq!(parse(&line).tail(), parse(LINE).tail());
}

#[test]
fn what_is_no_line_says_what_is_missing() {
    for (line, missing) in [
        ("", "bucket owner"),
        ("owner", "bucket"),
        ("owner reports 06/Feb/2019", "time"),
        (LINE.split(" 200 ").next().unwrap(), "status behind the request"),
        (&LINE.replace(" 200 ", " 2000 "), "status behind the request"),
        (LINE.split("made-up").next().unwrap(), "User-Agent"),
    ] {
        assert_eq!(Line::parse(line.as_bytes()), Err(Malformed(missing)), "{line}");
    }
    let event = |from: &str, to: &str| {
        let line = LINE.replace(from, to);
        Line::parse(line.as_bytes()).unwrap().event().err()
    };
    assert_eq!(event("06/Feb", "06/Fab"), Some(Malformed("time")));
    assert_eq!(event("192.0.2.3", "192.0.2.300"), Some(Malformed("address")));
}

#[test]
fn text_that_is_no_utf8_is_read() {
    let line = LINE.replace("made-up-token", "\u{1}");
    let line: Vec<u8> = line.bytes().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    assert_eq!(Line::parse(&line).unwrap().user_agent, Some(&[0xff][..]));
}

/// A word as S3 writes it, or `-`.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just("-".to_owned()), "[a-zA-Z0-9/.:%+=\"\u{e4}-]{1,12}"]
}

/// What a client may send: anything on one line, but no end of the Referer within it.
fn header() -> impl Strategy<Value = String> {
    "[^\r\n]{0,20}".prop_filter("would be taken apart elsewhere", |text| {
        !format!("{text}\" \"").trim_end_matches("\" \"").contains("\" \"")
            && !text.ends_with("\" ")
    })
}

fn field(text: &str) -> Field<'_> {
    present(text.as_bytes())
}

proptest! {
    #[test]
    fn a_written_line_is_read_back(
        words in proptest::collection::vec(word(), 12),
        uri in "[A-Z]{1,5} [^ \r\n]{1,20} HTTP/1.1",
        referer in header(),
        agent in "[^\r\n]{0,20}",
        tail in proptest::collection::vec("[a-zA-Z0-9.:+=-]{1,12}", 0..12),
    ) {
        let w: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut text = format!(
            "{} {} [06/Feb/2019:00:00:38 +0000] {} {} {} {} {} \"{uri}\" 403 {} {} {} {} {} \"{referer}\" \"{agent}\"",
            w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11]
        );
        for field in &tail {
            text.push(' ');
            text.push_str(field);
        }
        let line = Line::parse(text.as_bytes()).unwrap();
        let read = [
            line.bucket_owner, line.bucket, line.remote_ip, line.requester, line.request_id,
            line.operation, line.key, line.error_code, line.bytes_sent, line.object_size,
            line.total_time, line.turn_around_time,
        ];
        prop_assert_eq!(read.to_vec(), w.iter().map(|word| field(word)).collect::<Vec<_>>());
        prop_assert_eq!(line.status, Some(403));
        prop_assert_eq!(line.request_uri, field(&uri));
        prop_assert_eq!(line.referer, field(&referer));
        prop_assert_eq!(line.user_agent, field(&agent));
        let expected = |number: usize| tail.get(number).and_then(|word| field(word));
        prop_assert_eq!(line.tail().host_id, expected(1));
        prop_assert_eq!(line.tail().source_region, expected(9));
    }

    #[test]
    fn no_line_makes_it_panic(line in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Line::parse(&line).and_then(|line| line.event());
    }

    #[test]
    fn no_torn_or_turned_line_makes_it_panic(
        at in 0..LINE.len(), to in 0..LINE.len(), byte in any::<u8>()
    ) {
        let mut line = LINE.as_bytes().to_vec();
        line[at] = byte;
        line.drain(at.min(to)..to);
        let _ = Line::parse(&line).and_then(|line| line.event().map(|_| line.tail()));
    }
}
