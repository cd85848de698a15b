//! What authors do wrong, and what they are told.

use super::*;

#[test]
fn five_mistakes_are_reported_at_once_each_with_its_place_and_what_to_do() {
    let error = wrong(
        r#"product = "Komand"

[collect.logs]
use = "files"
path = ["/var/log/komand.log"]
max-size = "much"

[collect.journal]
use = "jurnald"

[redact.tokens]
use = "pattern"
pattern = "tok_(["

[limit]
time = "5m"
"#,
    );
    assert_eq!(
        error.render(false),
        r#"error: `files` has no option `path`
 --> p (built in):5:1
  |
5 | path = ["/var/log/komand.log"]
  | ^^^^ unknown option
  |
  = help: did you mean `paths`?

error: `much` is no size; write it like `200MB` or `64MiB`
 --> p (built in):6:12
  |
6 | max-size = "much"
  |            ^^^^^^

error: there is no collector named `jurnald`
 --> p (built in):9:7
  |
9 | use = "jurnald"
  |       ^^^^^^^^^ not a collector
  |
  = help: did you mean `journald`?

error: the regular expression `tok_([` of rule `tokens` is not valid: unclosed group
  --> p (built in):13:11
   |
13 | pattern = "tok_(["
   |           ^^^^^^^^

error: a profile has no `limit`
  --> p (built in):15:2
   |
15 | [limit]
   |  ^^^^^ unknown
   |
   = help: did you mean `limits`?"#
    );
}

#[test]
fn every_wrong_option_of_one_plugin_is_named_not_only_the_first() {
    let error = wrong(
        r#"product = "x"
[collect.logs]
use = "files"
paths = "/var/log/a"
exclude = [1]
max-line = -1
look = { order = "newest-frist", depth = 1 }
tiemout = "5s"
[collect.more]
use = "files"
paths = ["/a", "b", "c"]
"#,
    );
    assert_eq!(
        said(&error),
        [
            "4: expected a list, found the text \"/var/log/a\": -",
            "5: expected a text, found the number `1`: -",
            "6: expected a whole number, not below 0, found the number `-1`: -",
            "7: unknown variant `newest-frist`, expected `newest-first` or `oldest-first`: \
             did you mean `newest-first`?",
            "7: `look` of `files` has no option `depth`: it has `order`",
            "8: `files` has no option `tiemout`: did you mean `timeout`?",
            "11: `b` is no absolute path: let it begin with `/`",
            "11: `c` is no absolute path: let it begin with `/`",
        ]
    );
    let columns: Vec<_> = error.problems().iter().filter_map(|problem| problem.column).collect();
    assert_eq!(columns, [9, 12, 12, 18, 34, 1, 16, 21]);
}

#[test]
fn the_options_of_every_step_are_checked_too() {
    let error = wrong(
        r#"product = "x"
[collect.a]
use = "journald"
timeout = "soon"
since = "someday"
priority = "high"
binary = "keap"
when = { pth = "/a" }
[collect.b]
use = "journald"
timeout = "0s"
when = { path = "etc" }
[collect.c]
use = "journald"
when = {}
[collect.D]
use = "journald"
"#,
    );
    let lines: Vec<_> = error.problems().iter().map(|problem| problem.line.unwrap()).collect();
    assert_eq!(lines, [4, 5, 6, 7, 8, 11, 12, 15, 16], "{}", error.render(false));
    assert!(error.render(false).contains("did you mean `path`?"));
}

#[test]
fn syntax_errors_are_all_reported_and_nothing_is_said_of_what_follows_from_them() {
    let error = wrong(
        "product = Komand\n[collect.a]\nuse = \"files\"\ntimeout = 5m\nmax-size = \"x\"\n\
         [collect.b]\nuse = journald\n[collect.b]\n",
    );
    assert_eq!(
        said(&error),
        [
            "1: a text needs quotes around it: write `\"Komand\"`",
            "4: a text needs quotes around it: write `\"5m\"`",
            "5: `x` is no size; write it like `200MB` or `64MiB`: -",
            "7: a text needs quotes around it: write `\"journald\"`",
            "8: this stands here twice: give one of them another name, or put both together",
        ]
    );
}

