//! What holds for any log.

use super::*;
use proptest::prelude::*;

/// Requests of few addresses in a few hours, so that thresholds are met and missed.
fn requests() -> impl Strategy<Value = Vec<Request>> {
    let start = at("06:00").as_second();
    let burst = (0..12u8, 0..14_400i64, 1..40i64, 1..400i64, 0..5u8);
    proptest::collection::vec(burst, 1..14).prop_map(move |bursts| {
        let mut requests = Vec::new();
        for (host, from, count, step, kind) in bursts {
            let address = format!("192.0.{}.{}", host % 2, host / 2);
            requests.extend((0..count).map(|n| {
                let time = start + from + n * step;
                match kind {
                    0 => Request::put(&address, time),
                    1 => Request::refused(&address, time, &format!("guess-{n}")),
                    2 => Request {
                        operation: "REST.GET.BUCKET",
                        ..Request::refused(&address, time, DESK)
                    },
                    3 => {
                        Request { referer: "x".into(), ..Request::refused(&address, time, UPLOAD) }
                    }
                    _ => Request::refused(&address, time, RETIRED),
                }
            }));
        }
        requests
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_that_is_read_makes_it_panic(
        kind in 0..4u8, bytes in proptest::collection::vec(any::<u8>(), 0..600), place in 0..300usize
    ) {
        use std::io::Write as _;
        let line = Request::put("192.0.2.7", at("10:00").as_second()).line(1);
        let record = format!(r#"{{"Records":[{{"eventTime":"2026-11-23T10:00:00Z","eventName":"PutObject",
            "sourceIPAddress":"192.0.2.7","userAgent":"[{UPLOAD}]"}}]}}"#);
        let mut text = match kind {
            0 => Vec::new(),
            1 => line.into_bytes(),
            _ => record.into_bytes(),
        };
        let place = place.min(text.len());
        text.splice(place..place, bytes.iter().copied());
        if kind == 3 {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(&text).unwrap();
            text = packed.finish().unwrap();
            text.truncate(text.len() - text.len() / 5);
        }
        let mut guard = Guard::new(Rules::default(), tokens(), State::default(), at("10:30"));
        _ = guard.read(text.as_slice());
        let verdict = guard.finish();
        prop_assert!(verdict.tally.examples.iter().all(|example| !example.contains(UPLOAD)));
    }

    #[test]
    fn however_a_log_is_split_ordered_and_repeated_the_same_follows(
        requests in requests(), seed in any::<u64>(), parts in 1..6usize
    ) {
        let rules = || Rules::parse("", "aggregate = 3\n[rules.busy]\nwhat = \"refused\"\nthreshold = 60\n\
            window = \"1h\"\non = \"network\"\naction = \"block\"\n").unwrap();
        let now = at("16:00");
        let whole = run_with(rules(), &log(&requests), State::default(), now);
        // A shuffle that can be repeated: by a hash of place and seed; some lines twice.
        let mut lines: Vec<(u64, String)> = requests.iter().enumerate()
            .flat_map(|(id, request)| (0..2).map(move |copy| (copy, id, request)))
            .filter(|(copy, id, _)| *copy == 0 || (seed >> (id % 64)) & 1 == 1)
            .map(|(copy, id, request)| (meter::hash(format!("{seed} {copy} {id}").as_bytes()), request.line(id)))
            .collect();
        lines.sort();
        let mut state = State::default();
        for part in lines.chunks(lines.len().div_ceil(parts)) {
            let text: String = part.iter().map(|(_, line)| line.as_str()).collect();
            let json = run_with(rules(), &text, state, now).state.to_json();
            state = State::parse(json.as_bytes()).unwrap();
        }
        prop_assert_eq!(&state.blocks, &whole.state.blocks);
        prop_assert_eq!(&state.counts, &whole.state.counts);
        let last = run_with(rules(), "", state, now);
        prop_assert_eq!(&last.blocks, &whole.blocks);
        let findings = |verdict: &Verdict| verdict.findings.iter()
            .map(|finding| Finding { new: false, ..finding.clone() }).collect::<Vec<_>>();
        prop_assert_eq!(findings(&last), findings(&whole));

        // A later run over all of it again changes nothing but that blocks come to their end.
        let again = run_with(rules(), &log(&requests), whole.state.clone(), at("16:20"));
        prop_assert_eq!(&again.blocks, &whole.blocks);
        prop_assert_eq!(&again.state.blocks, &whole.state.blocks);
        prop_assert!(again.findings.iter().all(|finding| !finding.new));
    }
}
