//! Profiles that leave something open, and what is given for it.

use crate::kit::{Bundle, Collect, KeyPair, needs, profile};

const BODY: &str = "\
[params]
logs = { description = \"the logs\", default = [] }
site = { description = \"which site\", pattern = \"[a-z]+\" }

[collect.logs]
use = \"files\"
paths = [\"FOLDER/${site}.log\", \"${logs}\"]
";

fn written(collect: &Collect, key: &KeyPair) -> std::path::PathBuf {
    let body = BODY.replace("FOLDER", collect.path("logs").to_str().unwrap());
    collect.write("logs/shop.log", "of the shop\n");
    collect.write("more/till.log", "of the till\n");
    collect.write("shop.toml", profile(&key.recipient, &body))
}

#[test]
fn what_is_given_is_gathered_and_the_manifest_says_what_it_was() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let profile = written(&collect, &key);
    let till = collect.path("more/*.log");
    let mut arguments = collect.gathering(&profile);
    for set in ["site=shop".to_owned(), format!("logs={}", till.display())] {
        arguments.extend(["--set".into(), set.into()]);
    }
    // It is a value, so it may look like a secret; then it is removed like one.
    let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    arguments.extend(["--set".into(), format!("logs=/none/{token}").into()]);
    collect.run(arguments).expect(0);
    let bundle = Bundle::open(&collect.bundle(), &key.file());
    let path = |name: &str| format!("logs{}", collect.path(name).display());
    assert_eq!(bundle.text(&path("logs/shop.log")), "of the shop\n");
    assert_eq!(bundle.text(&path("more/till.log")), "of the till\n");
    let params = &bundle.manifest["profile"]["params"];
    assert_eq!(params["site"], serde_json::json!(["shop"]));
    assert_eq!(params["logs"][0], till.to_str().unwrap());
    assert!(params["logs"][1].as_str().unwrap().contains("redacted"), "{params}");
    assert!(!bundle.manifest.to_string().contains(token));
}

#[test]
fn what_must_be_given_is_said_with_its_flag_by_every_command() {
    let (collect, key) = (Collect::new(), KeyPair::new());
    let path = written(&collect, &key);
    let path = path.to_str().unwrap();
    let folder = collect.path("logs");
    let folder = folder.to_str().unwrap();
    for arguments in [
        vec!["--profile", path, "--dry-run"],
        vec!["check", path],
        vec!["check", "--run", path],
        vec!["redact", "--profile", path, folder],
    ] {
        let said = collect.run(&arguments).expect(4).printed();
        assert!(said.contains("which site") && said.contains("--set site="), "{said}");
        let mut given = arguments.clone();
        given.extend(["--set", "site=shop"]);
        collect.run(&given).expect(0);
        *given.last_mut().unwrap() = "site=../shop";
        let said = collect.run(&given).expect(4).printed();
        assert!(said.contains("[a-z]+"), "{said}");
        given.extend(["--set", "siet=shop"]);
        let said = collect.run(&given).expect(4).printed();
        assert!(said.contains("did you mean `site`?"), "{said}");
    }
    collect.write("config/collect/profiles/shop.toml", std::fs::read(path).unwrap());
    let listed = collect.run(["profiles"]).expect(0).stdout;
    assert!(listed.contains("--set site=…  which site (must be given)"), "{listed}");
}

#[test]
fn a_bundle_that_waits_is_delivered_by_the_profile_with_what_was_given_for_it() {
    needs!("age", "age-keygen");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let body = format!(
        "[params.site]\ndescription = \"which site\"\n[collect.os]\nuse = \"os\"\n\
         [deliver.share]\nuse = \"folder\"\npath = \"{}/${{site}}\"\n",
        collect.path("share").display()
    );
    let path = collect.write("shop.toml", profile(&key.recipient, &body));
    let mut arguments = Collect::delivering(&path);
    arguments.extend(["--set".into(), "site=berlin".into()]);
    collect.write("share", "a file where the folder should be");
    collect.run(arguments).expect(5);
    std::fs::remove_file(collect.path("share")).unwrap();
    std::fs::create_dir_all(collect.path("share/berlin")).unwrap();
    collect.run(["send"]).expect(0);
    assert_eq!(std::fs::read_dir(collect.path("share/berlin")).unwrap().count(), 1);
}
