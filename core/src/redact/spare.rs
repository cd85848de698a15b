//! Large buffers that are used again.
//!
//! Memory of this size goes back to the system as soon as it is freed, and taking it anew costs a
//! page fault every 4 KiB: a twentieth of the time of a run.

use std::sync::{Mutex, PoisonError};

/// Smaller buffers are not worth it.
const LEAST: usize = 128 << 10;

/// Larger ones are not kept, whatever they were for.
const LARGEST: usize = 8 << 20;

/// So many bytes wait to be used again, at most.
const MOST: usize = 64 << 20;

/// Buffers that wait to be used again.
#[derive(Default)]
pub(super) struct Spares(Mutex<Vec<Vec<u8>>>);

impl Spares {
    /// An empty buffer with room for so many bytes.
    pub(super) fn take(&self, len: usize) -> Vec<u8> {
        if len >= LEAST {
            let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = spares.iter().position(|spare| spare.capacity() >= len) {
                return spares.swap_remove(at);
            }
        }
        Vec::with_capacity(len)
    }

    /// Takes back a buffer that is no longer needed.
    pub(super) fn give(&self, mut spare: Vec<u8>) {
        if (LEAST..=LARGEST).contains(&spare.capacity()) {
            spare.clear();
            let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting: usize = spares.iter().map(Vec::capacity).sum();
            if waiting + spare.capacity() <= MOST {
                spares.push(spare);
            }
        }
    }
}
