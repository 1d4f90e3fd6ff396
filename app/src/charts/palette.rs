//! Colours that the style sheet maps to its tokens by their attribute (`[fill="#101010"]`).

use plotters::style::RGBColor;

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(0x10, 0x10, 0x10);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
/// The baseline arm.
pub(super) const BASELINE: RGBColor = RGBColor(0x77, 0x77, 0x77);
/// The patched arm.
pub(super) const PATCHED: RGBColor = RGBColor(0x22, 0x55, 0xEE);

/// Puts a title and a description into an SVG, for those who do not see it.
pub(super) fn described(svg: &str, title: &str) -> String {
    let escaped = title.replace('&', "&amp;").replace('<', "&lt;");
    svg.replacen("<svg ", "<svg role=\"img\" ", 1).replacen(
        '>',
        &format!("><title>{escaped}</title>"),
        1,
    )
}
