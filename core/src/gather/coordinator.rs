//! The coordinator: starts steps, takes what they send, and ends the run in time.

use super::{
    Gathered, Message, Permits, Resources, StepEvent, Stop,
    ledger::{Item, Ledger, Phase},
    mend::Mending,
    pack,
    shares::Shares,
    step::{End, PackError, StepRun},
};
use crate::{
    bundle::{Note, NoteKind, Status},
    event::{Event, Reporter},
    host::{Deadline, Host},
    plan::Plan,
    redact::Piece,
    spool::Spool,
    units::{Length, Size},
};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{
    cmp::Reverse,
    io::{self, ErrorKind},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::available_parallelism,
    time::{Duration, Instant},
};

/// How long past its deadline a step may take to notice it.
const GRACE: Duration = Duration::from_millis(500);

/// How long nothing may come from packing once the steps are over. The largest task takes far less
/// than a second; what takes so much longer is an expression that does not come to an end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long after the time of the run learnt secrets may still be looked for, so that the run ends
/// when it said it would. What is not looked at by then, and may hold one, is left out.
const MENDING: Duration = Duration::from_secs(1);

/// So many learnt values, times the segments that they are looked for in, take a few hundredths of
/// the time that packing took: a gigabyte of logs has some four hundred segments.
const LOOKED_FOR: usize = 80_000;

/// How often deadlines are looked at, at least.
const TICK: Duration = Duration::from_millis(20);

/// How often progress is told, at most.
const PROGRESS: Duration = Duration::from_millis(100);

pub(crate) struct Coordinator<'r> {
    plan: Arc<Plan>,
    host: Arc<dyn Host>,
    reporter: &'r dyn Reporter,
    stop: Arc<AtomicBool>,
    /// Seen by every deadline: true once the run has to end, for whatever reason.
    halt: Arc<AtomicBool>,
    halted: Option<(Stop, Instant)>,
    /// True once large entries no longer fit into the bundle.
    full: Arc<AtomicBool>,
    begun: Instant,
    steps: ThreadPool,
    packing: ThreadPool,
    permits: Arc<Permits>,
    shares: Shares,
    sender: Sender<Message>,
    messages: Receiver<Message>,
    ledgers: Vec<Ledger>,
    /// Steps that wait for their turn, the first one last.
    waiting: Vec<usize>,
    /// Packing tasks of each step that have not answered yet.
    packs: Vec<usize>,
    /// When the last one answered, or the last step ended.
    moved: Instant,
    spool: Spool,
    progress: Progress,
}

#[derive(Default)]
struct Progress {
    bytes: u64,
    redactions: u64,
    told: Option<Instant>,
}

impl<'r> Coordinator<'r> {
    pub(crate) fn new(
        plan: Arc<Plan>,
        host: Arc<dyn Host>,
        resources: &Resources,
        reporter: &'r dyn Reporter,
    ) -> Self {
        let Size(memory) = plan.profile.limits.memory;
        let shares = Shares::of(memory);
        let cores = available_parallelism().map_or(1, usize::from);
        let threads = resources.threads.map_or(cores, usize::from).min(shares.useful_threads());
        let Size(size) = plan.profile.limits.size;
        // What waits and the bundle itself are on the disk at the same time.
        let space = host.usage(&resources.spill).map_or(u64::MAX, |usage| usage.available / 20 * 9);
        let size = size.min(space);
        let (sender, messages) = channel();
        let mut waiting: Vec<usize> =
            (0..plan.steps.len()).filter(|&index| !plan.steps[index].skipped).collect();
        waiting.sort_by_key(|&index| (Reverse(plan.steps[index].step.options.priority), index));
        waiting.reverse();
        let mut ledgers: Vec<Ledger> = plan.steps.iter().map(|_| Ledger::new()).collect();
        for (ledger, planned) in ledgers.iter_mut().zip(&plan.steps) {
            if planned.skipped {
                ledger.leave_out(Status::Skipped);
            }
        }
        Self {
            // A step that hangs keeps its thread, so there is one for each.
            steps: pool("step", waiting.len().max(1)),
            packing: pool("pack", threads),
            permits: Permits::new(shares.packing),
            shares,
            spool: Spool::new(size, shares.waiting, &resources.spill),
            stop: Arc::clone(&resources.stop),
            halt: Arc::default(),
            halted: None,
            full: Arc::default(),
            begun: Instant::now(),
            packs: vec![0; plan.steps.len()],
            moved: Instant::now(),
            progress: Progress::default(),
            plan,
            host,
            reporter,
            sender,
            messages,
            ledgers,
            waiting,
        }
    }

