//! The processor time that Lambda gives to a function with little memory, by a control group of Linux.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The memory with which a function has a whole processor, in MB. With less memory its share is proportional.
const WHOLE_PROCESSOR: u32 = 1769;
/// The processor time is given in slices, one in each period.
const PERIOD: Duration = Duration::from_millis(20);

/// A control group whose processes share the processor time of one function.
#[derive(Debug)]
pub(super) struct Quota {
    folder: PathBuf,
}

/// The processor time within each [`PERIOD`] of a function with this memory, in MB.
pub(super) fn slice(memory: u32) -> Duration {
    PERIOD * memory / WHOLE_PROCESSOR
}

/// The share of a processor of a function with this memory, in MB.
pub(super) fn share(memory: u32) -> f64 {
    f64::from(memory) / f64::from(WHOLE_PROCESSOR)
}

impl Quota {
    /// Makes the group. `None` if this process may not, or the system has no such groups.
    pub(super) fn create(memory: u32) -> Option<Self> {
        let (slice, period) = (slice(memory).as_micros(), PERIOD.as_micros());
        let version_2 = [("cpu.max", format!("{slice} {period}"))];
        let version_1 = [("cpu.cfs_period_us", period.to_string()), ("cpu.cfs_quota_us", slice.to_string())];
        Self::create_in(Path::new("/sys/fs/cgroup"), &version_2)
            .or_else(|| Self::create_in(Path::new("/sys/fs/cgroup/cpu"), &version_1))
    }

    fn create_in(parent: &Path, settings: &[(&str, String)]) -> Option<Self> {
        let quota = Self { folder: parent.join(format!("dev-bench-{}", std::process::id())) };
        std::fs::create_dir(&quota.folder).ok()?;
        for (file, value) in settings {
            // The kernel makes the files: one that is missing must not be created in an ordinary folder.
            let mut file = std::fs::OpenOptions::new().write(true).open(quota.folder.join(file)).ok()?;
            io::Write::write_all(&mut file, value.as_bytes()).ok()?;
        }
        Some(quota)
    }

    /// Limits a process from now on.
    pub(super) fn limit(&self, pid: u32) -> io::Result<()> {
        std::fs::write(self.folder.join("cgroup.procs"), pid.to_string())
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // The processes have ended, so the group is empty.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_memory_has_a_small_slice() {
        assert_eq!(slice(128).as_micros(), 1447);
        assert_eq!(slice(WHOLE_PROCESSOR), PERIOD);
    }
}
