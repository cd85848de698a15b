//! Parameters: what a profile leaves open.

use super::*;

const UNIT: &str = "\
product = 'x'
[params.unit]
description = 'the unit to look at'
[params]
logs = []
[collect.journal]
use = 'journald'
units = ['${unit}']
[collect.logs]
use = 'files'
paths = ['/etc/${unit}.conf', '${logs}', '/srv/$${unit}']
";

fn given(text: &str, set: &[(&str, &str)]) -> Result<Profile, ProfileError> {
    given_texts(&[("p", text)], set)
}

fn given_texts(texts: &[(&str, &str)], set: &[(&str, &str)]) -> Result<Profile, ProfileError> {
    let set: Vec<_> = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let library = texts.iter().fold(Library::new(Vec::new()), |library, (name, text)| {
        library.with(name, (*text).to_owned())
    });
    load(Wanted { name: texts[0].0, set: &set }, &library, &plugins(), &|_| None)
}

fn refused(text: &str, set: &[(&str, &str)]) -> Vec<String> {
    said(&given(text, set).err().expect("the profile is wrong"))
}

/// What the collectors of a profile were built with.
fn described(profile: &Profile) -> Vec<String> {
    profile.steps.iter().filter_map(|step| step.collector.describe()).collect()
}

#[test]
fn what_is_given_stands_where_its_name_is() {
    let profile = given(UNIT, &[("unit", "a"), ("logs", "/x"), ("logs", "/y")]);
    let profile = profile.unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(described(&profile), ["/etc/a.conf /x /y /srv/${unit}"]);
    assert_eq!(profile.params["unit"], ["a"]);
    assert_eq!(profile.params["logs"], ["/x", "/y"]);
    let without = given(UNIT, &[("unit", "a")]).unwrap_or_else(|e| panic!("{}", e.render(false)));
    assert_eq!(described(&without), ["/etc/a.conf /srv/${unit}"], "an empty list is nothing");
}

#[test]
fn a_parameter_that_must_be_given_says_what_it_is_and_the_flag() {
    let said = refused(UNIT, &[]);
    assert_eq!(
        said,
        [
            "2: the parameter `unit` must be given: the unit to look at: add `--set unit=…`, or give \
          it a `default`"
        ]
    );
}

#[test]
fn an_unknown_name_gets_a_suggestion_and_the_list() {
    let said = refused(UNIT, &[("unit", "a"), ("unti", "b")]);
    assert_eq!(
        said,
        ["0: the profile has no parameter `unti`: did you mean `unit`?\n\
          `--set logs=…`: a parameter of the profile; empty if not given\n\
          `--set unit=…`: the unit to look at; must be given"]
    );
    let none = refused("product = 'x'\n", &[("unit", "a")]);
    assert!(none[0].contains("no parameters at all"), "{none:?}");
}

#[test]
fn a_reference_to_nothing_has_its_place_in_the_text() {
    let text = "product = 'x'\n[params]\nunit = 'a'\n[collect.a]\nuse = 'files'\n\
                paths = ['/${unit}', '/b/${unti}/c', '/${HOME']\n";
    let error = given(text, &[]).err().unwrap();
    assert_eq!(
        super::said(&error),
        [
            "6: the profile has no parameter `unti`: did you mean `unit`?",
            "6: a `${` without its `}`: for a literal `${` write `$${`",
        ]
    );
    assert_eq!(error.problems()[0].column, Some(26));
    assert!(error.render(false).contains("^^^^^^^ unknown"), "{}", error.render(false));
}

#[test]
fn what_nothing_uses_is_a_mistake() {
    let said = refused("product = 'x'\n[params]\nunit = 'a'\n", &[]);
    assert_eq!(
        said,
        ["3: nothing in the profile uses the parameter `unit`: write `${unit}` where its value \
          belongs, or leave it out"]
    );
}

#[test]
fn a_profile_that_extends_another_gives_its_parameters() {
    let product = "product = 'Shop'\nextends = ['base']\n[params]\nunit = 'shop'\n";
    let profile = given_texts(&[("p", product), ("base", UNIT)], &[]);
    let profile = profile.unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(described(&profile), ["/etc/shop.conf /srv/${unit}"]);
    let library = Library::new(Vec::new()).with("p", product).with("base", UNIT);
    let listed = parameters("p", &library).unwrap();
    let unit = &listed[1];
    assert_eq!(unit.description.as_deref(), Some("the unit to look at"));
    assert_eq!(unit.default.as_deref(), Some(&["shop".to_owned()][..]));
    let over = given_texts(&[("p", product), ("base", UNIT)], &[("unit", "other")]).ok().unwrap();
    assert_eq!(over.params["unit"], ["other"]);
    let slip = "product = 'Shop'\nextends = ['base']\n[params]\nunti = 'shop'\n";
    let error = given_texts(&[("p", slip), ("base", UNIT)], &[("unit", "a")]).err().unwrap();
    assert!(super::said(&error)[0].ends_with("did you mean `unit`?"), "{:?}", super::said(&error));
}

#[test]
fn two_profiles_that_mean_different_things_by_a_name_are_a_mistake() {
    let other = UNIT.replace("journal]", "journal2]").replace("logs]", "logs2]");
    let both = [("p", "extends = ['a', 'b']\n"), ("a", UNIT), ("b", &other)];
    let error = given_texts(&both, &[("unit", "x")]).err().unwrap();
    assert!(super::said(&error)[0].contains("two profiles define `[params.unit]`"));
    let both = [("p", "extends = ['a', 'b']\nparams.unit = 'y'"), ("a", UNIT), ("b", &other)];
    assert!(given_texts(&both, &[]).is_ok());
}

