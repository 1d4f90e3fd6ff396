//! The audit trail as a file, and rows that the service itself writes.

use optischema::audit::AuditEvent;
use optischema::model::{AuditEntry, ExportFormat, RecommendationId};
use optischema::operations::{ExportFile, OperationError, Outcome};

use super::Service;
use crate::store::AuditRecord;

impl Service {
    /// Records what a person did that is no job.
    pub(super) async fn note(&self, event: impl Into<AuditEvent>) -> Outcome<()> {
        Ok(self.store.audit(&self.record(event, None)).await?)
    }

    pub(super) fn record(
        &self,
        event: impl Into<AuditEvent>,
        recommendation_id: Option<RecommendationId>,
    ) -> AuditRecord {
        AuditRecord {
            actor: self.actor.0.clone(),
            event: event.into(),
            database: self.database().to_owned(),
            recommendation_id,
            job_id: None,
        }
    }
}

/// The rows as a file, the oldest first.
pub(crate) fn export(rows: &[AuditEntry], format: ExportFormat) -> Outcome<ExportFile> {
    let failed = |error: &dyn std::fmt::Display| OperationError::Internal {
        reference: format!("an export that could not be written: {error}"),
    };
    let (content_type, text) = match format {
        ExportFormat::Json => (
            "application/json",
            serde_json::to_string_pretty(rows).map_err(|error| failed(&error))?,
        ),
        ExportFormat::Csv => {
            ("text/csv; charset=utf-8", csv(rows).map_err(|error| failed(&error))?)
        }
    };
    Ok(ExportFile { file_name: format!("optischema-audit.{format}"), content_type, text })
}

fn csv(rows: &[AuditEntry]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "sequence",
        "at",
        "actor",
        "action",
        "database",
        "recommendation_id",
        "job_id",
        "detail",
        "previous_hash",
        "hash",
    ])?;
    let id = |id: Option<String>| id.unwrap_or_default();
    for row in rows {
        writer.write_record([
            row.sequence.to_string(),
            row.at.to_string(),
            harmless(&row.actor),
            row.action.clone(),
            harmless(&row.database),
            id(row.recommendation_id.map(|id| id.to_string())),
            id(row.job_id.map(|id| id.to_string())),
            row.detail.to_string(),
            row.previous_hash.clone(),
            row.hash.clone(),
        ])?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A cell that no spreadsheet takes for a formula. What begins otherwise stays as it is; a detail begins with a brace.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn row(actor: &str, detail: Value) -> AuditEntry {
        AuditEntry {
            sequence: 1,
            at: optischema::model::Timestamp::from_millisecond(0),
            actor: actor.into(),
            action: "apply.intent".into(),
            database: "shop".into(),
            recommendation_id: None,
            job_id: None,
            detail,
            previous_hash: "0".into(),
            hash: "1".into(),
        }
    }

    #[test]
    fn what_is_quoted_comes_back_whole_and_no_cell_is_a_formula() {
        let detail = serde_json::json!({"sql": "CREATE INDEX \"a,b\"\nON t (\"c\")"});
        let rows = [row("=HYPERLINK(1)", detail.clone())];
        let text = export(&rows, ExportFormat::Csv).unwrap().text;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!(&record[2], "'=HYPERLINK(1)");
        assert_eq!(serde_json::from_str::<Value>(&record[7]).unwrap(), detail);
        let json = export(&rows, ExportFormat::Json).unwrap().text;
        assert_eq!(serde_json::from_str::<Vec<AuditEntry>>(&json).unwrap(), rows);
    }
}
