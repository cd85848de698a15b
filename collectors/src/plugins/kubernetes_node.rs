//! A node of Kubernetes, seen from the host.

use crate::{
    facts::{
        command_lines::command,
        containers::listening::{Behind, behind},
        kernel_files::{bytes, children, exists, name, processes, value},
        kubernetes::{LOGS, container_logs, remove, without_values},
        listing,
    },
    journal::{Passage, Query, text},
};
use collect_core::{
    CollectError, Collector, Output, Window,
    host::{CommandLine, Deadline, Host},
    register,
};
use jiff::ToSpan;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    io::{self, ErrorKind, Read},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// A node of Kubernetes: kubelet, static pods, network, container runtime.
///
/// - `summary.json`: the kubelet's process and flags, which runtimes listen;
/// - `kubelet.txt`: its log between `since` and `until`, or of the last day, from the journal (units
///   of kubelet, k3s and rke2), or else `/var/log/kubelet.log`;
/// - the kubelet's configuration, and its systemd unit's drop-ins; the network's in `/etc/cni/net.d`;
/// - static pods from `/etc/kubernetes/manifests`, without the values of environment variables;
/// - `container-logs`: which logs of containers there are in `/var/log/pods`, with size in bytes and
///   times; `files` takes their content;
/// - `crictl` where it is installed: `info`, pods, containers and images.
///
/// Files with tokens and keys, such as `/etc/kubernetes/*.conf`, are never read; `certificates` says
/// when certificates expire. A host that is no node is absent.
///
/// By <https://kubernetes.io/docs/reference/node/> and
/// <https://kubernetes.io/docs/concepts/cluster-administration/logging/>. Root is needed for most of
/// it.
///
/// ```toml
/// [collect.kubernetes-node]
/// use = "kubernetes-node"
/// since = "2h"
/// max-size = "50MB"
/// ```
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct KubernetesNode {}

register!("kubernetes-node" => KubernetesNode as Collector);

/// What only nodes have.
const SIGNS: [&str; 5] = [
    "/var/lib/kubelet",
    "/etc/kubernetes",
    "/var/lib/rancher/k3s",
    "/var/lib/rancher/rke2",
    "/var/snap/microk8s",
];

/// What a kubelet runs in.
const KUBELETS: [&str; 5] = ["kubelet", "k3s-server", "k3s-agent", "rke2", "kubelite"];

const UNITS: [&str; 6] = [
    "kubelet.service",
    "k3s.service",
    "k3s-agent.service",
    "rke2-server.service",
    "rke2-agent.service",
    "snap.microk8s.daemon-kubelite.service",
];

/// Where settings are: a folder, and how the names of its files end that hold no secret.
const SETTINGS: [(&str, &[&str]); 10] = [
    ("/var/lib/kubelet", &["config.yaml", "kubeadm-flags.env"]),
    ("/var/lib/kubelet/config.d", &[".conf"]),
    ("/etc/kubernetes/kubelet", &["-config.json", "-config.yaml", "config.json"]),
    ("/etc/default", &["/kubelet"]),
    ("/etc/sysconfig", &["/kubelet"]),
    ("/etc/systemd/system/kubelet.service.d", &[".conf"]),
    ("/usr/lib/systemd/system/kubelet.service.d", &[".conf"]),
    ("/etc/cni/net.d", &[".conf", ".conflist", ".json"]),
    ("/etc/rancher/k3s", &["config.yaml"]),
    ("/etc", &["/crictl.yaml"]),
];

/// Static pods.
const MANIFESTS: [&str; 3] = [
    "/etc/kubernetes/manifests",
    "/var/lib/rancher/k3s/agent/pod-manifests",
    "/var/lib/rancher/rke2/agent/pod-manifests",
];

const RUNTIMES: [&str; 4] = [
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
];

