//! Puts what threads finish in any order into the order of the plan.

use super::Told;
use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// How far a thread may be ahead of the slowest: what is told later is held until then.
const AHEAD: usize = 256;

/// Tells of files in their order.
pub(super) struct Order<T> {
    state: Mutex<State<T>>,
    moved: Condvar,
}

struct State<T> {
    tell: T,
    next: usize,
    early: BTreeMap<usize, Told>,
    ended: bool,
}

impl<T: FnMut(Told)> Order<T> {
    pub(super) fn new(tell: T) -> Self {
        let state = State { tell, next: 0, early: BTreeMap::new(), ended: false };
        Self { state: Mutex::new(state), moved: Condvar::new() }
    }

    /// Takes what became of file `number`; waits if that is far ahead of the slowest. Who works on
    /// the next file never waits.
    pub(super) fn put(&self, number: usize, told: Told) {
        let waits = |state: &mut State<T>| number >= state.next + AHEAD && !state.ended;
        let state = self.moved.wait_while(self.state(), waits);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.early.insert(number, told);
        loop {
            let next = state.next;
            let Some(told) = state.early.remove(&next) else {
                break;
            };
            (state.tell)(told);
            state.next += 1;
        }
        self.moved.notify_all();
    }

    /// Lets nobody wait any more.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.moved.notify_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().ended
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
