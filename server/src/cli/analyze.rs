//! `optischema analyze`: advice as a table, as JSON or as SQL.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use optischema::figures;
use optischema::model::{NotPlanned, Proposal, ReasonCode, RecommendationType, StatementReport};
use serde_json::json;

use super::AnalyzeFormat;
use super::commands::CommandError;
use crate::config::Settings;
use crate::service::analyze_once;
use crate::workload::AdviseLimits;

/// Collects, advises, and writes the advice.
///
/// # Errors
/// Main may not be used, or the workload cannot be read.
pub(super) async fn analyze(
    settings: Settings,
    workload: Option<PathBuf>,
    limits: AdviseLimits,
    format: AnalyzeFormat,
) -> Result<ExitCode, CommandError> {
    let text = workload
        .map(|path| {
            std::fs::read_to_string(&path).map_err(|error| CommandError::Folder(path, error))
        })
        .transpose()?;
    let least = settings.list_from_percent;
    let (_, advice) = analyze_once(&settings, text.as_deref(), &limits).await?;
    for note in &advice.notes {
        eprintln!("{note}");
    }
    match format {
        AnalyzeFormat::Sql => {
            // A rewrite is for the application, not for the database.
            let for_main = advice
                .proposals
                .iter()
                .filter(|p| p.recommendation_type != RecommendationType::Rewrite);
            for line in for_main.flat_map(|proposal| proposal.sql_fix.lines()) {
                println!("{line}");
            }
        }
        AnalyzeFormat::Json => {
            let proposals: Vec<_> = advice
                .proposals
                .iter()
                .map(|p| {
                    json!({
                        "recommendation_type": p.recommendation_type, "title": p.title,
                        "description": p.description, "sql_fix": p.sql_fix,
                        "query_hash": p.query_hash, "original_sql": p.original_sql,
                        "estimated_improvement_percent": p.estimated_improvement_percent,
                        "confidence_score": p.confidence_score, "risk_level": p.risk_level,
                        "tables": p.tables, "evidence": p.evidence,
                    })
                })
                .collect();
            let report = json!({
                "recommendations": proposals, "rejected": advice.rejected,
                "statements": advice.statements,
            });
            println!("{}", serde_json::to_string_pretty(&report)?);
        }
        AnalyzeFormat::Table => {
            let mut table = super::table();
            table.set_header(["Recommendation", "Planned saving", "SQL for main"]);
            let is_small = |p: &&Proposal| {
                p.estimated_improvement_percent.is_some_and(|saving| saving < least)
            };
            for p in advice.proposals.iter().filter(|p| !is_small(p)) {
                let saving = p
                    .estimated_improvement_percent
                    .map_or_else(|| "–".to_owned(), |saving| format!("{saving:.1} %"));
                table.add_row([p.title.clone(), saving, p.sql_fix.clone()]);
            }
            println!("{table}");
            let folded = advice.proposals.iter().filter(is_small).count();
            if folded > 0 {
                eprintln!(
                    "{folded} more would save less than {} of the workload each",
                    figures::percent(least)
                );
            }
            for line in why_not_planned(&advice.statements) {
                eprintln!("{line}");
            }
            let planned = advice.statements.iter().filter(|statement| statement.planned).count();
            eprintln!(
                "{planned} of {} statements planned; {} candidates rejected (--format json lists all, with reasons)",
                advice.statements.len(),
                advice.rejected.len()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Statements that were not planned, by their reason, the commonest first.
fn why_not_planned(statements: &[StatementReport]) -> Vec<String> {
    let mut groups: BTreeMap<ReasonCode, Vec<&NotPlanned>> = BTreeMap::new();
    for reason in statements.iter().filter_map(|statement| statement.reason.as_ref()) {
        groups.entry(reason.code).or_default().push(reason);
    }
    let mut groups: Vec<Vec<&NotPlanned>> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let line = |group: &Vec<&NotPlanned>| {
        let first = group.first()?;
        let example = if group.len() == 1 { "" } else { ", for example" };
        Some(format!("{} not planned{example}: {first}", group.len()))
    };
    groups.iter().filter_map(line).collect()
}