#[test]
fn a_list_that_is_never_closed_is_one_problem() {
    let error =
        wrong("product = \"x\"\n[collect.a]\npaths = [\"/a\",\n[collect.b]\nuse = \"files\"\n");
    assert_eq!(said(&error), ["3: this list is never closed: put a `]` after its last item"]);
}

#[test]
fn a_sink_without_recipients_is_refused() {
    let error = wrong("product = 'x'\n[deliver.bucket]\nuse = 's3'\nbucket = 'b'\n");
    assert_eq!(
        said(&error),
        ["2: the profile delivers bundles that nobody could keep secret: add `[encrypt]` with \
          `recipients = [\"age1…\"]`; `age-keygen` makes such a key"]
    );
    let profile = good(&format!(
        "product = 'x'\n[encrypt]\nrecipients = ['{KEY}']\n[deliver.b]\nuse = 's3'\nbucket = 'b'\n"
    ));
    assert_eq!((profile.sinks[0].id.as_str(), profile.recipients), ("b", vec![KEY.to_owned()]));
}

#[test]
fn a_wrong_recipient_is_underlined() {
    let error = wrong(&format!("product = 'x'\n[encrypt]\nrecipients = ['{KEY}', 'age1x']\n"));
    assert_eq!((error.problems()[0].line, error.problems()[0].column), (Some(3), Some(81)));
}

#[test]
fn the_key_of_the_envelope_must_not_open_bundles() {
    const OTHER: &str = "age1fg8jpr70a3am7d4m02s2kjrd7xvslasg9d7kzus0jc99l6lue5vq0gempl";
    const SSH: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";
    let with = |envelope: &str| {
        format!("product = 'x'\n[encrypt]\nrecipients = ['{KEY}']\nenvelope = '{envelope}'\n")
    };
    for (envelope, words) in [
        (KEY, "4: with this key the receiving side could open the bundles: make one for the"),
        ("age1x", "4: this age key is not valid"),
        (SSH, "4: an envelope needs a key of age: make one"),
    ] {
        let said = said(&wrong(&with(envelope)));
        assert!(said.len() == 1 && said[0].starts_with(words), "{said:?}");
    }
    assert_eq!(good(&with(OTHER)).envelope.as_deref(), Some(OTHER));
}

#[test]
fn what_is_missing_is_said() {
    let error = wrong(
        "[collect.journal]\nunits = []\n[deliver.b]\nuse = 's3'\n[archive]\ncompression = 'zip'\n",
    );
    assert_eq!(
        said(&error),
        [
            "1: the profile names no product: add `product = \"…\"` at its top",
            "1: `[collect.journal]` does not say which collector it uses: \
             add `use = \"…\"`: there are `files`, `journald`",
            "3: the option `bucket` is missing: `s3` needs `bucket`",
            "6: unknown variant `zip`, expected one of `xz`, `zstd`, `auto`: -",
        ]
    );
}

#[test]
fn switching_off_what_is_not_there_is_a_mistake() {
    let error = wrong(
        "product = 'x'\n[collect.journal]\nuse = 'journald'\n[collect.jurnal]\nenabled = false\n",
    );
    assert_eq!(
        said(&error),
        ["4: there is no `[collect.jurnal]` to switch off: did you mean `journal`?"]
    );
}

#[test]
fn a_secret_beside_a_mistake_is_not_shown() {
    let error = wrong(
        "product = 'x'\n[deliver.b]\nuse = 's3'\nbucket = 'b'\nupload-tokn = 'made-up-value'\n",
    );
    assert!(!error.render(false).contains("made-up"), "{}", error.render(false));
    let error = wrong("product = 'x'\n[deliver.b]\nuse = 's3'\nupload-token = 987654\n");
    assert!(!error.render(true).contains("987654"), "{}", error.render(false));
}

#[test]
fn a_number_where_a_size_belongs_is_answered_with_an_example() {
    let error = wrong("product = 'x'\n[collect.a]\nuse = 'files'\nmax-size = 200\n");
    assert_eq!(
        said(&error),
        ["4: expected a text, found the number `200`: write it like `max-size = \"200MB\"`"]
    );
}

