//! Statements with their values, guarded before any of them runs.

use optischema::model::{Binding, Catalog, Predicate, quote_literal};

use super::BenchmarkError;
use super::request::BenchmarkRequest;
use crate::postgres::MainSession;
use crate::sql::{self, Statement};

/// A statement with values, as main would run it.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    /// Number of its case.
    pub case: usize,
    pub binding: Binding,
    pub label: String,
    pub statement: Statement,
    /// The statement that takes its place, with the same values.
    pub rewritten: Option<Statement>,
    /// Whether the statement that it stands for may run as it is where that is rolled back; else why not.
    pub may_run: Result<(), String>,
    /// Its own conditions with their values, where it is rewritten.
    pub predicates: Vec<Predicate>,
}

/// Everything that will run is first planned on main: its form, and every function in its reach, are checked there. The
/// catalog is needed where the change is a rewrite.
pub(super) async fn guard(
    main: &mut MainSession,
    request: &BenchmarkRequest<'_>,
    catalog: Option<&Catalog>,
) -> Result<Vec<Bound>, BenchmarkError> {
    let mut all = Vec::new();
    for (number, case) in request.cases.iter().enumerate() {
        let bindings = case.bindings(request.cases.len());
        if bindings.is_empty() {
            return Err(BenchmarkError::Failed(
                "no values are known for the statement's parameters, so it cannot be run: add it with values written out".into(),
            ));
        }
        for binding in bindings {
            all.push(bound(main, request, number, binding, request.rewrite(), catalog).await?);
        }
    }
    Ok(all)
}

/// One set of values of the case of this number, planned on main, with the statement that takes its place.
pub(super) async fn bound(
    main: &mut MainSession,
    request: &BenchmarkRequest<'_>,
    number: usize,
    binding: &Binding,
    rewrite: Option<&Statement>,
    catalog: Option<&Catalog>,
) -> Result<Bound, BenchmarkError> {
    let statement = sql::parse_one(&binding.sql)?;
    main.plan(&statement).await?;
    let rewritten = match rewrite {
        Some(rewrite) => {
            let rewritten = with_values(rewrite, binding)?;
            if rewritten.sql == statement.sql {
                return Err(BenchmarkError::Failed(
                    "the statement stays the same: what changes is in the application, and cannot be measured here".into(),
                ));
            }
            main.plan(&rewritten).await?;
            Some(rewritten)
        }
        None => None,
    };
    let predicates = match catalog {
        Some(catalog) => sql::analyze(&statement, catalog)?.predicates,
        None => Vec::new(),
    };
    let may_run = match &request.cases[number].whole {
        None => Ok(()),
        Some(whole) => match main.may_be_run(whole).await {
            Ok(()) => Ok(()),
            Err(failure) => Err(BenchmarkError::from(failure).refusal()?),
        },
    };
    Ok(Bound {
        case: number,
        may_run,
        binding: binding.clone(),
        label: format!("{}{}", request.cases[number].label, binding.described()),
        statement,
        rewritten,
        predicates,
    })
}

fn with_values(rewrite: &Statement, binding: &Binding) -> Result<Statement, BenchmarkError> {
    let asked = sql::parameter_places(&rewrite.sql)?.into_iter().map(|(_, number)| number);
    if let Some(new) = asked.max().filter(|asked| *asked > binding.values.len() as i32) {
        return Err(BenchmarkError::Failed(format!(
            "it asks for a value that the statement does not have (${new}): the application changes with it, so the two cannot be compared"
        )));
    }
    let literals: Vec<String> = binding
        .values
        .iter()
        .map(|value| value.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal))
        .collect();
    Ok(sql::parse_one(&sql::bind_parameters(rewrite, &literals)?)?)
}
