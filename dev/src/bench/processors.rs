//! Processors: pinning, because a process that is not pinned can be slow or fast for its whole life, and the time that a
//! process uses.

use std::io;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::ClockId;
use nix::unistd::Pid;

/// One processor for PostgreSQL and this process, and one for the functions. They are the same if there is only one.
#[derive(Debug)]
pub(super) struct Processors {
    /// How many processors this process may use.
    pub(super) number: usize,
    ours: CpuSet,
    functions: CpuSet,
}

impl Processors {
    /// Chooses the first and the last processor that this process may use, and pins this thread to the first.
    pub(super) fn choose() -> io::Result<Self> {
        let allowed = sched_getaffinity(this_thread())?;
        let numbers: Vec<usize> =
            (0..CpuSet::count()).filter(|number| allowed.is_set(*number).unwrap_or(false)).collect();
        let [first, last] = [numbers.first(), numbers.last()].map(|number| number.copied().unwrap_or(0));
        let processors = Self { number: numbers.len(), ours: only(first)?, functions: only(last)? };
        sched_setaffinity(this_thread(), &processors.ours)?;
        Ok(processors)
    }

    /// Runs `work`, such as starting a process, on the processor of the functions. Child processes inherit it.
    pub(super) fn for_functions<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        sched_setaffinity(this_thread(), &self.functions)?;
        let result = work();
        sched_setaffinity(this_thread(), &self.ours)?;
        Ok(result)
    }
}

/// The processor time that all threads of a process have used so far.
pub(super) fn processor_time(pid: i32) -> io::Result<Duration> {
    Ok(ClockId::pid_cpu_clock_id(Pid::from_raw(pid))?.now()?.into())
}

fn this_thread() -> Pid {
    Pid::from_raw(0)
}

fn only(number: usize) -> io::Result<CpuSet> {
    let mut set = CpuSet::new();
    set.set(number)?;
    Ok(set)
}
