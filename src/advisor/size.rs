//! How large an index will be when it is built: arithmetic on `pg_stats` and on the layout that PostgreSQL's
//! own build uses (`nbtsort.c`, `nbtdedup.c`, `hashpage.c`, `brin.c`).
//!
//! HypoPG multiplies rows by key width. That ignores deduplication, which keeps equal keys once (since
//! PostgreSQL 13), and so overstates the size of most indexes that serve joins, several times over.

use crate::model::{CatalogColumn, CatalogTable};

use super::index::{IndexCandidate, IndexMethod, IndexPredicate, KeyTarget, PredicateTest};

const PAGE: f64 = 8192.0;
/// Page header, special space, and the line pointer of the high key.
const LEAF_ROOM: f64 = 8192.0 - 24.0 - 16.0 - 4.0 - 4.0;
/// A leaf is left this empty: fill factor 90.
const LEAF_SPARE: f64 = 819.0;
/// An inner page is left this empty: fill factor 70.
const INNER_SPARE: f64 = 2457.0;
const LINE_POINTER: f64 = 4.0;
/// `t_tid` and `t_info`.
const TUPLE_HEADER: f64 = 8.0;
/// A build packs the rows of one key in lists of at most this many bytes: a tenth of a page.
const LONGEST_LIST: f64 = 808.0;
/// Bytes of a row's address in such a list.
const ADDRESS: f64 = 6.0;
/// Distinct shapes that are tried for the length of an entry.
const SHAPES: usize = 64;

/// The size of an index, in bytes, when it has just been built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndexSize {
    pub bytes: i64,
    /// Bytes that one more row adds, on average, as long as no page splits.
    pub entry_bytes: f64,
    /// Rows that it holds.
    pub rows: f64,
}

/// The size that a candidate would have. `None` where nothing is known to reckon with: a table without
/// statistics, a GIN index (its size follows from what stands inside the values), an unknown column.
#[must_use]
pub fn index_size(table: &CatalogTable, candidate: &IndexCandidate) -> Option<IndexSize> {
    if table.rows < 0.0 {
        return None;
    }
    let rows = table.rows * indexed_share(table, candidate);
    match candidate.method {
        IndexMethod::Btree => btree(table, candidate, rows),
        IndexMethod::Hash => Some(hash(rows)),
        IndexMethod::Brin => Some(brin(table, candidate)),
        // Their sizes follow from what stands inside the values.
        IndexMethod::Gin
        | IndexMethod::Gist
        | IndexMethod::Spgist
        | IndexMethod::Hnsw
        | IndexMethod::Ivfflat
        | IndexMethod::Rum
        | IndexMethod::Bloom => None,
    }
}

/// The share of the rows that a partial index holds.
fn indexed_share(table: &CatalogTable, candidate: &IndexCandidate) -> f64 {
    let Some(predicate) = &candidate.predicate else { return 1.0 };
    let column = predicate.column.as_deref().and_then(|name| table.column(name));
    let Some(column) = column else { return 0.5 };
    let nulls = column.null_share.unwrap_or_default();
    match &predicate.test {
        PredicateTest::Null => nulls,
        PredicateTest::NotNull => 1.0 - nulls,
        PredicateTest::Equals(value) => share_of(table, column, value),
        PredicateTest::Other => 0.5,
    }
}

/// The share of the rows that have a value, as the planner would guess it.
#[must_use]
pub fn share_of(table: &CatalogTable, column: &CatalogColumn, value: &str) -> f64 {
    if let Some(at) = column.common_values.iter().position(|common| common == value) {
        return column.common_shares.get(at).copied().unwrap_or_default();
    }
    let common: f64 = column.common_shares.iter().sum();
    let rest = (1.0 - common - column.null_share.unwrap_or_default()).max(0.0);
    let values = column.distinct_values(table.rows).unwrap_or(200.0);
    rest / (values - column.common_shares.len() as f64).max(1.0)
}

