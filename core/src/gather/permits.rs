//! Bounds how much of what was read is on its way through redaction and compression.

use crate::{CollectError, host::Deadline};
use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

/// So many bytes may be on their way at once.
#[derive(Debug)]
pub(crate) struct Permits {
    free: Mutex<u64>,
    capacity: u64,
    freed: Condvar,
}

/// Bytes that may be on their way; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    permits: Arc<Permits>,
    bytes: u64,
}

/// How often a waiting thread looks whether its deadline has passed.
const LOOK: Duration = Duration::from_millis(50);

impl Permits {
    pub(crate) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(capacity), capacity, freed: Condvar::new() })
    }

    /// Waits until so many bytes may go on their way, or the deadline has passed.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        bytes: u64,
        deadline: &Deadline,
    ) -> Result<Permit, CollectError> {
        let bytes = bytes.min(self.capacity);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < bytes {
            if deadline.passed() {
                return Err(CollectError::Stopped);
            }
            free = self.freed.wait_timeout(free, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        *free -= bytes;
        Ok(Permit { permits: Arc::clone(self), bytes })
    }
}

impl Permit {
    /// For how many bytes it is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.permits.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.permits.freed.notify_all();
    }
}
