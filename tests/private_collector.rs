//! A collector that is no part of collect: a crate of its own, one file, a five-line binary.

use crate::kit::{Bundle, Collect, KeyPair, example, needs, profile};

#[test]
fn a_private_collector_is_listed_by_its_own_binary_and_by_no_other() {
    let collect = Collect::of(example("private-collector"));
    let listed = collect.run(["plugins"]).expect(0).stdout;
    for name in ["queue", "files", "journald", "s3"] {
        assert!(listed.contains(name), "{name}: {listed}");
    }
    let page = collect.run(["plugins", "queue"]).expect(0).stdout;
    assert!(page.contains("Counts the jobs"), "{page}");
    assert!(page.contains("path"), "{page}");
    let schema = collect.run(["schema"]).expect(0).stdout;
    assert!(schema.contains("\"queue\""), "its options are in the schema");

    let listed = Collect::new().run(["plugins"]).expect(0).stdout;
    assert!(!listed.contains("queue"), "{listed}");
}

#[test]
fn a_private_collector_runs() {
    needs!("age", "age-keygen", "tar", "xz");
    let (collect, key) = (Collect::of(example("private-collector")), KeyPair::new());
    collect.write("spool/job-1", "first");
    collect.write("spool/job-2", "second");
    let body = format!(
        "[collect.jobs]\nuse = \"queue\"\npath = \"{}\"\n",
        collect.path("spool").display()
    );
    let profile = collect.write("shop.toml", profile(&key.recipient, &body));
    collect.gather(&profile).expect(0);
    let bundle = Bundle::open(&collect.bundle(), &key.file());
    let queue: serde_json::Value = serde_json::from_slice(&bundle.read("jobs/queue.json")).unwrap();
    assert_eq!(queue["jobs"], 2);
    assert_eq!(queue["bytes"], 11);
    assert!(queue["since"].is_string(), "{queue}");
}

#[test]
fn an_option_that_a_private_collector_does_not_know_gets_a_suggestion() {
    let collect = Collect::of(example("private-collector"));
    let profile = collect.write(
        "shop.toml",
        "product = \"Shop\"\n[collect.jobs]\nuse = \"queue\"\npaht = \"/var/spool/shop\"\n",
    );
    let said = collect.run(["check", profile.to_str().unwrap()]).expect(4);
    assert!(said.printed().contains("`path`"), "{}", said.printed());
}