#[test]
fn numbers_and_switches_keep_their_types() {
    let text = "product = 'x'\n[params]\nn = 5\non = true\n[collect.a]\nuse = 'files'\n\
                max-line = '${n}'\nenabled = '${on}'\nmax-size = '${n}MB'\n";
    let profile = given(text, &[]).unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(profile.steps[0].options.max_size, Some(Size(5_000_000)));
    assert!(given(text, &[("on", "false"), ("n", "7")]).ok().unwrap().steps.is_empty());
    let said = refused(text, &[("on", "no"), ("n", "seven")]);
    assert_eq!(
        said,
        [
            "3: the parameter `n` is a whole number, not `seven`: -",
            "4: the parameter `on` is `true` or `false`, not `no`: -",
        ]
    );
    let said = refused(text, &[("n", "-7")]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("not below 0") && said[0].contains("`--set n=…`"), "{said:?}");
}

#[test]
fn what_is_given_is_held_to_what_the_profile_expects() {
    let text = "product = 'x'\n[params]\nunit = { default = 'a.service', pattern = '[a-z]+\\.service' }\n\
                level = { default = 'low', one-of = ['low', 'high'] }\n\
                [collect.a]\nuse = 'files'\npaths = ['/${unit}/${level}']\n";
    assert!(given(text, &[("unit", "b.service"), ("level", "high")]).is_ok());
    let said = refused(text, &[("unit", "b.service\n"), ("level", "hihg")]);
    assert!(said[0].contains("control character"), "{said:?}");
    assert!(said[1].contains("did you mean `high`?"), "{said:?}");
    let said = refused(text, &[("unit", "xb.services")]);
    assert!(said[0].contains("does not match its `pattern`"), "{said:?}");
    let said = refused(&text.replace("'a.service'", "'A.service'"), &[]);
    assert!(said[0].contains("the default of `unit` does not match"), "{said:?}");
    let said = refused(&text.replace("[a-z]+", "[a-z+"), &[]);
    assert!(said[0].contains("no regular expression"), "{said:?}");
}

#[test]
fn what_is_given_cannot_surprise() {
    for value in
        ["", "a\0b", "a\nb", "--host=example.com", "../etc", "a/../../b", "..", &"x".repeat(5000)]
    {
        let said = refused(UNIT, &[("unit", value)]);
        assert!(said.len() == 1 && said[0].contains("--set unit="), "{value:?}: {said:?}");
    }
    // It is a value, whatever it looks like.
    for value in ["'] , use = 'x", "a\"b", "${unit}", "$${x}", "${other}", "#", "a..b"] {
        let profile = given(UNIT, &[("unit", value)]);
        let profile = profile.unwrap_or_else(|error| panic!("{}", error.render(false)));
        assert_eq!(described(&profile), [format!("/etc/{value}.conf /srv/${{unit}}")]);
    }
}

#[test]
fn who_reads_and_what_is_removed_is_not_for_the_command_line() {
    let text = format!(
        "product = '${{unit}}'\n[params]\nunit = 'a'\n[encrypt]\nrecipients = ['${{unit}}', '{KEY}']\n\
         [redact.secrets]\nenabled = '${{unit}}'\n[collect.a]\nuse = '${{unit}}'\n"
    );
    let error = given(&text, &[]).err().unwrap();
    let lines: Vec<_> = error.problems().iter().map(|p| (p.line, p.message.as_str())).collect();
    let not_here = "no parameter can stand here";
    assert_eq!(lines, [1, 5, 7, 9].map(|line| (Some(line), not_here)));
}

#[test]
fn a_list_stands_as_an_item_and_nowhere_else() {
    let text = "product = 'x'\n[params]\nlogs = ['/a']\n[collect.a]\nuse = 'files'\n\
                paths = '${logs}'\nexclude = ['x${logs}']\n";
    let said = refused(text, &[]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|said| said.contains("`logs` is a list")), "{said:?}");
}

#[test]
fn a_name_is_the_same_in_every_run() {
    let text =
        "product = 'x'\n[params]\nid = 'a'\n[collect.'${id}']\nuse = 'files'\npaths=['/${id}']\n";
    assert!(refused(text, &[])[0].contains("cannot stand in a name"));
}

#[test]
fn a_mistake_in_what_is_given_says_where_it_comes_from() {
    let text =
        "product = 'x'\n[params]\nlogs = ['/a']\n[collect.a]\nuse = 'files'\npaths = ['${logs}']\n";
    let said = refused(text, &[("logs", "/a"), ("logs", "b")]);
    assert_eq!(
        said,
        ["6: `b` is no absolute path: let it begin with `/`\n`${logs}` stands for what `--set \
          logs=…` says"]
    );
}

#[test]
fn a_dollar_in_a_secret_is_not_repeated() {
    let text = format!(
        "product = 'x'\n[encrypt]\nrecipients = ['{KEY}']\n[deliver.b]\nuse = 's3'\nbucket = 'b'\n\
         upload-token = 'made-up-${{hunter2}}-token'\n"
    );
    let error = given(&text, &[]).err().unwrap();
    assert!(!error.render(false).contains("hunter2"), "{}", error.render(false));
    assert!(!format!("{:?}", super::said(&error)).contains("hunter2"));
    assert!(given(&text.replace("${", "$${"), &[]).is_ok());
}
