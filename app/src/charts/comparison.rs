//! Before and after: every sample of both arms as a dot, with a box around the middle half and a line at the median.

use optischema::model::{Arm, BenchmarkResult};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::palette::{BASELINE, GRID, INK, PATCHED, described};
use optischema::figures;
use optischema::statistics::quantile;

const SIZE: (u32, u32) = (720, 200);
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The chart; absent where nothing was measured.
pub(crate) fn comparison_chart(result: &BenchmarkResult) -> Option<String> {
    let (baseline, patched) = (result.baseline.as_ref()?, result.patched.as_ref()?);
    // One run of each, shown for its plan only, is no distribution.
    if result.pairs == 0 {
        return None;
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, baseline, patched).ok()?;
        area.present().ok()?;
    }
    let title = format!(
        "Run times: without the change a median of {} over {} runs, with it {} over {} runs",
        figures::milliseconds(baseline.median_ms),
        baseline.samples_ms.len(),
        figures::milliseconds(patched.median_ms),
        patched.samples_ms.len()
    );
    Some(described(&svg, &title))
}

fn draw(area: &DrawingArea<SVGBackend<'_>, Shift>, baseline: &Arm, patched: &Arm) -> Drawn {
    let all = || baseline.samples_ms.iter().chain(&patched.samples_ms).copied();
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    if !(low > 0.0 && high.is_finite()) {
        return Err("there is nothing to draw".into());
    }
    let style = ("sans-serif", 14).into_text_style(area).color(&INK);
    area.draw_text("without", &style, (10, 40))?;
    area.draw_text("with", &style, (10, 112))?;
    let mut builder = ChartBuilder::on(area);
    builder.margin(10).margin_right(24).x_label_area_size(34).y_label_area_size(76);
    // Arms that lie far apart are only both visible on a logarithmic axis.
    if high / low > 8.0 {
        let range = (low * 0.7..high * 1.4).log_scale();
        arms(builder.build_cartesian_2d(range, 0.0..2.0)?, baseline, patched, false)
    } else {
        let room = (high - low).max(high * 0.02) * 0.15;
        let range = (low - room).max(0.0)..high + room;
        let is_narrow = high / low < 1.5;
        arms(builder.build_cartesian_2d(range, 0.0..2.0)?, baseline, patched, is_narrow)
    }
}

/// Where all values lie close together, two digits would be the same at every mark.
fn label(ms: f64, is_narrow: bool) -> String {
    match (is_narrow, ms) {
        (false, _) => figures::milliseconds(ms),
        (true, ms) if ms >= 1000.0 => format!("{:.2} s", ms / 1000.0),
        (true, ms) if ms >= 100.0 => format!("{ms:.0} ms"),
        (true, ms) if ms >= 1.0 => format!("{ms:.1} ms"),
        (true, ms) => format!("{:.1} µs", ms * 1000.0),
    }
}

fn arms<X>(
    mut chart: ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, RangedCoordf64>>,
    baseline: &Arm,
    patched: &Arm,
    is_narrow: bool,
) -> Drawn
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .x_labels(6)
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_label_style(("sans-serif", 13, &INK))
        .x_label_formatter(&|ms: &f64| label(*ms, is_narrow))
        .draw()?;
    for (arm, level, colour) in [(baseline, 1.5, BASELINE), (patched, 0.5, PATCHED)] {
        let count = arm.samples_ms.len().max(1) as f64;
        // Dots are spread a little in the order of the runs, so that drift can be seen too.
        let spread = |index: usize| level + 0.5 * ((index as f64 + 0.5) / count - 0.5);
        chart.draw_series(
            arm.samples_ms
                .iter()
                .enumerate()
                .map(|(index, ms)| Circle::new((*ms, spread(index)), 3, colour.mix(0.55).filled())),
        )?;
        if let (Some(low), Some(high)) =
            (quantile(&arm.samples_ms, 0.25), quantile(&arm.samples_ms, 0.75))
        {
            let corners = [(low, level - 0.3), (high, level + 0.3)];
            chart.draw_series([
                Rectangle::new(corners, colour.mix(0.12).filled()),
                Rectangle::new(corners, colour.stroke_width(1)),
            ])?;
        }
        let median = vec![(arm.median_ms, level - 0.38), (arm.median_ms, level + 0.38)];
        chart.draw_series(std::iter::once(PathElement::new(median, colour.stroke_width(3))))?;
    }
    Ok(())
}
