//! The statements behind a recommendation, with their planned costs.

use leptos::prelude::*;
use optischema::model::StatementEvidence;

use super::badge::Provenance;
use optischema::figures;

fn cost(cost: Option<f64>) -> String {
    cost.map_or_else(|| "not planned".to_owned(), figures::grouped)
}

fn row(statement: &StatementEvidence) -> impl IntoView + use<> {
    view! {
        <tr>
            <td><code class="statement">{statement.sql.clone()}</code></td>
            <td class="number" data-label="Calls">{figures::grouped(statement.calls as f64)}</td>
            <td class="number" data-label="Time on main">{figures::milliseconds(statement.total_time_ms)}</td>
            <td class="number" data-label="Cost now">{cost(statement.cost_before)}</td>
            <td class="number" data-label="Cost after">{cost(statement.cost_after)}</td>
            <td class="number" data-label="Change">{statement.saved_percent().map(|saved| figures::percent(-saved))}</td>
        </tr>
    }
}

/// One line a statement, the largest gain first.
#[component]
pub(crate) fn EvidenceTable(
    statements: Vec<StatementEvidence>,
    #[prop(into)] provenance: String,
) -> impl IntoView {
    let rows: Vec<_> = statements.iter().map(row).collect();
    view! {
        <div class="scroll" tabindex="0">
            <table class="stacks">
                <caption>
                    "Statements behind it " <Provenance text=provenance/>
                </caption>
                <thead>
                    <tr>
                        <th scope="col">"Statement"</th>
                        <th scope="col" class="number">"Calls"</th>
                        <th scope="col" class="number">"Time on main"</th>
                        <th scope="col" class="number">"Cost now"</th>
                        <th scope="col" class="number">"Cost after"</th>
                        <th scope="col" class="number">"Change"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}
