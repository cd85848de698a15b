//! A function of the receiving side in a runtime that emulates AWS Lambda and its function URLs.

use super::{example, find, free_ports, output, wait_for};
use serde_json::Value;
use std::{
    fs::File,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// A running function; it and the emulator are killed when dropped.
pub(crate) struct Function {
    name: String,
    port: u16,
    emulator: Child,
    bootstrap: Child,
    folder: TempDir,
}

impl Function {
    /// Builds and starts `collect-lambda-NAME` with these variables, and the emulator before it.
    pub(crate) fn start(name: &str, variables: &[(&str, String)]) -> Self {
        let name = format!("collect-lambda-{name}");
        let binary = example("collect-lambda").with_file_name(&name);
        let folder = tempfile::tempdir().unwrap();
        let port = free_ports(1)[0];
        let log = |name: &str| File::create(folder.path().join(name)).unwrap();
        // `setpriv` kills both with the test, even if that is itself killed.
        let mut emulator = Command::new("setpriv");
        emulator.args(["--pdeathsig", "KILL"]).arg(find("cargo-lambda").unwrap());
        emulator
            .args(["lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1"])
            .args(["--timeout", "30", "--invoke-port", &port.to_string()])
            // It reads the package's settings, and starts nowhere else.
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("lambda"))
            .stdin(Stdio::null())
            .stdout(log("emulator.out"))
            .stderr(log("emulator.err"));
        let emulator = emulator.spawn().unwrap();
        wait_for("the emulator listens", Duration::from_mins(1), || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        let mut bootstrap = Command::new("setpriv");
        bootstrap.args(["--pdeathsig", "KILL"]).arg(binary);
        bootstrap
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{port}/.rt/{name}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", &name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .envs(variables.iter().cloned())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log("function.out"))
            .stderr(log("function.err"));
        let bootstrap = bootstrap.spawn().unwrap();
        Self { name, port, emulator, bootstrap, folder }
    }

    /// The function's URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/lambda-url/{}/", self.port, self.name)
    }

    /// Hands it an event; what it answers, an error included.
    pub(crate) fn invoke(&self, event: &Value) -> Value {
        let url = format!(
            "http://127.0.0.1:{}/2015-03-31/functions/{}/invocations",
            self.port, self.name
        );
        let args = ["--silent", "--max-time", "60", "--data", &event.to_string(), &url];
        serde_json::from_slice(&output("curl", args)).unwrap()
    }

    /// What it wrote into its log.
    pub(crate) fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        read("function.out") + &read("function.err")
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        for child in [&mut self.bootstrap, &mut self.emulator] {
            _ = child.kill();
            _ = child.wait();
        }
    }
}
