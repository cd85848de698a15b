//! What a node of Kubernetes keeps on disk: manifests of pods, logs of containers.

use super::kernel_files::{children, name};
use collect_core::host::{Deadline, Host};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::io;

/// What stands for a value that is left out.
const LEFT_OUT: &str = "[left out]";

/// The logs of containers: `NAMESPACE_POD_UID/CONTAINER/RESTART.log`.
pub(crate) const LOGS: &str = "/var/log/pods";

/// The log of a container, one for each time that it was started.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ContainerLog {
    namespace: String,
    pod: String,
    uid: String,
    container: String,
    file: String,
    /// In bytes.
    size: u64,
    modified: Option<Timestamp>,
}

/// The logs of containers, by namespace, pod and container.
pub(crate) fn container_logs(
    host: &dyn Host,
    deadline: &Deadline,
) -> io::Result<Vec<ContainerLog>> {
    let mut logs = Vec::new();
    for pod in host.entries(LOGS.as_ref())? {
        if deadline.passed() {
            break;
        }
        let folder = name(&pod);
        let [namespace, pod_name, uid] = folder.splitn(3, '_').collect::<Vec<_>>()[..] else {
            continue;
        };
        for container in children(host, &pod) {
            for file in children(host, &container) {
                // A link leads to where the engine itself keeps it.
                let info = host.canonical(&file).and_then(|file| host.info(&file));
                let Ok(info) = info else {
                    continue;
                };
                logs.push(ContainerLog {
                    namespace: namespace.to_owned(),
                    pod: pod_name.to_owned(),
                    uid: uid.to_owned(),
                    container: name(&container),
                    file: file.display().to_string(),
                    size: info.len,
                    modified: info.modified,
                });
            }
        }
    }
    Ok(logs)
}

/// A manifest without the values of environment variables, of which the names stay: whatever is
/// called `value`, in YAML or JSON. What continues such a value on the next lines goes with it.
pub(crate) fn without_values(manifest: &str) -> String {
    if let Ok(mut value) = serde_json::from_str::<Value>(manifest) {
        remove(&mut value, &["value"]);
        return format!("{value:#}\n");
    }
    let mut kept = String::with_capacity(manifest.len());
    // How far the key is indented whose value goes on, if one does.
    let mut inside: Option<usize> = None;
    for line in manifest.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if inside.is_some_and(|key| text.is_empty() || indent > key) {
            continue;
        }
        inside = None;
        match value_at(line) {
            Some(at) => {
                kept.push_str(&line[..at]);
                kept.push_str(LEFT_OUT);
                // In `{name: A, value: B}` the bracket is part of what is left out.
                let flow = line[..at].contains('{');
                kept.push_str(if flow { " }" } else { "" });
                // The dash of a list's item counts as indentation of the key.
                let key = text.trim_start_matches(['-', ' ']);
                inside = (!flow).then(|| line.len() - key.len());
            }
            None => kept.push_str(line),
        }
        kept.push('\n');
    }
    kept
}

/// Where the value of a key `value` begins in a line of YAML.
fn value_at(line: &str) -> Option<usize> {
    let keys = ["value:", "\"value\":", "'value':"];
    let found = keys.iter().filter_map(|key| {
        let at = line.find(key)?;
        let before = line[..at].trim_end();
        let is_key = before.is_empty() || before.ends_with(['-', '{', ',']);
        is_key.then_some(at + key.len() + 1)
    });
    found.min().map(|at| at.min(line.len()))
}

/// Replaces the values of these keys, at any depth.
pub(crate) fn remove(value: &mut Value, keys: &[&str]) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| remove(value, keys)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if keys.contains(&name.as_str()) {
                    *value = Value::from(LEFT_OUT);
                } else {
                    remove(value, keys);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;
    use std::{sync::Arc, time::Duration};

    #[test]
    fn values_of_variables_are_gone_however_they_are_written() {
        let manifest = "spec:\n  containers:\n  - env:\n    - name: A\n      value: made-up\n    \
                        - name: B\n      value: |\n        made-up\n\n        made-up\n    \
                        - value: \"made-up\"\n      name: C\n    \
                        - { name: D, value: made-up }\n    - name: E\n      value: >-\n        made-up\n    \
                        - name: F\n      valueFrom: {fieldRef: x}\n    image: till:1\n";
        let kept = without_values(manifest);
        assert!(!kept.contains("made-up"), "{kept}");
        for line in ["- name: A\n", "      name: C\n", "{ name: D,", "valueFrom: {fieldRef: x}\n"] {
            assert!(kept.contains(line), "{line} {kept}");
        }
        assert!(kept.ends_with("    image: till:1\n"), "{kept}");
        let json = without_values(r#"{"env":[{"name":"A","value":"made-up"}],"image":"till"}"#);
        assert!(!json.contains("made-up") && json.contains("till"), "{json}");
        assert_eq!(without_values("value:"), "value:[left out]\n");
    }

    #[test]
    fn logs_of_containers_are_found_by_their_folders() {
        let deadline = Deadline::after(Duration::from_mins(1), Arc::default());
        let host = FakeHost::new()
            .file("/var/log/pods/shop_till-0_0000-1111/till/1.log", "opened\n")
            .file("/var/log/pods/odd/x", "");
        let logs = container_logs(&host, &deadline).unwrap();
        assert_eq!(logs.len(), 1);
        assert_eq!((&logs[0].pod[..], &logs[0].container[..], logs[0].size), ("till-0", "till", 7));
        assert!(container_logs(&FakeHost::new(), &deadline).is_err());
    }
}