/// What `crictl` is asked for, and the entry that it becomes.
const QUESTIONS: [(&str, &[&str]); 4] = [
    ("info", &["info", "--output", "json"]),
    ("pods", &["pods", "--output", "json"]),
    ("containers", &["ps", "--all", "--output", "json"]),
    ("images", &["images", "--output", "json"]),
];

/// What of its answers is nobody's business: credentials of registries, values of variables.
const SECRET: [&str; 5] = ["auth", "auths", "Env", "env", "envs"];

/// What `crictl` may answer.
const LONGEST_ANSWER: u64 = 16 << 20;

/// How long a dry run looks.
const LOOK: Duration = Duration::from_secs(1);

impl Collector for KubernetesNode {
    fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
        let host = out.host();
        let kubelet = kubelet(host);
        if kubelet.is_none() && !SIGNS.iter().any(|path| exists(host, path)) {
            out.absent("kubelet", "this host is no node of Kubernetes");
            return Ok(());
        }
        let runtimes = runtimes(host, out.deadline());
        out.json("summary.json", &json!({ "kubelet": kubelet, "runtimes": runtimes }))?;
        for folder in SETTINGS.iter().map(|(folder, _)| *folder).chain(MANIFESTS) {
            if let Some(error) = refusal(host, folder) {
                out.failed(folder, &error);
            }
        }
        settings(host).into_iter().try_for_each(|path| out.file(path))?;
        write_manifests(out)?;
        write_container_logs(out)?;
        write_log(out)?;
        runtimes.first().map_or(Ok(()), |runtime| ask_crictl(out, runtime))
    }

    fn refused(&self, host: &dyn Host, _: &Window) -> Vec<String> {
        let folders = SETTINGS.iter().map(|(folder, _)| *folder).chain(MANIFESTS).chain([LOGS]);
        let folders = folders.filter(|folder| refusal(host, folder).is_some());
        let files = settings(host).into_iter().chain(manifests(host)).filter(|path| {
            let opened = host.canonical(path).and_then(|path| host.open(&path));
            opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        });
        let files = files.map(|path| path.display().to_string());
        let deadline = Deadline::after(LOOK, Arc::default());
        let runtimes = runtimes(host, &deadline).into_iter().filter(|runtime| {
            let to = collect_core::host::Endpoint::Unix(runtime.into());
            let connected = host.connect(&to, &deadline);
            connected.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        });
        folders.map(str::to_owned).chain(files).chain(runtimes).collect()
    }
}

/// The process that is or contains the kubelet.
fn kubelet(host: &dyn Host) -> Option<Value> {
    let called = |folder: &PathBuf| value(host, folder.join("comm")).unwrap_or_default();
    let mut found = processes(host).into_iter();
    let (pid, folder) = found.find(|(_, folder)| KUBELETS.contains(&called(folder).as_str()))?;
    let arguments = bytes(host, folder.join("cmdline")).unwrap_or_default();
    Some(json!({ "pid": pid, "command": command(&called(&folder), &arguments) }))
}

/// The sockets of runtimes that run.
fn runtimes(host: &dyn Host, deadline: &Deadline) -> Vec<String> {
    let running = |path: &&str| behind(host, path.as_ref(), deadline) == Behind::Service;
    RUNTIMES.iter().copied().filter(running).map(str::to_owned).collect()
}

/// Why a folder that is there may not be looked into.
fn refusal(host: &dyn Host, folder: &str) -> Option<io::Error> {
    let error = host.entries(folder.as_ref()).err()?;
    (error.kind() == ErrorKind::PermissionDenied).then_some(error)
}

fn settings(host: &dyn Host) -> Vec<PathBuf> {
    let of_folder = |(folder, ends): &(&str, &[&str])| -> Vec<PathBuf> {
        let files = children(host, folder).into_iter();
        let is_one = |path: &PathBuf| {
            let path = path.to_string_lossy();
            ends.iter().any(|end| path.ends_with(end))
        };
        files.filter(is_one).collect()
    };
    SETTINGS.iter().flat_map(of_folder).collect()
}

