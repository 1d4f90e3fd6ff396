//! Figures as a person reads them: with units, and with no more digits than they deserve.

use crate::model::ConfidenceInterval;

/// Two significant digits below 100, whole numbers above.
fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 || size == 0.0 {
        grouped(value)
    } else if size >= 10.0 {
        format!("{value:.0}")
    } else if size >= 1.0 {
        format!("{value:.1}")
    } else if size >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// A whole number with thin spaces between thousands.
#[must_use]
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if value <= -0.5 { format!("−{out}") } else { out }
}

/// So many of something: `1 pair`, `40 pairs`.
#[must_use]
pub fn counted(count: u64, singular: &str) -> String {
    // Counts are far below what a double keeps exactly.
    let number = grouped(count as f64);
    if count == 1 { format!("{number} {singular}") } else { format!("{number} {singular}s") }
}

/// Seconds as a person says them: `40 seconds`, `3.5 hours`, `12 days`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    for (unit, size) in [("day", 86_400.0), ("hour", 3600.0), ("minute", 60.0)] {
        if seconds >= size {
            let value = short(seconds / size);
            let plural = if value == "1.0" { "" } else { "s" };
            return format!("{} {unit}{plural}", value.trim_end_matches(".0"));
        }
    }
    counted(seconds.max(0.0).round() as u64, "second")
}

/// An average of counts: `0.25`, `3.4`, `1 200`.
#[must_use]
pub fn average(value: f64) -> String {
    short(value)
}

/// Milliseconds: `41 ms`, `1.3 ms`, `0.12 ms`, `2.1 s`.
#[must_use]
pub fn milliseconds(value: f64) -> String {
    if value > 0.0 && value < 0.0995 {
        return format!("{:.0} µs", value * 1000.0);
    }
    if value >= 1000.0 {
        format!("{} s", short(value / 1000.0))
    } else {
        format!("{} ms", short(value))
    }
}

/// Bytes in binary units.
#[must_use]
pub fn bytes(value: i64) -> String {
    let value = value as f64;
    for (unit, size) in [("GiB", 1024.0_f64.powi(3)), ("MiB", 1024.0_f64.powi(2)), ("KiB", 1024.0)]
    {
        if value >= size {
            return format!("{} {unit}", short(value / size));
        }
    }
    format!("{value:.0} B")
}

/// A share in percent.
#[must_use]
pub fn percent(value: f64) -> String {
    let (sign, size) = (if value < 0.0 { "−" } else { "" }, value.abs());
    // All is said of all only.
    let size = match size {
        99.95..100.0 => "> 99.9".to_owned(),
        99.5..99.95 => format!("{size:.1}"),
        _ => short(size),
    };
    format!("{sign}{size} %")
}

/// A change of run time in words: `31× faster`, `23 % faster`, `8 % slower`.
#[must_use]
pub fn change(change_percent: f64) -> String {
    let ratio = 1.0 + change_percent / 100.0;
    if ratio <= 0.0 {
        return "no time left".to_owned();
    }
    if ratio <= 0.5 {
        format!("{}× faster", short(1.0 / ratio))
    } else if ratio < 1.0 {
        format!("{} % faster", short(-change_percent))
    } else if ratio >= 2.0 {
        format!("{}× slower", short(ratio))
    } else {
        format!("{} % slower", short(change_percent))
    }
}

/// The ends of an interval in the same words: `28× to 34× faster`.
#[must_use]
pub fn interval(interval: &ConfidenceInterval) -> String {
    let (weak, strong) = (interval.high_percent, interval.low_percent);
    let (weak_ratio, strong_ratio) = (1.0 + weak / 100.0, 1.0 + strong / 100.0);
    if weak_ratio <= 0.5 && strong_ratio > 0.0 {
        format!("{}× to {}× faster", short(1.0 / weak_ratio), short(1.0 / strong_ratio))
    } else {
        format!("{} to {}", change(strong), change(weak))
    }
}

/// A confidence level: `98.33 %`.
#[must_use]
pub fn level(level: f64) -> String {
    format!("{:.2} %", 100.0 * level)
}

/// A text in one line, of at most `most` characters and an ellipsis.
#[must_use]
pub fn in_one_line(text: &str, most: usize) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(in_one_line("SELECT 1\n  FROM t", 20), "SELECT 1 FROM t");
        assert_eq!(in_one_line("ééééé", 5), "ééééé");
        assert_eq!(in_one_line("éééééé", 5), "ééééé…");
    }

    #[test]
    fn figures_have_units_and_few_digits() {
        assert_eq!(milliseconds(41.23), "41 ms");
        assert_eq!(milliseconds(1.288), "1.3 ms");
        assert_eq!(milliseconds(2100.0), "2.1 s");
        assert_eq!(milliseconds(0.006), "6 µs");
        assert_eq!(bytes(1_572_864), "1.5 MiB");
        assert_eq!(grouped(1_234_567.0), "1\u{202f}234\u{202f}567");
        assert_eq!(percent(-3.25), "−3.2 %");
        assert_eq!((percent(99.97), percent(99.6)), ("> 99.9 %".into(), "99.6 %".into()));
        assert_eq!(percent(100.0), "100 %");
        assert_eq!((counted(1, "pair"), counted(40, "pair")), ("1 pair".into(), "40 pairs".into()));
        assert_eq!(duration(86_400.0), "1 day");
        assert_eq!(duration(12_600.0), "3.5 hours");
        assert_eq!((duration(1.0), duration(0.0)), ("1 second".into(), "0 seconds".into()));
    }

    #[test]
    fn a_change_is_said_in_words() {
        assert_eq!(change(-96.8), "31× faster");
        assert_eq!(change(-23.0), "23 % faster");
        assert_eq!(change(8.0), "8.0 % slower");
        assert_eq!(change(150.0), "2.5× slower");
        let narrow = ConfidenceInterval { low_percent: -97.0, high_percent: -96.4, level: 0.9833 };
        assert_eq!(interval(&narrow), "28× to 33× faster");
    }
}
