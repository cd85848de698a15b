//! The program under test, in a home of its own.

use super::{descendants_with, run_tag, wait_for};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// No run in these tests takes longer on any machine; one that does is killed, and fails the test.
const HARD_LIMIT: Duration = Duration::from_mins(2);

/// A host user: a home, a state folder, a folder for temporary files, and nothing else of the
/// environment that the tests run in.
pub(crate) struct Collect {
    folder: TempDir,
    program: PathBuf,
    tag: String,
    env: Vec<(OsString, OsString)>,
}

/// A run that goes on.
pub(crate) struct Running {
    child: Option<Child>,
    since: Instant,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A run that has ended.
pub(crate) struct Ended {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote to standard output.
    pub(crate) stdout: String,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Collect {
    /// A new home for `collect`.
    pub(crate) fn new() -> Self {
        Self::of(env!("CARGO_BIN_EXE_collect"))
    }

    /// A new home for another binary that is built on collect.
    pub(crate) fn of(program: impl Into<PathBuf>) -> Self {
        let folder = tempfile::Builder::new().prefix("collect-test-").tempdir().unwrap();
        for name in ["home", "config", "state", "cache", "run", "tmp", "out"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, program: program.into(), tag: run_tag(), env: Vec::new() }
    }

    /// Runs the program through a shell script, in which `PROGRAM "$@"` stands for it.
    pub(crate) fn through(&mut self, script: &str) {
        let script = script.replace("PROGRAM", &self.program.display().to_string());
        let wrapper = self.write("wrapper", format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        self.program = wrapper;
    }

    /// Sets an environment variable for the runs to come.
    pub(crate) fn env(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.env.push((name.into(), value.as_ref().to_owned()));
    }

    /// A path in the folder that holds it all.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, with the folders it needs.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The folder that `--output` is given in most tests.
    pub(crate) fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// Where the program keeps what must outlive a run.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// What every run is started with, wherever it is started from.
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut env: Vec<(OsString, OsString)> = [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "run"),
            ("TMPDIR", "tmp"),
        ]
        .map(|(name, folder)| (name.into(), self.path(folder).into_os_string()))
        .to_vec();
        env.push(("PATH".into(), std::env::var_os("PATH").unwrap_or_default()));
        env.push(("LANG".into(), "C.UTF-8".into()));
        env.push(("TZ".into(), "UTC".into()));
        env.push((self.tag.clone().into(), "1".into()));
        env.extend(self.env.iter().cloned());
        env
    }

    /// The program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Starts it without a terminal.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Running {
        let captured = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        // Files, not pipes: a grandchild that keeps one open must not hold up the test.
        let (stdout, stderr) = (captured.join("stdout"), captured.join("stderr"));
        let child = Command::new(&self.program)
            .args(args)
            .env_clear()
            .envs(self.environment())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Running { child: Some(child), since: Instant::now(), stdout, stderr }
    }

    /// Runs it to its end without a terminal.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        self.start(args).end()
    }

    /// Runs a profile with everything that would be asked for given, into [`Collect::out`].
    pub(crate) fn gather(&self, profile: &Path) -> Ended {
        self.run(self.gathering(profile))
    }

    /// The arguments of [`Collect::gather`].
    pub(crate) fn gathering(&self, profile: &Path) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["--profile".into(), profile.into()];
        args.extend(["--output".into(), self.out().into()]);
        args.extend(ANSWERS.map(Into::into));
        args.push("--no-send".into());
        args
    }

    /// The arguments that deliver a profile with everything that would be asked for given.
    pub(crate) fn delivering(profile: &Path) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["--profile".into(), profile.into()];
        args.extend(ANSWERS.map(Into::into));
        args
    }

    /// Sealed bundles below the state folder and [`Collect::out`].
    pub(crate) fn bundles(&self) -> Vec<PathBuf> {
        let mut bundles = super::files_below(&self.state());
        bundles.extend(super::files_below(&self.out()));
        bundles.retain(|file| {
            let name = file.to_string_lossy();
            name.ends_with(".tar.xz.age") || name.ends_with(".tar.zst.age")
        });
        bundles
    }

    /// The one bundle that there must be.
    pub(crate) fn bundle(&self) -> PathBuf {
        let mut bundles = self.bundles();
        assert_eq!(bundles.len(), 1, "one bundle: {bundles:?}");
        bundles.remove(0)
    }

    /// Every file that runs have left behind, wherever they may write; not what they printed.
    pub(crate) fn left_behind(&self) -> Vec<PathBuf> {
        ["home", "config", "state", "cache", "run", "tmp", "out"]
            .iter()
            .flat_map(|name| super::files_below(&self.path(name)))
            .collect()
    }

    /// Processes that runs have started and that are still there.
    pub(crate) fn left_running(&self) -> Vec<String> {
        descendants_with(&self.tag)
    }

    /// Kills what a run could not clean up because it was itself killed.
    pub(crate) fn kill_what_is_left(&self) {
        for process in self.left_running() {
            let id = process.split(':').next().unwrap_or_default().to_owned();
            // It may be gone by now.
            _ = Command::new("kill").args(["-s", "KILL", &id]).output();
        }
        self.assert_nothing_runs();
    }

    /// Fails the test if a process of a run is still there, a second after its end.
    pub(crate) fn assert_nothing_runs(&self) {
        let mut last = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline {
            last = self.left_running();
            if last.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("still running: {last:#?}");
    }
}

/// The flags that answer every question of the profiles in these tests.
pub(crate) const ANSWERS: [&str; 5] =
    ["--email", "user@example.com", "--description", "The print button does nothing.", "--yes"];

impl Running {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Sends it a signal, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        super::output("kill", ["-s", name, id.as_str()]);
    }

    /// What it has written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stdout).unwrap()).into_owned()
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap()).into_owned()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let mut child = self.child.take().expect("it runs");
        let status = self.wait(&mut child);
        Ended {
            code: status.code(),
            stdout: self.stdout(),
            stderr: self.stderr(),
            took: self.since.elapsed(),
        }
    }

    fn wait(&self, child: &mut Child) -> ExitStatus {
        while self.since.elapsed() < HARD_LIMIT {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("still there after {HARD_LIMIT:?}:\n{}", self.stderr());
    }
}

impl Drop for Running {
    /// A test that fails leaves nothing behind.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            _ = child.kill();
            _ = child.wait();
        }
    }
}

impl Ended {
    /// Fails the test unless it ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Everything it printed.
    pub(crate) fn printed(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Waits until a file exists: how the commands of a profile tell that they run.
pub(crate) fn wait_for_file(path: &Path) {
    wait_for(&path.display().to_string(), Duration::from_mins(1), || path.exists().then_some(()));
}
