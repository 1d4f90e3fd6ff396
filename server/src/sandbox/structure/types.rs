//! Types of a database's own: enums, domains, composites, ranges, and those of extensions. They are made again beside
//! the tables that use them; an extension's must be there.

use optischema::model::{TableName, quote_identifier, quote_literal};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::SandboxError;
use super::SchemaOf;
use crate::postgres::query;

/// A type as a column has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TypeText {
    base: Base,
    /// Modifiers, as `(3)`.
    suffix: String,
    /// `[]`.
    array: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Base {
    /// As `format_type` writes it, modifiers and brackets included.
    BuiltIn(String),
    /// Of this schema and name, made again.
    Own(TableName),
    /// Of an extension, found through the search path.
    Extension(String),
}

impl TypeText {
    pub(super) const fn is_built_in(&self) -> bool {
        matches!(self.base, Base::BuiltIn(_))
    }

    pub(super) fn in_schema(&self, schema_of: SchemaOf<'_>) -> String {
        let base = match &self.base {
            Base::BuiltIn(text) => return text.clone(),
            Base::Own(name) => TableName::new(schema_of(&name.schema), &name.name).quoted(),
            Base::Extension(name) => quote_identifier(name),
        };
        format!("{base}{}{}", self.suffix, if self.array { "[]" } else { "" })
    }
}

/// A type that is made again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OwnType {
    pub name: TableName,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Enum(Vec<String>),
    Domain { base: TypeText, not_null: bool, default: Option<String>, checks: Vec<String> },
    Composite(Vec<(String, TypeText)>),
    Range(TypeText),
}

impl OwnType {
    /// The statement that makes it.
    pub(super) fn creation(&self, schema_of: SchemaOf<'_>) -> String {
        let name = TableName::new(schema_of(&self.name.schema), &self.name.name).quoted();
        match &self.kind {
            Kind::Enum(labels) => {
                let labels: Vec<String> = labels.iter().map(|label| quote_literal(label)).collect();
                format!("CREATE TYPE {name} AS ENUM ({})", labels.join(", "))
            }
            Kind::Domain { base, not_null, default, checks } => {
                let mut text = format!("CREATE DOMAIN {name} AS {}", base.in_schema(schema_of));
                if let Some(default) = default {
                    text.push_str(&format!(" DEFAULT {default}"));
                }
                if *not_null {
                    text.push_str(" NOT NULL");
                }
                for check in checks {
                    text.push_str(&format!(" {check}"));
                }
                text
            }
            Kind::Composite(attributes) => {
                let attributes: Vec<String> = attributes
                    .iter()
                    .map(|(name, data_type)| {
                        format!("{} {}", quote_identifier(name), data_type.in_schema(schema_of))
                    })
                    .collect();
                format!("CREATE TYPE {name} AS ({})", attributes.join(", "))
            }
            Kind::Range(subtype) => {
                format!("CREATE TYPE {name} AS RANGE (subtype = {})", subtype.in_schema(schema_of))
            }
        }
    }
}

/// A column, for saying which type cannot be made again.
pub(super) struct Place<'a> {
    pub table: &'a TableName,
    pub column: &'a str,
}

const TYPE: &str = "
    SELECT t.oid::pg_catalog.int8 AS oid, n.nspname::pg_catalog.text AS schema, t.typname::pg_catalog.text AS name, t.typtype::pg_catalog.text AS kind,
           t.typelem::pg_catalog.int8 AS element, (t.typcategory = 'A' AND t.typelem <> '0') AS is_array,
           t.typbasetype::pg_catalog.int8 AS base, t.typtypmod AS base_modifier, t.typnotnull AS not_null, t.typdefault AS default_text,
           t.typrelid::pg_catalog.int8 AS relation, e.extname::pg_catalog.text AS extension,
           ARRAY(SELECT l.enumlabel::pg_catalog.text FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid ORDER BY l.enumsortorder) AS labels,
           ARRAY(SELECT pg_catalog.pg_get_constraintdef(c.oid) FROM pg_catalog.pg_constraint c
                 WHERE c.contypid = t.oid AND c.contype = 'c' ORDER BY c.conname) AS checks,
           (SELECT r.rngsubtype::pg_catalog.int8 FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid) AS subtype
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_depend d ON d.classid = '1247' AND d.objid = t.oid AND d.deptype = 'e'
    LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    WHERE t.oid = $1::pg_catalog.int8::pg_catalog.oid";

