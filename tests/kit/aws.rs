//! An emulator of AWS on loopback: ministack, which also runs functions.

use super::{find, free_ports, wait_for};
use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// A running emulator, killed when the tests end, even if they are killed.
pub(crate) struct Emulator {
    /// Its address.
    pub(crate) endpoint: String,
}

impl Emulator {
    /// Starts one that keeps what it has in `folder`; its account is `account`.
    pub(crate) fn start(folder: &Path, account: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let port = free_ports(1)[0];
        spawn_until_the_end(command(folder, account, port));
        let endpoint = format!("http://127.0.0.1:{port}");
        wait_for("the emulator answers", Duration::from_mins(1), || {
            let health = format!("{endpoint}/_ministack/health");
            let answer = Command::new("curl").args(["-sf", "--max-time", "5", &health]).output();
            answer.unwrap().status.success().then_some(())
        });
        Self { endpoint }
    }

    /// What it says to an unsigned request, which it takes as one of the account.
    pub(crate) fn ask(&self, arguments: &[&str], path: &str) -> String {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "20"])
            .args(arguments)
            .arg(format!("{}{path}", self.endpoint));
        let answer = curl.output().unwrap();
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(answer.status.success(), "{path}: {text}");
        text
    }
}

fn command(folder: &Path, account: &str, port: u16) -> Command {
    let mut emulator = Command::new("setpriv");
    emulator.args(["--pdeathsig", "KILL"]).arg(find("ministack").unwrap());
    let log = File::create(folder.join("emulator.log")).unwrap();
    emulator
        .current_dir(folder)
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .env("MINISTACK_ACCOUNT_ID", account)
        .env("MINISTACK_REGION", "eu-central-1")
        // Where the functions that it starts find it.
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    emulator
}

/// Starts a process that outlives the test that asked for it: what kills it is the end of the thread
/// that started it, so that thread stays.
fn spawn_until_the_end(mut command: Command) {
    let (started, told) = mpsc::channel();
    thread::spawn(move || {
        let child: std::io::Result<Child> = command.spawn();
        started.send(child.is_ok()).unwrap();
        if let Ok(mut child) = child {
            _ = child.wait();
        }
    });
    assert!(told.recv().unwrap(), "the emulator does not start");
}
