//! A figure over time: one line, with gaps where nothing was watched.

use optischema::model::QueryPeriod;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::palette::{GRID, INK, PATCHED, described};
use optischema::figures;

const SIZE: (u32, u32) = (420, 160);
const SPARK: (u32, u32) = (96, 22);
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// What is drawn of each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HistoryFigure {
    /// Milliseconds of main's time in each watched second.
    Load,
    /// Milliseconds of one call, on average.
    Mean,
    /// Calls in each watched second.
    Calls,
}

impl HistoryFigure {
    fn of(self, period: &QueryPeriod) -> Option<f64> {
        let watched = (period.watched_seconds > 0.0).then_some(period.watched_seconds)?;
        match self {
            Self::Load => Some(period.total_time_ms / watched),
            Self::Calls => Some(period.calls as f64 / watched),
            Self::Mean => (period.calls > 0).then(|| period.total_time_ms / period.calls as f64),
        }
    }

    fn label(self, value: f64) -> String {
        match self {
            Self::Load => format!("{}/s", figures::milliseconds(value)),
            Self::Mean => figures::milliseconds(value),
            Self::Calls if value < 1.0 => format!("{value:.2}/s"),
            Self::Calls => format!("{}/s", figures::grouped(value)),
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Load => "Time spent",
            Self::Mean => "Mean time of one call",
            Self::Calls => "Calls",
        }
    }
}

/// The chart; absent where there is nothing to draw.
pub(crate) fn history_chart(periods: &[QueryPeriod], figure: HistoryFigure) -> Option<String> {
    let points: Vec<(f64, Option<f64>)> = periods
        .iter()
        .map(|period| (period.started_at.as_millisecond() as f64, figure.of(period)))
        .collect();
    let values = || points.iter().filter_map(|(_, value)| *value);
    let high = values().fold(0.0, f64::max);
    let (first, last) = (points.first()?, points.last()?);
    if high <= 0.0 || !high.is_finite() {
        return None;
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let length = periods.first().map_or(60, |period| period.seconds) as f64 * 1000.0;
        let range = (first.0, last.0 + length);
        draw(&area, &points, range, high.max(f64::MIN_POSITIVE) * 1.1, figure).ok()?;
        area.present().ok()?;
    }
    let newest = values().next_back().unwrap_or_default();
    let title = format!(
        "{}: at most {}, {} in the last period, over {} periods",
        figure.title(),
        figure.label(high),
        figure.label(newest),
        points.len()
    );
    Some(described(&svg, &title))
}

fn draw(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    points: &[(f64, Option<f64>)],
    range: (f64, f64),
    high: f64,
    figure: HistoryFigure,
) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(16)
        .x_label_area_size(26)
        .y_label_area_size(66)
        .build_cartesian_2d(range.0..range.1, 0.0..high)?;
    let days = range.1 - range.0 > 2.0 * 86_400_000.0;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .y_labels(4)
        .x_labels(4)
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(("sans-serif", 12, &INK))
        .y_label_formatter(&|value: &f64| figure.label(*value))
        .x_label_formatter(&|at: &f64| moment(*at, days))
        .draw()?;
    // A period without a figure is a gap, and not zero.
    for run in points.split(|(_, value)| value.is_none()) {
        let run: Vec<(f64, f64)> = run.iter().filter_map(|(at, v)| Some((*at, (*v)?))).collect();
        if let [(at, value)] = run.as_slice() {
            chart.draw_series(std::iter::once(Circle::new((*at, *value), 2, PATCHED.filled())))?;
        } else {
            let line = PathElement::new(run, PATCHED.stroke_width(2));
            chart.draw_series(std::iter::once(line))?;
        }
    }
    Ok(())
}

fn moment(milliseconds: f64, days: bool) -> String {
    let text = optischema::model::Timestamp::from_millisecond(milliseconds as i64).to_string();
    // 2026-01-31T12:00:00.000Z
    let part = if days { text.get(5..10) } else { text.get(11..16) };
    part.unwrap_or_default().to_owned()
}

/// A small line without axes; absent where there are less than two figures.
pub(crate) fn spark_line(values: &[Option<f64>]) -> Option<String> {
    let known = || values.iter().flatten().copied();
    let high = known().fold(0.0, f64::max);
    if known().count() < 2 || !(high > 0.0 && high.is_finite()) {
        return None;
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SPARK).into_drawing_area();
        let last = (values.len() - 1).max(1) as f64;
        let place = |index: usize, value: f64| {
            let x = 2.0 + index as f64 / last * f64::from(SPARK.0 - 4);
            let y = f64::from(SPARK.1 - 3) - value / high * f64::from(SPARK.1 - 6);
            (x as i32, y as i32)
        };
        let line: Vec<(i32, i32)> = values
            .iter()
            .enumerate()
            .filter_map(|(index, value)| Some(place(index, (*value)?)))
            .collect();
        area.draw(&PathElement::new(line, PATCHED.stroke_width(2))).ok()?;
        area.present().ok()?;
    }
    let title = format!("at most {} per second", figures::milliseconds(high));
    Some(described(&svg, &title))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(minute: i64, calls: i64, watched: f64) -> QueryPeriod {
        QueryPeriod {
            started_at: optischema::model::Timestamp::from_millisecond(minute * 60_000),
            seconds: 60,
            watched_seconds: watched,
            calls,
            total_time_ms: calls as f64 * 5.0,
            rows: 0,
            shared_hit: 0,
            shared_read: 0,
        }
    }

    #[test]
    fn a_chart_says_in_words_what_it_shows() {
        let periods = [period(0, 60, 60.0), period(1, 120, 60.0), period(2, 0, 60.0)];
        let chart = history_chart(&periods, HistoryFigure::Load).unwrap();
        assert!(chart.contains("Time spent: at most 10 ms/s"), "{chart}");
        assert!(chart.contains("0 ms/s in the last period"), "{chart}");
        assert!(history_chart(&periods, HistoryFigure::Mean).unwrap().contains("at most 5.0 ms"));
    }

    #[test]
    fn nothing_watched_is_no_chart_and_no_zero() {
        assert_eq!(history_chart(&[], HistoryFigure::Load), None);
        assert_eq!(history_chart(&[period(0, 5, 0.0)], HistoryFigure::Load), None);
        assert_eq!(history_chart(&[period(0, 0, 60.0)], HistoryFigure::Load), None);
        assert_eq!(spark_line(&[None, Some(1.0), None]), None);
        assert!(spark_line(&[Some(1.0), None, Some(2.0)]).is_some());
    }
}