    pub(crate) fn run(mut self) -> Gathered {
        self.reporter.event(&Event::Started {
            product: self.plan.profile.product.clone(),
            bundle: self.plan.name.to_string(),
            steps: self.waiting.len(),
        });
        loop {
            self.look_at_limits();
            self.start_steps();
            if !self.ledgers.iter().all(Ledger::is_over) {
                self.moved = Instant::now();
            } else if self.packs.iter().all(|&packs| packs == 0) {
                break;
            } else if self.moved.elapsed() >= PATIENCE {
                self.abandon_packing();
                break;
            }
            match self.messages.recv_timeout(TICK) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.end_overdue();
            self.tell_progress();
        }
        self.settle()
    }

    fn look_at_limits(&mut self) {
        if self.halted.is_some() {
            return;
        }
        let Length(time) = self.plan.profile.limits.time;
        if self.stop.load(Ordering::Relaxed) {
            self.halt(Stop::Interrupted);
        } else if self.begun.elapsed() >= time {
            self.halt(Stop::Deadline);
        }
    }

    fn halt(&mut self, why: Stop) {
        if self.halted.is_none() {
            self.halted = Some((why, Instant::now()));
            self.halt.store(true, Ordering::Relaxed);
            for index in std::mem::take(&mut self.waiting) {
                self.ledgers[index].leave_out(Status::NotStarted);
                self.tell_ended(index);
            }
        }
    }

    fn start_steps(&mut self) {
        let running = |ledger: &&Ledger| matches!(ledger.phase, Phase::Running { .. });
        while self.ledgers.iter().filter(running).count() < self.shares.steps {
            let Some(index) = self.waiting.pop() else {
                break;
            };
            let planned = &self.plan.steps[index];
            let run = StepRun {
                plan: Arc::clone(&self.plan),
                index,
                host: Arc::clone(&self.host),
                deadline: Deadline::after(planned.step.options.timeout.0, Arc::clone(&self.halt)),
                permits: Arc::clone(&self.permits),
                full: Arc::clone(&self.full),
                messages: self.sender.clone(),
            };
            self.ledgers[index].phase =
                Phase::Running { since: Instant::now(), since_uptime: self.host.uptime() };
            self.reporter.event(&Event::StepStarted { step: planned.step.id.clone() });
            self.steps.spawn(move || run.run());
        }
    }

    fn take(&mut self, Message { step, event }: Message) {
        match event {
            StepEvent::PackedBatch(item, packed) => {
                self.packed(step);
                if let Ok(packed) = &packed {
                    let records = &packed.records;
                    self.progress.bytes += records.iter().map(|entry| entry.size).sum::<u64>();
                    let counts = records.iter().flat_map(|entry| entry.redactions.values());
                    self.progress.redactions += counts.sum::<u64>();
                }
                if self.ledgers[step].store_batch(item, packed, &mut self.spool).is_err() {
                    self.halt(Stop::Disk);
                }
            }
            StepEvent::PackedPart(item, number, packed) => {
                self.packed(step);
                let part = packed.as_ref().map_or((0, 0), |part| (part.size, part.redactions));
                let stored = self.ledgers[step].store_part(item, number, packed, &mut self.spool);
                if stored.is_ok() {
                    self.progress.bytes += part.0;
                    self.progress.redactions += part.1;
                }
                self.look_at_storage(stored);
            }
            // What a step sends after it was abandoned comes too late.
            _ if self.ledgers[step].is_over() => {}
            StepEvent::Whole(whole) => self.add_to_batch(step, whole),
            StepEvent::Begun(meta) => {
                self.pack_batch(step);
                self.ledgers[step].begin(meta);
            }
            StepEvent::Piece(piece, permit) => self.pack_part(step, piece, permit),
            StepEvent::EntryEnded(truncated, covers) => {
                self.ledgers[step].end_entry(truncated, covers);
            }
            StepEvent::Lost => self.ledgers[step].lose_entry(),
            StepEvent::Noted(note) => self.ledgers[step].note(note),
            StepEvent::Ended(end) => self.end(step, &end),
        }
    }

