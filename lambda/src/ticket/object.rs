//! A bundle in the bucket as a file to attach: a stream, of which little is in memory and nothing on
//! disk.

use collect_core::ticket::Attachment;
use collect_sinks::s3::{Bucket, BucketError, Download, Head, Range};
use sha2::{Digest, Sha256};
use std::{
    io::{self, Read},
    sync::{
        Arc, OnceLock,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use tokio::runtime::Handle;

/// How often a broken line is taken up again where it broke.
const RESUMED: usize = 5;

/// How many blocks wait for the reader; each is what came over the line at once.
const WAITING: usize = 1;

/// A bundle in the bucket.
pub(super) struct Object {
    pub(super) bucket: Bucket,
    /// Where the bucket is asked.
    pub(super) handle: Handle,
    pub(super) key: String,
    pub(super) head: Head,
    /// What reading all of it gave.
    pub(super) seen: Arc<OnceLock<[u8; 32]>>,
}

impl Attachment for Object {
    fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }

    fn len(&self) -> u64 {
        self.head.size
    }

    /// What S3 has checked; or else known once it was read, which an interface that needs it before
    /// does one more time.
    fn sha256(&self) -> Option<[u8; 32]> {
        self.head.sha256.or_else(|| self.seen.get().copied())
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let (sender, blocks) = sync_channel(WAITING);
        let source = Source {
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            etag: self.head.etag.clone(),
            len: self.head.size,
        };
        let handle = self.handle.clone();
        // Whoever reads does so inside of a runtime of its own, which must not wait for another one.
        thread::Builder::new().name("download".into()).spawn(move || {
            let ended = handle.block_on(source.send_to(&sender));
            if let Err(error) = ended {
                // Nobody listens any more where the upload was given up.
                _ = sender.send(Err(error));
            }
        })?;
        Ok(Box::new(Reader {
            blocks,
            block: Vec::new(),
            at: 0,
            left: self.head.size,
            digest: Sha256::new(),
            expected: self.head.sha256,
            seen: Arc::clone(&self.seen),
        }))
    }
}

/// What comes from the bucket.
struct Source {
    bucket: Bucket,
    key: String,
    etag: Option<String>,
    len: u64,
}

impl Source {
    /// Sends all of it on, taking up a line that breaks.
    async fn send_to(&self, blocks: &SyncSender<io::Result<Vec<u8>>>) -> io::Result<()> {
        let mut sent = 0;
        let mut broken = 0;
        loop {
            match self.send_from(&mut sent, blocks).await {
                Ok(()) => return Ok(()),
                Err(BucketError::Unreachable { .. }) if broken < RESUMED => broken += 1,
                Err(error) => return Err(io_error(&error)),
            }
        }
    }

    async fn send_from(
        &self,
        sent: &mut u64,
        blocks: &SyncSender<io::Result<Vec<u8>>>,
    ) -> Result<(), BucketError> {
        if *sent == self.len {
            return Ok(());
        }
        let range = Range { from: *sent, etag: self.etag.as_deref() };
        let mut download: Download = self.bucket.get(&self.key, range).await?;
        // A server that knows no ranges begins at the first byte.
        let mut skip = *sent - download.from;
        while let Some(chunk) = download.chunk().await? {
            let known = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
            skip -= known as u64;
            let block = &chunk[known..];
            if block.is_empty() {
                continue;
            }
            *sent += block.len() as u64;
            if blocks.send(Ok(block.to_vec())).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn io_error(error: &BucketError) -> io::Error {
    let kind = match error {
        BucketError::Missing => io::ErrorKind::NotFound,
        BucketError::Changed | BucketError::Refused { .. } => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, error.to_string())
}

/// Reads what comes, and does not give the last of it if it is not what was stored.
struct Reader {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
    left: u64,
    digest: Sha256,
    expected: Option<[u8; 32]>,
    seen: Arc<OnceLock<[u8; 32]>>,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            if self.left == 0 {
                return Ok(0);
            }
            match self.blocks.recv() {
                Ok(block) => self.take(block?)?,
                // It is shorter than it was, which the reader notices.
                Err(_) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.block.len() - self.at);
        buffer[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

impl Reader {
    fn take(&mut self, block: Vec<u8>) -> io::Result<()> {
        let longer = || io::Error::new(io::ErrorKind::InvalidData, "it is longer than it was");
        self.left = self.left.checked_sub(block.len() as u64).ok_or_else(longer)?;
        self.digest.update(&block);
        (self.block, self.at) = (block, 0);
        if self.left > 0 {
            return Ok(());
        }
        let digest: [u8; 32] = self.digest.finalize_reset().into();
        let before = self.seen.get_or_init(|| digest);
        if *before == digest && self.expected.is_none_or(|expected| expected == digest) {
            return Ok(());
        }
        let reason = "what came from the bucket is not what was stored there";
        Err(io::Error::new(io::ErrorKind::InvalidData, reason))
    }
}
