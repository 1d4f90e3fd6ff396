//! The impact badge: the interval of the change on an axis of its own, with the zone where a change does
//! not matter.

use optischema::model::BenchmarkResult;
use plotters::prelude::*;

use super::palette::{GRID, INK, PATCHED, described};
use optischema::figures;

const SIZE: (u32, u32) = (720, 64);

/// The badge; absent where there is no interval.
pub(crate) fn impact_badge(result: &BenchmarkResult) -> Option<String> {
    let interval = result.confidence_interval?;
    let change = result.change_percent?;
    let ratio = |percent: f64| (1.0 + percent / 100.0).max(0.0005);
    let (low, middle, high) =
        (ratio(interval.low_percent), ratio(change), ratio(interval.high_percent));
    let reach = [low, high].into_iter().map(|r| r.ln().abs()).fold(0.7, f64::max) * 1.15;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let place = |ratio: f64| {
            let half = f64::from(SIZE.0) / 2.0;
            (half + ratio.ln() / reach * (half - 20.0)) as i32
        };
        let line = 24;
        let right = i32::try_from(SIZE.0).ok()? - 10;
        area.draw(&Rectangle::new(
            [(place(0.95), 8), (place(1.0 / 0.95), 40)],
            GRID.mix(0.6).filled(),
        ))
        .ok()?;
        area.draw(&PathElement::new(vec![(10, line), (right, line)], GRID.stroke_width(1))).ok()?;
        area.draw(&PathElement::new(vec![(place(1.0), 8), (place(1.0), 40)], INK.stroke_width(1)))
            .ok()?;
        area.draw(&Rectangle::new(
            [(place(low), line - 5), (place(high).max(place(low) + 2), line + 5)],
            PATCHED.filled(),
        ))
        .ok()?;
        area.draw(&Circle::new((place(middle), line), 7, PATCHED.filled())).ok()?;
        let style = ("sans-serif", 13).into_text_style(&area).color(&INK);
        area.draw_text("faster", &style, (10, 46)).ok()?;
        area.draw_text("no change", &style, (place(1.0) - 30, 46)).ok()?;
        area.draw_text("slower", &style, (right - 38, 46)).ok()?;
        area.present().ok()?;
    }
    let title = format!("{}, interval {}", figures::change(change), figures::interval(&interval));
    Some(described(&svg, &title))
}
