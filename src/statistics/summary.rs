//! Summaries of one sample.

/// The median; `None` of an empty sample.
#[must_use]
pub fn median(sample: &[f64]) -> Option<f64> {
    quantile(sample, 0.5)
}

/// The interquartile mean: of a sorted sample without its lowest and highest quarter, each rounded down; `None` of an
/// empty sample. As fine as the mean, and as deaf to outliers as the median.
#[must_use]
pub fn interquartile_mean(sample: &[f64]) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let left_out = sorted.len() / 4;
    let middle = sorted.get(left_out..sorted.len() - left_out).filter(|rest| !rest.is_empty())?;
    Some(middle.iter().sum::<f64>() / middle.len() as f64)
}

/// A quantile by linear interpolation (Hyndman and Fan, type 7, as R and NumPy do by default).
/// `p` is 0 to 1; `None` of an empty sample.
#[must_use]
pub fn quantile(sample: &[f64], p: f64) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = p.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64))
}

/// The median absolute deviation, scaled by 1.4826 so that it estimates a normal standard deviation.
#[must_use]
pub fn scaled_mad(sample: &[f64]) -> Option<f64> {
    let centre = median(sample)?;
    let deviations: Vec<f64> = sample.iter().map(|x| (x - centre).abs()).collect();
    median(&deviations).map(|mad| 1.4826 * mad)
}

/// Positions of values that lie more than 3.5 scaled MADs from the median (the modified z-score of Iglewicz and
/// Hoaglin, 1993). They are marked for a person to see, and never left out. Empty where most values are equal.
#[must_use]
pub fn outliers(sample: &[f64]) -> Vec<u32> {
    let (Some(centre), Some(mad)) = (median(sample), scaled_mad(sample)) else { return Vec::new() };
    if mad <= 0.0 {
        return Vec::new();
    }
    let far = sample.iter().enumerate().filter(|(_, x)| (*x - centre).abs() > 3.5 * mad);
    far.filter_map(|(index, _)| u32::try_from(index).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interquartile_mean_leaves_out_a_quarter_at_each_end() {
        assert_eq!(interquartile_mean(&[]), None);
        assert_eq!(interquartile_mean(&[7.0]), Some(7.0));
        assert_eq!(interquartile_mean(&[1.0, 3.0, 5.0]), Some(3.0));
        assert_eq!(interquartile_mean(&[900.0, 2.0, 4.0, 0.0]), Some(3.0));
    }

    #[test]
    fn outliers_are_named_and_an_even_sample_has_none() {
        assert_eq!(outliers(&[10.0, 11.0, 9.0, 10.5, 30.0, 9.5]), [4]);
        assert_eq!(outliers(&[10.0, 11.0, 9.0, 10.5, 9.5]), [0_u32; 0]);
        assert_eq!(outliers(&[5.0, 5.0, 5.0, 9.0]), [0_u32; 0]);
        assert_eq!(outliers(&[]), [0_u32; 0]);
    }

    #[test]
    fn quantiles_are_those_of_r_type_7() {
        // R 4.3: quantile(c(15, 20, 35, 40, 50), c(.4, .95))
        let sample = [35.0, 15.0, 50.0, 20.0, 40.0];
        assert!((quantile(&sample, 0.4).unwrap() - 29.0).abs() < 1e-12);
        assert!((quantile(&sample, 0.95).unwrap() - 48.0).abs() < 1e-12);
        assert_eq!(median(&sample), Some(35.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_mad_is_scaled_and_ignores_an_outlier() {
        // R 4.3: mad(c(1, 1, 2, 2, 4, 6, 900)) is 1.4826
        let mad = scaled_mad(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 900.0]).unwrap();
        assert!((mad - 1.4826).abs() < 1e-12);
    }
}
