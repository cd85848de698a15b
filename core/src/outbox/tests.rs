//! What the outbox promises.

use super::*;
use jiff::Timestamp;

const NAME: &str = "komand-20261123T104205Z-0123456789.tar.xz.age";

fn record() -> Record {
    Record::new("komand", "Komand", Timestamp::UNIX_EPOCH, ["bucket", "desk"])
}

fn receipt() -> Receipt {
    let (location, at) = ("/somewhere".to_owned(), Timestamp::UNIX_EPOCH);
    Receipt { location, reference: None, ticket: None, at }
}

fn with_bundle() -> (tempfile::TempDir, Outbox) {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&dir.path().join("outbox")).unwrap();
    outbox.announce(NAME, &record()).unwrap();
    fs::write(outbox.dir().join(NAME), "sealed").unwrap();
    (dir, outbox)
}

#[test]
fn a_bundle_stays_until_its_last_sink_has_confirmed() {
    let (_dir, outbox) = with_bundle();
    let mut claim = outbox.claim(NAME).unwrap();
    claim.confirmed("bucket", receipt()).unwrap();
    claim.not_taken("desk", "no answer", true).unwrap();
    assert!(!claim.close().unwrap());

    let waiting = outbox.waiting().unwrap();
    let sinks = &waiting[0].record.as_ref().unwrap().sinks;
    assert!(sinks[0].receipt.is_some());
    assert_eq!(sinks[1].error.as_deref(), Some("no answer"));

    let mut claim = outbox.claim(NAME).unwrap();
    claim.confirmed("desk", receipt()).unwrap();
    assert!(claim.close().unwrap());
    assert!(outbox.waiting().unwrap().is_empty());
    assert_eq!(outbox.delivered().unwrap()[0].0, NAME, "the receipts are kept");
}

#[test]
fn two_processes_do_not_deliver_the_same_bundle() {
    let (_dir, outbox) = with_bundle();
    let claim = outbox.claim(NAME).unwrap();
    assert!(matches!(outbox.claim(NAME), Err(OutboxError::Busy(_))));
    drop(claim);
    assert!(outbox.claim(NAME).is_ok());
}

#[test]
fn what_a_dead_process_left_is_removed_and_named_and_a_live_one_is_left_alone() {
    let (_dir, outbox) = with_bundle();
    let dead = outbox.dir().join(format!("dead.tar.xz.age{PARTIAL}"));
    let live = outbox.dir().join(format!("live.tar.xz.age{PARTIAL}"));
    fs::write(&dead, "half").unwrap();
    fs::write(&live, "half").unwrap();
    let lock = File::open(&live).unwrap();
    lock.lock().unwrap();

    assert_eq!(outbox.recover().unwrap(), ["dead.tar.xz.age"]);
    assert!(!dead.exists());
    assert!(live.exists());
    assert_eq!(outbox.waiting().unwrap().len(), 1, "a sealed bundle is no debris");
}

#[test]
fn an_unknown_bundle_is_said_to_be_unknown() {
    let (_dir, outbox) = with_bundle();
    assert!(matches!(outbox.claim("other.age"), Err(OutboxError::Unknown(_))));
}

#[test]
fn a_bundle_from_elsewhere_is_taken_in() {
    let (dir, outbox) = with_bundle();
    let name = "komand-20261124T104205Z-9876543210.tar.xz.age";
    fs::write(dir.path().join(name), "elsewhere").unwrap();
    assert_eq!(outbox.adopt(&dir.path().join(name), &record()).unwrap(), name);
    assert_eq!(outbox.claim(name).unwrap().sealed().len(), 9);
    let holiday = dir.path().join("holiday.jpg");
    assert!(outbox.adopt(&holiday, &record()).is_err());
}

#[test]
fn a_record_without_a_bundle_is_removed_once_nobody_can_be_sealing_it() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&dir.path().join("outbox")).unwrap();
    outbox.announce(NAME, &record()).unwrap();
    outbox.recover().unwrap();
    let path = outbox.record_path(NAME);
    assert!(path.exists(), "it may be sealed this moment");
    let yesterday = std::time::SystemTime::now() - Duration::from_hours(24);
    File::options().write(true).open(&path).unwrap().set_modified(yesterday).unwrap();
    outbox.recover().unwrap();
    assert!(!path.exists());

    let (_dir, outbox) = with_bundle();
    let path = outbox.record_path(NAME);
    File::options().write(true).open(&path).unwrap().set_modified(yesterday).unwrap();
    outbox.recover().unwrap();
    assert!(path.exists(), "its bundle waits");
}

fn brief() -> Brief {
    Brief {
        tool: "collect".into(),
        product: "Komand".into(),
        started: Timestamp::UNIX_EPOCH,
        stopped: None,
        host: crate::bundle::HostFacts::default(),
        contact: Some("planted@example.com".into()),
        description: "it broke when planted-0000 was pressed".into(),
        answers: std::collections::BTreeMap::new(),
        ticket: None,
        steps: Vec::new(),
        left_out: 0,
    }
}

#[test]
fn what_may_be_told_waits_with_the_bundle_readable_by_this_host_only_and_goes_with_it() {
    let (dir, outbox) = with_bundle();
    let identity = Identity::load_or_create(&dir.path().join("identity.txt")).unwrap();
    outbox.keep_brief(NAME, &brief(), &identity).unwrap();
    for name in names(outbox.dir()).unwrap() {
        let bytes = fs::read(outbox.dir().join(&name)).unwrap_or_default();
        assert!(!bytes.windows(7).any(|bytes| bytes == b"planted"), "plaintext in {name}");
    }
    assert_eq!(outbox.waiting().unwrap().len(), 1, "a brief is no bundle");

    let mut claim = outbox.claim(NAME).unwrap();
    assert_eq!(claim.brief(&identity).unwrap(), Some(brief()));
    let other = Identity::load_or_create(&dir.path().join("other.txt")).unwrap();
    assert!(claim.brief(&other).is_err());
    claim.confirmed("bucket", receipt()).unwrap();
    claim.confirmed("desk", receipt()).unwrap();
    assert!(claim.close().unwrap());
    assert_eq!(names(outbox.dir()).unwrap(), ["delivered"]);

    outbox.announce(NAME, &record()).unwrap();
    outbox.keep_brief(NAME, &brief(), &identity).unwrap();
    outbox.withdraw(NAME);
    assert_eq!(names(outbox.dir()).unwrap(), ["delivered"]);
}
