//! What every rule's proposal has in common.

use crate::model::{
    Evidence, Fact, Proposal, Provenance, QueryHash, RecommendationType, RiskLevel, Rule,
    SERVER_WIDE, StatementEvidence, TableName,
};

/// A proposal in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub rule: Rule,
    pub kind: RecommendationType,
    /// With the rule, what makes it the same advice next time.
    pub key: String,
    pub title: String,
    pub description: String,
    /// For main, run by a person; may be several statements.
    pub sql_fix: String,
    /// The one statement that makes the change in the sandbox.
    pub patch_sql: String,
    pub tables: Vec<TableName>,
    pub facts: Vec<Fact>,
    pub statements: Vec<StatementEvidence>,
    /// 0 to 1, and why.
    pub confidence: (f64, &'static str),
    pub risk: (RiskLevel, &'static str),
    pub magnitude: f64,
    /// Why it is only handed over, where it is.
    pub by_hand: Option<&'static str>,
    /// Why no benchmark can show what it does, where the change alone does not say.
    pub not_measured: Option<&'static str>,
}

impl Draft {
    /// A draft with nothing but its rule and what it is about.
    #[must_use]
    pub fn new(rule: Rule, kind: RecommendationType, key: impl Into<String>) -> Self {
        Self {
            rule,
            kind,
            key: key.into(),
            title: String::new(),
            description: String::new(),
            sql_fix: String::new(),
            patch_sql: String::new(),
            tables: Vec::new(),
            facts: Vec::new(),
            statements: Vec::new(),
            confidence: (0.5, ""),
            risk: (RiskLevel::Low, ""),
            magnitude: 0.0,
            by_hand: None,
            not_measured: None,
        }
    }

    /// One statement, for main and the sandbox alike.
    #[must_use]
    pub fn sql(mut self, statement: impl Into<String>) -> Self {
        let statement = statement.into();
        self.sql_fix = format!("{statement};");
        self.patch_sql = format!("{statement};");
        self
    }

    /// A setting of the whole server, of which no value is text that a person wrote.
    #[must_use]
    pub fn server_setting(mut self, name: &str, value: &str) -> Self {
        self.by_hand = Some(SERVER_WIDE);
        self.sql(format!("ALTER SYSTEM SET {name} = {value}"))
    }

    /// One more fact, read from the catalogs.
    #[must_use]
    pub fn fact(mut self, label: &str, value: impl Into<String>) -> Self {
        self.facts.push(Fact {
            label: label.to_owned(),
            value: value.into(),
            provenance: Provenance::Rule,
        });
        self
    }

    /// The proposal.
    #[must_use]
    pub fn proposal(self) -> Proposal {
        let main = self.statements.first();
        Proposal {
            fingerprint: format!("{}:{}", self.rule, self.key),
            query_hash: main.map_or(QueryHash(String::new()), |main| main.query_hash.clone()),
            recommendation_type: self.kind,
            title: self.title,
            description: self.description,
            sql_fix: self.sql_fix,
            original_sql: main.map(|main| main.sql.clone()).unwrap_or_default(),
            patch_sql: self.patch_sql,
            execution_plan_json: None,
            estimated_improvement_percent: None,
            confidence_score: self.confidence.0,
            risk_level: self.risk.0,
            tables: self.tables,
            evidence: Evidence {
                statements: self.statements,
                rule: Some(self.rule),
                facts: self.facts,
                by_hand: self.by_hand.map(str::to_owned),
                not_measured: self.not_measured.map(str::to_owned),
                share_percent: None,
                at_least: false,
                ..Evidence::without_figures(
                    "arithmetic on the catalogs and counters of main",
                    self.confidence.1,
                    self.risk.1,
                )
            },
            magnitude: self.magnitude,
        }
    }
}
