//! Access methods of indexes: those that are proposed, and any other that a database has.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Access methods that are proposed.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum IndexMethod {
    #[default]
    Btree,
    Hash,
    Gin,
    Brin,
    Gist,
    Spgist,
    Hnsw,
    Ivfflat,
    Rum,
    Bloom,
}

impl IndexMethod {
    const ALL: [Self; 10] = [
        Self::Btree,
        Self::Hash,
        Self::Gin,
        Self::Brin,
        Self::Gist,
        Self::Spgist,
        Self::Hnsw,
        Self::Ivfflat,
        Self::Rum,
        Self::Bloom,
    ];

    /// As SQL writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Btree => "btree",
            Self::Hash => "hash",
            Self::Gin => "gin",
            Self::Brin => "brin",
            Self::Gist => "gist",
            Self::Spgist => "spgist",
            Self::Hnsw => "hnsw",
            Self::Ivfflat => "ivfflat",
            Self::Rum => "rum",
            Self::Bloom => "bloom",
        }
    }

    /// The method of a name in `pg_am`, where it is one that is proposed.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether HypoPG can plan with it; the others must be built to be costed.
    #[must_use]
    pub const fn is_hypothetical(self) -> bool {
        matches!(self, Self::Btree | Self::Hash | Self::Brin)
    }

    /// Pages that one entry of BRIN stands for, where nothing else is said.
    pub const PAGES_PER_RANGE: u32 = 128;

    /// Whether it finds only most of the nearest rows.
    #[must_use]
    pub const fn is_approximate(self) -> bool {
        matches!(self, Self::Hnsw | Self::Ivfflat)
    }

    /// As people write it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Btree => "B-tree",
            Self::Hash => "hash",
            Self::Gin => "GIN",
            Self::Brin => "BRIN",
            Self::Gist => "GiST",
            Self::Spgist => "SP-GiST",
            Self::Hnsw => "HNSW",
            Self::Ivfflat => "IVFFlat",
            Self::Rum => "RUM",
            Self::Bloom => "Bloom",
        }
    }
}

/// The access method of an index that exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum AccessMethod {
    /// One that is proposed.
    Known(IndexMethod),
    /// An extension's, by its name in `pg_am`.
    Other(String),
}

impl AccessMethod {
    /// The method, where it is one that is proposed.
    #[must_use]
    pub const fn known(&self) -> Option<IndexMethod> {
        match self {
            Self::Known(method) => Some(*method),
            Self::Other(_) => None,
        }
    }

    /// The name in `pg_am`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(method) => method.as_str(),
            Self::Other(name) => name,
        }
    }
}

impl Default for AccessMethod {
    fn default() -> Self {
        Self::Known(IndexMethod::default())
    }
}

impl fmt::Display for AccessMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<String> for AccessMethod {
    fn from(name: String) -> Self {
        IndexMethod::named(&name).map_or(Self::Other(name), Self::Known)
    }
}

impl From<IndexMethod> for AccessMethod {
    fn from(method: IndexMethod) -> Self {
        Self::Known(method)
    }
}

impl From<AccessMethod> for String {
    fn from(method: AccessMethod) -> Self {
        method.to_string()
    }
}

impl PartialEq<IndexMethod> for AccessMethod {
    fn eq(&self, other: &IndexMethod) -> bool {
        self.known() == Some(*other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_read_back_from_its_name_known_or_not() {
        for name in ["btree", "hnsw", "zombodb"] {
            let json = format!("\"{name}\"");
            let method: AccessMethod = serde_json::from_str(&json).unwrap();
            assert_eq!(method.known().is_some(), name != "zombodb");
            assert_eq!(serde_json::to_string(&method).unwrap(), json);
        }
        assert_eq!(AccessMethod::from("gin".to_owned()), IndexMethod::Gin);
    }
}
