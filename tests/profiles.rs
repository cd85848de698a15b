//! Profiles: mistakes are reported at once, and what ships is usable.

use crate::kit::Collect;
use std::fs;

#[test]
fn five_mistakes_in_one_profile_are_reported_at_once_with_place_and_suggestion() {
    let collect = Collect::new();
    let text = "\
product = \"Shop\"

[collect.logs]
use = \"file\"
paths = [\"/var/log/shop.log\"]

[collect.journal]
use = \"journald\"
unit = [\"shop.service\"]

[collect.uptime]
use = \"command\"
argv = [\"uptime\"]
timeout = \"5 parsecs\"

[encrypt]
recipients = [\"age1madeup\"]

[deliver.bucket]
use = \"s3\"
bucket = \"shop\"
regoin = \"eu-central-1\"
upload-token = \"made-up-token-in-the-profile\"
referer = \"https://shop.example.com/report\"
";
    let profile = collect.write("shop.toml", text);
    let path = profile.to_str().unwrap();
    for arguments in [vec!["check", path], vec!["--profile", path, "--yes"]] {
        let said = collect.run(arguments).expect(4).printed();
        for (place, words) in [
            ("shop.toml:4:", &["`file`", "`files`"][..]),
            ("shop.toml:9:", &["`unit`", "`units`"]),
            ("shop.toml:14:", &["5 parsecs", "`5m`"]),
            ("shop.toml:17:", &["age1madeup"]),
            ("shop.toml:22:", &["`regoin`", "`region`"]),
        ] {
            assert!(said.contains(place), "{place}\n{said}");
            for word in words {
                assert!(said.contains(word), "{word}\n{said}");
            }
        }
        assert!(said.matches('^').count() >= 5, "a caret each:\n{said}");
        assert!(
            !said.contains("made-up-token-in-the-profile"),
            "a secret on the terminal:\n{said}"
        );
    }
    assert!(collect.bundles().is_empty());
}

#[test]
fn a_sink_without_recipients_is_a_mistake() {
    let collect = Collect::new();
    let profile = collect.write(
        "shop.toml",
        "product = \"Shop\"\n[collect.os]\nuse = \"os\"\n\
         [deliver.share]\nuse = \"folder\"\npath = \"/srv/share\"\n",
    );
    let ended = collect.run(["check", profile.to_str().unwrap()]).expect(4);
    assert!(ended.printed().contains("recipients"), "{}", ended.printed());
}

#[test]
fn the_profiles_that_ship_are_listed_and_good() {
    let collect = Collect::new();
    let listed = collect.run(["profiles"]).expect(0).stdout;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let names = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let names: Vec<String> = names.collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        assert!(listed.contains(&name), "{name}: {listed}");
        let mut set = Vec::new();
        if name == "systemd-service" {
            set.extend(["--set", "unit=unit-of-a-test.service"]);
        }
        collect.run(["check", &name].into_iter().chain(set.clone())).expect(0);

        // And each can be run here, whatever of it there is.
        let tried = collect.run(["check", "--run", &name, "--json"].into_iter().chain(set));
        assert!(matches!(tried.code, Some(0 | 3)), "{name}: {}", tried.printed());
        let printed = tried.printed();
        for word in ["panicked", "abandoned", "timed-out", "not-started"] {
            assert!(!printed.contains(&format!("\"{word}\"")), "{name}: {printed}");
        }
    }
    assert!(collect.bundles().is_empty(), "nothing is kept");
}

#[test]
fn a_dry_run_says_what_would_run_and_touches_nothing() {
    let collect = Collect::new();
    let touched = collect.path("touched");
    let log = collect.write("shop.log", "x".repeat(123_456));
    let profile = collect.write(
        "shop.toml",
        format!(
            "product = \"Shop\"\n[collect.logs]\nuse = \"files\"\npaths = [\"{}\"]\n\
             [collect.touching]\nuse = \"command\"\nargv = [\"touch\", \"{}\"]\n",
            log.display(),
            touched.display()
        ),
    );
    let before = collect.left_behind();
    let ended = collect.run(["--profile", profile.to_str().unwrap(), "--dry-run"]).expect(0);
    let said = ended.printed();
    for word in ["logs", "touching", "123"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!touched.exists());
    assert_eq!(collect.left_behind(), before);
}

#[test]
fn without_a_terminal_what_is_missing_is_an_error_that_names_its_flag() {
    let collect = Collect::new();
    let profile = collect.write(
        "shop.toml",
        "product = \"Shop\"\n[report]\ncontact = \"required\"\n[collect.os]\nuse = \"os\"\n",
    );
    let path = profile.to_str().unwrap();
    let all =
        [("--email", "user@example.com"), ("--description", "It does not print."), ("--yes", "")];
    for (missing, _) in all {
        let mut arguments = vec!["--profile", path, "--no-send"];
        for (flag, value) in all {
            if flag != missing {
                arguments.push(flag);
                arguments.extend((!value.is_empty()).then_some(value));
            }
        }
        let ended = collect.run(&arguments).expect(4);
        assert!(ended.stderr.contains(missing), "{missing}: {}", ended.stderr);
        assert!(collect.bundles().is_empty());
    }
}