fn manifests(host: &dyn Host) -> Vec<PathBuf> {
    let files = MANIFESTS.iter().flat_map(|folder| children(host, folder));
    let is_manifest = |path: &PathBuf| {
        let name = name(path);
        !name.starts_with('.') && [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
    };
    files.filter(is_manifest).collect()
}

fn write_manifests(out: &mut Output<'_>) -> Result<(), CollectError> {
    for path in manifests(out.host()) {
        if let Some(bytes) = out.read(&path)? {
            let manifest = without_values(&String::from_utf8_lossy(&bytes));
            out.text(&path.display().to_string(), &manifest)?;
        }
    }
    Ok(())
}

fn write_container_logs(out: &mut Output<'_>) -> Result<(), CollectError> {
    let columns = ["namespace", "pod", "container", "size", "modified", "file"];
    match container_logs(out.host(), out.deadline()) {
        Ok(logs) => listing::write(out, "container-logs", columns, &logs),
        Err(error) => {
            out.failed(LOGS, &error);
            Ok(())
        }
    }
}

/// The kubelet's log.
fn write_log(out: &mut Output<'_>) -> Result<(), CollectError> {
    const LOG: &str = "/var/log/kubelet.log";
    let (window, now) = (out.window(), out.host().now());
    let day_before = window.until.unwrap_or(now).saturating_sub(24.hours()).ok();
    let window = Window { since: window.since.or(day_before), ..window };
    let filters = UNITS.iter().map(|unit| format!("--unit={unit}")).collect();
    let query = Query { directory: None, filters, window };
    if exists(out.host(), LOG) {
        out.file(LOG)?;
    }
    Passage { query: &query, renderer: text, entry: "kubelet.txt" }.take(out).map(|_| ())
}

fn ask_crictl(out: &mut Output<'_>, runtime: &str) -> Result<(), CollectError> {
    for (entry, words) in QUESTIONS {
        let endpoint = format!("unix://{runtime}");
        let start = ["crictl", "--runtime-endpoint", &endpoint, "--image-endpoint", &endpoint];
        let line = CommandLine::new(start.into_iter().chain(words.iter().copied()));
        let source = format!("$ crictl {}", words.join(" "));
        match answer(out, &line) {
            Ok(mut said) => {
                remove(&mut said, &SECRET);
                out.json(&format!("crictl/{entry}.json"), &said)?;
            }
            // Then it is not installed, and the other questions are in vain.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                out.note("`crictl`, which would ask the container runtime, is not installed");
                return Ok(());
            }
            Err(error) => out.failed(&source, &error),
        }
    }
    Ok(())
}

