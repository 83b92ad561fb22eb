//! How long a request may take.

use std::time::{Duration, SystemTime};

use lambda_http::Context;

/// The longest time that a request gets.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that Lambda needs to deliver the response before it kills the function.
const RESPONSE_TIME: Duration = Duration::from_millis(700);
/// `cargo lambda watch` sets deadlines in 1970. A deadline that is further in the past than this counts as none.
const MAX_OVERDUE: Duration = Duration::from_secs(24 * 60 * 60);

/// The time until Lambda's deadline, less the time for the response, and at most the timeout of a request.
pub(super) fn time_left(context: &Context) -> Duration {
    match context.deadline().duration_since(SystemTime::now()) {
        Ok(left) => left.saturating_sub(RESPONSE_TIME).min(REQUEST_TIMEOUT),
        Err(past) if past.duration() > MAX_OVERDUE => REQUEST_TIMEOUT,
        Err(_) => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn time_left_until(deadline: SystemTime) -> Duration {
        let since_1970 = deadline.duration_since(UNIX_EPOCH).expect("a time after 1970");
        let mut context = Context::default();
        context.deadline = u64::try_from(since_1970.as_millis()).expect("milliseconds that fit into 64 bits");
        time_left(&context)
    }

    #[test]
    fn a_request_ends_before_lambda_ends_it() {
        let now = SystemTime::now();
        let left = time_left_until(now + Duration::from_secs(5));
        assert!(left <= Duration::from_millis(4300) && left > Duration::from_secs(3), "{left:?}");
        assert_eq!(time_left_until(now + Duration::from_secs(60)), REQUEST_TIMEOUT);
        assert_eq!(time_left_until(now + Duration::from_millis(300)), Duration::ZERO);
        assert_eq!(time_left_until(now - Duration::from_secs(3)), Duration::ZERO);
        assert_eq!(time_left_until(UNIX_EPOCH + Duration::from_secs(1)), REQUEST_TIMEOUT);
    }
}
