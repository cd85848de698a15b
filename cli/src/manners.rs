//! How a run behaves as a guest on the host: last in every queue, and never in the way.

use crate::{exit::Failure, text};
use collect_core::host::Host;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getpriority_process, getrlimit, set_dumpable_behavior,
    setpriority_process, setrlimit,
};
use std::path::{Path, PathBuf};

/// The nice value of a run. The kernel derives the priority of reads and writes from it
/// (`ioprio_set(2)`).
const NICE: i32 = 10;

/// With less room than this not even a small bundle is certain to fit.
const ROOM: u64 = 16_000_000;

/// Lets everything else on this host go first. To be called before threads are started: those that
/// run already keep their priority.
pub(crate) fn stand_back() {
    // Where it is refused, a run is merely less polite.
    if getpriority_process(None).is_ok_and(|nice| nice < NICE) {
        _ = setpriority_process(None, NICE);
    }
}

/// Sees to it that no core dump ever writes what is in memory to a disk. Programs that the kernel
/// hands core dumps to do not all keep to the limit, so there is none to hand over (`core(5)`).
pub(crate) fn forbid_core_dumps() {
    _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let maximum = getrlimit(Resource::Core).maximum;
    _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
}

/// Refuses to begin what would end with a full disk.
pub(crate) fn check_room(host: &dyn Host, dir: &Path) -> Result<(), Failure> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let Some(existing) = existing_part(&dir) else { return Ok(()) };
    // A file system that does not say how full it is will say so when it is written to.
    let Ok(usage) = host.usage(&existing) else { return Ok(()) };
    if usage.available >= ROOM {
        return Ok(());
    }
    let message = format!(
        "there is too little space for a bundle in `{}`: {} are free, {} are needed",
        dir.display(),
        text::size(usage.available),
        text::size(ROOM)
    );
    Err(Failure::unusable(message)
        .help("make some there, or choose another folder with `--output DIR --no-send`"))
}

/// The folder itself, or the nearest one above it that exists.
fn existing_part(dir: &Path) -> Option<PathBuf> {
    dir.ancestors().find(|ancestor| ancestor.exists()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::dumpable_behavior;

    #[test]
    fn nothing_is_left_to_dump() {
        forbid_core_dumps();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
