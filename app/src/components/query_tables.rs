//! What a statement reads: tables with their indexes, joins, and the ways it reaches them.

use leptos::prelude::*;
use optischema::model::{ColumnName, QueryIndex, QueryTable, StatementShape};
use optischema::plan::{Dependencies, Through};

use optischema::figures;

fn index(index: &QueryIndex) -> impl IntoView + use<> {
    view! {
        <tr>
            <td><code>{index.definition.clone()}</code></td>
            <td class="number">{figures::bytes(index.bytes)}</td>
            <td>
                {index.used.then(|| view! { <span class="badge badge-good">"✓ used by the plan"</span> })}
                {(!index.valid).then(|| view! { <span class="badge badge-bad">"✕ invalid"</span> })}
            </td>
        </tr>
    }
}

fn table(table: QueryTable, through: Vec<String>) -> impl IntoView {
    let indexes: Vec<_> = table.indexes.iter().map(index).collect();
    let rows = if table.rows < 0.0 {
        "never analysed".to_owned()
    } else {
        format!("{} rows", figures::grouped(table.rows))
    };
    let ways =
        (!through.is_empty()).then(|| format!(", reached through {}", through.join(", then ")));
    let empty = indexes.is_empty();
    view! {
        <div class="scroll" tabindex="0">
            <table>
                <caption>
                    <strong>{table.name.to_string()}</strong> ", " {rows} ", " {figures::bytes(table.bytes)} {ways}
                </caption>
                <tbody>
                    {indexes}
                    {empty.then(|| view! { <tr><td class="quiet">"It has no index."</td></tr> })}
                </tbody>
            </table>
        </div>
    }
}

fn way(through: &Through) -> String {
    match through {
        Through::View(name) => format!("the view {name}"),
        Through::Cte(name) => format!("the WITH query {name}"),
        Through::SubPlan(_) => "a subquery that runs for each row".to_owned(),
        Through::InitPlan(_) => "a subquery that runs once".to_owned(),
        Through::Parent(name) => format!("{name}, which it is a part of"),
    }
}

fn searched(shape: &StatementShape) -> Option<impl IntoView + use<>> {
    let column = |name: &ColumnName| format!("{}.{}", name.table, name.column);
    let mut found: Vec<String> = shape
        .predicates
        .iter()
        .map(|p| format!("{} {} ({})", column(&p.column), p.operator, p.kind))
        .collect();
    found.extend(shape.sort.iter().map(|key| {
        format!("sorted by {}{}", column(&key.column), if key.descending { " DESC" } else { "" })
    }));
    found.extend(shape.group.iter().map(|name| format!("grouped by {}", column(name))));
    let items: Vec<_> =
        found.into_iter().map(|text| view! { <li><code>{text}</code></li> }).collect();
    (!items.is_empty()).then(|| view! { <p>"Searched, sorted and grouped by"</p><ul>{items}</ul> })
}

/// The tables, the columns that tie them, and those that are searched.
#[component]
pub(crate) fn QueryTables(
    tables: Vec<QueryTable>,
    dependencies: Dependencies,
    shape: Option<StatementShape>,
) -> impl IntoView {
    let searched = shape.as_ref().and_then(searched);
    let joins: Vec<_> = dependencies
        .joins
        .iter()
        .map(|join| {
            let text = format!(
                "{}.{} = {}.{}",
                join.left, join.left_column, join.right, join.right_column
            );
            view! { <li><code>{text}</code></li> }
        })
        .collect();
    let joins = (!joins.is_empty()).then(|| view! { <p>"Joined by"</p><ul>{joins}</ul> });
    let tables: Vec<_> = tables
        .into_iter()
        .map(|known| {
            let found =
                dependencies.tables.iter().find(|dependency| dependency.table == known.name);
            let through = found.map(|d| d.through.iter().map(way).collect()).unwrap_or_default();
            table(known, through)
        })
        .collect();
    view! { {tables} {joins} {searched} }
}
