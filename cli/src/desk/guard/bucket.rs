//! Logs, state and policy in buckets.

use super::{Gaps, state::Kept};
use crate::exit::{Exit, Failure};
use collect_guard::{
    Block, Guard, Tokens,
    policy::{self, Change},
};
use collect_sinks::{
    http,
    s3::{Bucket, BucketError, Condition, Download, Range},
};
use futures_util::{StreamExt, stream};
use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

/// Where guard keeps its state in the log bucket.
const STATE: &str = "guard/state.json";

/// What lies there and is no log.
const OURS: &str = "guard/";

/// A state is smaller: its parts are limited.
const MOST_STATE: usize = 8 << 20;

/// How many objects are asked for ahead.
const AHEAD: usize = 16;

/// How often an object is gone on with after a broken line.
const TRIES: usize = 5;

/// Pieces that wait to be read.
const WAITING: usize = 16;

/// The logs below a prefix of a bucket.
pub(super) struct Logs {
    bucket: Bucket,
    prefix: String,
}

/// What the line gives to the reader.
enum Piece {
    Begin(String),
    Bytes(Vec<u8>),
    End,
}

impl Logs {
    pub(super) fn new(bucket: Bucket, prefix: &str) -> Self {
        Self { bucket, prefix: prefix.to_owned() }
    }

    /// Reads all of them, in the order of their keys: one thread waits for the network, the other
    /// one reads.
    pub(super) fn read(&self, guard: &mut Guard, gaps: &mut Gaps) -> Result<(), Failure> {
        let (pieces, reader) = sync_channel(WAITING);
        thread::scope(|scope| {
            let reading = scope.spawn(move || read_all(&reader, guard));
            let sent = run(self.send(&pieces, gaps));
            // Without it the reader would wait for ever.
            drop(pieces);
            let wrong = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            gaps.0.extend(wrong);
            sent
        })
    }

    async fn send(&self, pieces: &SyncSender<Piece>, gaps: &mut Gaps) -> Result<(), Failure> {
        let listing = self.bucket.list(&self.prefix, "");
        let keys = stream::unfold(Some(listing), |listing| async {
            let mut listing = listing?;
            match listing.next().await {
                Ok(object) => Some((Ok(object?.key), Some(listing))),
                Err(error) => Some((Err(error), None)),
            }
        });
        let begun = keys.map(|key| async {
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
                // What is missing expired meanwhile.
                Ok(()) | Err(BucketError::Missing) => {}
                Err(error @ BucketError::Stopped) => return Err(error.into()),
                Err(error) => {
                    let what = format!("cannot read `{key}`: {error}");
                    gaps.0.push(self.bucket.clean(&what));
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
                    // A server that knows no ranges would give again what was read.
                    if download.from != sent {
                        return Err(BucketError::Changed);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The state that an earlier run left beside the logs.
    pub(super) fn state(&self) -> Result<Kept, Failure> {
        match run(async { Ok(self.bucket.read_text(STATE, MOST_STATE).await) })? {
            Ok((text, head)) => Kept::parse(&text, STATE, head.etag),
            Err(BucketError::Missing) => Ok(Kept::none()),
            Err(error) => Err(self.failure(&format!("cannot read `{STATE}`"), error)),
        }
    }

    /// Keeps the state, unless another run did so since it was read.
    pub(super) fn save(&self, kept: &Kept, json: &str) -> Result<bool, Failure> {
        let condition = kept.etag().map_or(Condition::New, Condition::Is);
        let put = self.bucket.put(STATE, json.as_bytes(), "application/json", condition);
        match run(async { Ok(put.await) })? {
            Ok(_) => Ok(true),
            Err(BucketError::Changed) => Ok(false),
            Err(error) => Err(self.failure(&format!("cannot write `{STATE}`"), error)),
        }
    }

    fn failure(&self, what: &str, error: BucketError) -> Failure {
        failure(&self.bucket, what, error)
    }
}

/// The tokens and the Referer that the policy lets in.
pub(super) fn tokens(bucket: &Bucket) -> Result<Tokens, Failure> {
    run(async {
        let current = bucket.policy().await;
        let what = "cannot read the tokens in the bucket's policy";
        let current = current.map_err(|error| failure(bucket, what, error))?;
        policy::tokens(&current.unwrap_or_default()).map_err(|error| {
            Failure::new(Exit::Left, bucket.clean(&error.to_string()))
                .help("name the tokens in desk.toml: `[guard] upload-tokens = […]`")
        })
    })
}

/// Brings the policy in line with the blocks.
pub(super) fn apply(bucket: &Bucket, blocks: &[Block]) -> Result<Change, Failure> {
    run(async {
        let failed = |what, error| failure(bucket, what, error);
        let current = bucket.policy().await;
        let current = current.map_err(|error| failed("cannot read the bucket's policy", error))?;
        let current = current.ok_or_else(|| {
            Failure::new(Exit::Left, "the bucket has no policy, so nobody can be kept out")
                .help("`terraform apply` puts it back")
        })?;
        let change = policy::with_blocks(&current, blocks).map_err(|error| {
            Failure::new(Exit::Left, bucket.clean(&error.to_string()))
                .help("`terraform apply` puts back the policy of the module")
        })?;
        if let Some(policy) = &change.policy {
            let put = bucket.put_policy(policy).await;
            put.map_err(|error| failed("cannot write the bucket's policy", error))?;
        }
        Ok(change)
    })
}

fn failure(bucket: &Bucket, what: &str, error: BucketError) -> Failure {
    let failure = Failure::from(error);
    if failure.exit == Exit::Stopped {
        return failure;
    }
    Failure { message: bucket.clean(&format!("{what}: {}", failure.message)), ..failure }
}

fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    http::run(work).map_err(|error| {
        Failure::unusable(format!("this host gives no means to ask: {error}"))
            .help("free memory and file descriptors")
    })?
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