fn answer(out: &Output<'_>, line: &CommandLine) -> io::Result<Value> {
    let mut process = out.host().spawn(line, out.deadline())?;
    let mut bytes = Vec::new();
    (&mut process).take(LONGEST_ANSWER).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == LONGEST_ANSWER {
        return Err(io::Error::other("it answered more than 16 MiB"));
    }
    let exit = process.finish()?;
    if exit.code != Some(0) {
        let said = String::from_utf8_lossy(&exit.stderr).trim().to_owned();
        return Err(io::Error::other(said));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| io::Error::other(format!("its answer is no JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::{
        bundle::Status,
        testkit::{FakeHost, Trial},
    };

    const CRICTL: &str = "crictl --runtime-endpoint unix:///run/containerd/containerd.sock \
                          --image-endpoint unix:///run/containerd/containerd.sock";

    fn node() -> FakeHost {
        FakeHost::new()
            .file("/proc/9/comm", "kubelet\n")
            .file("/proc/9/cmdline", "/usr/bin/kubelet\0--config=/var/lib/kubelet/config.yaml\0")
            .file("/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n")
            .file("/etc/kubernetes/kubelet.conf", "client-key-data: made-up\n")
            .file("/etc/kubernetes/manifests/etcd.yaml", "- name: A\n  value: made-up\n")
            .file("/etc/cni/net.d/10-net.conflist", "{}\n")
            .file("/etc/cni/net.d/calico-kubeconfig", "token: made-up\n")
            .file("/var/log/pods/kube-system_etcd_0000/etcd/0.log", "started\n")
    }

    #[test]
    fn a_node_is_described_without_tokens_keys_and_values() {
        let collected = Trial::of(KubernetesNode::default()).on(node());
        assert!(collected.text("summary.json").contains("--config=/var/lib/kubelet/config.yaml"));
        assert!(collected.text("container-logs.txt").contains("etcd"));
        assert_eq!(collected.text("/etc/cni/net.d/10-net.conflist"), "{}\n");
        assert!(collected.text("/etc/kubernetes/manifests/etcd.yaml").contains("name: A"));
        assert!(collected.text("/var/lib/kubelet/config.yaml").contains("Kubelet"));
        for path in collected.paths() {
            let text = collected.text(path.trim_start_matches("test/"));
            assert!(!text.contains("made-up"), "{path}");
        }
    }

    #[test]
    fn the_kubelets_log_is_taken_from_the_journal() {
        let units = UNITS.map(|unit| format!(" --unit={unit}")).concat();
        let entry = "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1000000\n_HOSTNAME=node\n\
                     SYSLOG_IDENTIFIER=kubelet\nMESSAGE=Started\n\n";
        let line = format!(
            "journalctl --no-pager --all --output=export{units} --since=@1767236645.000000"
        );
        let host = node().command(&line, entry).command(&format!("{line} --reverse"), entry);
        let collected = Trial::of(KubernetesNode::default()).on(host);
        assert!(collected.text("kubelet.txt").ends_with("kubelet: Started\n"));
    }

    #[test]
    fn crictl_is_asked_where_a_runtime_runs_and_keeps_credentials() {
        let host = node()
            .special("/run/containerd/containerd.sock")
            .file("/proc/net/unix", "1: 2 0 00010000 0001 01 11 /run/containerd/containerd.sock\n")
            .file("/proc/7/comm", "containerd\n")
            .link("/proc/7/fd/3", "socket:[11]")
            .command(
                &format!("{CRICTL} info --output json"),
                r#"{"config":{"registry":{"auths":{"x":{"password":"made-up"}}}},"status":1}"#,
            )
            .command_fails(&format!("{CRICTL} pods --output json"), 1, "no")
            .command(&format!("{CRICTL} ps --all --output json"), "{\"containers\":[]}")
            .command(&format!("{CRICTL} images --output json"), "no JSON");
        let collected = Trial::of(KubernetesNode::default()).on(host);
        assert!(collected.text("summary.json").contains("/run/containerd/containerd.sock"));
        assert!(collected.text("crictl/info.json").contains("\"status\": 1"));
        assert!(!collected.text("crictl/info.json").contains("made-up"));
        assert!(collected.text("crictl/containers.json").contains("containers"));
        let notes = collected.notes();
        assert!(notes.contains(&"Failed $ crictl pods --output json: no".to_owned()), "{notes:?}");
    }

    #[test]
    fn a_host_that_is_no_node_is_absent_and_a_user_is_told_what_is_refused() {
        assert_eq!(
            Trial::of(KubernetesNode::default()).on(FakeHost::new()).status(),
            Status::Absent
        );
        let host = || FakeHost::new().denied("/var/lib/kubelet");
        let refused = KubernetesNode::default().refused(&host(), &Window::default());
        assert_eq!(refused, ["/var/lib/kubelet"]);
        let collected = Trial::of(KubernetesNode::default()).on(host());
        assert!(collected.notes().iter().any(|note| note.starts_with("Denied /var/lib/kubelet")));
    }
}
