//! A terminal with a person before it: tmux types, and reads the screen.

use super::Collect;
use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longer than any stage of the runs that are typed here.
const PATIENCE: Duration = Duration::from_mins(1);

/// A tmux server of its own with one window; killed when dropped.
pub(crate) struct Terminal {
    folder: TempDir,
    raw: PathBuf,
}

impl Terminal {
    /// Opens a terminal with a shell in the sandbox's folder. The shell finds the program as
    /// `collect`, and its prompt is `$ `.
    pub(crate) fn open(collect: &Collect) -> Self {
        // A socket path must be short.
        let folder = tempfile::Builder::new().prefix("tm").tempdir().unwrap();
        let raw = folder.path().join("raw");
        fs::write(&raw, "").unwrap();
        let bin = collect.path("bin");
        fs::create_dir_all(&bin).unwrap();
        let link = bin.join("collect");
        if !link.exists() {
            std::os::unix::fs::symlink(collect.program(), link).unwrap();
        }
        let terminal = Self { folder, raw };
        let mut tmux = terminal.tmux();
        tmux.args(["-f", "/dev/null", "new-session", "-d", "-s", "it"])
            .args(["-x", "100", "-y", "60", "-c"])
            .arg(collect.path(""))
            .args(["env", "-i", "TERM=screen-256color", "PS1=$ "]);
        for (name, value) in collect.environment() {
            let mut variable = name.clone();
            variable.push("=");
            if name == "PATH" {
                variable.push(&bin);
                variable.push(":");
            }
            variable.push(value);
            tmux.arg(variable);
        }
        // A plain POSIX shell: no history, no line editor that redraws what is typed.
        tmux.arg("/bin/sh");
        assert!(tmux.status().unwrap().success(), "{tmux:?}");
        terminal.run(&["pipe-pane", "-o", "-t", "it", &terminal.recording()]);
        terminal.wait_for_text("$");
        terminal
    }

    /// Types a command at the shell's prompt. By its return the prompt is gone.
    #[track_caller]
    pub(crate) fn command(&self, text: &str) {
        self.text(text);
        self.wait_until("what was typed", |screen| screen.ends_with(text));
        self.key("Enter");
    }

    /// Types a line and Enter.
    pub(crate) fn line(&self, text: &str) {
        self.text(text);
        self.key("Enter");
    }

    /// Types text.
    pub(crate) fn text(&self, text: &str) {
        self.run(&["send-keys", "-t", "it", "-l", text]);
    }

    /// Presses a key, as tmux names it: `Enter`, `C-d`, `C-c`.
    pub(crate) fn key(&self, key: &str) {
        self.run(&["send-keys", "-t", "it", key]);
    }

    /// The screen and what has scrolled out of it, without trailing white space.
    pub(crate) fn screen(&self) -> String {
        let mut tmux = self.tmux();
        tmux.args(["capture-pane", "-p", "-J", "-t", "it", "-S", "-1000"]);
        let captured = tmux.output().unwrap().stdout;
        let text = String::from_utf8_lossy(&captured);
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        lines.join("\n").trim_end().to_owned()
    }

    /// Every byte that was written to the terminal.
    pub(crate) fn raw(&self) -> Vec<u8> {
        fs::read(&self.raw).unwrap()
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    /// Waits until the last line of the screen holds a text: a prompt.
    #[track_caller]
    pub(crate) fn wait_for_prompt(&self, text: &str) {
        self.wait_until(text, |screen| {
            screen.lines().last().is_some_and(|line| line.contains(text))
        });
    }

    /// Waits until the shell's prompt is back.
    #[track_caller]
    pub(crate) fn wait_for_shell(&self) {
        self.wait_until("the shell's prompt", |screen| screen.lines().last() == Some("$"));
    }

    #[track_caller]
    fn wait_until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let mut last = String::new();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            last = self.screen();
            if holds(&last) {
                return;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        panic!("not on the screen: {what}\n--- screen\n{last}");
    }

    fn recording(&self) -> String {
        format!("cat >> {}", self.raw.display())
    }

    fn run(&self, args: &[&str]) {
        let mut tmux = self.tmux();
        assert!(tmux.args(args).status().unwrap().success(), "{tmux:?}");
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.arg("-S").arg(self.folder.path().join("s"));
        tmux.env_remove("TMUX").env("LC_ALL", "C.UTF-8");
        tmux.stdin(Stdio::null());
        tmux
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut tmux = self.tmux();
        _ = tmux.arg("kill-server").stderr(Stdio::null()).status();
    }
}
