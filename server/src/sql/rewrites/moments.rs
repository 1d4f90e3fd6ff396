//! What stands around a moment: a function or cast that cuts it to a day, a month or a year, in a time zone.

use optischema::model::CatalogColumn;
use pg_query::NodeEnum;
use pg_query::protobuf::FuncCall;

use super::pieces::{constant_text, function_name, inner, is_steady, text_of, type_cast_to};

/// A unit of time that `date_trunc` cuts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    pub fn of(name: &str) -> Option<Self> {
        let all = [
            Self::Second,
            Self::Minute,
            Self::Hour,
            Self::Day,
            Self::Week,
            Self::Month,
            Self::Quarter,
            Self::Year,
        ];
        let name = name.to_ascii_lowercase();
        all.into_iter().find(|unit| unit.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// As an interval.
    pub fn length(self) -> String {
        match self {
            Self::Quarter => "3 months".to_owned(),
            other => format!("1 {}", other.name()),
        }
    }

    /// Whether what is cut to this unit is cut to the other one as well. Weeks begin in the midst of months.
    pub fn holds(self, smaller: Self) -> bool {
        self == smaller || (self > smaller && smaller != Self::Week)
    }
}

/// A form that `to_char` writes dates in whose parts are all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateFormat {
    Day,
    Month,
    Year,
}

impl DateFormat {
    fn of(pattern: &str) -> Option<Self> {
        [Self::Day, Self::Month, Self::Year].into_iter().find(|known| known.pattern() == pattern)
    }

    pub const fn pattern(self) -> &'static str {
        match self {
            Self::Day => "YYYY-MM-DD",
            Self::Month => "YYYY-MM",
            Self::Year => "YYYY",
        }
    }

    pub const fn unit(self) -> Unit {
        match self {
            Self::Day => Unit::Day,
            Self::Month => Unit::Month,
            Self::Year => Unit::Year,
        }
    }
}

/// What is done to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// To its date.
    Day,
    Unit(Unit),
    /// To the number of its year.
    Year,
    /// To a text.
    Text(DateFormat),
}

/// Types of moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Date,
    /// Without a time zone.
    Local,
    /// With one.
    Absolute,
}

/// A column of moments, cut.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moment {
    pub cut: Cut,
    /// The column as it is written.
    bare: String,
    kind: Kind,
    /// Time zones that it is put into before it is cut, as SQL, the last one first.
    zones: Vec<String>,
}

type Columns<'f, 'c> = &'f dyn Fn(&NodeEnum) -> Option<(String, &'c CatalogColumn)>;

impl Moment {
    /// Reads an expression; gives the name of the column, too.
    pub fn of(node: &NodeEnum, columns: Columns<'_, '_>) -> Option<(Self, String)> {
        let (cut, argument) = cut(node)?;
        let mut zones = Vec::new();
        let mut at = argument;
        while let Some((zone, inside)) = in_zone(at) {
            zones.push(zone);
            at = inside;
        }
        let (_, column) = columns(at)?;
        let data_type = column.data_type.as_str();
        let kind = match data_type {
            "date" => Kind::Date,
            other if !other.starts_with("timestamp") => return None,
            other if other.ends_with("without time zone") => Kind::Local,
            _ => Kind::Absolute,
        };
        if kind == Kind::Date {
            // A date is cut to nothing smaller, and has no time to be put into another zone.
            let is_cut = match cut {
                Cut::Day => false,
                Cut::Unit(unit) => unit > Unit::Day,
                Cut::Year | Cut::Text(_) => true,
            };
            if !is_cut || !zones.is_empty() {
                return None;
            }
        }
        // Where clocks are put back an hour comes twice, and where they are put forward one is missing: hours of another
        // zone are no range.
        let is_within_a_day = matches!(cut, Cut::Unit(unit) if unit < Unit::Day);
        if is_within_a_day && !zones.is_empty() {
            return None;
        }
        let moment = Self { cut, bare: text_of(at)?, kind, zones };
        Some((moment, column.name.clone()))
    }

