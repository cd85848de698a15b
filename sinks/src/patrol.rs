//! Guard's work on buckets: the logs that lie there, the state beside them, and the policy.
//!
//! The command line and the function `guard` share it. Everything waits for the network on this
//! thread, on a runtime of its own.

use crate::{
    http,
    s3::{Bucket, BucketError, Condition, Download, Range},
};
use collect_guard::{
    Block, Guard, State, StateError, Tokens,
    policy::{self, Change, PolicyError},
};
use futures_util::{Stream, StreamExt, stream};
use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};
use thiserror::Error;

/// Where guard keeps its state in the log bucket.
const STATE: &str = "guard/state.json";

/// What lies there and is no log.
const OURS: &str = "guard/";

/// A state is smaller: its parts are limited.
const MOST_STATE: usize = 8 << 20;

/// What else lies there is smaller than this.
const MOST_BESIDE: usize = 1 << 20;

/// How many objects are asked for ahead.
const AHEAD: usize = 16;

/// How often an object is gone on with after a broken line.
const TRIES: usize = 5;

/// Pieces that wait to be read.
const WAITING: usize = 16;

/// The bucket of the logs.
pub struct Logs {
    bucket: Bucket,
}

/// Which of the logs.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'w> {
    /// All whose keys begin so.
    Below(&'w str),
    /// These, as far as they are there.
    Objects(&'w [String]),
}

/// A state, and what the server calls it; none if nobody has kept one yet.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The state.
    pub state: State,
    etag: Option<String>,
}

/// Why guard could not do its work. What it says holds no credential.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PatrolError {
    /// A bucket did not do what it was asked for.
    #[error("{what}: {source}")]
    Bucket {
        /// What was tried.
        what: String,
        /// Why it did not succeed.
        source: BucketError,
    },
    /// The state cannot be read; it is never replaced then.
    #[error("cannot go on from `{STATE}`: {0}")]
    State(#[from] StateError),
    /// The policy is left alone.
    #[error("{0}")]
    Policy(String),
    /// There is no policy.
    #[error("the bucket has no policy, so nobody can be kept out")]
    NoPolicy,
    /// No runtime can be made.
    #[error("this host gives no means to ask: {0}")]
    Host(#[from] io::Error),
}

impl PatrolError {
    /// What to do.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Bucket { source, .. } => source.help(),
            Self::State(_) => {
                Some("move it away to begin anew; the blocks that it holds are then lifted")
            }
            Self::Policy(_) => Some("`terraform apply` puts back the policy of the module"),
            Self::NoPolicy => Some("`terraform apply` puts it back"),
            Self::Host(_) => Some("free memory and file descriptors"),
        }
    }
}

/// What the line gives to the reader.
enum Piece {
    Begin(String),
    Bytes(Vec<u8>),
    End,
}

impl Logs {
    /// The logs of this bucket.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// Reads them, in the order of their keys: one thread waits for the network, the other one
    /// reads. What could not be read to its end is named in `gaps`.
    ///
    /// # Errors
    ///
    /// They cannot be listed, or it was wished that the work stops.
    pub fn read(
        &self,
        wanted: Wanted<'_>,
        guard: &mut Guard,
        gaps: &mut Vec<String>,
    ) -> Result<(), PatrolError> {
        let (pieces, reader) = sync_channel(WAITING);
        thread::scope(|scope| {
            let reading = scope.spawn(move || read_all(&reader, guard));
            let sent = run(self.send(wanted, &pieces, gaps));
            // Without it the reader would wait for ever.
            drop(pieces);
            let wrong = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            gaps.extend(wrong);
            sent
        })
    }

    /// The keys of what is wanted.
    fn keys(&self, wanted: Wanted<'_>) -> impl Stream<Item = Result<String, BucketError>> {
        let (listing, objects) = match wanted {
            Wanted::Below(prefix) => (Some(self.bucket.list(prefix, "")), Vec::new()),
            Wanted::Objects(keys) => (None, keys.to_vec()),
        };
        let listed = stream::unfold(listing, |listing| async {
            let mut listing = listing?;
            match listing.next().await {
                Ok(object) => Some((Ok(object?.key), Some(listing))),
                Err(error) => Some((Err(error), None)),
            }
        });
        listed.chain(stream::iter(objects.into_iter().map(Ok)))
    }

    async fn send(
        &self,
        wanted: Wanted<'_>,
        pieces: &SyncSender<Piece>,
        gaps: &mut Vec<String>,
    ) -> Result<(), PatrolError> {
        let begun = self.keys(wanted).map(|key| async {
            let key = key?;
            let begun = if key.starts_with(OURS) {
                None
            } else {
                Some(self.bucket.get(&key, Range::default()).await)
            };
            Ok::<_, BucketError>((key, begun))
        });
        let mut begun = std::pin::pin!(begun.buffered(AHEAD));
        while let Some(next) = begun.next().await {
            let (key, download) =
                next.map_err(|error| self.failure("cannot list the logs", error))?;
            let Some(download) = download else { continue };
            _ = pieces.send(Piece::Begin(self.bucket.clean(&key)));
            let sent = match download {
                Ok(download) => self.send_one(&key, download, pieces).await,
                Err(error) => Err(error),
            };
            _ = pieces.send(Piece::End);
            match sent {
                // One that is missing expired meanwhile.
                Ok(()) | Err(BucketError::Missing) => {}
                Err(error @ BucketError::Stopped) => {
                    return Err(self.failure("cannot read the logs", error));
                }
                Err(error) => {
                    let what = format!("cannot read `{key}`: {error}");
                    gaps.push(self.bucket.clean(&what));
                }
            }
        }
        Ok(())
    }

