//! What is done with a definition: it is run, skipped since it belongs to something that was there before or is lacking, or
//! named as lacking.

use optischema::model::TableName;

use super::builder::Builder;
use super::lacks::Cause;
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
        if self.present.contains(belongs_to) {
            return Decision::Skip;
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
            DumpKind::Comment if self.absent.contains_key(object) => Decision::Skip,
            // The trigger of a partition has the name of its parent's.
            DumpKind::TriggerState
                if self.absent.keys().any(|absent| absent.name == object.name) =>
            {
                Decision::Skip
            }
            DumpKind::Comment => {
                let is_made = self.made.contains(object)
                    || relation.as_ref().is_some_and(|of| self.made.contains(of));
                if is_made { Decision::Run } else { Decision::Skip }
            }
            DumpKind::IndexLink if !self.made.contains(object) => Decision::Skip,
            DumpKind::Mark if relation.is_none() && !self.made.contains(object) => Decision::Skip,
            DumpKind::Policy => {
                let key = (belongs_to.clone(), object.name.clone());
                let roles = self.facts.policy_roles.get(&key);
                let missing =
                    roles.into_iter().flatten().find(|role| self.missing_roles.contains(*role));
                match missing {
                    Some(role) if self.made.contains(belongs_to) => {
                        Decision::Lack(Cause::Role(role.clone()))
                    }
                    _ => Decision::Run,
                }
            }
            // What belongs to a lacking relation goes without saying.
            _ if relation.as_ref().is_some_and(|of| self.absent.contains_key(of)) => Decision::Skip,
            _ => Decision::Run,
        }
    }

    fn decide_function(&self, statement: &DumpStatement) -> Decision {
        let function = statement.object.clone();
        if !self.with_functions {
            return Decision::Lack(Cause::FunctionLeftOut(function));
        }
        match function_body(&statement.sql) {
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