fn btree(table: &CatalogTable, candidate: &IndexCandidate, rows: f64) -> Option<IndexSize> {
    let keys: Vec<&CatalogColumn> = candidate
        .keys
        .iter()
        .map(|key| match &key.target {
            KeyTarget::Column(name) => table.column(name),
            // An expression is about as long as the longest of its columns, and as distinct.
            KeyTarget::Expression(sql) => longest_column_in(table, sql),
        })
        .collect::<Option<_>>()?;
    let carried: Vec<&CatalogColumn> =
        candidate.include.iter().map(|name| table.column(name)).collect::<Option<_>>()?;
    let all: Vec<&CatalogColumn> = keys.iter().chain(&carried).copied().collect();
    let entry = entry_bytes(&all, true);
    let is_plain = candidate.keys.iter().all(|key| key.column_name().is_some());
    let deduplicates =
        carried.is_empty() && keys.iter().all(|column| column.equal_image) && is_plain;
    let (leaf_bytes, largest) = if deduplicates {
        let alone = candidate.predicate.as_ref();
        deduplicated(&groups(table, &keys, rows, alone), entry_bytes(&keys, false))
    } else {
        (rows * (entry.mean + LINE_POINTER), entry.mean + LINE_POINTER)
    };
    let items = if largest > 400.0 {
        // Nine full lists fill a page.
        LEAF_ROOM - LEAF_SPARE - 16.0
    } else if entry.is_constant && !deduplicates {
        ((LEAF_ROOM - LEAF_SPARE) / largest).floor() * largest
    } else {
        LEAF_ROOM - LEAF_SPARE - largest / 2.0
    };
    let mut pages = (leaf_bytes / items.max(1.0)).ceil();
    let mut total = 1.0 + pages;
    let pivot = entry_bytes(&keys, true).mean + LINE_POINTER + if deduplicates { 8.0 } else { 0.0 };
    let fan_out = ((LEAF_ROOM - INNER_SPARE) / pivot).floor().max(2.0);
    while pages > 1.0 {
        pages = (pages / fan_out).ceil();
        total += pages;
    }
    Some(IndexSize {
        bytes: if rows < 1.0 { PAGE as i64 } else { (total * PAGE) as i64 },
        entry_bytes: if rows < 1.0 { entry.mean } else { leaf_bytes / rows },
        rows,
    })
}

/// The longest of the columns that an expression names.
fn longest_column_in<'a>(table: &'a CatalogTable, sql: &str) -> Option<&'a CatalogColumn> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_named = |column: &&CatalogColumn| {
        sql.split(|c| !is_word(c)).any(|word| word == column.name)
            || sql.contains(&crate::model::quote_identifier(&column.name))
    };
    let named = table.columns.iter().filter(is_named);
    named.max_by_key(|column| column.average_width.unwrap_or_default())
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Aligned bytes of one index tuple, without its line pointer.
    mean: f64,
    is_constant: bool,
}

/// What one entry takes: header, null bitmap where a value is missing, values at their alignment.
fn entry_bytes(columns: &[&CatalogColumn], with_nulls: bool) -> Entry {
    let lengths: Vec<Vec<Option<f64>>> =
        columns.iter().map(|column| lengths(column, with_nulls)).collect();
    let mut sizes = Vec::with_capacity(SHAPES);
    for shape in 0..SHAPES {
        let mut size = 0.0;
        let mut has_null = false;
        for (position, (column, lengths)) in columns.iter().zip(&lengths).enumerate() {
            // Another stride for each column, so that long values of one do not always meet long ones.
            let at = (shape * (2 * position + 1) + position * 7) % lengths.len();
            match lengths[at] {
                None => has_null = true,
                Some(length) => size = align(size, alignment(column)) + length,
            }
        }
        let header = if has_null { 2.0 * TUPLE_HEADER } else { TUPLE_HEADER };
        sizes.push(align(header + size, 8.0));
    }
    let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
    let is_constant = sizes.iter().all(|size| (size - mean).abs() < f64::EPSILON);
    Entry { mean, is_constant }
}

fn alignment(column: &CatalogColumn) -> f64 {
    // Values of differing length are kept with a header of one byte, unaligned, up to 126 bytes.
    if column.type_length < 0 { 1.0 } else { f64::from(column.type_align.max(1)) }
}

fn align(size: f64, to: f64) -> f64 {
    (size / to).ceil() * to
}

/// Lengths that stand for the column's values, [`SHAPES`] of them; a missing value has none.
fn lengths(column: &CatalogColumn, with_nulls: bool) -> Vec<Option<f64>> {
    let width = f64::from(column.average_width.unwrap_or(8));
    let share = if with_nulls { column.null_share.unwrap_or_default() } else { 0.0 };
    let nulls = (share * SHAPES as f64).round() as usize;
    let mut lengths: Vec<Option<f64>> = vec![None; nulls.min(SHAPES)];
    let length_of: fn(&str) -> f64 = if is_text(column) {
        stored_length
    } else if column.data_type.starts_with("numeric") {
        numeric_length
    } else {
        |_| 0.0
    };
    if column.type_length > 0 || length_of("1") <= 0.0 {
        let length = if column.type_length > 0 { f64::from(column.type_length) } else { width };
        lengths.resize(SHAPES, Some(length));
        return lengths;
    }
    for (value, share) in column.common_values.iter().zip(&column.common_shares) {
        let times = (share * SHAPES as f64).round() as usize;
        let length = Some(length_of(value));
        lengths.extend(std::iter::repeat_n(length, times.min(SHAPES - lengths.len())));
    }
    let rest = SHAPES - lengths.len();
    if column.histogram.is_empty() {
        lengths.extend(std::iter::repeat_n(Some(width), rest));
    } else {
        let step = column.histogram.len() as f64 / rest.max(1) as f64;
        let sampled = (0..rest).map(|n| (n as f64 * step) as usize);
        lengths.extend(sampled.map(|at| column.histogram.get(at).map(|text| length_of(text))));
    }
    // Mixed, so that the shapes of two columns are not sorted alike.
    let mut mixed = vec![None; SHAPES];
    for (at, length) in lengths.into_iter().enumerate() {
        mixed[at * 29 % SHAPES] = length;
    }
    mixed
}

