//! What a person typed in, as a recommendation to be measured.

use optischema::model::{
    CompareRequest, Evidence, PlannableStatement, Proposal, QueryHash, RecommendationType,
    RiskLevel, SERVER_WIDE,
};
use optischema::operations::{OperationError, Outcome};
use sha2::{Digest, Sha256};

use crate::analysis::checked_main;
use crate::benchmark::typed_cases;
use crate::config::Settings;
use crate::hex::hex;
use crate::sql::{self, Patch, PatchKind};

/// Reads both texts, plans the statement, and makes a proposal of them.
pub(super) async fn proposal(settings: &Settings, request: &CompareRequest) -> Outcome<Proposal> {
    let invalid =
        |field: &str, message: String| OperationError::Invalid { field: field.to_owned(), message };
    for (field, text) in [("statement", &request.statement), ("patch", &request.patch)] {
        if text.trim().is_empty() {
            return Err(invalid(field, "must not be empty".into()));
        }
    }
    let parsed = sql::parse_one(&request.statement)
        .map_err(|error| invalid("statement", error.to_string()))?;
    sql::check_select(&parsed).map_err(|error| invalid("statement", error.to_string()))?;
    let patch =
        Patch::parse(&request.patch).map_err(|error| invalid("patch", error.to_string()))?;
    let main = checked_main(settings).await?;
    let cases = typed_cases(main, &request.statement, "the statement").await;
    let cases = cases.map_err(|error| match error.refusal() {
        Ok(reason) => invalid("statement", reason),
        Err(other) => OperationError::Unavailable(other.to_string()),
    })?;
    let case = cases.into_iter().next();
    let (hash, plannable) = case
        .map(|case| (case.query_hash, case.plannable))
        .ok_or_else(|| invalid("statement", "nothing is to be measured".into()))?;
    Ok(made(request, &patch, hash, &plannable))
}

fn made(
    request: &CompareRequest,
    patch: &Patch,
    query_hash: QueryHash,
    plannable: &PlannableStatement,
) -> Proposal {
    let recommendation_type = type_of(&patch.kind);
    let mut tables = plannable.shape.tables.clone();
    if let Some(table) = patch.kind.table() {
        // The changed table first: others are only read.
        tables.retain(|known| known != table);
        tables.insert(0, table.clone());
    }
    let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
    let both = format!("{}\0{}", request.statement.trim(), request.patch.trim());
    let patch_sql = request.patch.trim().to_owned();
    Proposal {
        fingerprint: format!("typed:{}", hex(&Sha256::digest(both.as_bytes())[..16])),
        query_hash,
        recommendation_type,
        title: title(patch, &patch_sql, &names),
        description: "A person typed in the statement and what is to be measured with it."
            .to_owned(),
        sql_fix: sql_fix(patch, &patch_sql),
        original_sql: request.statement.trim().to_owned(),
        patch_sql,
        execution_plan_json: None,
        estimated_improvement_percent: None,
        confidence_score: 0.0,
        risk_level: RiskLevel::Medium,
        tables,
        evidence: Evidence {
            typed: true,
            by_hand: patch.kind.is_server_wide().then(|| SERVER_WIDE.to_owned()),
            not_measured: patch.kind.not_measured(),
            ..Evidence::without_figures(
                "typed in by a person",
                "Nothing was estimated: it is there to be measured.",
                "Nobody has looked at it but the person who typed it.",
            )
        },
        magnitude: 0.0,
    }
}

/// The change itself, as far as it is short; a rewrite by what it reads.
fn title(patch: &Patch, text: &str, tables: &[String]) -> String {
    if matches!(patch.kind, PatchKind::Rewrite(_)) {
        return format!("Typed in: {} ({})", patch.kind.label(), tables.join(", "));
    }
    let words: Vec<&str> = text.trim_end_matches([';', ' ', '\n']).split_whitespace().collect();
    let line = words.join(" ");
    let short: String = line.chars().take(90).collect();
    format!("Typed in: {short}{}", if short.len() < line.len() { "…" } else { "" })
}

/// What a person runs on main.
fn sql_fix(patch: &Patch, text: &str) -> String {
    if patch.kind.is_server_wide() {
        let text = text.trim_end_matches([';', ' ', '\n']);
        return format!("{text};\nSELECT pg_reload_conf();");
    }
    let statement = match &patch.kind {
        PatchKind::CreateIndex(index) => index.sql(&index.table.schema, true).ok(),
        PatchKind::Rewrite(rewritten) => rewritten.index.as_ref().and_then(|index| {
            let index = index.sql(&index.table.schema, true).ok()?;
            Some(format!("{index};\n{}", rewritten.statement.sql))
        }),
        PatchKind::DropIndex(drop) => Some(drop.sql(&drop.schema, true)),
        _ => None,
    };
    let statement = statement.unwrap_or_else(|| text.trim_end_matches([';', ' ', '\n']).to_owned());
    format!("{statement};")
}

const fn type_of(kind: &PatchKind) -> RecommendationType {
    match kind {
        PatchKind::CreateIndex(_) => RecommendationType::Index,
        PatchKind::DropIndex(_) => RecommendationType::IndexDrop,
        PatchKind::CreateStatistics(_) | PatchKind::DropStatistics(_) => {
            RecommendationType::Statistics
        }
        PatchKind::AlterTable(alter) if alter.needs_analyze => RecommendationType::Statistics,
        PatchKind::AlterTable(_) | PatchKind::Maintenance(_) => RecommendationType::Maintenance,
        PatchKind::Setting(_) => RecommendationType::Config,
        PatchKind::Rewrite(_) => RecommendationType::Rewrite,
    }
}