    /// The type of what is cut: each zone makes the one kind of the other.
    fn outer(&self) -> &'static str {
        let is_absolute = match self.kind {
            Kind::Absolute => self.zones.len().is_multiple_of(2),
            Kind::Local => !self.zones.len().is_multiple_of(2),
            // A date is cut as a moment in the session's zone.
            Kind::Date => true,
        };
        match (is_absolute, self.kind, self.cut) {
            (_, Kind::Date, Cut::Year | Cut::Text(_) | Cut::Day) => "date",
            (true, ..) => "timestamptz",
            (false, ..) => "timestamp",
        }
    }

    /// A value as the type of what is cut.
    pub fn value(&self, sql: &str) -> String {
        match self.outer() {
            "date" => sql.to_owned(),
            outer => format!("({sql})::{outer}"),
        }
    }

    /// A value that has a type of moments already: PostgreSQL compares those with each other.
    pub fn typed(&self, sql: &str) -> String {
        if self.zones.is_empty() { format!("({sql})") } else { self.value(sql) }
    }

    /// The bare column against a moment of the type of what is cut.
    fn from(&self, sign: &str, sql: &str) -> String {
        let mut at = sql.to_owned();
        for zone in &self.zones {
            at = format!("({at} AT TIME ZONE {zone})");
        }
        if self.kind == Kind::Date && self.outer() != "date" {
            at = format!("({at})::date");
        }
        format!("{} {sign} {at}", self.bare)
    }

    /// What the column is where what is cut stands in this relation to a value that is cut itself, and whose next one this
    /// is.
    pub fn between(&self, sign: &str, value: &str, next: &str) -> Vec<String> {
        match sign {
            "=" => vec![self.from(">=", value), self.from("<", next)],
            ">=" => vec![self.from(">=", value)],
            ">" => vec![self.from(">=", next)],
            "<" => vec![self.from("<", value)],
            _ => vec![self.from("<", next)],
        }
    }

    /// What the column is at least where what is cut stands in this relation to any value: it lies at or before the column,
    /// and less than one unit before it.
    pub fn about(&self, sign: &str, value: &str, next: &str) -> Vec<String> {
        match sign {
            "=" => vec![self.from(">=", value), self.from("<", next)],
            ">" | ">=" => vec![self.from(sign, value)],
            _ => vec![self.from("<", next)],
        }
    }
}

fn cut(node: &NodeEnum) -> Option<(Cut, &NodeEnum)> {
    if let Some((argument, "date")) = type_cast_to(node) {
        return Some((Cut::Day, argument));
    }
    let NodeEnum::FuncCall(call) = node else { return None };
    let name = function_name(call)?;
    match (name, arguments(call)?.as_slice()) {
        ("date", [argument]) => Some((Cut::Day, argument)),
        ("date_trunc", [unit, argument]) => {
            Some((Cut::Unit(Unit::of(constant_text(unit)?)?), argument))
        }
        ("extract" | "date_part", [field, argument]) => {
            let is_year = constant_text(field)?.eq_ignore_ascii_case("year");
            is_year.then_some((Cut::Year, argument))
        }
        ("to_char", [argument, pattern]) => {
            Some((Cut::Text(DateFormat::of(constant_text(pattern)?)?), argument))
        }
        _ => None,
    }
}

/// `x AT TIME ZONE zone`: the zone, and x.
fn in_zone(node: &NodeEnum) -> Option<(String, &NodeEnum)> {
    let NodeEnum::FuncCall(call) = node else { return None };
    let arguments = arguments(call)?;
    let (Some("timezone"), [zone, argument]) = (function_name(call), arguments.as_slice()) else {
        return None;
    };
    // A zone that is an interval is one, too.
    is_steady(zone).then(|| Some((text_of(zone)?, *argument))).flatten()
}

fn arguments(call: &FuncCall) -> Option<Vec<&NodeEnum>> {
    let is_plain = call.over.is_none() && call.agg_filter.is_none() && !call.agg_distinct;
    let arguments = call.args.iter().map(|argument| argument.node.as_ref());
    arguments.collect::<Option<Vec<_>>>().filter(|_| is_plain && inner(&call.agg_filter).is_none())
}
