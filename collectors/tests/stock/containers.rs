//! `containers`, held to `podman` and `docker`: engines of the test's own, with real containers.

#![expect(
    clippy::disallowed_methods,
    reason = "tests make what is looked at, and say what they skip"
)]

use crate::kit::{json, stock};
use collect_core::{
    host::Machine,
    plugin::Plugins,
    redact::{Rule, RuleContext},
    testkit::{Collected, Trial},
    units::Size,
};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use std::{
    fs, iter,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// Options for running a container, of which the first that works here is taken: what an engine may
/// do depends on the kernel's cgroups and on who runs it.
const WAYS: [&[&str]; 3] =
    [&["--cgroupns=host"], &["--cgroups=disabled"], &["--ulimit=nofile=1024:1024"]];

/// What each container runs.
const SCRIPT: &str = "echo first; sleep 3; echo second >&2; sleep 3; \
                      echo 'third password=made-up-hunter2'; exit 4";

/// An engine, stopped with its containers when it is dropped.
struct Engine {
    /// Its client, with the options that lead to it.
    client: Vec<String>,
    service: Child,
    socket: String,
    folder: TempDir,
    /// Files that it makes outside of its folder, if they were not there before.
    leaves: Vec<&'static Path>,
}

impl Engine {
    fn podman() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let socket = path(&folder, "api.sock");
        let mut client: Vec<String> = vec!["podman".into()];
        for (option, value) in [
            ("--root", "root"),
            ("--runroot", "run"),
            ("--tmpdir", "tmp"),
            ("--network-config-dir", "networks"),
        ] {
            client.extend([option.into(), path(&folder, value)]);
        }
        for option in ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"]
        {
            client.push(option.into());
        }
        if stock(&["runc", "--version"]).is_some() {
            client.push("--runtime=runc".into());
        }
        let at = format!("unix://{socket}");
        let service = client.iter().map(String::as_str);
        let service: Vec<_> = service.chain(["system", "service", "--time=0", &at]).collect();
        Self::start(&service, client.clone(), socket, folder)
    }

    fn docker() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let socket = path(&folder, "api.sock");
        let at = format!("unix://{socket}");
        let (data, exec) = (path(&folder, "data"), path(&folder, "exec"));
        let pid = path(&folder, "docker.pid");
        let service = [
            "dockerd",
            "--host",
            &at,
            "--data-root",
            &data,
            "--exec-root",
            &exec,
            "--pidfile",
            &pid,
            "--storage-driver=vfs",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
        ];
        Self::start(&service, ["docker", "--host", &at].map(str::to_owned).into(), socket, folder)
    }

    fn start(
        service: &[&str],
        client: Vec<String>,
        socket: String,
        folder: TempDir,
    ) -> Option<Self> {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(service[0]);
        command.args(&service[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let Ok(service) = command.spawn() else {
            println!("skipped: {service:?} is not installed");
            return None;
        };
        let leaves = [Path::new("/etc/docker/key.json")];
        let leaves = leaves.into_iter().filter(|path| !path.exists()).collect();
        let mut engine = Self { client, service, socket, folder, leaves };
        for _ in 0..300 {
            if engine.run(&["version"]).is_some() && Path::new(&engine.socket).exists() {
                return Some(engine);
            }
            if engine.service.try_wait().unwrap().is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        println!("skipped: {}", fs::read_to_string(engine.folder.path().join("log")).unwrap());
        None
    }

    fn run(&self, arguments: &[&str]) -> Option<String> {
        let argv = self.client.iter().map(String::as_str);
        stock(&argv.chain(arguments.iter().copied()).collect::<Vec<_>>())
    }

    /// An image with nothing but busybox in it, and a container `shop` that ran to its end.
    fn has_run(&self) -> Option<()> {
        let root = self.folder.path().join("image/bin");
        fs::create_dir_all(&root).unwrap();
        let busybox = ["/bin/busybox", "/usr/bin/busybox"];
        let busybox = busybox.iter().find(|path| Path::new(path).exists())?;
        fs::copy(busybox, root.join("busybox")).unwrap();
        for name in ["sh", "echo", "sleep"] {
            std::os::unix::fs::symlink("busybox", root.join(name)).unwrap();
        }
        let (image, archive) = (path(&self.folder, "image"), path(&self.folder, "image.tar"));
        stock(&["tar", "-C", &image, "-cf", &archive, "."])?;
        self.run(&["import", &archive, "localhost/till:1"])?;
        WAYS.iter().find(|way| {
            self.run(&["rm", "--force", "shop"]);
            let mut words = vec!["run", "--detach", "--network=none", "--name=shop"];
            words.extend(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]);
            words.extend(["--env=SHOP_TOKEN=made-up-token", "--label=till=one"]);
            if self.client[0] == "podman" {
                words.push("--log-driver=k8s-file");
            }
            words.extend(**way);
            words.extend(["localhost/till:1", "/bin/sh", "-c", SCRIPT]);
            self.run(&words).is_some()
        })?;
        self.run(&["wait", "shop"]).map(|_| ())
    }

    fn inspect(&self) -> Value {
        let said = self.run(&["inspect", "shop"]).expect("it was there");
        serde_json::from_str::<Value>(&said).unwrap()[0].take()
    }

    fn collect(&self, window: Option<(Timestamp, Timestamp)>) -> Collected {
        collect_collectors::link();
        let options = format!("sockets = ['{}'], names = ['shop']", self.socket);
        Trial::plugin("containers", &options)
            .rules(secrets())
            .options(|options| {
                options.max_size = Some(Size(50_000_000));
                options.since = window.map(|(since, _)| since.to_string().parse().unwrap());
                options.until = window.map(|(_, until)| until.to_string().parse().unwrap());
            })
            .on(Machine::new())
    }

    /// What its entries stand in.
    fn entry(&self, name: &str) -> String {
        format!("{}/{name}", self.socket.trim_start_matches('/').replace('/', "-"))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.run(&["rm", "--force", "shop"]);
        // Told, not killed: it ends what it started itself, and unmounts what it mounted.
        let id = self.service.id().to_string();
        _ = Command::new("kill").arg(&id).status();
        _ = self.service.wait();
        for left in &self.leaves {
            _ = fs::remove_file(left);
        }
    }
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

/// What hides secrets by default.
fn secrets() -> Vec<Rule> {
    let plugins = Plugins::linked();
    let options = toml::de::ValueDeserializer::parse("{}").unwrap();
    let redactor = plugins.redactors.get("secrets").unwrap().build(options, &mut |_| {}).unwrap();
    redactor.rules("secrets", &RuleContext::default()).unwrap()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn is_as_the_engine_says(engine: &Engine) {
    let collected = engine.collect(None);
    let said = engine.inspect();
    let list = json(&collected, &engine.entry("containers.json"));
    let shop = list.as_array().unwrap().iter().find(|row| row["name"] == "shop").unwrap();
    assert_eq!(shop["id"], said["Id"]);
    assert_eq!(shop["state"], said["State"]["Status"]);
    assert_eq!(shop["exit-code"], said["State"]["ExitCode"]);
    assert_eq!(shop["exit-code"], 4);
    assert_eq!(shop["oom-killed"], said["State"]["OOMKilled"]);
    assert_eq!(shop["restarts"], said["RestartCount"]);
    assert_eq!(shop["privileged"], said["HostConfig"]["Privileged"]);
    assert_eq!(time(&shop["created"]), time(&said["Created"]));
    assert_eq!(time(&shop["started"]), time(&said["State"]["StartedAt"]));
    assert_eq!(time(&shop["finished"]), time(&said["State"]["FinishedAt"]));
    assert_eq!(shop["pid"], Value::Null);
    let names = said["Config"]["Env"].as_array().unwrap().iter();
    let names = names.map(|variable| variable.as_str().unwrap().split('=').next().unwrap());
    let ours: Vec<_> = shop["environment"].as_array().unwrap().iter().collect();
    // Podman adds this one in only one of its two interfaces.
    for name in names.filter(|name| *name != "HOME") {
        assert!(ours.iter().any(|our| *our == name), "{name}");
    }
    assert!(ours.iter().any(|name| *name == "SHOP_TOKEN"));

    let images = json(&collected, &engine.entry("images.json"));
    let ids = engine.run(&["images", "--all", "--quiet", "--no-trunc"]).unwrap();
    let ids = ids.lines().map(|id| id.trim_start_matches("sha256:"));
    let ours = images.as_array().unwrap().iter();
    let ours: Vec<_> = ours.map(|image| image["id"].as_str().unwrap()).collect();
    for id in ids {
        assert!(ours.iter().any(|our| our.trim_start_matches("sha256:") == id), "{id} {ours:?}");
    }
    let events = json(&collected, &engine.entry("events.json"));
    let mut events = events.as_array().unwrap().iter();
    assert!(events.any(|event| event["exit-code"] == "4" && event["name"] == "shop"));
    let usage = json(&collected, &engine.entry("disk-usage.json"));
    assert_eq!(usage["Containers"].as_array().map(Vec::len), Some(1));
    nothing_secret_is_left(&collected);
}

fn nothing_secret_is_left(collected: &Collected) {
    for path in collected.paths() {
        let text = collected.text(path.trim_start_matches("test/"));
        assert!(!text.contains("made-up"), "{path}: {text}");
    }
}

/// Lines as the client prints them, with their times; standard error is told apart by asking alone.
fn log_is_as_the_engine_says(engine: &Engine) {
    let name = engine.entry("logs/shop.txt");
    let collected = engine.collect(None);
    let lines: Vec<_> = collected.text(&name).lines().map(str::to_owned).collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| line.splitn(3, ' ').skip(1).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(told[..2], ["out first", "err second"]);
    assert!(told[2].starts_with("out third password="), "{told:?}");
    let theirs = engine.run(&["logs", "--timestamps", "shop"]).unwrap();
    let theirs = theirs.lines().filter_map(|line| line.split(' ').next()?.parse().ok());
    let theirs: Vec<Timestamp> = theirs.collect();
    let ours = lines.iter().map(|line| line.split(' ').next().unwrap().parse().unwrap());
    let ours: Vec<Timestamp> = ours.collect();
    // Podman gives whole seconds in one of its two interfaces; `stock` sees standard output only.
    for (ours, theirs) in iter::zip([ours[0], ours[2]], theirs) {
        assert_eq!(ours.as_second(), theirs.as_second());
    }

    let window = (ours[1] - 1.second(), ours[1] + 1.second());
    let collected = engine.collect(Some(window));
    let lines: Vec<_> = collected.text(&name).lines().collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].ends_with(" err second"), "{lines:?}");
    nothing_secret_is_left(&collected);
}

#[test]
fn podman_is_seen_as_podman_sees_itself() {
    let Some(podman) = Engine::podman() else {
        return;
    };
    if podman.has_run().is_some() {
        is_as_the_engine_says(&podman);
        log_is_as_the_engine_says(&podman);
    }
}

#[test]
fn docker_is_seen_as_docker_sees_itself() {
    let Some(docker) = Engine::docker() else {
        return;
    };
    if docker.has_run().is_some() {
        is_as_the_engine_says(&docker);
        log_is_as_the_engine_says(&docker);
    }
}
