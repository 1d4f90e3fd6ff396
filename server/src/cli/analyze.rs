//! `optischema analyze`: advice as a table, as JSON or as SQL.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use optischema::figures;
use optischema::model::{Proposal, RecommendationType, TableName, at_most_percent};
use optischema::workload::Coverage;
use serde_json::json;

use super::AnalyzeFormat;
use super::outcome::CommandError;
use crate::analysis::analyze_once;
use crate::config::Settings;
use crate::workload::{AdviseLimits, Effort};

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
    let mut source = workload
        .map(|path| {
            let file = File::open(&path).map_err(|error| CommandError::Folder(path, error))?;
            Ok::<_, CommandError>(BufReader::new(file))
        })
        .transpose()?;
    let source = source.as_mut().map(|file| file as &mut (dyn BufRead + Send));
    let least = settings.list_from_percent;
    let (collection, advice) = analyze_once(&settings, source, &limits).await?;
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
                "statements": advice.statements, "effort": advice.effort, "notes": advice.notes,
            });
            println!("{}", serde_json::to_string_pretty(&report)?);
        }
        AnalyzeFormat::Table => {
            let (small, listed): (Vec<&Proposal>, Vec<&Proposal>) =
                advice.proposals.iter().partition(|proposal| {
                    let planned = proposal.estimated_improvement_percent;
                    at_most_percent(planned, &proposal.evidence).is_some_and(|most| most < least)
                });
            for (heading, proposals) in by_table(&listed) {
                println!("{heading}\n{}\n", of_one(&proposals));
            }
            let coverage = Coverage::of(&collection.statements);
            if !coverage.reasons.is_empty() {
                println!("Statements that are not planned\n{}\n", not_planned(&coverage));
            }
            if listed.len() > 1
                && let Some(line) = together(&advice.effort, &listed)
            {
                eprintln!("{line}");
            }
            eprintln!("{}", effort_line(&advice.effort));
            for line in closing(&coverage, listed.len(), small.len(), least, advice.rejected.len())
            {
                eprintln!("{line}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Recommendations by their table, the largest saving first; what belongs to no table comes last.
fn by_table<'a>(proposals: &[&'a Proposal]) -> Vec<(String, Vec<&'a Proposal>)> {
    let mut groups: Vec<(Option<&TableName>, Vec<&'a Proposal>)> = Vec::new();
    for proposal in proposals {
        let table = proposal.tables.first();
        match groups.iter_mut().find(|(known, _)| *known == table) {
            Some((_, group)) => group.push(proposal),
            None => groups.push((table, vec![proposal])),
        }
    }
    let saving = |proposal: &&Proposal| proposal.estimated_improvement_percent.unwrap_or(-1.0);
    for (_, group) in &mut groups {
        group.sort_by(|a, b| saving(b).total_cmp(&saving(a)));
    }
    let first = |group: &[&Proposal]| group.first().map_or(-1.0, saving);
    groups.sort_by(|a, b| {
        a.0.is_none().cmp(&b.0.is_none()).then(first(&b.1).total_cmp(&first(&a.1)))
    });
    let heading = |table: Option<&TableName>| {
        table.map_or_else(|| "The whole database".to_owned(), ToString::to_string)
    };
    groups.into_iter().map(|(table, group)| (heading(table), group)).collect()
}

/// What is no surer than this says why.
const DOUBTFUL: f64 = 0.3;

fn of_one(proposals: &[&Proposal]) -> comfy_table::Table {
    let mut table = super::table();
    table.set_header(["Planned saving", "Recommendation", "SQL"]);
    for proposal in proposals {
        let saving = proposal
            .estimated_improvement_percent
            .map_or_else(|| "–".to_owned(), |saving| format!("{saving:.1} %"));
        let saving = if proposal.evidence.at_least { format!("at least {saving}") } else { saving };
        let doubt = match proposal.confidence_score <= DOUBTFUL {
            true => format!("\n{}", proposal.evidence.confidence_reason),
            false => String::new(),
        };
        let title = format!("{}{doubt}", proposal.title);
        // What the application hands over changes no text.
        let is_same = proposal.sql_fix.trim_end_matches(';') == proposal.original_sql;
        let sql = if is_same { "–".to_owned() } else { proposal.sql_fix.clone() };
        table.add_row([saving, title, sql]);
    }
    table
}

/// What choosing indexes took.
fn effort_line(effort: &Effort) -> String {
    let search = (effort.seconds - effort.planner_seconds).max(0.0);
    format!(
        "Choosing indexes took {} to the planner in {:.1} s, and {search:.1} s of searching among the answers{}.",
        figures::counted(effort.calls, "call"),
        effort.planner_seconds,
        if effort.cut_off { "; the time was up before all was asked" } else { "" }
    )
}

/// What all indexes save, since each one's saving is its own and what others would save, too.
fn together(effort: &Effort, listed: &[&Proposal]) -> Option<String> {
    let at_least = listed.iter().any(|proposal| proposal.evidence.at_least);
    let at_least = if at_least { "at least " } else { "" };
    let saved = (effort.cost_before - effort.cost_after) / effort.cost_before;
    (effort.cost_before > 0.0 && saved > 0.0).then(|| {
        format!(
            "Each saving is that of one change alone; together the indexes are planned to save {at_least}{} of the workload.",
            figures::percent(100.0 * saved)
        )
    })
}

/// Reasons that are listed, those of the most time.
const MOST_REASONS: usize = 12;

fn not_planned(coverage: &Coverage) -> comfy_table::Table {
    let mut table = super::table();
    table.set_header(["Statements", "Time", "Reason", "Remedy"]);
    let percent = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), figures::percent);
    for each in coverage.each.iter().take(MOST_REASONS) {
        let reason = format!(
            "{}\nfor example: {}",
            each.reason.message,
            figures::in_one_line(&each.example, SHOWN)
        );
        let remedy = each.reason.remedy.clone().unwrap_or_default();
        table.add_row([each.statements.to_string(), percent(each.time_percent), reason, remedy]);
    }
    let others = coverage.each.get(MOST_REASONS..).unwrap_or_default();
    if !others.is_empty() {
        let statements: u64 = others.iter().map(|each| each.statements).sum();
        let time = others.iter().map(|each| each.time_percent).sum();
        let reason = format!(
            "{} (--format json lists them)",
            figures::counted(others.len() as u64, "other reason")
        );
        table.add_row([statements.to_string(), percent(time), reason, String::new()]);
    }
    table
}

