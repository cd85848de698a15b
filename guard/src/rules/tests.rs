use super::*;

fn said(text: &str) -> Vec<String> {
    let error = Rules::parse("guard.toml", text).unwrap_err();
    let problems = error.problems().iter();
    problems
        .map(|p| format!("{}: {}: {}", p.line, p.message, p.help.as_deref().unwrap_or_default()))
        .collect()
}

fn rule<'r>(rules: &'r Rules, name: &str) -> Option<&'r Rule> {
    rules.rules.iter().find(|rule| rule.name == name)
}

#[test]
fn the_defaults_are_valid_and_every_kind_of_abuse_has_one() {
    let rules = Rules::default();
    for what in [
        What::Refused,
        What::WrongToken,
        What::WrongReferer,
        What::MisusedToken,
        What::Guessing,
        What::Uploads,
        What::Bytes,
        What::Spread,
        What::Retired,
    ] {
        assert!(rules.rules.iter().any(|rule| rule.what == what), "{what:?}");
    }
    assert_eq!(rules.terms, [3600, 86_400, 7 * 86_400, 30 * 86_400]);
}

#[test]
fn a_file_changes_what_it_sets_and_nothing_else() {
    let rules = Rules::parse(
        "guard.toml",
        "allow = [\"192.0.2.0/24\"]\n[rules.uploads]\nthreshold = 200\n[rules.guessing]\n\
         action = \"off\"\n[rules.flood]\nwhat = \"uploads\"\nthreshold = 1000\nwindow = \"1d\"\n\
         on = \"network\"\naction = \"alert\"\n[rules.bytes]\nthreshold = \"1GB\"\n",
    )
    .unwrap();
    let uploads = rule(&rules, "uploads").unwrap();
    assert_eq!((uploads.threshold, uploads.window, uploads.action), (200, 3600, Action::Block));
    assert_eq!(rule(&rules, "guessing"), None);
    assert_eq!(rule(&rules, "flood").unwrap().on, On::Network);
    assert_eq!(rule(&rules, "bytes").unwrap().threshold, 1_000_000_000);
    assert!(rules.allows("192.0.2.7/32".parse().unwrap()));
}

#[test]
fn everything_wrong_is_said_at_once_with_line_and_suggestion() {
    assert_eq!(
        said(
            "alow = []\n[rules.uploads]\ntreshold = 5\nwindow = \"soon\"\n[rules.refused]\n\
             action = \"blok\"\n[rules.upload]\nthreshold = 5\n"
        ),
        [
            "1: the file has no option `alow`: did you mean `allow`?",
            "3: the rule `uploads` has no option `treshold`: did you mean `threshold`?",
            "4: the rule `uploads`: `soon` is no length of time; write it like `90s`, `5m` or `24h`: ",
            "6: the rule `refused` knows no `blok`: did you mean `block`?",
            "7: the rule `upload` is none of the defaults and not complete: did you mean `uploads`?",
        ]
    );
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    for (text, expected) in [
        (
            "[rules.retired]\naction = \"block\"",
            "1: the rule `retired` can block nobody: it counts by token",
        ),
        (
            "[rules.retired]\non = \"address\"",
            "1: the rule `retired` counts by token: leave `on` out",
        ),
        ("[rules.uploads]\ntokens = \"desk\"", "1: the rule `uploads` does not choose tokens"),
        ("[rules.uploads]\nthreshold = \"5GB\"", "1: the rule `uploads` counts no bytes"),
        (
            "[rules.uploads]\nthreshold = 0",
            "2: the rule `uploads`: a threshold is a number above 0",
        ),
        (
            "[rules.uploads]\nwindow = \"60d\"",
            "1: the window of the rule `uploads` is out of range",
        ),
        ("terms = []", "1: a block needs a term above 0"),
        ("allow = [\"192.0.2.7/24\"]", "1: the file: `192.0.2.7/24` has bits behind its prefix"),
        ("rules = 5", "1: `rules` is no table"),
        ("[rules", "1: "),
    ] {
        let said = said(text);
        assert!(said.len() == 1 && said[0].starts_with(expected), "{text}: {said:?}");
    }
}

#[test]
fn a_problem_is_shown_with_its_line_and_a_caret() {
    let error = Rules::parse("guard.toml", "[rules.uploads]\ntreshold = 5\n").unwrap_err();
    let shown = error.render(false);
    assert!(shown.contains("guard.toml:2:1") && shown.contains("^^^^^^^^"), "{shown}");
    assert!(error.to_string().contains("guard.toml:2"), "{error}");
}
