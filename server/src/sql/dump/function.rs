//! What a function of the script is written in, and whether it acts on more than the database.

use pg_query::protobuf::Token;

use super::super::SqlError;
use super::super::names::as_identifier;
use super::super::rewrite::{Lexeme, lexemes};
use super::words::Words;

/// The body of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// `plpgsql`, `sql`, `c`, …; absent for an aggregate.
    pub language: Option<String>,
    /// What it does outside the database: the function that it calls, or `COPY` of a server's file or program.
    pub reaches_out: Option<String>,
    /// Whether it executes a text that is no constant.
    pub is_dynamic: bool,
}

/// Functions that read or write files, connect to other servers, or act on the server's processes. An entry that ends
/// with `*` stands for all names that begin so.
const OUTSIDE: &[&str] = &[
    "dblink*",
    "http",
    "http_*",
    "lo_export",
    "lo_import",
    "pg_background_launch",
    "pg_cancel_backend",
    "pg_file_*",
    "pg_ls_*",
    "pg_promote",
    "pg_read_binary_file",
    "pg_read_file",
    "pg_reload_conf",
    "pg_rotate_logfile",
    "pg_stat_file",
    "pg_terminate_backend",
    "postgres_fdw_*",
];
/// Commands that change the server's roles or settings.
const ROLE_COMMANDS: &[&[&str]] = &[
    &["ALTER", "GROUP"],
    &["ALTER", "ROLE"],
    &["ALTER", "SYSTEM"],
    &["ALTER", "USER"],
    &["CREATE", "GROUP"],
    &["CREATE", "ROLE"],
    &["CREATE", "USER"],
    &["DROP", "ROLE"],
    &["DROP", "USER"],
    &["SET", "ROLE"],
    &["SET", "SESSION", "AUTHORIZATION"],
];
/// Schemas of extensions whose functions act outside: pg_net, pg_cron.
const OUTSIDE_SCHEMAS: &[&str] = &["net", "cron"];
/// Texts within texts that are looked into: a body, a statement that it executes, a constant of that.
const DEEPEST: u32 = 3;

/// Reads the language of a function and what its texts reach.
///
/// # Errors
/// The statement cannot be scanned.
pub fn function_body(sql: &str) -> Result<Body, SqlError> {
    let tokens = lexemes(sql)?;
    let words = Words::new(sql, &tokens);
    // A type or the function itself may have that name.
    let at = words.outside(0).filter(|at| words.has(*at, &["LANGUAGE"])).last();
    let language = at.map(|at| as_identifier(words.text(at + 1)));
    let bodies = tokens.iter().filter(|token| token.token == Token::Sconst as i32);
    let is_dynamic = bodies
        .filter_map(|token| sql.get(token.start..token.end))
        .any(|constant| executes_other_texts(content(constant)));
    Ok(Body { language, reaches_out: reached(sql, &tokens, DEEPEST), is_dynamic })
}

/// Whether a body has an EXECUTE of anything but one constant.
fn executes_other_texts(body: &str) -> bool {
    let Ok(tokens) = lexemes(body) else { return true };
    let words = Words::new(body, &tokens);
    let executes = (0..words.len()).filter(|at| words.has(*at, &["EXECUTE"]));
    let is_constant = |at: usize| {
        let next = words.upper(at + 2);
        words.is_string(at + 1) && [";", "USING", "INTO", "LOOP"].contains(&next.as_str())
    };
    executes.into_iter().any(|at| !is_constant(at))
}

fn reached(text: &str, tokens: &[Lexeme], depth: u32) -> Option<String> {
    let words = Words::new(text, tokens);
    let direct = (0..words.len()).find_map(|at| {
        let is_string = words.is_string(at);
        let name = if is_string { String::new() } else { as_identifier(words.text(at)) };
        if is_outside(&name) && words.text(at + 1) == "(" {
            return Some(name);
        }
        if OUTSIDE_SCHEMAS.contains(&name.as_str())
            && words.text(at + 1) == "."
            && words.text(at + 3) == "("
        {
            return Some(format!("{name}.{}", as_identifier(words.text(at + 2))));
        }
        if let Some(command) = ROLE_COMMANDS.iter().find(|command| words.has(at, command)) {
            return Some(command.join(" "));
        }
        (name == "copy" && copies_outside(&words, at)).then(|| "COPY".to_owned())
    });
    let within = || {
        let strings = tokens.iter().filter(|token| token.token == Token::Sconst as i32);
        strings.filter_map(|token| text.get(token.start..token.end)).find_map(|constant| {
            let inner = content(constant);
            let tokens = lexemes(inner).ok()?;
            reached(inner, &tokens, depth.checked_sub(1)?)
        })
    };
    direct.or_else(within)
}

fn is_outside(name: &str) -> bool {
    OUTSIDE.iter().any(|known| match known.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *known,
    })
}

/// Whether a COPY names a program or a file of the server before its statement ends.
fn copies_outside(words: &Words<'_>, copy: usize) -> bool {
    let end = (copy..words.len()).find(|at| words.text(*at) == ";").unwrap_or(words.len());
    (copy + 1..end).any(|at| {
        (words.has(at, &["FROM"]) || words.has(at, &["TO"]))
            && (words.has(at + 1, &["PROGRAM"]) || words.is_string(at + 1))
    })
}

/// What stands between the quotes of a constant, escapes left as they are.
fn content(constant: &str) -> &str {
    if let Some(rest) = constant.strip_prefix('$')
        && let Some((tag, _)) = rest.split_once('$')
    {
        let quote = tag.len() + 2;
        return constant.get(quote..constant.len().saturating_sub(quote)).unwrap_or_default();
    }
    let start = constant.find('\'').map_or(0, |at| at + 1);
    constant.get(start..constant.len().saturating_sub(1)).unwrap_or_default()
}
