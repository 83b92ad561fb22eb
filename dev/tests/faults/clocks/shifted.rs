//! A preloaded library that shifts the clocks. A file contains the seconds, for the wall clock and for all other
//! clocks.

use std::ffi::{c_int, c_long};

#[repr(C)]
pub struct Time {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

#[cfg(target_arch = "x86_64")]
const CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const CLOCK_GETTIME: c_long = 113;
const WALL: c_int = 0;

/// Replaces the function of libc.
///
/// # Safety
/// `time` is valid for clock_gettime(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Time) -> c_int {
    let result = unsafe { syscall(CLOCK_GETTIME, c_long::from(clock), time) };
    if result == 0 {
        unsafe { (*time).seconds += shift(clock).unwrap_or_default() };
    }
    result as c_int
}

fn shift(clock: c_int) -> Option<i64> {
    let text = std::fs::read_to_string(std::env::var_os("SHIFTED_CLOCKS")?).ok()?;
    let (wall, others) = text.split_once(' ')?;
    if clock == WALL { wall } else { others }.parse().ok()
}
