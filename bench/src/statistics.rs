//! Medians and quartiles.

/// The median of measurements, and the range of the middle half of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) first_quartile: f64,
    pub(crate) third_quartile: f64,
}

impl Summary {
    /// Summarizes measurements. Without measurements, all values are zero.
    pub(crate) fn of(measured: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = measured.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |part| quantile(&sorted, part);
        Self { median: at(0.5), first_quartile: at(0.25), third_quartile: at(0.75) }
    }
}

/// Returns a quantile, with linear interpolation between two measurements.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = part * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_quartiles_do_not_depend_on_the_order() {
        let five = Summary { median: 3.0, first_quartile: 2.0, third_quartile: 4.0 };
        assert_eq!(Summary::of([5.0, 1.0, 4.0, 2.0, 3.0]), five);
    }

    #[test]
    fn between_two_measurements_lies_the_point_on_the_line() {
        let four = Summary { median: 2.5, first_quartile: 1.75, third_quartile: 3.25 };
        assert_eq!(Summary::of([1.0, 2.0, 3.0, 4.0]), four);
    }

    #[test]
    fn one_measurement_is_all_three_and_none_is_zero() {
        assert_eq!(Summary::of([7.0]), Summary { median: 7.0, first_quartile: 7.0, third_quartile: 7.0 });
        assert_eq!(Summary::of([]).median, 0.0);
    }
}