fn is_text(column: &CatalogColumn) -> bool {
    column.data_type == "text" || column.data_type.starts_with("character")
}

fn stored_length(text: &str) -> f64 {
    let bytes = text.len() as f64;
    if bytes < 126.0 { bytes + 1.0 } else { bytes + 4.0 }
}

/// A number is kept in groups of four decimal digits, two bytes each, beside two of sign and scale.
fn numeric_length(text: &str) -> f64 {
    let digits = text.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let mut groups = whole.len().div_ceil(4) + fraction.len().div_ceil(4);
    if fraction.is_empty() {
        // Zeros at the end of a whole number take no room either.
        groups = whole.trim_end_matches('0').len().max(1).div_ceil(4);
    }
    3.0 + 2.0 * groups as f64
}

/// Keys that about as many rows have.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// Of all rows, 0 to 1.
    share: f64,
    /// Keys that could be there.
    keys: f64,
    /// Whether the key is NULL, which takes no room of its own.
    is_null: bool,
}

/// How the rows spread over the keys: columns are taken as independent, but for those that say the same.
fn groups(
    table: &CatalogTable,
    keys: &[&CatalogColumn],
    rows: f64,
    predicate: Option<&IndexPredicate>,
) -> Vec<(f64, f64, bool)> {
    let mut joint = vec![Group { share: 1.0, keys: 1.0, is_null: false }];
    for (position, column) in keys.iter().enumerate() {
        if keys[..position].iter().any(|earlier| say_the_same(earlier, column)) {
            continue;
        }
        let test = predicate.filter(|p| p.column.as_deref() == Some(column.name.as_str()));
        let own = column_groups(column, table.rows, test.map(|predicate| &predicate.test));
        joint = joint
            .iter()
            .flat_map(|a| {
                own.iter().map(|b| Group {
                    share: a.share * b.share,
                    keys: a.keys * b.keys,
                    is_null: keys.len() == 1 && b.is_null,
                })
            })
            .collect();
    }
    joint
        .iter()
        .map(|group| {
            let in_group = rows * group.share;
            // Of all possible keys, those that at least one row has.
            let present = if keys.len() > 1 {
                group.keys * (1.0 - (-in_group / group.keys).exp())
            } else {
                group.keys.min(in_group)
            };
            (in_group, present.max(in_group.min(1.0)), group.is_null)
        })
        .filter(|(in_group, _, _)| *in_group > 0.0)
        .collect()
}

/// One sample is drawn for all columns of a table: where one column follows from the other, both have the
/// same shares, one by one.
#[must_use]
pub fn say_the_same(a: &CatalogColumn, b: &CatalogColumn) -> bool {
    a.n_distinct.is_some()
        && a.n_distinct == b.n_distinct
        && a.common_shares.len() >= 3
        && a.common_shares == b.common_shares
}

fn column_groups(column: &CatalogColumn, rows: f64, test: Option<&PredicateTest>) -> Vec<Group> {
    let mut groups = Vec::new();
    let nulls = column.null_share.unwrap_or_default();
    match test {
        Some(PredicateTest::Null) => return vec![Group { share: 1.0, keys: 1.0, is_null: true }],
        Some(PredicateTest::Equals(_)) => {
            return vec![Group { share: 1.0, keys: 1.0, is_null: false }];
        }
        // The index holds the others only.
        Some(PredicateTest::NotNull) if nulls < 1.0 => {
            let whole = CatalogColumn {
                null_share: Some(0.0),
                common_shares: column.common_shares.iter().map(|s| s / (1.0 - nulls)).collect(),
                n_distinct: column.distinct_values(rows),
                ..column.clone()
            };
            return column_groups(&whole, rows * (1.0 - nulls), None);
        }
        _ => {}
    }
    if nulls > 0.0 {
        groups.push(Group { share: nulls, keys: 1.0, is_null: true });
    }
    // Values of about the same share together: within a factor of two.
    let mut last: Option<(i32, Group)> = None;
    for share in column.common_shares.iter().filter(|share| **share > 0.0) {
        let size = share.log2().floor() as i32;
        match &mut last {
            Some((known, group)) if *known == size => {
                group.share += share;
                group.keys += 1.0;
            }
            _ => {
                groups.extend(last.take().map(|(_, group)| group));
                last = Some((size, Group { share: *share, keys: 1.0, is_null: false }));
            }
        }
    }
    groups.extend(last.map(|(_, group)| group));
    let common: f64 = column.common_shares.iter().sum();
    let rest = 1.0 - nulls - common;
    if rest > 1e-9 {
        let values = column.distinct_values(rows).unwrap_or(rows);
        let others = (values - column.common_shares.len() as f64).max(1.0);
        let keys = others.min((rest * rows).max(1.0));
        groups.push(Group { share: rest, keys, is_null: false });
    }
    groups
}

