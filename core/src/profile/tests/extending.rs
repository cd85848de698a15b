//! Profiles that are found by name, and that extend others.

use super::*;

#[test]
fn steps_run_in_the_order_of_the_file() {
    let profile = good(
        "product = 'x'\n[collect.zebra]\nuse = 'files'\n[collect.ant]\nuse = 'files'\n\
         [collect.mule.when]\npath = '/a'\n[collect.mule]\nuse = 'files'\n",
    );
    assert_eq!(ids(&profile), ["zebra", "ant", "mule"]);
}

#[test]
fn a_profile_overrides_what_it_extends_key_by_key() {
    let profile = load_texts(&[
        (
            "p",
            "extends = ['base']\n[collect.new]\nuse = 'journald'\n[collect.b]\ntimeout = '9s'\n\
             [collect.c]\nenabled = false\n[limits]\ntime = '1m'\n[collect.a]\nuse = 'journald'\n\
             units = ['x']",
        ),
        (
            "base",
            "product = 'Base'\n[collect.b]\nuse = 'files'\ntimeout = '5s'\nmax-size = '7B'\n\
             [collect.a]\nuse = 'files'\nmax-size = '7B'\n[collect.c]\nuse = 'files'\n\
             [limits]\nsize = '1MB'\n",
        ),
    ])
    .unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(profile.product, "Base");
    assert_eq!(ids(&profile), ["b", "a", "new"]);
    let options = &profile.steps[0].options;
    assert_eq!(options.timeout, "9s".parse().unwrap());
    assert_eq!(options.max_size, Some(Size(7)));
    // Another collector: the options of the old one mean nothing to it.
    assert_eq!((profile.steps[1].plugin, profile.steps[1].options.max_size), ("journald", None));
    assert_eq!(
        (profile.limits.size, profile.limits.time),
        (Size(1_000_000), "1m".parse().unwrap())
    );
}

#[test]
fn a_problem_names_the_file_that_it_is_in() {
    let error = load_texts(&[
        ("p", "product = 'x'\nextends = ['base']\n[collect.a]\ntimeout = 1\n"),
        ("base", "[collect.a]\nuse = 'files'\npahts = []\n"),
    ]);
    let error = error.err().expect("both are wrong");
    let places = error.problems().iter().map(|problem| (problem.file.as_deref(), problem.line));
    assert_eq!(
        places.collect::<Vec<_>>(),
        [(Some("p (built in)"), Some(4)), (Some("base (built in)"), Some(3))]
    );
}

#[test]
fn profiles_that_extend_each_other_are_an_error_that_shows_the_circle() {
    let error = load_texts(&[
        ("a", "product = 'x'\nextends = ['b']"),
        ("b", "extends = ['c']"),
        ("c", "extends = ['a']"),
    ]);
    assert_eq!(
        said(&error.err().expect("a circle")),
        [
            "1: profiles extend each other in a circle: a (built in) → b (built in) → c (built in) → \
          a (built in): take one of them out of `extends`"
        ]
    );
}

#[test]
fn a_base_that_is_reached_twice_is_read_once() {
    let base = "[collect.a]\nuse = 'files'\nmax-size = '1B'\n";
    let profile = load_texts(&[
        ("p", "product = 'x'\nextends = ['left', 'right']"),
        ("left", "extends = ['base']\n[collect.a]\nmax-size = '2B'"),
        ("right", "extends = ['base']\n[collect.z]\nuse = 'files'"),
        ("base", base),
    ]);
    let profile = profile.unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(ids(&profile), ["a", "z"]);
    assert_eq!(profile.steps[0].options.max_size, Some(Size(2)));
}

#[test]
fn two_profiles_that_know_nothing_of_each_other_may_not_share_an_id() {
    let texts = |own| {
        [
            ("p", own),
            ("left", "[collect.logs]\nuse = 'files'\npaths = ['/l']"),
            ("right", "[collect.logs]\nuse = 'files'\npaths = ['/r']"),
        ]
    };
    let error = load_texts(&texts("product = 'x'\nextends = ['left', 'right']"));
    let rendered = error.err().expect("a collision").render(false);
    assert!(rendered.contains("right (built in):2:7"), "{rendered}");
    assert!(rendered.contains("left (built in):2:7"), "{rendered}");
    let own = "product = 'x'\nextends = ['left', 'right']\n[collect.logs]\npaths = ['/l', '/r']";
    assert!(load_texts(&texts(own)).is_ok());
}

#[test]
fn an_unknown_profile_is_named_with_what_was_probably_meant_and_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::new(vec![folder.path().to_owned()]);
    let error = load("linx", &library, &plugins(), &|_| None).err().unwrap();
    let rendered = error.render(false);
    assert!(rendered.starts_with("error: there is no profile named `linx`"), "{rendered}");
    assert!(rendered.contains("did you mean `linux`?"), "{rendered}");
    assert!(rendered.contains(&*folder.path().to_string_lossy()), "{rendered}");
    let error = load("./linux.toml", &library, &plugins(), &|_| None).err().unwrap();
    assert!(error.problems()[0].message.starts_with("cannot read the profile `./linux.toml`"));
}

#[test]
fn a_profile_is_found_by_name_in_folders_before_those_built_in_and_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("linux.toml", "product = 'Mine'\nextends = ['./part.toml']\n");
    write("part.toml", "[collect.a]\nuse = 'files'\n");
    let library = Library::new(vec![folder.path().to_owned()]);
    let profile = load("linux", &library, &plugins(), &|_| None);
    let profile = profile.unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!((profile.product.as_str(), ids(&profile)), ("Mine", vec!["a"]));
    assert_eq!(profile.base, folder.path());
    let path = folder.path().join("part.toml");
    let error = load(path.to_str().unwrap(), &library, &plugins(), &|_| None).err().unwrap();
    assert_eq!(error.problems()[0].file.as_deref(), path.to_str());
    let listed = library.list();
    let linux = listed.iter().find(|listed| listed.name == "linux").unwrap();
    assert_eq!(linux.product.as_deref(), Some("Mine"));
    assert_eq!(linux.origin, Origin::File(folder.path().join("linux.toml")));
    assert!(listed.iter().any(|listed| listed.origin == Origin::BuiltIn));
}

#[test]
fn the_hash_covers_all_that_is_extended() {
    let hash = |base| {
        let texts = [("p", "product = 'x'\nextends = ['base']"), ("base", base)];
        load_texts(&texts).map(|profile| profile.sha256).unwrap_or_default()
    };
    assert_ne!(hash("# one"), hash("# two"));
    assert_eq!(
        good("product = 'x'").sha256,
        // printf %s "product = 'x'" | sha256sum
        "0eddaa83232b977bd8b74db9c030e4e333b8bf30180d5fc284bc0528c2c26109"
    );
}