    fn packed(&mut self, step: usize) {
        self.packs[step] -= 1;
        self.moved = Instant::now();
    }

    /// Goes on without what is still being packed. What is there by then is whole lines, in order.
    fn abandon_packing(&mut self) {
        for (ledger, &packs) in self.ledgers.iter_mut().zip(&self.packs) {
            if packs > 0 {
                ledger.lose_packing();
            }
        }
    }

    fn look_at_storage(&mut self, stored: io::Result<()>) {
        let error = stored.err().map(|error| error.kind());
        if self.spool.is_full() || error == Some(ErrorKind::QuotaExceeded) {
            self.full.store(true, Ordering::Relaxed);
        } else if error.is_some() {
            self.halt(Stop::Disk);
        }
    }

    fn why_stopped(&self) -> Option<Stop> {
        let full = self.full.load(Ordering::Relaxed).then_some(Stop::Size);
        self.halted.map(|(why, _)| why).or(full)
    }

    fn end(&mut self, step: usize, end: &End) {
        self.pack_batch(step);
        let duration = self.duration(step);
        let Length(timeout) = self.plan.steps[step].step.options.timeout;
        let late = self.halted.is_none() && self.running_since(step) >= timeout;
        let why = if late { None } else { self.why_stopped() };
        self.ledgers[step].close(end, why, duration);
        self.tell_ended(step);
    }

    fn running_since(&self, step: usize) -> Duration {
        match self.ledgers[step].phase {
            Phase::Running { since, .. } => since.elapsed(),
            _ => Duration::ZERO,
        }
    }

    fn duration(&self, step: usize) -> Duration {
        match self.ledgers[step].phase {
            Phase::Running { since_uptime, .. } => self.host.uptime().saturating_sub(since_uptime),
            _ => Duration::ZERO,
        }
    }

    /// Abandons what is still running a grace after its deadline.
    fn end_overdue(&mut self) {
        for step in 0..self.ledgers.len() {
            let Phase::Running { since, .. } = self.ledgers[step].phase else {
                continue;
            };
            let Length(timeout) = self.plan.steps[step].step.options.timeout;
            let own = since.elapsed() > timeout.saturating_add(GRACE);
            let run = self.halted.is_some_and(|(_, at)| at.elapsed() > GRACE);
            if own || run {
                self.pack_batch(step);
                let duration = self.duration(step);
                self.ledgers[step].abandon(duration);
                self.tell_ended(step);
            }
        }
    }

    fn add_to_batch(&mut self, step: usize, whole: pack::Whole) {
        let bytes = whole.permit.bytes();
        let waiting: u64 = self.ledgers[step].batch.iter().map(|(_, bytes)| bytes).sum();
        if waiting + bytes > self.shares.batch {
            self.pack_batch(step);
        }
        self.ledgers[step].take(whole);
        if bytes > self.shares.batch {
            self.pack_batch(step);
        }
    }

    fn pack_batch(&mut self, step: usize) {
        let ledger = &mut self.ledgers[step];
        if ledger.batch.is_empty() {
            return;
        }
        let wholes = ledger.batch.drain(..).map(|(whole, _)| whole).collect();
        let item = ledger.items.len();
        ledger.items.push(Item::Batch(None));
        let (plan, messages) = (Arc::clone(&self.plan), self.sender.clone());
        self.packs[step] += 1;
        self.packing.spawn_fifo(move || {
            let work = || pack::batch(wholes, &plan.redaction, plan.format, plan.name.as_str());
            let packed = catch_unwind(AssertUnwindSafe(work));
            let packed = packed.unwrap_or_else(|_| Err(io::Error::other("a defect while packing")));
            _ = messages.send(Message { step, event: StepEvent::PackedBatch(item, packed) });
        });
    }

