//! What a person hears of a command line that cannot be used: which argument it is, and never its value. A value may be a
//! connection URL with a password, typed into the wrong place.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The sentence, with what is allowed and how to get help.
pub(super) fn sentence(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(named(text)),
        Some(ContextValue::Strings(texts)) => {
            Some(texts.iter().map(|text| named(text)).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg);
    let of = |what: &str| match &argument {
        Some(argument) => format!("{what} {argument}"),
        None => what.to_owned(),
    };
    let what = match error.kind() {
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => of("the value cannot be used for"),
        ErrorKind::UnknownArgument => of("there is no argument"),
        ErrorKind::InvalidSubcommand => "there is no such command".to_owned(),
        ErrorKind::NoEquals => of("an equals sign is missing after"),
        ErrorKind::TooManyValues => of("there are too many values for"),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            of("there are too few values for")
        }
        ErrorKind::ArgumentConflict => of("these arguments cannot be combined:"),
        ErrorKind::MissingRequiredArgument => of("something is missing:"),
        ErrorKind::MissingSubcommand => "a command is missing".to_owned(),
        ErrorKind::InvalidUtf8 => "an argument is not in UTF-8".to_owned(),
        _ => "the command line cannot be read".to_owned(),
    };
    let reason = cause(error).map_or_else(String::new, |cause| format!(" ({cause})"));
    let allowed = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => {
            format!(" It is one of: {}.", values.join(", "))
        }
        _ => String::new(),
    };
    format!("{what}{reason}.{allowed} Run `optischema --help` for all commands and arguments.")
}

/// A sentence without URLs that name a user: one with a password may have been given for a file, on the command line or in
/// the environment. A path made of one has a single slash after its scheme, and a folder before it.
pub(super) fn without_urls(sentence: &str) -> String {
    let words = sentence.split(' ').map(|word| match (word.find(":/"), word.rfind('@')) {
        (Some(scheme), Some(host)) if scheme < host => "(a URL that is not shown)",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// An argument's name. What follows an equals sign is a value, and what is no name at all is one too.
fn named(text: &str) -> String {
    let name = text.split('=').next().unwrap_or_default();
    if name.starts_with('-') || name.starts_with('<') || name.starts_with('[') {
        name.to_owned()
    } else {
        "(a value that is not shown)".to_owned()
    }
}

/// Why a value cannot be used, as the value's own type says it: none of these sentences repeats the value.
fn cause(error: &clap::Error) -> Option<String> {
    let source = std::error::Error::source(error)?;
    let is_of_url = source.downcast_ref::<crate::postgres::InvalidDsn>().is_some();
    is_of_url.then(|| source.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{sentence, without_urls};
    use crate::cli::Cli;

    fn said(arguments: &[&str]) -> String {
        let arguments = std::iter::once("optischema").chain(arguments.iter().copied());
        sentence(&Cli::try_parse_from(arguments).unwrap_err())
    }

    #[test]
    fn a_url_that_names_a_user_is_left_out_of_a_sentence() {
        for (said, expected) in [
            (
                "the file postgres://a:canary@b/c: not found",
                "the file (a URL that is not shown) not found",
            ),
            ("data/postgres:/a:canary@b/c is no folder", "(a URL that is not shown) is no folder"),
            ("see https://www.postgresql.org/docs", "see https://www.postgresql.org/docs"),
        ] {
            assert_eq!(without_urls(said), expected);
        }
    }

    #[test]
    fn an_argument_is_named_and_its_value_is_not() {
        for (arguments, word) in [
            (&["serve", "--main-url", "mysql://a:canary@b/c"][..], "--main-url"),
            (&["serve", "--main-url=mysql://a:canary@b/c"], "postgres://role"),
            (&["serve", "--main-ulr=postgres://a:canary@b/c"], "--main-ulr"),
            (&["serve", "postgres://a:canary@b/c"], "no argument"),
            (&["postgres://a:canary@b/c"], "no such command"),
            (&["serve", "--listen", "canary"], "--listen"),
            (&["analyze", "--format", "canary"], "table, json, sql"),
            (&["benchmark", "canary"], "the value cannot be used"),
        ] {
            let said = said(arguments);
            assert!(!said.contains("canary"), "{said}");
            assert!(said.contains(word), "{said}");
        }
    }
}