/// However a profile is mutilated, there is an answer; this looks only for panics.
#[test]
fn a_mutilated_profile_is_answered_with_problems() {
    let text = template("komand").replace("recipients = []", "recipients = ['age1ä']");
    let places = || text.char_indices().map(|(place, _)| place).step_by(13);
    let cut = places().map(|place| text[..place].to_owned());
    let stained = places().flat_map(|place| {
        let stains = ["\"", "'", "[", "]", "=", "{", "\n", "ä"];
        stains.map(|stain| format!("{}{stain}{}", &text[..place], &text[place..]))
    });
    let mut wrong = 0;
    for text in cut.chain(stained) {
        if let Err(error) = load_texts(&[("p", &text), ("linux", "[collect.os]\nuse = 'files'")]) {
            wrong += usize::from(!error.render(true).is_empty());
        }
    }
    assert!(wrong > 50, "{wrong}");
}

#[test]
fn the_secrets_of_sinks_are_kept_out_of_bundles_wherever_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("upload.token", "made-up-in-a-file\n");
    let tokens = [
        "'made-up-literal'",
        "{ file = 'upload.token' }",
        "{ env = 'TOKEN' }",
        "{ file = 'none' }",
    ];
    let sinks = tokens.iter().enumerate().map(|(number, token)| {
        format!("[deliver.s{number}]\nuse = 's3'\nbucket = 'b'\nupload-token = {token}\n")
    });
    let sinks: String = sinks.collect();
    write("p.toml", &format!("product = 'x'\n[encrypt]\nrecipients = ['{KEY}']\n{sinks}"));
    let path = folder.path().join("p.toml");
    let env = |name: &str| (name == "TOKEN").then(|| "made-up-in-env".to_owned());
    let profile = load(path.to_str().unwrap(), &Library::new(Vec::new()), &plugins(), &env)
        .unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(profile.sinks.len(), 4);
    let text = profile.redaction.text("a made-up-literal b made-up-in-a-file c made-up-in-env d");
    assert_eq!(text, "a [redacted:deliver.s0] b [redacted:deliver.s1] c [redacted:deliver.s2] d");
}

#[test]
fn a_secret_too_short_to_be_found_is_refused_without_being_shown() {
    let error = wrong(&format!(
        "product = 'x'\n[encrypt]\nrecipients = ['{KEY}']\n[deliver.b]\nuse = 's3'\n\
         bucket = 'b'\nupload-token = 'q7'\n"
    ));
    assert_eq!(error.problems()[0].line, Some(4));
    assert!(!error.render(false).contains("q7"));
}

#[test]
fn a_ticket_system_is_a_sink_with_options_that_all_of_them_have() {
    let profile = good(&format!(
        "product = 'x'\n[encrypt]\nrecipients = ['{KEY}']\n[deliver.a]\nuse = 'desk'\n\
         url = 'https://desk.example.com'\nproject = 'bugs'\n[deliver.b]\nuse = 's3'\nbucket = 'b'\n"
    ));
    let sinks: Vec<_> = profile.sinks.iter().map(|sink| (sink.id.as_str(), sink.plugin)).collect();
    assert_eq!(sinks, [("a", "desk"), ("b", "s3")]);
    let destination = profile.sinks[0].sink.destination();
    assert!(destination.starts_with("project bugs at https://desk"), "{destination}");
}

#[test]
fn what_is_wrong_with_a_ticket_system_is_said_where_it_stands() {
    let error = wrong(&format!(
        "product = 'x'\n[encrypt]\nrecipients = ['{KEY}']\n[deliver.a]\nuse = 'desk'\n\
         url = 'nowhere'\ntitle = '{{prodct}}'\nbody = '{{info'\nprojct = 'bugs'\n\
         [deliver.b]\nuse = 'dsk'\n"
    ));
    assert_eq!(
        said(&error),
        [
            "8: a `{` is not closed; write `{{` for the brace itself: -",
            "9: `desk` has no option `projct`: did you mean `project`?",
            "11: there is no sink named `dsk`: did you mean `desk`?",
        ]
    );
    let error = wrong(&format!(
        "product = 'x'\n[encrypt]\nrecipients = ['{KEY}']\n[deliver.a]\nuse = 'desk'\n\
         url = 'nowhere'\ntitle = '{{prodct}}'\n"
    ));
    assert_eq!(
        said(&error),
        [
            "6: `nowhere` is no address: -",
            "7: there is no placeholder `prodct`: did you mean `product`?",
            "7: the title has no `{id}`, by which a ticket is found again: without it, a lost \
             answer would lead to a second ticket",
        ]
    );
}
