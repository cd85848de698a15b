//! What waits in the dead-letter queue is put back.
//!
//! A message is removed there when the queue has said that it holds it, and not before: wherever a run
//! breaks off, the message is in one of the two, or in both, and the function makes one ticket of both.

use super::queues::failure;
use crate::{
    desk::voice::Voice,
    exit::{Exit, Failure},
    text,
};
use collect_sinks::{
    aws::{Queue, QueueMessage, Waiting},
    s3::Arrival,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// How long a message is hidden from others that was taken: putting it back takes less.
const HIDDEN: Duration = Duration::from_secs(30);

/// How long the queue is asked to wait for a message: if at all, it asks all of its servers.
const WAIT: Duration = Duration::from_secs(1);

/// The way of messages from one queue to another.
pub(super) struct Move<'m> {
    pub(super) from: &'m Queue,
    pub(super) to: &'m Queue,
    pub(super) voice: &'m Voice,
    pub(super) stop: &'m AtomicBool,
    /// How many have gone.
    pub(super) moved: u64,
    /// How many are still there.
    pub(super) left: u64,
    /// Those that could not be moved: this run does not try again.
    stuck: BTreeSet<String>,
    /// What the other queue calls those that have gone.
    gone: BTreeSet<String>,
}

/// How a batch ended.
enum Batch {
    /// Nothing new was there.
    Empty,
    /// Some went, or could not.
    Some,
    /// What had gone is there again.
    Back,
}

impl<'m> Move<'m> {
    pub(super) fn new(
        from: &'m Queue,
        to: &'m Queue,
        voice: &'m Voice,
        stop: &'m AtomicBool,
    ) -> Self {
        Self {
            from,
            to,
            voice,
            stop,
            moved: 0,
            left: 0,
            stuck: BTreeSet::new(),
            gone: BTreeSet::new(),
        }
    }

    /// Moves all there is. What another run had taken when it broke off comes back after a while, which
    /// is waited for.
    pub(super) async fn run(&mut self) -> Result<(), Failure> {
        let mut end = None;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Failure::new(Exit::Stopped, "stopped"));
            }
            match self.batch().await? {
                Batch::Some => end = None,
                Batch::Back => {
                    self.voice.warn(
                        "reports came back at once, so that it was stopped: the ticket function \
                         still fails; its log says why",
                    );
                    let Waiting { ready, taken } = self.waiting().await?;
                    self.left = ready + taken;
                    return Ok(());
                }
                Batch::Empty => {
                    let waiting = self.waiting().await?;
                    self.left = (waiting.ready + waiting.taken).max(self.stuck.len() as u64);
                    if self.left == self.stuck.len() as u64 {
                        return Ok(());
                    }
                    let end = *end.get_or_insert_with(|| {
                        self.wait_is_told(waiting);
                        // A message that is hidden from now on is seen until then.
                        Instant::now() + HIDDEN + WAIT
                    });
                    if Instant::now() > end {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn wait_is_told(&self, waiting: Waiting) {
        let messages = text::count((waiting.ready + waiting.taken) as usize, "message");
        self.voice.say(&format!(
            "{messages} cannot be taken yet, for another run may have them; waiting for up to {}",
            text::length(HIDDEN)
        ));
    }

    async fn waiting(&self) -> Result<Waiting, Failure> {
        self.from.waiting().await.map_err(|error| failure(self.from, "ask", error))
    }

    /// Moves a few messages.
    async fn batch(&mut self) -> Result<Batch, Failure> {
        let taken = self.from.take(HIDDEN, WAIT).await;
        let taken = taken.map_err(|error| failure(self.from, "take from", error))?;
        let (back, mut taken): (Vec<_>, Vec<_>) = taken
            .into_iter()
            .filter(|message| !self.stuck.contains(&message.id))
            .partition(|message| self.gone.contains(&message.id));
        if taken.is_empty() && back.is_empty() {
            return Ok(Batch::Empty);
        }
        // The queue hands them over in an order of its own.
        taken.sort_by_key(|message| arrivals(message).first().and_then(|arrival| arrival.at));
        let put = self.to.put(&taken).await;
        let put = put.map_err(|error| failure(self.to, "put into", error))?;
        let mut there = Vec::new();
        for (message, put) in taken.into_iter().zip(put) {
            match put {
                Ok(id) => {
                    self.gone.insert(id);
                    there.push(message);
                }
                Err(why) => self.is_left(&message, &why),
            }
        }
        let removed = self.from.remove(&there).await;
        let removed = removed.map_err(|error| failure(self.from, "remove from", error))?;
        for (message, removed) in there.iter().zip(removed) {
            match removed {
                Ok(()) => self.has_gone(message),
                Err(why) => self.is_left(message, &why),
            }
        }
        Ok(if back.is_empty() { Batch::Some } else { Batch::Back })
    }

    fn has_gone(&mut self, message: &QueueMessage) {
        self.moved += 1;
        if self.voice.json {
            let keys: Vec<_> = arrivals(message).into_iter().map(|arrival| arrival.key).collect();
            self.voice.object(&json!({ "event": "replayed", "message": message.id, "keys": keys }));
        }
    }

    fn is_left(&mut self, message: &QueueMessage, why: &str) {
        self.stuck.insert(message.id.clone());
        let id = text::one_line(&message.id);
        self.voice.warn(&format!("the message `{id}` stays where it is: {}", text::one_line(why)));
    }
}

/// What a message tells of; nothing if it is no notification.
fn arrivals(message: &QueueMessage) -> Vec<Arrival> {
    let body = serde_json::from_str::<Value>(&message.body).ok();
    body.and_then(|body| Arrival::all_of(&body).ok()).unwrap_or_default()
}