    fn pack_part(&mut self, step: usize, piece: Piece, permit: Arc<super::permits::Permit>) {
        let Some((item, number, large)) = self.ledgers[step].next_part() else {
            return;
        };
        let (digests, meta) = (Arc::clone(&large.digests), large.meta.clone());
        let (plan, messages) = (Arc::clone(&self.plan), self.sender.clone());
        self.packs[step] += 1;
        self.packing.spawn_fifo(move || {
            let work = || {
                let redaction = &plan.redaction;
                let entry = (&meta, &*digests);
                match pack::part(piece, permit, number, entry, redaction, plan.format) {
                    Ok(packed) => packed.map_err(|_| PackError::Lost),
                    Err(note) => Err(PackError::Withheld(note)),
                }
            };
            let packed = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(PackError::Lost));
            if packed.is_err() {
                digests.end_before(number);
            }
            _ = messages.send(Message { step, event: StepEvent::PackedPart(item, number, packed) });
        });
    }

    fn tell_ended(&self, step: usize) {
        if let Some((status, duration)) = self.ledgers[step].ended() {
            let step = self.plan.steps[step].step.id.clone();
            self.reporter.event(&Event::StepEnded { step, status, duration });
        }
    }

    fn tell_progress(&mut self) {
        if self.progress.told.is_some_and(|told| told.elapsed() < PROGRESS) {
            return;
        }
        self.progress.told = Some(Instant::now());
        let over = self.ledgers.iter().filter(|ledger| ledger.is_over()).count();
        let skipped = self.plan.steps.iter().filter(|planned| planned.skipped).count();
        let running = |ledger: &&Ledger| matches!(ledger.phase, Phase::Running { .. });
        self.reporter.event(&Event::Gathering {
            running: self.ledgers.iter().filter(running).count(),
            ended: over - skipped,
            bytes: self.progress.bytes,
            compressed: self.spool.len(),
            redactions: self.progress.redactions,
        });
    }

    /// Removes what was learnt from what was packed before.
    fn mend(&mut self) {
        self.keep_learnt();
        let Some(needles) = self.plan.redaction.needles() else {
            return;
        };
        let Length(time) = self.plan.profile.limits.time;
        let late = self.begun.checked_add(time.saturating_add(MENDING));
        // A thread of the other pool may never come back.
        let pool = pool("mend", self.packing.current_num_threads());
        let (plan, spool) = (&self.plan, &mut self.spool);
        Mending { needles: &needles, plan, spool, pool, late }.run(&mut self.ledgers);
    }

    /// Bounds the time that mending takes: the more was gathered, the fewer values are looked for. It
    /// depends on nothing but what was gathered.
    fn keep_learnt(&mut self) {
        let segments: usize = self.ledgers.iter().map(Ledger::segments).sum();
        let most = LOOKED_FOR / segments.max(1);
        if let Some(all) = self.plan.redaction.keep_learnt(most) {
            let text = format!(
                "{all} values were learnt to be secret; {most} of them were also looked for where \
                 they stand alone"
            );
            for ledger in self.ledgers.iter_mut().filter(|ledger| ledger.segments() > 0) {
                let (source, text) = (String::new(), text.clone());
                ledger.note(Note { kind: NoteKind::Info, source, text });
            }
        }
    }

    fn settle(mut self) -> Gathered {
        self.mend();
        self.progress.told = None;
        self.tell_progress();
        let stopped = self.why_stopped();
        let (mut steps, mut entries, mut order) = (Vec::new(), Vec::new(), Vec::new());
        let bundle = self.plan.name.as_str();
        for (ledger, planned) in self.ledgers.into_iter().zip(&self.plan.steps) {
            let settled =
                ledger.settle(planned, bundle, self.plan.format, &mut self.spool, &mut order);
            steps.push(settled.0);
            entries.extend(settled.1);
        }
        Gathered {
            ended: self.host.now(),
            stopped,
            plan: self.plan,
            spool: self.spool,
            steps,
            entries,
            order,
        }
    }
}

fn pool(name: &'static str, threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |number| format!("{name}-{number}"))
        .build()
        .expect("threads can be started")
}
