//! Sends a file as the body of one request, and notices when it no longer moves.

use super::Failure;
use collect_core::sink::Watch;
use futures_util::{
    future::{self, Either},
    stream::{self, Stream},
};
use reqwest::{
    Body, Client, Method, StatusCode,
    header::{CONTENT_LENGTH, HeaderMap},
};
use std::{
    io::{self, Cursor, Read},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, interval, sleep, timeout};
use url::Url;

/// What is read from the file at a time, and the grain of the progress.
const CHUNK: usize = 64 * 1024;

/// How often progress is told and a wish to stop is noticed.
const TICK: Duration = Duration::from_millis(100);

/// What is read of an answer: error documents are some hundred bytes.
const ANSWER_BYTES: usize = 16 * 1024;

/// How long the text of an answer may follow its status.
const ANSWER_TEXT: Duration = Duration::from_secs(5);

/// How long an upload may stand still.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Before the body is sent, the server has so long to say no. Without this wait, a server that
    /// refuses and closes while the body is on its way often loses its own answer: the reset that
    /// follows overtakes it.
    pub verdict: Duration,
    /// No byte is taken off us for so long. The kernel asks for more only when a third of its send
    /// buffer is free, which on a slow line can be half a minute; a dead line is noticed sooner, by
    /// its missing acknowledgements.
    pub stall: Duration,
    /// All bytes are taken off us, and no answer has come for so long. The kernel's send buffer, up
    /// to 4 MiB, may still have to go over a slow line then.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            verdict: Duration::from_millis(500),
            stall: Duration::from_mins(1),
            answer: Duration::from_mins(5),
        }
    }
}

/// A request whose body is a file, with a few bytes around it if need be.
pub struct Upload {
    /// How.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// With which headers; `Content-Length` is added.
    pub headers: HeaderMap,
    /// The file, at its first byte.
    pub file: Box<dyn Read + Send>,
    /// Its length in bytes.
    pub len: u64,
    /// What stands before the file.
    pub before: Vec<u8>,
    /// What stands after it.
    pub after: Vec<u8>,
}

/// What a server said.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The first bytes of the text, or fewer if it did not come in time.
    pub text: String,
}

impl Answer {
    /// The value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Broken {
    /// The user stopped it.
    Stopped,
    /// The file could not be read, or is shorter than it was.
    File(io::Error),
    /// The way to the server.
    Line(Failure),
}

impl Upload {
    /// Sends it with `client`; `host` is the server's name in messages.
    pub async fn send(
        self,
        client: &Client,
        host: &str,
        limits: &Limits,
        watch: &dyn Watch,
    ) -> Result<Answer, Broken> {
        let total = self.before.len() as u64 + self.len + self.after.len() as u64;
        let state = Arc::new(State::default());
        let file = self.file.take(self.len).chain(Cursor::new(self.after));
        let content = Cursor::new(self.before).chain(file);
        let body = Body::wrap_stream(chunks(content, total, limits.verdict, Arc::clone(&state)));
        let request = client
            .request(self.method, self.url)
            .headers(self.headers)
            .header(CONTENT_LENGTH, total)
            .body(body);
        watch.sent(0, total);
        let answered = pin!(exchange(request));
        let standing_still = pin!(follow(&state, total, host, limits, watch));
        match future::select(answered, standing_still).await {
            Either::Left((answer, _)) => answer.map_err(|error| match state.take_error() {
                Some(error) => Broken::File(error),
                None => Broken::Line(Failure::of(error, host)),
            }),
            Either::Right((broken, _)) => Err(broken),
        }
        .inspect(|answer| {
            if answer.status.is_success() {
                watch.sent(total, total);
            }
        })
    }
}

/// Sends a request and reads the answer's first bytes; what cannot be read of them is left out.
pub async fn exchange(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    exchange_up_to(request, ANSWER_BYTES).await
}

/// The same, reading up to so many bytes.
pub async fn exchange_up_to(
    request: reqwest::RequestBuilder,
    most: usize,
) -> Result<Answer, reqwest::Error> {
    let mut response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() < most
            && let Ok(Some(chunk)) = response.chunk().await
        {
            bytes.extend_from_slice(&chunk);
        }
    };
    // Whether the text came in time does not matter: the status says what is to be done.
    _ = timeout(ANSWER_TEXT, reading).await;
    bytes.truncate(most);
    Ok(Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() })
}

/// What the body, which belongs to the client, shares with the one who follows it.
#[derive(Default)]
struct State {
    taken: AtomicU64,
    error: Mutex<Option<io::Error>>,
}

impl State {
    fn fail(&self, error: &io::Error) {
        let copy = io::Error::new(error.kind(), error.to_string());
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
    }

    fn take_error(&self) -> Option<io::Error> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Tells progress until the upload stands still or the user stops it.
async fn follow(
    state: &State,
    total: u64,
    host: &str,
    limits: &Limits,
    watch: &dyn Watch,
) -> Broken {
    let mut ticks = interval(TICK);
    let (mut last, mut since) = (0, Instant::now());
    loop {
        ticks.tick().await;
        if watch.stopped() {
            return Broken::Stopped;
        }
        let taken = state.taken.load(Ordering::Relaxed);
        if taken != last {
            (last, since) = (taken, Instant::now());
            watch.sent(taken, total);
        }
        let (limit, what) = if taken < total {
            (limits.stall + limits.verdict, "took no more bytes")
        } else {
            (limits.answer, "got everything but gave no answer")
        };
        if since.elapsed() > limit {
            return Broken::Line(Failure {
                reason: format!("`{host}` {what} for {} s", limit.as_secs()),
                help: Some("check the network, or try later".into()),
                lasting: false,
                arrived: taken == total,
            });
        }
    }
}

/// The body of a request: exactly `total` bytes, the first of them after `wait`.
fn chunks(
    content: impl Read + Send + 'static,
    total: u64,
    wait: Duration,
    state: Arc<State>,
) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    stream::try_unfold((content, 0), move |(mut content, taken)| {
        let state = Arc::clone(&state);
        async move {
            if taken == 0 {
                sleep(wait).await;
            }
            if taken == total {
                return Ok(None);
            }
            let chunk =
                next_chunk(&mut content, total - taken).inspect_err(|error| state.fail(error))?;
            let taken = taken + chunk.len() as u64;
            state.taken.store(taken, Ordering::Relaxed);
            Ok(Some((chunk, (content, taken))))
        }
    })
}

fn next_chunk(content: &mut impl Read, left: u64) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    content.take(left.min(CHUNK as u64)).read_to_end(&mut chunk)?;
    if chunk.is_empty() {
        let short = format!("the bundle is {left} bytes shorter than it was when it was sealed");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, short));
    }
    Ok(chunk)
}
