//! `CREATE STATISTICS` and `DROP STATISTICS`.

use optischema::model::{TableName, quote_identifier};
use pg_query::NodeEnum;
use pg_query::protobuf::{CreateStatsStmt, DropStmt, RangeVar};

use super::{SqlError, deparse, dropped, parse_one, refuse, strings, table_of};

/// `CREATE STATISTICS` on one table.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateStatistics {
    pub table: TableName,
    /// Schema and name of the object.
    pub schema: String,
    pub name: String,
    statement: CreateStatsStmt,
}

/// `DROP STATISTICS` of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropStatistics {
    pub schema: String,
    pub name: String,
}

pub(super) fn create(statement: CreateStatsStmt) -> Result<CreateStatistics, SqlError> {
    if statement.if_not_exists {
        return refuse("IF NOT EXISTS accepts another object of the same name: leave it out");
    }
    let [schema, name] = &strings(&statement.defnames)[..] else {
        return refuse("the statistics need a schema and a name: CREATE STATISTICS schema.name …");
    };
    let relation = relation(&statement)?;
    Ok(CreateStatistics {
        table: table_of(Some(relation))?,
        schema: schema.clone(),
        name: name.clone(),
        statement,
    })
}

fn relation(statement: &CreateStatsStmt) -> Result<&RangeVar, SqlError> {
    match statement.relations.as_slice() {
        [only] => match &only.node {
            Some(NodeEnum::RangeVar(relation)) => Ok(relation),
            _ => refuse("statistics are made on a table"),
        },
        _ => refuse("statistics are made on exactly one table"),
    }
}

pub(super) fn drop(drop: &DropStmt) -> Result<DropStatistics, SqlError> {
    let (schema, name) = dropped(drop, "statistics object")?;
    Ok(DropStatistics { schema, name })
}

impl CreateStatistics {
    /// The statement as it runs on a table of another schema, its object beside it.
    ///
    /// # Errors
    /// The deparser refuses the tree, which it made itself.
    pub fn sql(&self, schema: &str) -> Result<String, SqlError> {
        moved(self.statement.clone(), schema, schema)
    }

    /// What undoes it there.
    #[must_use]
    pub fn undo(&self, schema: &str) -> String {
        drop_statistics_sql(schema, &self.name)
    }
}

impl DropStatistics {
    /// The statement on an object of another schema.
    #[must_use]
    pub fn sql(&self, schema: &str) -> String {
        drop_statistics_sql(schema, &self.name)
    }
}

/// `DROP STATISTICS`, with both parts quoted.
#[must_use]
pub fn drop_statistics_sql(schema: &str, name: &str) -> String {
    format!("DROP STATISTICS {}.{}", quote_identifier(schema), quote_identifier(name))
}

fn moved(
    mut statement: CreateStatsStmt,
    schema: &str,
    table_schema: &str,
) -> Result<String, SqlError> {
    if let Some(NodeEnum::String(part)) =
        statement.defnames.first_mut().and_then(|node| node.node.as_mut())
    {
        schema.clone_into(&mut part.sval);
    }
    for relation in &mut statement.relations {
        if let Some(NodeEnum::RangeVar(relation)) = &mut relation.node {
            table_schema.clone_into(&mut relation.schemaname);
        }
    }
    deparse(NodeEnum::CreateStatsStmt(statement))
}

/// A definition of `pg_get_statisticsobjdef` as it makes an object of another name.
///
/// # Errors
/// It is not one `CREATE STATISTICS`.
pub fn statistics_definition_named(definition: &str, name: &str) -> Result<String, SqlError> {
    let mut statement = parsed(definition)?;
    if let Some(NodeEnum::String(part)) =
        statement.defnames.last_mut().and_then(|node| node.node.as_mut())
    {
        name.clone_into(&mut part.sval);
    }
    deparse(NodeEnum::CreateStatsStmt(statement))
}

/// A definition of `pg_get_statisticsobjdef` as it makes the object in one schema, on a table of another.
///
/// # Errors
/// It is not one `CREATE STATISTICS`.
pub fn statistics_definition_in(
    definition: &str,
    schema: &str,
    table_schema: &str,
) -> Result<String, SqlError> {
    moved(parsed(definition)?, schema, table_schema)
}

fn parsed(definition: &str) -> Result<CreateStatsStmt, SqlError> {
    let statement = parse_one(definition)?;
    let node = statement.tree.stmts.first().and_then(|raw| raw.stmt.as_ref()?.node.clone());
    match node {
        Some(NodeEnum::CreateStatsStmt(statement)) => Ok(statement),
        _ => refuse("it is not a CREATE STATISTICS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Patch, PatchKind};

    #[test]
    fn statistics_move_with_their_table() {
        let text =
            "CREATE STATISTICS public.\"s x\" (ndistinct, mcv) ON a, lower(b) FROM public.\"T\"";
        let PatchKind::CreateStatistics(create) = Patch::parse(text).unwrap().kind else {
            panic!()
        };
        assert_eq!(
            create.sql("job").unwrap(),
            "CREATE STATISTICS job.\"s x\" (ndistinct, mcv) ON a, (lower(b)) FROM job.\"T\""
        );
        assert_eq!(create.undo("job"), "DROP STATISTICS \"job\".\"s x\"");
        assert_eq!(statistics_definition_in(text, "job", "job"), create.sql("job"));
        assert_eq!(
            statistics_definition_named(text, "sham").unwrap(),
            "CREATE STATISTICS public.sham (ndistinct, mcv) ON a, (lower(b)) FROM public.\"T\""
        );
        assert_eq!(
            statistics_definition_in(text, "kept", "public").unwrap(),
            "CREATE STATISTICS kept.\"s x\" (ndistinct, mcv) ON a, (lower(b)) FROM public.\"T\""
        );
    }
}
