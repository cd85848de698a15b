//! The sink against folders that are missing, full, taken or not ours.

use super::*;
use crate::testing::Follower;
use collect_core::testkit::sealed;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

const NAME: &str = "example-20261123T104200Z-madeup.tar.xz.age";

struct Case {
    base: TempDir,
    bundle: Sealed,
    follower: Follower,
}

impl Case {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join("outbox")).unwrap();
        let path = base.path().join("outbox").join(NAME);
        fs::write(&path, vec![7; 3 * CHUNK + 1]).unwrap();
        Self { bundle: sealed(&path).unwrap(), base, follower: Follower::default() }
    }

    fn deliver(&self, path: &str) -> Result<Receipt, DeliveryError> {
        let sink = Folder { path: path.into() };
        assert_eq!(sink.check(), []);
        sink.deliver(&self.bundle, &self.follower.context(self.base.path(), &|_| None))
    }

    fn refused(&self, path: &str) -> (String, String) {
        match self.deliver(path) {
            Err(DeliveryError::Refused { reason, help }) => (reason, help.unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.base.path().join(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn the_bundle_stands_in_the_folder_under_its_own_name_and_nothing_else_does() {
    let case = Case::new();
    let receipt = case.deliver("reports").unwrap();
    assert_eq!(case.names("reports"), [NAME]);
    let target = case.base.path().join("reports").join(NAME);
    assert_eq!(receipt.location, target.display().to_string());
    assert_eq!(digest(&target).unwrap(), case.bundle.sha256());
    assert_eq!(case.follower.most.load(Ordering::Relaxed), case.bundle.len());
}

#[test]
fn delivering_twice_is_as_good_as_once() {
    let case = Case::new();
    case.deliver("reports").unwrap();
    case.deliver("reports").unwrap();
    assert_eq!(case.names("reports"), [NAME]);
}

#[test]
fn another_file_of_that_name_is_not_overwritten() {
    let case = Case::new();
    let target = case.base.path().join("reports").join(NAME);
    for other in [vec![8; 3 * CHUNK + 1], b"short".to_vec()] {
        _ = fs::create_dir(target.parent().unwrap());
        fs::write(&target, &other).unwrap();
        let (_, help) = case.refused("reports");
        assert!(help.contains("not overwritten"), "{help}");
        assert_eq!(fs::read(&target).unwrap(), other);
    }
}

#[test]
fn a_missing_path_is_not_made_up() {
    let case = Case::new();
    let (reason, help) = case.refused("no/such/folder");
    assert!(reason.contains("no/such/folder"), "{reason}");
    assert!(help.contains("mount"), "{help}");
    assert_eq!(case.names(""), ["outbox"]);
}

#[test]
fn a_file_is_no_folder() {
    let case = Case::new();
    fs::write(case.base.path().join("reports"), "").unwrap();
    let (reason, _) = case.refused("reports");
    assert!(reason.contains("is no folder"), "{reason}");
}

#[test]
fn the_outbox_itself_is_no_place_to_deliver_to() {
    let case = Case::new();
    let (reason, _) = case.refused("outbox");
    assert!(reason.contains("wait"), "{reason}");
    assert!(case.bundle.path().exists());
}

#[test]
fn a_user_who_stops_leaves_no_debris() {
    let case = Case::new();
    case.follower.stop.store(true, Ordering::Relaxed);
    assert!(matches!(case.deliver("reports"), Err(DeliveryError::Stopped)));
    assert_eq!(case.names("reports"), Vec::<String>::new());
}

#[test]
fn what_a_killed_copy_left_is_removed_and_what_is_being_copied_is_not() {
    let case = Case::new();
    let folder = case.base.path().join("reports");
    fs::create_dir(&folder).unwrap();
    let (left, busy) = (format!("{NAME}.left.partial"), format!("{NAME}.busy.partial"));
    for name in [&left, &busy, &"other.age.left.partial".to_owned()] {
        fs::write(folder.join(name), "part").unwrap();
    }
    let copying = File::open(folder.join(&busy)).unwrap();
    copying.lock().unwrap();
    case.deliver("reports").unwrap();
    assert_eq!(case.names("reports"), [NAME, &busy, "other.age.left.partial"]);
}

#[test]
fn a_bundle_that_changed_since_it_was_sealed_is_not_delivered() {
    let case = Case::new();
    fs::write(case.bundle.path(), vec![8; 3 * CHUNK + 1]).unwrap();
    let result = case.deliver("reports");
    assert!(matches!(result, Err(DeliveryError::Read(_))), "{result:?}");
    assert_eq!(case.names("reports"), Vec::<String>::new());
}

#[test]
fn a_full_disk_can_be_tried_again_and_a_locked_folder_must_be_opened() {
    let path = Path::new("/srv/reports");
    let full = explain(&ErrorKind::StorageFull.into(), "write", path);
    assert!(matches!(full, DeliveryError::Unreachable { .. }));
    let denied = explain(&ErrorKind::PermissionDenied.into(), "write", path);
    let DeliveryError::Refused { help, .. } = denied else {
        panic!("{denied:?}");
    };
    assert!(help.unwrap().contains("let this user write there"));
}

#[test]
fn a_folder_without_a_path_is_a_mistake_in_the_profile() {
    assert_eq!(Folder::default().check()[0].option, "path");
}
