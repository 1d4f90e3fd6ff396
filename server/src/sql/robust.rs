//! Definitions in the form that may be run again after a break, and texts that fit between the marks of other tools.
//!
//! Words are put in at their place among the tokens: the rest of a text that was approved stays to the letter.

use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableType, IndexStmt, KeywordKind, ObjectType, RangeVar, ScanToken, Token, a_const,
};

use super::SqlError;

/// A definition as it may be run again, and what a cut-off run of it leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Robust {
    pub sql: String,
    pub leaves: Leftover,
    /// The index that it makes.
    pub makes: Option<IndexForm>,
    /// Whether it is done beside those who write, so that its waits hold nobody up.
    pub concurrently: bool,
}

/// What a run that was cut off leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leftover {
    Nothing,
    /// An invalid index of that name on the table.
    Index {
        table: Relation,
        index: String,
    },
    /// Invalid indexes that `REINDEX CONCURRENTLY` made beside those of the table, or of the index.
    Rebuilt(Relation),
}

/// An index as the text that makes it says: what can be compared with the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexForm {
    pub table: Relation,
    pub index: String,
    pub method: String,
    pub unique: bool,
    pub partial: bool,
    /// Keys, then what it carries; an expression is absent.
    pub columns: Vec<Option<String>>,
    /// Whether it is valid once the statement has ended: not where it is declared on a partitioned table alone.
    pub is_whole: bool,
}

impl IndexForm {
    fn of(index: &IndexStmt) -> Option<Self> {
        let relation = index.relation.as_ref().filter(|_| !index.idxname.is_empty())?;
        let columns = index.index_params.iter().chain(&index.index_including_params);
        let column = |node: &pg_query::protobuf::Node| match &node.node {
            Some(NodeEnum::IndexElem(element)) => {
                Some(element.name.clone()).filter(|name| !name.is_empty())
            }
            _ => None,
        };
        Some(Self {
            table: relation.into(),
            index: index.idxname.clone(),
            method: index.access_method.clone(),
            unique: index.unique,
            partial: index.where_clause.is_some(),
            columns: columns.map(column).collect(),
            is_whole: relation.inh,
        })
    }
}

/// A relation as a text names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Empty where the search path decides.
    pub schema: String,
    pub name: String,
}

impl From<&RangeVar> for Relation {
    fn from(relation: &RangeVar) -> Self {
        Self { schema: relation.schemaname.clone(), name: relation.relname.clone() }
    }
}

/// The same definition with `IF [NOT] EXISTS` where PostgreSQL knows it.
///
/// A text that PostgreSQL 17's grammar does not know is returned as it is.
#[must_use]
pub fn robust(sql: &str) -> Robust {
    let plain = |concurrently| Robust {
        sql: sql.to_owned(),
        leaves: Leftover::Nothing,
        makes: None,
        concurrently,
    };
    let Some(node) = node(sql) else { return plain(false) };
    let with = |after: &[Token], words: &str| {
        with_words(sql, after, words).unwrap_or_else(|| sql.to_owned())
    };
    match node {
        NodeEnum::IndexStmt(index) => {
            let table = index.relation.as_ref().map(Relation::from);
            let leaves = table
                .filter(|_| index.concurrent && !index.idxname.is_empty())
                .map(|table| Leftover::Index { table, index: index.idxname.clone() });
            let may = !index.if_not_exists && !index.idxname.is_empty();
            Robust {
                sql: if may {
                    with(&[Token::Index, Token::Concurrently], " IF NOT EXISTS")
                } else {
                    sql.to_owned()
                },
                leaves: leaves.unwrap_or(Leftover::Nothing),
                makes: IndexForm::of(&index),
                concurrently: index.concurrent,
            }
        }
        NodeEnum::DropStmt(drop) if !drop.missing_ok => {
            let after: &[Token] = match drop.remove_type() {
                ObjectType::ObjectIndex => &[Token::Index, Token::Concurrently],
                ObjectType::ObjectStatisticExt => &[Token::Statistics],
                _ => return plain(drop.concurrent),
            };
            Robust { sql: with(after, " IF EXISTS"), ..plain(drop.concurrent) }
        }
        NodeEnum::DropStmt(drop) => plain(drop.concurrent),
        NodeEnum::CreateStatsStmt(create)
            if !create.if_not_exists && !create.defnames.is_empty() =>
        {
            Robust { sql: with(&[Token::Statistics], " IF NOT EXISTS"), ..plain(false) }
        }
        NodeEnum::CreateExtensionStmt(create) if !create.if_not_exists => {
            Robust { sql: with(&[Token::Extension], " IF NOT EXISTS"), ..plain(false) }
        }
        NodeEnum::ReindexStmt(reindex) if is_concurrent(&reindex.params) => {
            let of = reindex.relation.as_ref().map(Relation::from);
            Robust { leaves: of.map_or(Leftover::Nothing, Leftover::Rebuilt), ..plain(true) }
        }
        _ => plain(false),
    }
}

