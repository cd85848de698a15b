//! How many jobs wait in a queue folder, and since when.

use collect_core::{
    CollectError, Collector, Output,
    host::{FileKind, Host},
    register,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Counts the jobs that wait in a queue folder, where each job is a file. What is in the jobs is
/// not read.
#[derive(Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
struct Queue {
    /// The folder.
    path: PathBuf,
}

impl Default for Queue {
    fn default() -> Self {
        Self { path: "/var/spool/shop".into() }
    }
}

register!("queue" => Queue as Collector);

/// `queue.json` of the bundle.
#[derive(Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Waiting {
    /// How many jobs wait.
    jobs: u64,
    /// Their bytes.
    bytes: u64,
    /// Since when the first has waited (RFC 3339, UTC).
    since: Option<String>,
}

impl Collector for Queue {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        match self.count(out.host()) {
            Ok(waiting) => out.json("queue.json", &waiting),
            // Absent, denied or failed: the manifest says which.
            Err(error) => {
                out.failed(&self.path.display().to_string(), &error);
                Ok(())
            }
        }
    }
}

impl Queue {
    fn count(&self, host: &dyn Host) -> std::io::Result<Waiting> {
        let mut waiting = Waiting::default();
        let mut first = None;
        for path in host.entries(&self.path)? {
            // A job that was done meanwhile no longer waits.
            let Ok(job) = host.info(&path) else { continue };
            if job.kind == FileKind::Regular {
                waiting.jobs += 1;
                waiting.bytes += job.len;
                first = first.into_iter().chain(job.modified).min();
            }
        }
        waiting.since = first.map(|time| time.to_string());
        Ok(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    #[test]
    fn jobs_are_counted_from_the_first_on() {
        let host = FakeHost::new()
            .file_at("/spool/late", "three", "2026-11-23T10:42:00Z".parse().unwrap())
            .file_at("/spool/early", "two", "2026-11-23T09:00:00Z".parse().unwrap())
            .directory("/spool/done");
        let path = "/spool".into();
        let collected = Trial::of(Queue { path }).on(host);
        let queue = collected.text("queue.json");
        for line in ["\"jobs\": 2", "\"bytes\": 8", "\"since\": \"2026-11-23T09:00:00Z\""] {
            assert!(queue.contains(line), "{line}: {queue}");
        }
    }

    #[test]
    fn a_host_without_the_queue_is_no_fault() {
        let collected = Trial::of(Queue::default()).on(FakeHost::new());
        assert_eq!(collected.status(), Status::Absent);
    }
}
