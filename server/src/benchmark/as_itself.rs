//! A statement that writes or locks, as it is: in a transaction that is rolled back, on rows that were copied.

use optischema::model::{BindingKind, PlannedAs, TableName, quote_identifier, quote_literal};
use sqlx::{AssertSqlSafe, Row};

use super::BenchmarkError;
use super::arms::{ArmKind, ArmSpec, Arms};
use super::bound::Bound;
use super::case::Case;
use super::site::Site;
use crate::postgres::query;
use crate::sandbox::COPY_FUNCTIONS;
use crate::sql::{self, Assigned, Statement};

/// What of a statement is measured, and what is to be said of it.
pub(super) struct Measurable {
    /// The specifications of both arms.
    pub specs: [ArmSpec; 2],
    pub warning: Option<String>,
}

/// Both arms with the statement as it is, where it can run here; else with the search for its rows, and the reason. With
/// the search comes whether the copy has the policies that it runs under.
///
/// # Errors
/// The server is out of reach.
pub(super) async fn whole(
    site: &mut Site,
    case: &Case,
    one: &Bound,
    (searches, has_policies): (&[ArmSpec; 2], bool),
) -> Result<Measurable, BenchmarkError> {
    let part = |reason: String| Measurable {
        specs: searches.clone(),
        warning: Some(format!(
            "Measured is the search for the rows that the statement writes or locks; writing and locking them is not: {reason}."
        )),
    };
    let (Some(whole), Some(schema), true) = (&case.whole, site.workspace.clone(), site.is_copy)
    else {
        return Ok(match case.plannable.planned_as {
            PlannedAs::RowSearch => part("it runs on copied rows only".to_owned()),
            PlannedAs::InnerQuery => Measurable {
                specs: searches.clone(),
                warning: Some("Measured is the query inside the statement; what the statement makes of its rows is not.".to_owned()),
            },
            PlannedAs::Itself | PlannedAs::NotPlanned => {
                Measurable { specs: searches.clone(), warning: None }
            }
        });
    };
    if let Err(reason) = &one.may_run {
        return Ok(part(reason.clone()));
    }
    if case.plannable.under.is_some() && !has_policies {
        return Ok(part("it runs under policies, which the copy does not have".to_owned()));
    }
    let tried = async {
        advance_identities(site, &schema).await?;
        let statement = with_values(site, case, (whole, has_policies), one).await?;
        let sql = site.placed_to_run(&statement, &case.plannable.search_path)?;
        let specs = searches.clone().map(|search| ArmSpec {
            setup: search.setup,
            sql: sql.clone(),
            writes_in: Some(schema.clone()),
        });
        let fence = site.fence;
        let [baseline, patched] = specs.clone();
        let mut arms = Arms { connection: site.connection(), fence, baseline, patched };
        let plan = arms.planned(ArmKind::Baseline).await?;
        arms.run(ArmKind::Baseline, 1).await?;
        site.check_reach(&plan)?;
        Ok(specs)
    };
    let tried: Result<[ArmSpec; 2], BenchmarkError> = tried.await;
    match tried {
        Ok(specs) => Ok(Measurable {
            specs,
            warning: Some(conditions(site, whole, &case.plannable.search_path)?),
        }),
        Err(error) => Ok(part(error.refusal()?)),
    }
}

/// Under which conditions a write was measured as it is.
fn conditions(
    site: &Site,
    whole: &Statement,
    search_path: &[String],
) -> Result<String, BenchmarkError> {
    let written = sql::written_relations(whole)?;
    let of_tables = written
        .iter()
        .filter_map(|(schema, name)| site.resolved(search_path, schema, name))
        .map(|table| site.triggers_of(&table));
    let (lacking, has_some) = of_tables.fold((Vec::new(), false), |all, (lacking, has_some)| {
        ([all.0, lacking].concat(), all.1 || has_some)
    });
    let mut sentences =
        vec!["Measured as it is, in transactions that were rolled back.".to_owned()];
    if has_some {
        sentences.push("Triggers ran.".to_owned());
    }
    if !lacking.is_empty() {
        sentences
            .push(format!("Triggers that did not run: {}. {COPY_FUNCTIONS}.", lacking.join(", ")));
    }
    sentences.push("A copy has no foreign keys of other tables to be looked up.".to_owned());
    Ok(sentences.join(" "))
}

