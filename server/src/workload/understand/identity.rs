//! What a text is called, and what is kept of it.

use std::collections::BTreeMap;

use optischema::model::{NotPlanned, QueryHash, QueryKind, ReachableRows, ReasonCode, TableName};
use pg_query::protobuf::Token;

use super::Reader;
use super::visible::Runner;
use crate::postgres::{ActiveText, RolePath};
use crate::sql;

/// Longer texts are not parsed: a tree takes some hundred times the room of its text.
pub(super) const LONGEST: usize = 256 * 1024;

/// What is kept of a text that is too long to be read.
pub(super) const KEPT_OF_LONG: usize = 4 * 1024;

/// What is kept of a text, and what it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementIdentity {
    /// The text; cut, and ended by [`CUT`], where it could not be read.
    pub sql: String,
    pub query_hash: QueryHash,
    pub kind: QueryKind,
    /// Why it could not be read.
    pub unreadable: Option<NotPlanned>,
}

/// What a text ends with that is kept in part only.
pub const CUT: &str = " …";

impl Reader<'_> {
    /// The application's statements among what sessions run, with what each is called. `roles` are all roles, by OID.
    #[must_use]
    pub fn statements_of_sessions(
        &self,
        texts: Vec<ActiveText>,
        roles: &BTreeMap<i64, RolePath>,
    ) -> Vec<(QueryHash, ActiveText)> {
        let named = texts.into_iter().filter_map(|text| {
            let role = roles.get(&text.role);
            let path = role.map(|role| role.search_path.as_slice());
            let identity = self.identify(&text.sql, path, role.map(|role| role.role.as_str()));
            let is_readable = identity.kind == QueryKind::User && identity.unreadable.is_none();
            is_readable.then_some((identity.query_hash, text))
        });
        named.collect()
    }

    /// What a text is called, and what is kept of it.
    #[must_use]
    pub fn identify(
        &self,
        text: &str,
        search_path: Option<&[String]>,
        role: Option<&str>,
    ) -> StatementIdentity {
        let text = text.trim();
        let unwrapped = sql::unwrapped(text);
        let unread = unwrapped.as_deref().unwrap_or(text);
        if text.len() > LONGEST {
            return of_long(
                text,
                format!(
                    "it is {} long, and texts above {} are not read",
                    optischema::figures::bytes(i64::try_from(text.len()).unwrap_or(i64::MAX)),
                    optischema::figures::bytes(LONGEST as i64)
                ),
            );
        }
        // A tree of a long list takes hundreds of times its room.
        let short = sql::shortened(unread).ok().flatten();
        let read = short.as_ref().map_or(unread, |short| &short.sql);
        // What cannot be scanned is told by the fingerprint.
        if let Err(sql::SqlError::Refused(reason)) = sql::check_length(read) {
            return of_long(text, reason);
        }
        let kind = sql::kind_of(read, self.catalog);
        let hash = match sql::fingerprint(read) {
            Ok(hash) => hash,
            Err(error) => {
                return StatementIdentity {
                    sql: if kind == QueryKind::User { shown(text) } else { first_word(text) },
                    query_hash: hashed(text),
                    kind,
                    unreadable: Some(self.parse_failure(text, error)),
                };
            }
        };
        let path = search_path.unwrap_or(&self.catalog.search_path);
        let query_hash = self.told_apart(hash, read, Runner { role, path });
        let sql = if kind == QueryKind::User { text.to_owned() } else { normalised(text) };
        StatementIdentity { sql, query_hash, kind, unreadable: None }
    }

    /// The fingerprint leaves out schemas, digits in names and OFFSET: statements that differ in what they really read, or
    /// in that, are told apart by it here. Two roles that reach other rows run two statements.
    fn told_apart(&self, hash: QueryHash, text: &str, runner: Runner<'_>) -> QueryHash {
        let path = runner.path;
        let Ok(statement) = sql::parse_one(text) else { return hash };
        let mut apart = Vec::new();
        for (schema, name) in sql::relation_names(&statement) {
            let table = self.table(&schema, &name, path);
            let usual = self.catalog.resolve("", &name).map(|table| &table.name);
            if table.as_ref() != usual || name.contains(|c: char| c.is_ascii_digit()) {
                let table = table.unwrap_or_else(|| TableName::new(schema, name));
                apart.push(format!("{}.{}", table.schema, table.name));
            }
        }
        apart.extend(sql::left_out_of_fingerprints(&statement));
        for (table, rows) in self.read_through_policies(&statement, runner) {
            let condition = match rows {
                ReachableRows::All => continue,
                ReachableRows::Where(condition) => condition,
                ReachableRows::None => "no policy".to_owned(),
            };
            apart.push(format!("{}.{} under {condition}", table.schema, table.name));
        }
        let offsets = sql::offsets(&statement);
        if offsets > 0 {
            apart.push(format!("{offsets} OFFSET"));
        }
        if apart.is_empty() { hash } else { hashed(&format!("{} {}", hash.0, apart.join(" "))) }
    }

    pub(super) fn parse_failure(&self, text: &str, error: sql::SqlError) -> NotPlanned {
        // A character of several bytes may have fallen off the end.
        let ends_there = text.len() + 5 > self.cut_at && text.len() < self.cut_at;
        if self.cut_at > 1 && ends_there {
            return NotPlanned::with_remedy(
                ReasonCode::CutOff,
                format!("its text was cut off at {} bytes", text.len()),
                "raise track_activity_query_size",
            );
        }
        error.into()
    }
}

