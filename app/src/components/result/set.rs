//! What measuring several changes together found.

use leptos::prelude::*;
use optischema::figures;
use optischema::model::{SetBenchmark, SetLeft, SetMember, SetStatement, Verdict};

use super::PlanChanges;
use crate::components::badge::{Provenance, VerdictBadge};

fn none() -> String {
    "–".to_owned()
}

fn member(member: &SetMember) -> impl IntoView + use<> {
    let points = figures::percent;
    view! {
        <tr>
            <td><a href=format!("/recommendations/{}", member.recommendation_id)>{member.title.clone()}</a></td>
            <td class="number">{member.carries_percent.map_or_else(none, points)}</td>
            <td class="wide-only">
                {member.carries_interval.map_or_else(none, |interval| {
                    format!("{} to {}", points(interval.low_percent), points(interval.high_percent))
                })}
            </td>
            <td class="number">{figures::grouped(member.used_by.len() as f64)}</td>
            <td class="number wide-only">{member.bytes.map_or_else(none, figures::bytes)}</td>
        </tr>
    }
}

fn statement(statement: &SetStatement) -> impl IntoView + use<> {
    let changes = statement.plan_changes.clone();
    let is_open = statement.verdict == Verdict::Slower;
    let plan = (!changes.is_empty()).then(|| view! {
        <details open=is_open><summary>"How its plan differs"</summary><PlanChanges changes/></details>
    });
    view! {
        <tr>
            <td>
                <a href=format!("/queries/{}", statement.query_hash)><code>{figures::in_one_line(&statement.sql, 90)}</code></a>
                {plan}
            </td>
            <td class="number">{figures::percent(100.0 * statement.share)}</td>
            <td><VerdictBadge verdict=statement.verdict/></td>
            <td class="number wide-only">{figures::milliseconds(statement.baseline_ms)}</td>
            <td class="number wide-only">{figures::milliseconds(statement.patched_ms)}</td>
            <td>
                <span class="nowrap">{statement.change_percent.map_or_else(none, figures::change)}</span>
                " "
                <span class="quiet">{statement.confidence_interval.as_ref().map(figures::interval)}</span>
            </td>
        </tr>
    }
}

fn left(left: &SetLeft) -> impl IntoView + use<> {
    view! { <li><code>{figures::in_one_line(&left.sql, 90)}</code>": " {left.reason.clone()}</li> }
}

/// All changes against none, what each carries, and every statement.
#[component]
pub(crate) fn ResultSet(result: SetBenchmark) -> impl IntoView {
    let slower: Vec<_> = result.slower().map(statement_line).collect();
    let members: Vec<_> = result.members.iter().map(member).collect();
    let statements: Vec<_> = result.statements.iter().map(statement).collect();
    let left: Vec<_> = result.left.iter().map(left).collect();
    let warnings: Vec<_> =
        result.warnings.iter().map(|text| view! { <li>{text.clone()}</li> }).collect();
    let level = figures::percent(100.0 * result.family_level);
    view! {
        <div class="verdict">
            <VerdictBadge verdict=result.verdict/>
            <strong class="headline">{result.change_percent.map(figures::change)}</strong>
            <span>{result.confidence_interval.as_ref().map(figures::interval)}</span>
            <Provenance text=result.fidelity.tag()/>
        </div>
        <p class="quiet">"All changes against none of them, on the statements that touch their tables, each counting for the time that it took on main. A set that makes any statement slower is not called faster."</p>
        {(!slower.is_empty()).then(|| view! {
            <h3>"These statements become slower"</h3>
            <ul class="warnings">{slower}</ul>
        })}
        <h3>"What each change carries"</h3>
        <p class="quiet">"Measured with that change alone left out, on the five statements at most that use it and take most time: what is lost of the whole's time, in percent of what it takes without any of them."</p>
        <div class="scroll" tabindex="0"><table class="list">
            <thead><tr>
                <th scope="col">"Change"</th>
                <th scope="col" class="number">"Lost without it"</th>
                <th scope="col" class="wide-only">"Interval"</th>
                <th scope="col" class="number">"Used by"</th>
                <th scope="col" class="number wide-only">"Size here"</th>
            </tr></thead>
            <tbody>{members}</tbody>
        </table></div>
        <h3>"Every statement"</h3>
        <p class="quiet">{format!("Their verdicts hold together: that any of them is wrong happens in at most {level} of such benchmarks (Holm).")}</p>
        <div class="scroll" tabindex="0"><table class="list">
            <thead><tr>
                <th scope="col">"Statement"</th>
                <th scope="col" class="number">"Share"</th>
                <th scope="col">"Verdict"</th>
                <th scope="col" class="number wide-only">"Without"</th>
                <th scope="col" class="number wide-only">"With"</th>
                <th scope="col">"Change"</th>
            </tr></thead>
            <tbody>{statements}</tbody>
        </table></div>
        {(!left.is_empty()).then(|| view! {
            <details><summary>"Statements on these tables that were not measured"</summary><ul>{left}</ul></details>
        })}
        <ul class="warnings">{warnings}</ul>
    }
}

fn statement_line(statement: &SetStatement) -> impl IntoView + use<> {
    view! {
        <li>
            <a href=format!("/queries/{}", statement.query_hash)><code>{figures::in_one_line(&statement.sql, 90)}</code></a>
            ": " {statement.change_percent.map(figures::change)}
        </li>
    }
}
