//! Statements that a person typed in, to be compared.

use optischema::model::QueryHash;
use optischema::model::{BindingKind, PlannableStatement};

use super::BenchmarkError;
use super::case::Case;
use crate::postgres::{Dsn, MainSession};
use crate::sql;
use crate::workload::{RawStatement, ReadingContext};

/// The case of a text: it is planned on main, with the values that it has, or with values for its parameters.
///
/// # Errors
/// It is no statement that can be measured; the sentence says why.
pub async fn typed_cases(main: &Dsn, text: &str, what: &str) -> Result<Vec<Case>, BenchmarkError> {
    let mut session = MainSession::begin(main).await?;
    let context = ReadingContext::read(&mut session)
        .await
        .map_err(|error| BenchmarkError::Error(error.to_string()))?;
    let raw = RawStatement { sql: text.to_owned(), is_typed: true, ..RawStatement::default() };
    let plannable = context.reader().understand(&mut session, &raw).await?;
    let plannable = plannable
        .map_err(|reason| BenchmarkError::Failed(format!("{what} cannot be measured: {reason}")))?;
    session.end().await?;
    let hash = sql::fingerprint(text).unwrap_or_else(|_| QueryHash(String::new()));
    Ok(vec![Case::new(hash, text, as_written(plannable))?])
}

/// A statement without parameters has one set of values: its own.
fn as_written(plannable: PlannableStatement) -> PlannableStatement {
    let written = plannable.bindings.iter().any(|b| b.kind == BindingKind::AsWritten);
    if !written {
        return plannable;
    }
    let bindings =
        plannable.bindings.into_iter().filter(|b| b.kind == BindingKind::AsWritten).collect();
    PlannableStatement { bindings, ..plannable }
}
