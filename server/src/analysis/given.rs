//! Statements that a person gives: SQL or a log.

use std::io::{BufRead, Read};

use optischema::operations::{OperationError, Outcome};

use crate::workload::{LogContents, looks_like_log, peek, read_log, read_sql_noting};

/// SQL files are read as a whole, up to this size in bytes; logs are read entry by entry, whatever their size.
const LONGEST_SQL: u64 = 64 << 20;

fn invalid(message: String) -> OperationError {
    OperationError::Invalid { field: "workload".into(), message }
}

/// Statements that a person gives: SQL, or a log, of which entries of other databases are left out.
pub(crate) fn given(source: impl BufRead, database: Option<&str>) -> Outcome<LogContents> {
    let unreadable = |error: std::io::Error| invalid(format!("cannot read it: {error}"));
    let (head, source) = peek(source).map_err(unreadable)?;
    if head.contains('\0') || head.starts_with("\u{1f}\u{fffd}") {
        return Err(invalid(
            "it is no text in UTF-8: unpack it (gunzip, unzip), or convert it (iconv -t utf-8)"
                .into(),
        ));
    }
    if looks_like_log(&head) {
        let contents = read_log(&head, source, database).map_err(unreadable)?;
        if let Some(reason) = contents.emptiness() {
            return Err(invalid(reason));
        }
        return Ok(contents);
    }
    let mut text = Vec::new();
    source.take(LONGEST_SQL + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LONGEST_SQL {
        return Err(invalid(format!(
            "it is no log, and SQL files above {} are not read: split it",
            optischema::figures::bytes(LONGEST_SQL.cast_signed())
        )));
    }
    let text = String::from_utf8_lossy(&text);
    let (statements, notes) = read_sql_noting(&text).map_err(|error| invalid(error.to_string()))?;
    if statements.is_empty() {
        return Err(invalid("there is no statement in it".into()));
    }
    Ok(LogContents { statements, notes, is_log: false, ..LogContents::default() })
}
