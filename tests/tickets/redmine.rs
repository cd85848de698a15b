//! Redmine.

use super::{a_report_becomes_one_ticket, arguments, output_of_noise, profile_for};
use crate::kit::{Collect, KeyPair, REPORTER_KEY, Redmine, needs};
use std::fs;

#[test]
fn a_report_becomes_one_ticket_in_redmine() {
    needs!("age", "age-keygen", "tar", "xz", "curl", "python3", "setpriv");
    let Some(mut redmine) = Redmine::start() else { return };
    a_report_becomes_one_ticket(&mut redmine, "< /pre> does *nothing*", "/issues/");
    let issue = &redmine.issues()[0];
    let mut fields = issue["custom_fields"].as_array().unwrap().iter();
    let field = fields.find(|field| field["id"].as_u64() == redmine.field.parse().ok()).unwrap();
    assert_eq!(field["value"], issue["attachments"][0]["filename"]);
}

#[test]
fn what_redmine_refuses_is_said_with_what_to_do_and_the_bundle_is_kept() {
    needs!("age-keygen", "curl", "python3", "setpriv");
    let Some(redmine) = Redmine::start() else { return };
    let (collect, key) = (Collect::new(), KeyPair::new());
    let wrong = "made-up-key-of-last-year-0123456789abcde";
    collect.write("redmine.key", wrong);
    let right = profile_for(&collect, &key, &redmine.sink().replace("[deliver.desk]\n", ""));
    let ended = collect.run(arguments(&right)).expect(5);
    assert!(ended.stderr.contains("401") && ended.stderr.contains("`api-key`"), "{}", ended.stderr);
    assert!(!ended.printed().contains(wrong), "{}", ended.stderr);

    collect.write("redmine.key", REPORTER_KEY);
    let text = fs::read_to_string(&right).unwrap();
    fs::write(&right, text.replace("project = \"shop\"", "project = \"shp\"")).unwrap();
    let ended = collect.run(["send"]).expect(5);
    assert!(ended.stderr.contains("`project`"), "{}", ended.stderr);

    fs::write(&right, text.replace("use = \"redmine\"", "use = \"redmine\"\ntracker = \"Bgu\""))
        .unwrap();
    let ended = collect.run(["send"]).expect(5);
    assert!(ended.stderr.contains("no tracker `Bgu`"), "{}", ended.stderr);
    assert_eq!(redmine.issues().len(), 0);

    fs::write(&right, text).unwrap();
    collect.run(["send"]).expect(0);
    assert_eq!(redmine.issues().len(), 1);

    // Larger than Redmine takes: no ticket without its bundle.
    let noise = output_of_noise(2 << 20);
    collect.write("shop.log", noise);
    let ended = collect.run(arguments(&right)).expect(5);
    assert!(ended.stderr.contains("maximum allowed file size"), "{}", ended.stderr);
    assert_eq!(redmine.issues().len(), 1);
}
