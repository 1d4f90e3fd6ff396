//! Pairs in the order in which they ran: how the ratio of both arms went over time.

use optischema::figures;
use optischema::model::Arm;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::palette::{GRID, INK, PATCHED, described};

const SIZE: (u32, u32) = (720, 200);
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The chart; absent below two pairs.
pub(crate) fn pairs_chart(baseline: &Arm, patched: &Arm) -> Option<String> {
    let ratios: Vec<f64> = baseline
        .samples_ms
        .iter()
        .zip(&patched.samples_ms)
        .filter(|(before, after)| **before > 0.0 && **after > 0.0)
        .map(|(before, after)| after / before)
        .collect();
    let (first, last) = (*ratios.first()?, *ratios.last()?);
    if ratios.len() < 2 {
        return None;
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, &ratios).ok()?;
        area.present().ok()?;
    }
    let change = |ratio: f64| figures::change(100.0 * (ratio - 1.0));
    let title = format!(
        "{} in order: the first was {}, the last {}",
        figures::counted(ratios.len() as u64, "pair"),
        change(first),
        change(last)
    );
    Some(described(&svg, &title))
}

fn draw(area: &DrawingArea<SVGBackend<'_>, Shift>, ratios: &[f64]) -> Drawn {
    let low = ratios.iter().copied().fold(0.93, f64::min) * 0.93;
    let high = ratios.iter().copied().fold(1.07, f64::max) * 1.07;
    let width = 0.0..ratios.len() as f64 + 1.0;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(16)
        .x_label_area_size(26)
        .y_label_area_size(84)
        .build_cartesian_2d(width, (low..high).log_scale())?;
    let reach = ratios.len() as f64 + 1.0;
    chart.draw_series(std::iter::once(Rectangle::new(
        [(0.0, 0.95), (reach, 1.0 / 0.95)],
        GRID.mix(0.6).filled(),
    )))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(8)
        .y_labels(4)
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(("sans-serif", 12, &INK))
        .x_label_formatter(&|pair: &f64| format!("{pair:.0}"))
        .y_label_formatter(&|ratio: &f64| {
            if (*ratio - 1.0).abs() < 0.005 {
                "no change".to_owned()
            } else {
                figures::change(100.0 * (ratio - 1.0))
            }
        })
        .draw()?;
    chart.draw_series(std::iter::once(PathElement::new(
        vec![(0.0, 1.0), (reach, 1.0)],
        INK.stroke_width(1),
    )))?;
    let points: Vec<(f64, f64)> =
        ratios.iter().enumerate().map(|(at, ratio)| (at as f64 + 1.0, *ratio)).collect();
    chart.draw_series(std::iter::once(PathElement::new(
        points.clone(),
        PATCHED.mix(0.4).stroke_width(1),
    )))?;
    chart.draw_series(points.into_iter().map(|point| Circle::new(point, 3, PATCHED.filled())))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(samples_ms: &[f64]) -> Arm {
        Arm {
            median_ms: 1.0,
            mad_ms: 0.0,
            p95_ms: None,
            samples_ms: samples_ms.to_vec(),
            shared_blocks: 1,
            plan_hashes: Vec::new(),
            outliers: Vec::new(),
        }
    }

    #[test]
    fn a_chart_says_in_words_what_it_shows_and_one_pair_is_no_series() {
        let chart = pairs_chart(&arm(&[10.0, 10.0]), &arm(&[5.0, 20.0])).unwrap();
        assert!(
            chart.contains("2 pairs in order: the first was 2.0× faster, the last 2.0× slower"),
            "{chart}"
        );
        assert_eq!(pairs_chart(&arm(&[10.0]), &arm(&[5.0])), None);
        assert_eq!(pairs_chart(&arm(&[]), &arm(&[])), None);
    }
}
