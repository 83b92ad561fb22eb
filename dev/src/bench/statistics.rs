//! Numbers, for the results.

/// The median: the value in the middle, or the mean of the two in the middle.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    (middle(values.len().saturating_sub(1) / 2) + middle(values.len() / 2)) / 2.0
}

/// The value that is greater than this percentage of the values.
pub(super) fn percentile(values: impl IntoIterator<Item = f64>, percentage: usize) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percentage).div_ceil(100).saturating_sub(1);
    values.get(rank).copied().unwrap_or(f64::NAN)
}

/// The mean.
pub(super) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    values.iter().sum::<f64>() / count(values.len())
}

/// A count as a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(super) fn count(number: usize) -> f64 {
    number as f64
}

/// Megabytes, of a million bytes each.
#[expect(clippy::cast_precision_loss, reason = "files and processes are smaller")]
pub(super) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

/// A duration in seconds, as text in microseconds or milliseconds.
pub(super) fn duration_text(seconds: f64) -> String {
    if seconds < 0.001 { format!("{:.0} µs", seconds * 1e6) } else { format!("{:.2} ms", seconds * 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_value_in_the_middle() {
        assert_eq!(median([3.0]).to_bits(), 3f64.to_bits());
        assert_eq!(median([9.0, 1.0, 2.0]).to_bits(), 2f64.to_bits());
        assert_eq!(median([4.0, 1.0, 2.0, 100.0]).to_bits(), 3f64.to_bits());
    }

    #[test]
    fn percentile_is_one_of_the_values() {
        let values = || (1..=200).map(f64::from);
        assert_eq!(percentile(values(), 99).to_bits(), 198f64.to_bits());
        assert_eq!(percentile([7.0], 99).to_bits(), 7f64.to_bits());
    }
}