/// Reads types; what was read stays known, in the order in which it must be made.
#[derive(Debug, Default)]
pub(super) struct Types {
    pub own: Vec<OwnType>,
}

impl Types {
    /// The type of a column.
    pub(super) async fn read(
        &mut self,
        connection: &mut PgConnection,
        oid: i64,
        modifier: i32,
        place: &Place<'_>,
    ) -> Result<TypeText, SandboxError> {
        let row = query(TYPE).bind(oid).fetch_one(&mut *connection).await?;
        let array: bool = row.try_get("is_array")?;
        let (row, oid) = if array {
            let element: i64 = row.try_get("element")?;
            (query(TYPE).bind(element).fetch_one(&mut *connection).await?, element)
        } else {
            (row, oid)
        };
        let schema: String = row.try_get("schema")?;
        let name: String = row.try_get("name")?;
        let (full, bare) = spelled(connection, oid, modifier).await?;
        if schema == "pg_catalog" {
            let text = if array { format!("{full}[]") } else { full };
            return Ok(TypeText { base: Base::BuiltIn(text), suffix: String::new(), array: false });
        }
        let suffix = full.strip_prefix(&bare).unwrap_or_default().to_owned();
        if row.try_get::<Option<String>, _>("extension")?.is_some() {
            return Ok(TypeText { base: Base::Extension(name), suffix, array });
        }
        let named = TableName::new(schema, name);
        if !self.own.iter().any(|known| known.name == named) {
            let made = self.own_type(connection, &row, &named, place).await?;
            self.own.push(made);
        }
        Ok(TypeText { base: Base::Own(named), suffix, array })
    }

    async fn own_type(
        &mut self,
        connection: &mut PgConnection,
        row: &PgRow,
        name: &TableName,
        place: &Place<'_>,
    ) -> Result<OwnType, SandboxError> {
        let kind: String = row.try_get("kind")?;
        let kind = match kind.as_str() {
            "e" => Kind::Enum(row.try_get("labels")?),
            "d" => {
                let (base, modifier): (i64, i32) =
                    (row.try_get("base")?, row.try_get("base_modifier")?);
                Kind::Domain {
                    base: Box::pin(self.read(connection, base, modifier, place)).await?,
                    not_null: row.try_get("not_null")?,
                    default: row.try_get("default_text")?,
                    checks: row.try_get("checks")?,
                }
            }
            "r" => match row.try_get::<Option<i64>, _>("subtype")? {
                Some(subtype) => {
                    Kind::Range(Box::pin(self.read(connection, subtype, -1, place)).await?)
                }
                None => return Err(unsupported(place, name)),
            },
            "c" => {
                let relation: i64 = row.try_get("relation")?;
                let attributes = query(
                    "SELECT attname::pg_catalog.text AS name, atttypid::pg_catalog.int8 AS oid, atttypmod AS modifier FROM pg_catalog.pg_attribute
                     WHERE attrelid = $1::pg_catalog.int8::pg_catalog.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                )
                .bind(relation)
                .fetch_all(&mut *connection)
                .await?;
                let mut read = Vec::new();
                for row in attributes {
                    let (oid, modifier): (i64, i32) =
                        (row.try_get("oid")?, row.try_get("modifier")?);
                    let data_type = Box::pin(self.read(connection, oid, modifier, place)).await?;
                    read.push((row.try_get("name")?, data_type));
                }
                Kind::Composite(read)
            }
            _ => return Err(unsupported(place, name)),
        };
        Ok(OwnType { name: name.clone(), kind })
    }
}

fn unsupported(place: &Place<'_>, data_type: &TableName) -> SandboxError {
    SandboxError::UnsupportedType {
        table: place.table.clone(),
        column: place.column.to_owned(),
        data_type: data_type.to_string(),
    }
}

/// The type with its modifiers, and without.
async fn spelled(
    connection: &mut PgConnection,
    oid: i64,
    modifier: i32,
) -> Result<(String, String), SandboxError> {
    let row = query(
        "SELECT pg_catalog.format_type($1::pg_catalog.int8::pg_catalog.oid, $2::pg_catalog.int4) AS spelled, pg_catalog.format_type($1::pg_catalog.int8::pg_catalog.oid, NULL::pg_catalog.int4) AS bare",
    )
    .bind(oid)
    .bind(modifier)
    .fetch_one(connection)
    .await?;
    Ok((row.try_get("spelled")?, row.try_get("bare")?))
}
