//! A small shop for the tests of rules: statement or catalog in, advice out.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Findings, IndexUsage, Untried};
use crate::model::{
    Catalog, CatalogColumn, CatalogIndex, CatalogTable, IndexMethod, Setting, TableActivity,
    TableName, TrackedStatement,
};

pub(super) struct Shop {
    pub catalog: Catalog,
    pub statements: Vec<TrackedStatement>,
    pub usage: BTreeMap<(TableName, String), IndexUsage>,
    pub used_by_plans: BTreeSet<String>,
    pub proposed: BTreeMap<TableName, Vec<Vec<String>>>,
    pub untried: Vec<Untried>,
}

pub(super) fn name(table: &str) -> TableName {
    TableName::new("public", table)
}

pub(super) fn column(column: &str, data_type: &str) -> CatalogColumn {
    CatalogColumn {
        name: column.into(),
        data_type: data_type.into(),
        type_length: if data_type == "text" { -1 } else { 8 },
        type_align: 8,
        ordered: data_type != "jsonb",
        equal_image: true,
        n_distinct: Some(-1.0),
        average_width: Some(8),
        ..CatalogColumn::default()
    }
}

pub(super) fn index(name: &str, columns: &[&str]) -> CatalogIndex {
    CatalogIndex {
        name: name.into(),
        definition: format!("CREATE INDEX {name} ON public.t USING btree ({})", columns.join(", ")),
        method: IndexMethod::Btree.into(),
        key_columns: columns.iter().map(|column| Some((*column).to_owned())).collect(),
        key_options: vec![0; columns.len()],
        key_classes: vec!["int8_ops 0".into(); columns.len()],
        valid: true,
        bytes: 1 << 20,
        ..CatalogIndex::default()
    }
}

/// A table `t` of 100,000 rows with columns `id`, `a`, `b`, `c`, read and written a little.
pub(super) fn shop() -> Shop {
    let table = CatalogTable {
        name: name("t"),
        rows: 100_000.0,
        bytes: 8_000_000,
        pages: 976.0,
        columns: ["id", "a", "b", "c"].map(|c| column(c, "bigint")).to_vec(),
        activity: Some(TableActivity {
            inserts: 1000,
            updates: 1000,
            hot_updates: 500,
            live_rows: 100_000,
            ..TableActivity::default()
        }),
        ..CatalogTable::default()
    };
    let catalog = Catalog {
        database: "shop".into(),
        search_path: vec!["public".into()],
        tables: [(name("t"), table)].into(),
        ..Catalog::default()
    };
    Shop {
        catalog,
        statements: vec![],
        usage: BTreeMap::new(),
        used_by_plans: BTreeSet::new(),
        proposed: BTreeMap::new(),
        untried: Vec::new(),
    }
}

impl Shop {
    pub fn table(&mut self) -> &mut CatalogTable {
        self.catalog.tables.get_mut(&name("t")).unwrap()
    }

    pub fn set(&mut self, setting: &str, value: &str) {
        let known = Setting { value: value.into(), unit: None, source: "default".into() };
        self.catalog.server.settings.insert(setting.into(), known);
    }

    pub fn check(&self, rule: fn(&Facts<'_>, &mut Findings)) -> Findings {
        let facts = Facts {
            catalog: &self.catalog,
            statements: &self.statements,
            usage: &self.usage,
            used_by_plans: &self.used_by_plans,
            unused_after_days: 14.0,
            proposed: &self.proposed,
            untried: &self.untried,
        };
        let mut findings = Findings::default();
        rule(&facts, &mut findings);
        findings
    }

    /// The SQL of what a rule proposes.
    pub fn sql(&self, rule: fn(&Facts<'_>, &mut Findings)) -> Vec<String> {
        self.check(rule).proposals.into_iter().map(|proposal| proposal.patch_sql).collect()
    }
}