/// Characters of a statement that tell which one it is.
const SHOWN: usize = 100;

/// What was looked at, and why there is no advice where there is none.
fn closing(
    coverage: &Coverage,
    listed: usize,
    small: usize,
    least: f64,
    rejected: usize,
) -> Vec<String> {
    if coverage.statements == 0 {
        return vec![
            "The workload holds no statement of an application: nothing can be recommended."
                .to_owned(),
        ];
    }
    let mut lines = Vec::new();
    if small > 0 {
        lines.push(format!(
            "{small} more would save less than {} of the workload each (--format json lists them).",
            figures::percent(least)
        ));
    }
    lines.push(format!("{}.", coverage.sentence()));
    if listed + small == 0 {
        lines.push(
            match (coverage.planned, rejected) {
                (0, _) if coverage.postponed() > 0 => {
                    "No recommendation: no statement was planned. The reasons say what to raise."
                }
                (0, _) => "No recommendation: no statement can be planned.",
                (_, 0) => "No recommendation: nothing that could help was found.",
                _ => "No recommendation: every candidate was rejected.",
            }
            .to_owned(),
        );
    }
    if rejected > 0 {
        lines.push(format!(
            "{} rejected (--format json gives the reasons).",
            figures::counted(rejected as u64, "candidate")
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_indexes_save_together_is_no_sum() {
        let effort = Effort { cost_before: 200.0, cost_after: 50.0, ..Effort::default() };
        assert!(together(&effort, &[]).unwrap().contains("save 75 % of the workload"));
        assert_eq!(together(&Effort::default(), &[]), None);
    }

    #[test]
    fn the_last_lines_name_the_true_cause() {
        let none = Coverage {
            statements: 0,
            planned: 0,
            planned_time_percent: None,
            reasons: Vec::new(),
            each: Vec::new(),
        };
        assert!(closing(&none, 0, 0, 1.0, 0)[0].contains("no statement of an application"));
        let unplanned = Coverage { statements: 2, ..none.clone() };
        assert!(closing(&unplanned, 0, 0, 1.0, 0)[1].contains("no statement can be planned"));
        let planned = Coverage { planned: 2, ..unplanned };
        assert!(closing(&planned, 0, 0, 1.0, 3)[1].contains("every candidate was rejected"));
        let lines = closing(&planned, 1, 2, 1.0, 0);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("2 more would save less than 1.0 %"), "{lines:?}");
    }
}
