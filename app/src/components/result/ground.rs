//! Where it was measured, on which rows, and what to keep in mind.

use leptos::prelude::*;
use optischema::figures;
use optischema::model::{BenchmarkResult, Calibration, CopiedTable, CopyMethod};

use crate::components::badge::VerdictBadge;

fn table(table: &CopiedTable) -> impl IntoView + use<> {
    let bytes = if table.method == CopyMethod::InPlace {
        "–".to_owned()
    } else {
        figures::bytes(table.bytes)
    };
    view! {
        <tr>
            <th scope="row">{table.table.to_string()}</th>
            <td>{table.method.label()}</td>
            <td class="number">{figures::grouped(table.rows as f64)}</td>
            <td class="number">{bytes}</td>
        </tr>
    }
}

fn calibration(calibration: &Calibration) -> impl IntoView + use<> {
    let interval = calibration.confidence_interval.as_ref().map(figures::interval);
    let text = format!(
        "{} over {} of {}. Nothing below {} is called faster or slower. ",
        interval.unwrap_or_default(),
        figures::counted(u64::from(calibration.pairs), "pair"),
        figures::milliseconds(calibration.median_ms),
        figures::percent(calibration.floor_percent)
    );
    view! {
        <dt>"A change that cannot matter"</dt>
        <dd>
            <VerdictBadge verdict=calibration.verdict/> " " {text}
            <span class="quiet">"Of the same kind, on a table of OptiSchema's own. Anything but \"No difference\" means that this place is noisy."</span>
        </dd>
    }
}

/// Warnings first, then the place.
#[component]
pub(crate) fn ResultGround(result: BenchmarkResult) -> impl IntoView {
    let warnings: Vec<_> =
        result.warnings.iter().map(|text| view! { <li>{text.clone()}</li> }).collect();
    let tables: Vec<_> = result.fidelity.tables.iter().map(table).collect();
    let place = (!result.environment.target.is_empty()).then(|| {
        view! {
            <dt>"Place"</dt>
            <dd>{result.environment.target.clone()} ", PostgreSQL " {result.server_version.clone()}</dd>
        }
    });
    let none = warnings.is_empty();
    view! {
        <h3>"How far it can be trusted"</h3>
        {if none {
            view! { <p class="quiet">"No objections."</p> }.into_any()
        } else {
            view! { <ul class="warnings">{warnings}</ul> }.into_any()
        }}
        <dl class="facts">{place} {result.calibration.as_ref().map(calibration)}</dl>
        {(!tables.is_empty()).then(|| view! {
            <div class="scroll" tabindex="0">
                <table>
                    <caption>"The rows that stood for main's."</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Table"</th>
                            <th scope="col">"What was taken"</th>
                            <th scope="col" class="number">"Rows"</th>
                            <th scope="col" class="number">"Copied"</th>
                        </tr>
                    </thead>
                    <tbody>{tables}</tbody>
                </table>
            </div>
        })}
    }
}