/// Of a text that is too long to be read, the beginning is kept.
pub(super) fn of_long(text: &str, reason: String) -> StatementIdentity {
    let kept = text.char_indices().take_while(|(at, _)| *at < KEPT_OF_LONG).map(|(_, c)| c);
    StatementIdentity {
        sql: kept.collect::<String>() + CUT,
        query_hash: hashed(text),
        kind: QueryKind::User,
        unreadable: Some(NotPlanned::new(ReasonCode::TooLong, reason)),
    }
}

/// A text that no parser reads still needs a name of its own.
pub(super) fn hashed(text: &str) -> QueryHash {
    use sha2::{Digest, Sha256};
    QueryHash(crate::hex::hex(&Sha256::digest(text.as_bytes())[..8]))
}

/// A text that no parser reads, and that a later PostgreSQL may. Statements that only read and write rows are normalised
/// there, so that it holds nobody's password; literals are left out all the same.
pub(super) fn shown(text: &str) -> String {
    let Ok(scanned) = pg_query::scan(text) else { return first_word(text) };
    let literal = |token: i32| {
        [Token::Sconst, Token::Usconst, Token::Bconst, Token::Xconst, Token::Iconst, Token::Fconst]
            .iter()
            .any(|kind| *kind as i32 == token)
    };
    let place = |at: i32| usize::try_from(at).unwrap_or_default();
    let (mut shown, mut end) = (String::new(), 0);
    for token in &scanned.tokens {
        let (from, to) = (place(token.start), place(token.end));
        shown.push_str(text.get(end..from).unwrap_or_default());
        shown.push_str(if literal(token.token) {
            "…"
        } else {
            text.get(from..to).unwrap_or_default()
        });
        end = to;
    }
    let shown: String = shown.chars().take(KEPT_OF_LONG).collect();
    format!("{shown}{CUT}")
}

pub(super) fn first_word(text: &str) -> String {
    format!("{}{CUT}", text.split_whitespace().next().unwrap_or_default())
}

/// The text without its constants; what no parser reads is cut to its first word.
pub(super) fn normalised(text: &str) -> String {
    if text.ends_with(CUT) {
        return text.to_owned();
    }
    pg_query::normalize(text).unwrap_or_else(|_| first_word(text))
}
