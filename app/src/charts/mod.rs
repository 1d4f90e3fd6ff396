//! Charts: SVG by plotters, the same text on the server and in the browser.
//!
//! The colours written here are names: the style sheet gives each of them its value, light and dark.

mod comparison;
mod history;
mod impact;
mod pairs;
mod palette;

pub(crate) use comparison::comparison_chart;
pub(crate) use history::{HistoryFigure, history_chart, spark_line};
pub(crate) use impact::impact_badge;
pub(crate) use pairs::pairs_chart;
