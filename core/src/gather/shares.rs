//! How the memory of a run is shared out.

use crate::{output::BLOCK, profile::LEAST_MEMORY};

/// What the program takes whatever it gathers: itself, its rules, the records of a run.
const OWN: u64 = 40_000_000;

/// How many steps run at once, at most. They wait for disks and commands more than for the
/// processor, and more of them would only make a disk seek.
const MOST_STEPS: u64 = 8;

/// What a step takes while it reads: a block, and what the cutter holds back of the one before.
const STEP: u64 = 5_000_000;

/// The shares of `limits.memory`. They do not depend on the number of threads, because the borders
/// of segments follow from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// How many steps may run at once.
    pub(crate) steps: usize,
    /// Bytes that may be on their way through packing.
    pub(crate) packing: u64,
    /// Bytes of small entries of a step that may wait to be packed together: so few that, whatever
    /// all steps hold back, the others can go on.
    pub(crate) batch: u64,
    /// Bytes of packed segments that may wait in memory.
    pub(crate) waiting: u64,
}

impl Shares {
    /// Shares out so many bytes; fewer than the least that a profile may say count as that.
    pub(crate) fn of(memory: u64) -> Self {
        let free = memory.max(LEAST_MEMORY.0) - OWN;
        let steps = (free / 6 / STEP).clamp(1, MOST_STEPS);
        // A block is in memory as it was read and as it was redacted, then compressed, beside the
        // compressor itself: in all some three and a half times its size.
        let packing = (free / 8).max(2 * BLOCK as u64);
        let batch = (packing / (2 * steps + 2)).min(BLOCK as u64);
        Self { steps: steps as usize, packing, batch, waiting: free / 8 * 3 }
    }

    /// How many threads have something to do at once.
    pub(crate) fn useful_threads(&self) -> usize {
        (self.packing / BLOCK as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_fit_into_the_memory_and_no_step_can_keep_others_from_going_on() {
        for memory in [LEAST_MEMORY.0, 128_000_000, 256_000_000, 1 << 30, 16 << 30] {
            let shares = Shares::of(memory);
            let steps = shares.steps as u64;
            let all = OWN + steps * STEP + shares.packing / 2 * 7 + shares.waiting;
            assert!(all <= memory + memory / 10, "{memory}: {all} {shares:?}");
            let free = shares.packing - steps * shares.batch;
            assert!(free >= BLOCK as u64, "{memory}: {shares:?}");
            assert!(shares.useful_threads() > 0);
        }
    }
}
