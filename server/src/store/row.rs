//! Reading columns: a value that cannot be read names its column, and is never replaced by a default.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::StoreError;

pub(super) fn corrupt(column: &'static str, reason: impl Display) -> StoreError {
    StoreError::Corrupt { column, reason: reason.to_string() }
}

pub(super) fn text(row: &SqliteRow, column: &'static str) -> Result<String, StoreError> {
    Ok(row.try_get(column)?)
}

pub(super) fn optional_text(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<String>, StoreError> {
    Ok(row.try_get(column)?)
}

pub(super) fn number(row: &SqliteRow, column: &'static str) -> Result<f64, StoreError> {
    Ok(row.try_get(column)?)
}

pub(super) fn integer(row: &SqliteRow, column: &'static str) -> Result<i64, StoreError> {
    Ok(row.try_get(column)?)
}

/// A column whose text is parsed into a type.
pub(super) fn parsed<T>(row: &SqliteRow, column: &'static str) -> Result<T, StoreError>
where
    T: FromStr<Err: Display>,
{
    text(row, column)?.parse().map_err(|error| corrupt(column, error))
}

pub(super) fn optional_parsed<T>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<T>, StoreError>
where
    T: FromStr<Err: Display>,
{
    optional_text(row, column)?
        .map(|text| text.parse().map_err(|error| corrupt(column, error)))
        .transpose()
}

pub(super) fn json<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_str(&text(row, column)?).map_err(|error| corrupt(column, error))
}

pub(super) fn optional_json<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    optional_text(row, column)?
        .map(|text| serde_json::from_str(&text).map_err(|error| corrupt(column, error)))
        .transpose()
}

/// A value as it is stored in a JSON column.
pub(super) fn to_json<T: Serialize>(column: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| corrupt(column, error))
}