/// Bytes of all leaf items, and of the largest.
fn deduplicated(groups: &[(f64, f64, bool)], entry: Entry) -> (f64, f64) {
    let mut bytes = 0.0;
    let mut largest: f64 = entry.mean + LINE_POINTER;
    for (rows, keys, is_null) in groups {
        let base = if *is_null { 2.0 * TUPLE_HEADER } else { entry.mean };
        let each = rows / keys.max(1.0);
        let (one, item) = key_bytes(each, base);
        bytes += one * keys;
        if *rows > 0.2 * groups.iter().map(|(rows, _, _)| rows).sum::<f64>() {
            largest = largest.max(item);
        }
    }
    (bytes, largest)
}

/// Bytes of the items of one key that `mean` rows have on average, and of its largest item.
fn key_bytes(mean: f64, base: f64) -> (f64, f64) {
    if mean >= 24.0 {
        return list_bytes(mean.round() as u32, base);
    }
    // Rows fall on keys at random: a Poisson count, given that there is one at all.
    // mean = rate / (1 - exp(-rate)), which is about 1 + rate / 2 where it is small.
    let mut rate = (2.0 * (mean - 1.0)).clamp(1e-9, mean.max(1e-9));
    for _ in 0..if mean > 1.2 { 60 } else { 0 } {
        rate = (mean * (1.0 - (-rate).exp())).max(1e-9);
    }
    let none = (-rate).exp();
    let mut chance = none;
    let (mut bytes, mut item) = (0.0, 0.0_f64);
    for count in 1..=80_u32 {
        chance *= rate / f64::from(count);
        let (one, largest) = list_bytes(count, base);
        bytes += one * chance / (1.0 - none);
        if chance > 0.05 {
            item = item.max(largest);
        }
    }
    (bytes, item)
}

fn list_bytes(rows: u32, base: f64) -> (f64, f64) {
    let item = |count: f64| {
        let bytes = if count > 1.0 { align(base + ADDRESS * count, 8.0) } else { base };
        bytes + LINE_POINTER
    };
    let most = ((LONGEST_LIST - base) / ADDRESS).floor().max(1.0);
    let full = (f64::from(rows) / most).floor();
    let rest = f64::from(rows) - full * most;
    let tail = if rest > 0.0 { item(rest) } else { 0.0 };
    (full * item(most) + tail, if full > 0.0 { item(most) } else { tail })
}

/// Buckets are doubled in four steps; each row takes its hash, and 75 % of a page are filled.
fn hash(rows: f64) -> IndexSize {
    let item = 16.0 + LINE_POINTER;
    let per_bucket = (PAGE * 0.75 / item).floor();
    let wanted = (rows / per_bucket).ceil().max(2.0);
    let power = wanted.log2().floor();
    let below = power.exp2();
    let buckets = if power < 10.0 {
        wanted.log2().ceil().exp2()
    } else {
        below + (below / 4.0) * ((wanted - below) / (below / 4.0)).ceil()
    };
    // Meta page and bitmap page; buckets that chance fills further than a page have an overflow page.
    let mean = rows / buckets;
    let spread = (((PAGE - 40.0) / item) - mean) / mean.max(1.0).sqrt();
    let overflow = if spread < 3.0 { buckets * 0.5 * (-spread.max(0.0)).exp() } else { 0.0 };
    let pages = 2.0 + buckets + overflow;
    IndexSize { bytes: (pages * PAGE) as i64, entry_bytes: item, rows }
}

/// One entry for 128 pages, with the least and the greatest value of each key.
fn brin(table: &CatalogTable, candidate: &IndexCandidate) -> IndexSize {
    let ranges = (table.pages.max(table.bytes as f64 / PAGE) / 128.0).ceil().max(1.0);
    let width: f64 = candidate
        .keys
        .iter()
        .filter_map(|key| table.column(key.column_name()?))
        .map(|column| 2.0 * align(f64::from(column.average_width.unwrap_or(8)), 8.0))
        .sum();
    let item = 8.0 + width + LINE_POINTER;
    let pages = 2.0 + (ranges / 1360.0).ceil() - 1.0 + (ranges * item / (PAGE - 40.0)).ceil();
    IndexSize { bytes: (pages * PAGE) as i64, entry_bytes: item / 128.0, rows: table.rows }
}
