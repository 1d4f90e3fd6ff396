//! What is done with a definition: it is run, skipped since it belongs to something that was there before or is lacking, or
//! named as lacking.

use optischema::model::TableName;

use super::builder::Builder;
use super::lacks::Cause;
use super::order::{Class, class_of, commented};
use crate::sql::{DumpKind, DumpStatement, function_body, with_schemas};

/// Languages whose functions are copied: what they can do is what the role can do.
const COPIED_LANGUAGES: &[&str] = &["sql", "plpgsql"];

/// What is to be done with a statement.
enum Decision {
    Run,
    /// It belongs to something that was there before, or that is lacking.
    Skip,
    Lack(Cause),
}

impl Builder<'_> {
    /// The statement as it is run; absent where it is not, which is remembered.
    pub(super) fn decided(&mut self, statement: DumpStatement) -> Option<DumpStatement> {
        match self.decide(&statement) {
            Decision::Skip => None,
            Decision::Lack(cause) => {
                self.is_lacking(&statement, cause);
                None
            }
            Decision::Run => Some(self.placed(statement)),
        }
    }

    fn decide(&self, statement: &DumpStatement) -> Decision {
        let DumpStatement { kind, object, relation, .. } = statement;
        let belongs_to = relation.as_ref().unwrap_or(object);
        if let Some(decision) = self.decide_present(statement, belongs_to) {
            return decision;
        }
        match kind {
            DumpKind::Setting | DumpKind::Extension => Decision::Skip,
            DumpKind::Foreign | DumpKind::EventTrigger | DumpKind::Unknown => {
                Decision::Lack(Cause::KindLeftOut(*kind))
            }
            DumpKind::Other if statement.sql.is_empty() => Decision::Lack(Cause::NeedsProgram),
            DumpKind::Function => self.decide_function(statement),
            // A new database has it (up to 14, of an owner that nobody else is).
            DumpKind::Comment if statement.sql.ends_with("IS 'standard public schema'") => {
                Decision::Skip
            }
            DumpKind::Comment if self.has_commented(statement) => Decision::Run,
            DumpKind::Comment => Decision::Skip,
            DumpKind::IndexLink if !self.has_relation(object) => Decision::Skip,
            DumpKind::Mark if relation.is_none() && !self.has_marked(object) => Decision::Skip,
            DumpKind::Policy => {
                let key = (belongs_to.clone(), object.name.clone());
                let roles = self.facts.policy_roles.get(&key);
                let missing =
                    roles.into_iter().flatten().find(|role| self.missing_roles.contains(*role));
                match missing {
                    Some(role) if self.has_relation(belongs_to) => {
                        Decision::Lack(Cause::Role(role.clone()))
                    }
                    _ => Decision::Run,
                }
            }
            // What belongs to a lacking relation goes without saying.
            _ if relation.as_ref().is_some_and(|of| self.is_lacking_relation(of)) => Decision::Skip,
            _ => Decision::Run,
        }
    }

    fn is_lacking_relation(&self, relation: &TableName) -> bool {
        self.absent.contains_key(&(Class::Relation, relation.clone()))
    }

    /// Whether the object of a comment is there. A constraint may have come with its table.
    fn has_commented(&self, statement: &DumpStatement) -> bool {
        let keys = commented(statement);
        if keys.iter().any(|key| self.made.contains(key)) {
            return true;
        }
        let is_part = keys.first().is_some_and(|(class, _)| *class == Class::Part);
        let of = statement.relation.as_ref().filter(|_| is_part);
        of.is_some_and(|of| self.has_relation(of))
            && !keys.iter().any(|key| self.absent.contains_key(key))
    }

    /// An index or a statistics object, which both can be marked by a statement that names no relation.
    fn has_marked(&self, object: &TableName) -> bool {
        self.has_relation(object) || self.made.contains(&(Class::Other, object.clone()))
    }

    /// What belongs to a relation that was there before is left alone; another object of its name is in the way.
    fn decide_present(
        &self,
        statement: &DumpStatement,
        belongs_to: &TableName,
    ) -> Option<Decision> {
        let is_relation = class_of(statement.kind) == Class::Relation;
        if statement.relation.is_none() && !is_relation {
            return None;
        }
        let there = self.present.get(belongs_to)?;
        let expected: &[&str] = match statement.kind {
            DumpKind::Table => &["r", "p"],
            DumpKind::View => &["v"],
            DumpKind::MaterializedView => &["m"],
            DumpKind::Sequence => &["S"],
            _ => return Some(Decision::Skip),
        };
        Some(match expected.contains(&there.as_str()) {
            true => Decision::Skip,
            false => Decision::Lack(Cause::NameTaken),
        })
    }

    fn decide_function(&self, statement: &DumpStatement) -> Decision {
        let function = statement.object.clone();
        if !self.with_functions {
            return Decision::Lack(Cause::FunctionLeftOut(function));
        }
        match function_body(&statement.sql) {
            // Whoever may make roles, or anything, can be given more by a text that nobody has read.
            Ok(body) if body.is_dynamic && self.is_mighty => {
                Decision::Lack(Cause::Dynamic { function })
            }
            Ok(body) => match (body.language, body.reaches_out) {
                (_, Some(by)) => Decision::Lack(Cause::ReachesOut { function, by }),
                (Some(language), None) if !COPIED_LANGUAGES.contains(&language.as_str()) => {
                    Decision::Lack(Cause::Untrusted { function, language })
                }
                _ => Decision::Run,
            },
            Err(error) => Decision::Lack(Cause::Refused(error.to_string())),
        }
    }

    /// With the names of extensions that have another schema here.
    fn placed(&self, mut statement: DumpStatement) -> DumpStatement {
        if !self.extensions.moved.is_empty() {
            let moved = |name: &TableName| self.extensions.moved.get(name).cloned();
            match with_schemas(&statement.sql, &moved) {
                Ok(sql) => statement.sql = sql,
                Err(error) => tracing::debug!(%error, "a definition was left as it is"),
            }
        }
        statement
    }
}
