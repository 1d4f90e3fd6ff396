//! Enums whose text exists only at the SQL and JSON edges.

use thiserror::Error;

/// A text that names no value of the enum it was read as.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{text}\" is no {what}; expected one of {expected}")]
pub struct UnknownText {
    /// What was expected, in words.
    pub what: &'static str,
    /// The text that was given.
    pub text: String,
    /// Every text that would have been accepted.
    pub expected: String,
}

/// Declares an enum with one fixed text per value, used by serde, the store and the pages alike.
macro_rules! text_enum {
    ($(#[$meta:meta])* pub enum $name:ident ($what:literal) {
        $($(#[$vmeta:meta])* $variant:ident => $text:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text of the value in JSON and in the store.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        // By hand: the derive does not see names that come out of a macro.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some(Self::ALL.iter().map(|value| value.as_str())))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::model::UnknownText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    $crate::model::UnknownText {
                        what: $what,
                        text: text.to_owned(),
                        expected: Self::ALL.iter().map(|value| value.as_str())
                            .collect::<Vec<_>>().join(", "),
                    }
                })
            }
        }
    };
}

pub(crate) use text_enum;

#[cfg(test)]
mod tests {
    use crate::model::{JobStatus, RecommendationStatus};

    #[test]
    fn every_status_is_read_back_from_its_text() {
        for status in JobStatus::ALL {
            assert_eq!(status.as_str().parse::<JobStatus>(), Ok(*status));
            let json = serde_json::to_string(status).unwrap();
            assert_eq!(json, format!("\"{status}\""));
        }
    }

    #[test]
    fn an_unknown_text_names_what_was_expected() {
        let error = "done".parse::<RecommendationStatus>().unwrap_err();
        assert!(error.to_string().contains("pending, active, applied, dismissed"), "{error}");
    }
}
