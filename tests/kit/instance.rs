//! One instance of a function, with the runtime that AWS would give it: events when the test says, and
//! a deadline that is true (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use super::example;
use serde_json::Value;
use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, OnceLock, mpsc},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// What a function makes of an event: its answer, or its error.
pub(crate) type Answered = Result<Value, Value>;

struct Event {
    id: String,
    deadline: i64,
    body: String,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    waiting: HashMap<String, mpsc::Sender<Answered>>,
    count: usize,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// A running instance; killed when dropped.
pub(crate) struct Instance {
    process: Child,
    shared: Shared,
    folder: TempDir,
}

impl Instance {
    /// Builds and starts `collect-lambda-NAME` with these variables.
    pub(crate) fn start(name: &str, variables: &[(&str, String)]) -> Self {
        let name = format!("collect-lambda-{name}");
        // Many are started, and cargo takes its time to find nothing to do.
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        let binary = BUILT.get_or_init(|| example("collect-lambda")).with_file_name(&name);
        let shared = Shared::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&runtime);
                thread::spawn(move || _ = serve(&connection, &shared));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        // `setpriv` kills it with the test, even if that is itself killed.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .envs(variables.iter().cloned())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { process, shared, folder }
    }

    /// Hands it an event, for which it has so much time.
    pub(crate) fn hand(&self, event: &Value, time: Duration) -> mpsc::Receiver<Answered> {
        let (sender, receiver) = mpsc::channel();
        let (state, changed) = &*self.shared;
        let mut state = state.lock().unwrap();
        state.count += 1;
        let id = format!("{:08x}-made-up", state.count);
        let deadline = jiff::Timestamp::now().as_millisecond() + time.as_millis() as i64;
        state.waiting.insert(id.clone(), sender);
        state.events.push_back(Event { id, deadline, body: event.to_string() });
        changed.notify_all();
        receiver
    }

    /// Hands it an event, and waits for what it makes of it.
    pub(crate) fn invoke(&self, event: &Value, time: Duration) -> Answered {
        let answer = self.hand(event, time).recv_timeout(time + Duration::from_secs(10));
        answer.unwrap_or_else(|_| panic!("no answer: {}", self.log()))
    }

    /// Kills it, wherever it is.
    pub(crate) fn kill(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }

    /// What the kernel says of it.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it wrote into its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Serves one connection of the function.
fn serve(connection: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut writer = connection;
    loop {
        let (mut line, mut length) = (String::new(), 0);
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if line.starts_with("GET ") {
            let event = next(shared);
            let (id, deadline, length) = (event.id, event.deadline, event.body.len());
            write!(
                writer,
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: {id}\r\n\
                 lambda-runtime-deadline-ms: {deadline}\r\nlambda-runtime-trace-id: made-up\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:1:function:x\r\n\
                 content-length: {length}\r\n\r\n{}",
                event.body
            )?;
            continue;
        }
        let mut parts = line.split(' ').nth(1).unwrap().rsplit('/');
        let (end, id) = (parts.next().unwrap(), parts.next().unwrap());
        let value = serde_json::from_slice(&body).unwrap_or_default();
        let answered = if end == "response" { Ok(value) } else { Err(value) };
        let waiting = shared.0.lock().unwrap().waiting.remove(id);
        // A test that waits no longer has its reasons.
        _ = waiting.map(|waiting| waiting.send(answered));
        write!(writer, "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// The next event, once there is one.
fn next(shared: &Shared) -> Event {
    let (state, changed) = &**shared;
    let state = state.lock().unwrap();
    let mut state = changed.wait_while(state, |state| state.events.is_empty()).unwrap();
    state.events.pop_front().unwrap()
}