/// Sets sequences of identity columns behind the rows that were copied: a copy's begin at the beginning.
async fn advance_identities(site: &mut Site, schema: &str) -> Result<(), BenchmarkError> {
    let rows = query(
        "SELECT c.relname::pg_catalog.text AS name, a.attname::pg_catalog.text AS column_name,
                pg_catalog.pg_get_serial_sequence(pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(c.relname)), a.attname::pg_catalog.text) AS sequence
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND a.attidentity <> '' AND c.relkind IN ('r', 'p')",
    )
    .bind(schema)
    .fetch_all(site.connection())
    .await?;
    for row in rows {
        let table = TableName::new(schema, row.try_get::<String, _>("name")?).quoted();
        let column = quote_identifier(&row.try_get::<String, _>("column_name")?);
        let Some(sequence) = row.try_get::<Option<String>, _>("sequence")? else { continue };
        let text = format!(
            "SELECT pg_catalog.setval($1::pg_catalog.regclass, m.most) AS set
             FROM (SELECT pg_catalog.max({column})::pg_catalog.int8 AS most FROM {table}) m WHERE m.most > 0"
        );
        query(AssertSqlSafe(text)).bind(sequence).fetch_optional(site.connection()).await?;
    }
    Ok(())
}

/// The statement with the values of the search for its rows, and with values of their columns for what is assigned.
async fn with_values(
    site: &mut Site,
    case: &Case,
    (whole, has_policies): (&Statement, bool),
    one: &Bound,
) -> Result<Statement, BenchmarkError> {
    let numbers: Vec<i32> =
        sql::parameter_places(&whole.sql)?.into_iter().map(|(_, number)| number).collect();
    let Some(most) = numbers.iter().max().and_then(|most| usize::try_from(*most).ok()) else {
        // Other constants are another text, of which only the search is kept.
        let is_its_own = one.binding.kind == BindingKind::AsWritten
            && [Some(&case.statement.sql), case.plannable.template.as_ref()]
                .contains(&Some(&one.binding.sql));
        // What a policy takes from the session is no parameter of the statement.
        return if is_its_own || has_policies && one.binding.kind != BindingKind::AsWritten {
            Ok(whole.clone())
        } else {
            Err(BenchmarkError::Failed("its values are those of another text".into()))
        };
    };
    let searched = case.plannable.template.as_ref().unwrap_or(&case.statement.sql);
    let searched = sql::parameter_places(searched)?;
    let assigned = sql::assigned_parameters(whole)?;
    let mut literals = Vec::new();
    for number in (1_i32..).take(most) {
        let known = usize::try_from(number - 1).ok().and_then(|at| one.binding.literals.get(at));
        let is_searched = searched.iter().any(|(_, other)| *other == number);
        literals.push(match (known.filter(|_| is_searched), assigned.get(&number)) {
            (Some(known), _) => known.clone(),
            (None, Some(assigned)) => value_of(site, case, assigned).await?,
            // Of no type yet: PostgreSQL reads it as what stands beside it.
            (None, None) => "'1'".to_owned(),
        });
    }
    Ok(sql::parse_one(&sql::bind_parameters(whole, &literals)?)?)
}

/// A value of the column that is assigned, as some row has it; NULL where no row has one.
async fn value_of(
    site: &mut Site,
    case: &Case,
    assigned: &Assigned,
) -> Result<String, BenchmarkError> {
    let mut tables = case.plannable.shape.tables.iter().chain(&case.plannable.writes_to);
    let Some(table) = tables.find(|table| table.name == assigned.table) else {
        return Ok("NULL".to_owned());
    };
    let (table, column) = (site.located(table), quote_identifier(&assigned.column));
    let text = format!(
        "SELECT {column}::pg_catalog.text AS value FROM {} WHERE {column} IS NOT NULL OFFSET 7 LIMIT 1",
        table.quoted()
    );
    let fence = site.fence;
    let found = fence.around(site.connection(), async |connection| {
        Ok(query(AssertSqlSafe(text)).fetch_optional(connection).await?)
    });
    match found.await? {
        Some(row) => Ok(quote_literal(&row.try_get::<String, _>("value")?)),
        None => Ok("NULL".to_owned()),
    }
}