    async fn send_one(
        &self,
        key: &str,
        mut download: Download,
        pieces: &SyncSender<Piece>,
    ) -> Result<(), BucketError> {
        let etag = download.head.etag.clone();
        let (mut sent, mut tries) = (0, 0);
        loop {
            match download.chunk().await {
                Ok(Some(chunk)) => {
                    sent += chunk.len() as u64;
                    // A reader that has given up needs no more.
                    if pieces.send(Piece::Bytes(chunk.to_vec())).is_err() {
                        return Ok(());
                    }
                }
                Ok(None) => return Ok(()),
                Err(BucketError::Unreachable { .. }) if tries < TRIES => {
                    tries += 1;
                    let range = Range { from: sent, etag: etag.as_deref() };
                    download = self.bucket.get(key, range).await?;
                    // A server that knows no ranges would begin anew.
                    if download.from != sent {
                        return Err(BucketError::Changed);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The state that an earlier run left beside the logs.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn state(&self) -> Result<Kept, PatrolError> {
        run(async {
            match self.bucket.read_text(STATE, MOST_STATE).await {
                Ok((text, head)) => {
                    Ok(Kept { state: State::parse(text.as_bytes())?, etag: head.etag })
                }
                Err(BucketError::Missing) => Ok(Kept::default()),
                Err(error) => Err(self.failure(&format!("cannot read `{STATE}`"), error)),
            }
        })
    }

    /// Keeps a state in the place of `kept`; says whether it did, or another run was faster.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn save(&self, kept: &Kept, state: &State) -> Result<bool, PatrolError> {
        let (json, condition) = (state.to_json(), kept.etag.as_deref());
        let condition = condition.map_or(Condition::New, Condition::Is);
        run(async {
            let put = self.bucket.put(STATE, json.as_bytes(), "application/json", condition);
            match put.await {
                Ok(_) => Ok(true),
                Err(BucketError::Changed) => Ok(false),
                Err(error) => Err(self.failure(&format!("cannot write `{STATE}`"), error)),
            }
        })
    }

    /// A small object that lies beside the state; none if it is not there.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn beside(&self, name: &str) -> Result<Option<String>, PatrolError> {
        let key = format!("{OURS}{name}");
        run(async {
            match self.bucket.read_text(&key, MOST_BESIDE).await {
                Ok((text, _)) => Ok(Some(text)),
                Err(BucketError::Missing) => Ok(None),
                Err(error) => Err(self.failure(&format!("cannot read `{key}`"), error)),
            }
        })
    }

    fn failure(&self, what: &str, source: BucketError) -> PatrolError {
        failure(&self.bucket, what, source)
    }
}

/// The tokens and the Referer that the policy lets in.
///
/// # Errors
///
/// The policy cannot be had, or is not one of the module's.
pub fn tokens(bucket: &Bucket) -> Result<Tokens, PatrolError> {
    run(async {
        let current = bucket.policy().await;
        let what = "cannot read the tokens in the bucket's policy";
        let current = current.map_err(|error| failure(bucket, what, error))?;
        policy::tokens(&current.ok_or(PatrolError::NoPolicy)?).map_err(|e| left_alone(bucket, &e))
    })
}

/// Brings the policy in line with the blocks.
///
/// # Errors
///
/// The policy cannot be had, is not one of the module's, or cannot be written.
pub fn apply(bucket: &Bucket, blocks: &[Block]) -> Result<Change, PatrolError> {
    run(async {
        let failed = |what, error| failure(bucket, what, error);
        let current = bucket.policy().await;
        let current = current.map_err(|error| failed("cannot read the bucket's policy", error))?;
        let current = current.ok_or(PatrolError::NoPolicy)?;
        let change = policy::with_blocks(&current, blocks).map_err(|e| left_alone(bucket, &e))?;
        if let Some(policy) = &change.policy {
            let put = bucket.put_policy(policy).await;
            put.map_err(|error| failed("cannot write the bucket's policy", error))?;
        }
        Ok(change)
    })
}

fn left_alone(bucket: &Bucket, error: &PolicyError) -> PatrolError {
    PatrolError::Policy(bucket.clean(&error.to_string()))
}

fn failure(bucket: &Bucket, what: &str, source: BucketError) -> PatrolError {
    PatrolError::Bucket { what: bucket.clean(what), source }
}

fn run<T>(work: impl Future<Output = Result<T, PatrolError>>) -> Result<T, PatrolError> {
    http::run(work)?
}

/// Reads object after object; says which of them could not be read to their end.
fn read_all(pieces: &Receiver<Piece>, guard: &mut Guard) -> Vec<String> {
    let mut wrong = Vec::new();
    while let Ok(piece) = pieces.recv() {
        let Piece::Begin(key) = piece else { continue };
        let mut object = Object { pieces, piece: Vec::new(), at: 0, ended: false };
        if let Err(error) = guard.read(&mut object) {
            wrong.push(format!("cannot read `{key}`: {error}"));
        }
        object.finish();
    }
    wrong
}

/// One object, as the line gives it.
struct Object<'p> {
    pieces: &'p Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Object<'_> {
    /// The next piece, until one comes that is not empty.
    fn next(&mut self) {
        while !self.ended && self.at == self.piece.len() {
            match self.pieces.recv() {
                Ok(Piece::Bytes(piece)) => (self.piece, self.at) = (piece, 0),
                _ => self.ended = true,
            }
        }
    }

    /// Drops what was not read.
    fn finish(mut self) {
        while !self.ended {
            self.at = self.piece.len();
            self.next();
        }
    }
}

impl Read for Object<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next();
        let read = buffer.len().min(self.piece.len() - self.at);
        buffer[..read].copy_from_slice(&self.piece[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}