/// Whether PostgreSQL refuses it inside a transaction block, of what recommendations hold. A text that cannot be read counts as such: run by itself,
/// it does no harm.
#[must_use]
pub fn refuses_transaction(sql: &str) -> bool {
    match node(sql) {
        Some(NodeEnum::IndexStmt(index)) => index.concurrent,
        Some(NodeEnum::DropStmt(drop)) => drop.concurrent,
        Some(NodeEnum::ReindexStmt(reindex)) => {
            use pg_query::protobuf::ReindexObjectType as Kind;
            let whole =
                [Kind::ReindexObjectSchema, Kind::ReindexObjectSystem, Kind::ReindexObjectDatabase];
            is_concurrent(&reindex.params) || whole.contains(&reindex.kind())
        }
        Some(NodeEnum::VacuumStmt(vacuum)) => vacuum.is_vacuumcmd,
        Some(NodeEnum::AlterSystemStmt(_)) | None => true,
        Some(_) => false,
    }
}

/// Whether it makes an extension.
#[must_use]
pub fn creates_extension(sql: &str) -> bool {
    matches!(node(sql), Some(NodeEnum::CreateExtensionStmt(_)))
}

/// Rules of the linter squawk that a statement breaks on purpose, each with the reason.
#[must_use]
pub fn squawk_rules(sql: &str) -> Vec<(&'static str, &'static str)> {
    match node(sql) {
        Some(NodeEnum::IndexStmt(index)) if !index.concurrent => {
            let is_declared = index.relation.as_ref().is_some_and(|table| !table.inh);
            let why = if is_declared {
                "Only declared here: PostgreSQL builds no index of a partitioned table concurrently."
            } else {
                "Writes wait while it is built, within the limits above."
            };
            vec![("require-concurrent-index-creation", why)]
        }
        Some(NodeEnum::DropStmt(drop))
            if drop.remove_type() == ObjectType::ObjectIndex && !drop.concurrent =>
        {
            let why =
                "Inside a transaction it cannot be dropped concurrently: the lock is a moment's.";
            vec![("require-concurrent-index-deletion", why)]
        }
        Some(NodeEnum::AlterTableStmt(alter)) => {
            let changes_type = alter.cmds.iter().any(|command| match &command.node {
                Some(NodeEnum::AlterTableCmd(command)) => {
                    command.subtype() == AlterTableType::AtAlterColumnType
                }
                _ => false,
            });
            let why = "The table is rewritten under a lock that stops readers and writers: that is what it is for.";
            if changes_type { vec![("changing-column-type", why)] } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

/// The statement as it may run inside a transaction, if there is such a form: an index that is built or dropped while
/// writers wait. Absent for what only runs outside, `VACUUM` for one.
#[must_use]
pub fn within_transaction(sql: &str) -> Option<String> {
    if !refuses_transaction(sql) {
        return Some(sql.to_owned());
    }
    match node(sql)? {
        NodeEnum::IndexStmt(_) | NodeEnum::DropStmt(_) => {
            let at = place_of(sql, &[Token::Index, Token::Concurrently])?;
            let concurrently = &sql[at.clone()];
            concurrently
                .eq_ignore_ascii_case("concurrently")
                .then(|| format!("{}{}", sql[..at.start].trim_end(), &sql[at.end..]))
        }
        _ => None,
    }
}

/// The same statement in which no literal, name or comment holds a line break, a `--` or a `${`: no part
/// of it can be taken for the mark of a tool that reads line by line.
///
/// # Errors
/// The text cannot be scanned, or holds such a literal with Unicode escapes.
pub fn without_marks(sql: &str) -> Result<String, SqlError> {
    let mut text = String::with_capacity(sql.len());
    let mut done = 0;
    for token in &pg_query::scan(sql)?.tokens {
        let Some(Range { start, end }) = range(token) else { continue };
        let Some(raw) = sql.get(start..end).filter(|_| start >= done) else { continue };
        text.push_str(sql.get(done..start).unwrap_or_default());
        done = end;
        let other = match token.token() {
            // A comment may stand between two words: its place stays.
            Token::SqlComment | Token::CComment => Some(String::new()),
            Token::Sconst if is_marked(raw) => Some(escaped(&value(raw)?)),
            Token::Ident if raw.starts_with('"') && is_marked(raw) => Some(unicode(raw)),
            // Their escapes end with a word that follows.
            Token::Usconst | Token::Uident if is_marked(raw) => {
                return Err(SqlError::Refused(
                    "it holds a literal with line breaks in U& form".into(),
                ));
            }
            _ => None,
        };
        match other {
            // The word before may have ended where the literal began.
            Some(other) => text.extend([" ", other.as_str()]),
            None => text.push_str(raw),
        }
    }
    text.push_str(sql.get(done..).unwrap_or_default());
    Ok(text.trim_end().to_owned())
}

fn is_marked(raw: &str) -> bool {
    raw.contains(['\n', '\r']) || raw.contains("--") || raw.contains("${")
}

/// What a string literal stands for, as PostgreSQL itself reads it.
fn value(raw: &str) -> Result<String, SqlError> {
    let select = format!("SELECT {raw}");
    let constant = match node(&select) {
        Some(NodeEnum::SelectStmt(select)) => select.target_list.into_iter().next(),
        _ => None,
    };
    let value = constant.and_then(|target| match target.node {
        Some(NodeEnum::ResTarget(target)) => target.val?.node,
        _ => None,
    });
    match value {
        Some(NodeEnum::AConst(constant)) => match constant.val {
            Some(a_const::Val::Sval(text)) => Ok(text.sval),
            _ => Err(SqlError::Refused("it is no string".into())),
        },
        _ => Err(SqlError::Refused("it is no string".into())),
    }
}

/// A literal of one line: each break, and each `-` after another one, by its number.
fn escaped(value: &str) -> String {
    let mut text = String::from("E'");
    let mut last = ' ';
    for c in value.chars() {
        match c {
            '\'' => text.push_str("''"),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '-' if last == '-' => text.push_str("\\x2D"),
            '{' if last == '$' => text.push_str("\\x7B"),
            c => text.push(c),
        }
        last = c;
    }
    text + "'"
}

/// A quoted name of one line.
fn unicode(raw: &str) -> String {
    let mut text = String::from("U&\"");
    let mut last = ' ';
    // Between its quotes; a doubled quote stays one.
    for c in raw[1..raw.len() - 1].chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' | '\r' => text.push_str(&format!("\\{:04x}", u32::from(c))),
            '-' if last == '-' => text.push_str("\\002d"),
            '{' if last == '$' => text.push_str("\\007b"),
            c => text.push(c),
        }
        last = c;
    }
    text + "\""
}

fn node(sql: &str) -> Option<NodeEnum> {
    let parsed = pg_query::parse(sql, 0).ok()?.protobuf;
    let [raw] = parsed.stmts.as_slice() else { return None };
    raw.stmt.as_ref()?.node.clone()
}

fn is_concurrent(options: &[pg_query::protobuf::Node]) -> bool {
    options.iter().any(|option| match &option.node {
        Some(NodeEnum::DefElem(option)) => {
            let off = option.arg.as_ref().and_then(|arg| arg.node.as_ref()).is_some_and(is_off);
            option.defname == "concurrently" && !off
        }
        _ => false,
    })
}

fn is_off(value: &NodeEnum) -> bool {
    match value {
        NodeEnum::Integer(number) => number.ival == 0,
        NodeEnum::Boolean(value) => !value.boolval,
        NodeEnum::String(text) => ["off", "false"].contains(&text.sval.to_lowercase().as_str()),
        _ => false,
    }
}

/// The text with words put in behind the first of the tokens, and behind those of the others that follow at once.
fn with_words(sql: &str, after: &[Token], words: &str) -> Option<String> {
    let at = place_of(sql, after)?.end;
    Some(format!("{}{words}{}", &sql[..at], &sql[at..]))
}

/// Where the last of these tokens stands: the first must be there, the others may follow it.
fn place_of(sql: &str, tokens: &[Token]) -> Option<Range<usize>> {
    let scanned = pg_query::scan(sql).ok()?.tokens;
    let code = scanned
        .iter()
        .filter(|token| !matches!(token.token(), Token::SqlComment | Token::CComment));
    let (first, rest) = tokens.split_first()?;
    let mut code = code.skip_while(|token| token.token() != *first || !is_keyword(token));
    let mut place = range(code.next()?)?;
    for (token, wanted) in code.zip(rest) {
        if token.token() != *wanted {
            break;
        }
        place = range(token)?;
    }
    sql.get(place.clone()).map(|_| place)
}

fn is_keyword(token: &ScanToken) -> bool {
    token.keyword_kind() != KeywordKind::NoKeyword
}

fn range(token: &ScanToken) -> Option<Range<usize>> {
    Some(usize::try_from(token.start).ok()?..usize::try_from(token.end).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_in_and_the_rest_stays_to_the_letter() {
        for (sql, expected) in [
            (
                "CREATE  INDEX CONCURRENTLY i ON t (a)",
                "CREATE  INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
            ),
            (
                "create unique index \"index\" on t(a)",
                "create unique index IF NOT EXISTS \"index\" on t(a)",
            ),
            (
                "CREATE INDEX /* x */ i ON ONLY t (a)",
                "CREATE INDEX IF NOT EXISTS /* x */ i ON ONLY t (a)",
            ),
            ("CREATE INDEX IF NOT EXISTS i ON t (a)", "CREATE INDEX IF NOT EXISTS i ON t (a)"),
            ("CREATE INDEX ON t (a)", "CREATE INDEX ON t (a)"),
            ("DROP INDEX CONCURRENTLY s.i", "DROP INDEX CONCURRENTLY IF EXISTS s.i"),
            ("DROP INDEX i -- gone", "DROP INDEX IF EXISTS i -- gone"),
            ("DROP INDEX IF EXISTS i", "DROP INDEX IF EXISTS i"),
            ("DROP STATISTICS s", "DROP STATISTICS IF EXISTS s"),
            ("DROP VIEW v", "DROP VIEW v"),
            (
                "CREATE STATISTICS s (mcv) ON a, b FROM t",
                "CREATE STATISTICS IF NOT EXISTS s (mcv) ON a, b FROM t",
            ),
            ("CREATE EXTENSION pg_trgm", "CREATE EXTENSION IF NOT EXISTS pg_trgm"),
            ("VACUUM t", "VACUUM t"),
            ("REPACK (CONCURRENTLY) t", "REPACK (CONCURRENTLY) t"),
        ] {
            assert_eq!(robust(sql).sql, expected);
        }
    }

    #[test]
    fn what_a_cut_off_build_leaves_is_known() {
        let table = Relation { schema: "s".to_owned(), name: "a\"b".to_owned() };
        let built = robust("CREATE INDEX CONCURRENTLY i ON s.\"a\"\"b\" (a)");
        assert_eq!(built.leaves, Leftover::Index { table: table.clone(), index: "i".to_owned() });
        assert!(built.concurrently);
        let rebuilt = robust("REINDEX TABLE CONCURRENTLY s.\"a\"\"b\"");
        assert_eq!(rebuilt.leaves, Leftover::Rebuilt(table));
        for whole in
            ["CREATE INDEX i ON t (a)", "REINDEX TABLE t", "REINDEX (CONCURRENTLY off) TABLE t"]
        {
            assert_eq!(robust(whole).leaves, Leftover::Nothing, "{whole}");
        }
    }

    #[test]
    fn what_refuses_a_transaction_has_another_form_only_where_it_is_an_index() {
        for (sql, expected) in [
            (
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
                Some("CREATE INDEX IF NOT EXISTS i ON t (a)"),
            ),
            ("DROP INDEX CONCURRENTLY IF EXISTS i", Some("DROP INDEX IF EXISTS i")),
            ("ANALYZE t", Some("ANALYZE t")),
            ("VACUUM t", None),
            ("REINDEX INDEX CONCURRENTLY i", None),
            ("ALTER SYSTEM SET work_mem = '8MB'", None),
            ("REPACK (CONCURRENTLY) t", None),
        ] {
            assert_eq!(within_transaction(sql).as_deref(), expected, "{sql}");
        }
        assert!(refuses_transaction("REINDEX SCHEMA s") && !refuses_transaction("REINDEX INDEX i"));
    }

    #[test]
    fn no_line_of_a_statement_can_be_taken_for_a_mark() {
        let sql = "CREATE INDEX \"a\n-- +goose Down\" ON t (a) -- last\n WHERE b <> '\n--changeset x' AND b <> \
                   $q$--rollback\\\n''$q$ AND b <> E'\\t--\n${x}' AND \"${y}\" = 1";
        let plain = without_marks(sql).unwrap();
        assert!(!plain.contains("--") && !plain.contains("${"), "{plain}");
        let tree = |sql: &str| {
            let parsed = pg_query::parse(sql, 0).unwrap();
            pg_query::deparse(&parsed.protobuf, Default::default()).unwrap()
        };
        assert_eq!(tree(&plain), tree(sql));
        assert_eq!(without_marks("DROP INDEX i -- gone").unwrap(), "DROP INDEX i");
        // Literals that follow each other are one.
        assert_eq!(without_marks("SELECT 'a'\n'b', E'\\\\'").unwrap(), "SELECT  E'ab', E'\\\\'");
        assert_eq!(without_marks("SELECT a LIKE'--'").unwrap(), "SELECT a LIKE E'-\\x2D'");
        assert!(without_marks("SELECT U&'a\n--b'").is_err());
    }
}
