//! The rules that advice comes from. Each is one file, and has one page of documentation.

use super::text_enum::text_enum;

text_enum! {
    /// A rule.
    pub enum Rule ("rule") {
        MissingIndex => "missing-index",
        GinIndex => "gin-index",
        ForeignKeyIndex => "foreign-key-index",
        UnusedIndex => "unused-index",
        DuplicateIndex => "duplicate-index",
        RedundantIndex => "redundant-index",
        InvalidIndex => "invalid-index",
        StaleStatistics => "stale-statistics",
        ExtendedStatistics => "extended-statistics",
        DistinctValues => "distinct-values",
        DeadRows => "dead-rows",
        AutovacuumOff => "autovacuum-off",
        Wraparound => "wraparound",
        TableBloat => "table-bloat",
        IndexBloat => "index-bloat",
        SequenceExhaustion => "sequence-exhaustion",
        SortMemory => "sort-memory",
        SharedBuffers => "shared-buffers",
        CacheSize => "cache-size",
        Durability => "durability",
        NotIn => "not-in",
        OrToUnion => "or-to-union",
        FunctionOnColumn => "function-on-column",
        ImplicitCast => "implicit-cast",
        KeysetPagination => "keyset-pagination",
        RowComparison => "row-comparison",
        ArrayElement => "array-element",
        CorrelatedSubquery => "correlated-subquery",
        UnusedDistinct => "unused-distinct",
        SelectStar => "select-star",
    }
}

impl Rule {
    /// Whether what it proposes is another statement.
    #[must_use]
    pub const fn is_of_statements(self) -> bool {
        matches!(
            self,
            Self::NotIn
                | Self::OrToUnion
                | Self::FunctionOnColumn
                | Self::ImplicitCast
                | Self::KeysetPagination
                | Self::RowComparison
                | Self::ArrayElement
                | Self::CorrelatedSubquery
                | Self::UnusedDistinct
                | Self::SelectStar
        )
    }

    /// Its name as a person reads it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::MissingIndex => "Missing index",
            Self::GinIndex => "Search index without a planned cost",
            Self::ForeignKeyIndex => "Foreign key without an index",
            Self::UnusedIndex => "Unused index",
            Self::DuplicateIndex => "Duplicate index",
            Self::RedundantIndex => "Redundant index",
            Self::InvalidIndex => "Invalid index",
            Self::StaleStatistics => "Stale statistics",
            Self::ExtendedStatistics => "Columns that depend on each other",
            Self::DistinctValues => "Distinct values underestimated",
            Self::DeadRows => "Dead rows",
            Self::AutovacuumOff => "Autovacuum switched off",
            Self::Wraparound => "Transaction ids run out",
            Self::TableBloat => "Bloated table",
            Self::IndexBloat => "Bloated index",
            Self::SequenceExhaustion => "Sequence runs out",
            Self::SortMemory => "Sorts that spill to disk",
            Self::SharedBuffers => "Small shared buffers",
            Self::CacheSize => "Cache size misjudged",
            Self::Durability => "Durability switched off",
            Self::NotIn => "NOT IN with a subquery",
            Self::OrToUnion => "OR over several columns",
            Self::FunctionOnColumn => "Function around a column",
            Self::ImplicitCast => "Cast around a column",
            Self::KeysetPagination => "Deep OFFSET",
            Self::RowComparison => "Pages that go on with OR",
            Self::ArrayElement => "Value looked for in an array",
            Self::CorrelatedSubquery => "Subquery run for every row",
            Self::UnusedDistinct => "DISTINCT that removes nothing",
            Self::SelectStar => "SELECT * against an index-only scan",
        }
    }
}
