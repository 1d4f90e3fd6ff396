//! Which rows of a table its policies leave to each role.

use serde::{Deserialize, Serialize};

/// Row security of one table, as far as it says which rows are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowSecurity {
    /// Whether it hides rows from OptiSchema's own role.
    pub is_active: bool,
    /// Roles that see every row: superusers, those with BYPASSRLS, and the owner unless it is forced on it.
    pub exempt: Vec<String>,
    pub policies: Vec<Policy>,
    /// Whether it has further policies, which are too large to be read.
    #[serde(default)]
    pub has_unread: bool,
}

/// What a statement does with the rows of a table, as policies tell it apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowAccess {
    #[default]
    Read,
    /// Locking them takes the same right.
    Update,
    Delete,
}

/// Which rows of a table a role reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReachableRows {
    All,
    /// Those under a condition, as SQL.
    Where(String),
    /// No policy permits one.
    None,
}

/// One policy's `USING`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What it is for; absent for all.
    #[serde(default)]
    pub access: Option<RowAccess>,
    /// Roles that it is for, members of groups among them; absent for all.
    pub roles: Option<Vec<String>>,
    /// It must hold beside every other one, rather than in their place.
    pub is_restrictive: bool,
    /// As SQL.
    pub condition: String,
}

impl RowSecurity {
    /// Which rows a role reaches: what it updates, deletes or locks it must be allowed to read, too.
    #[must_use]
    pub fn rows_for(&self, role: &str, access: RowAccess) -> ReachableRows {
        if self.exempt.iter().any(|exempt| exempt == role) {
            return ReachableRows::All;
        }
        let Some(read) = self.condition_for(role, RowAccess::Read) else {
            return ReachableRows::None;
        };
        if access == RowAccess::Read {
            return ReachableRows::Where(read);
        }
        match self.condition_for(role, access) {
            None => ReachableRows::None,
            Some(written) if written == read => ReachableRows::Where(read),
            Some(written) => ReachableRows::Where(format!("{read} AND {written}")),
        }
    }

    /// The condition of the policies for one access; absent where none permits it.
    fn condition_for(&self, role: &str, access: RowAccess) -> Option<String> {
        let of = |restrictive: bool| {
            let policies = self.policies.iter().filter(move |policy| {
                let is_for =
                    policy.roles.as_ref().is_none_or(|roles| roles.iter().any(|r| r == role));
                is_for
                    && policy.is_restrictive == restrictive
                    && policy.access.is_none_or(|of| of == access)
            });
            policies.map(|policy| format!("({})", policy.condition)).collect::<Vec<_>>()
        };
        let permissive = of(false);
        if permissive.is_empty() {
            return None;
        }
        let any = format!("({})", permissive.join(" OR "));
        let all: Vec<String> = std::iter::once(any).chain(of(true)).collect();
        Some(all.join(" AND "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_permit_together_and_restrict_each() {
        let policy = |roles: Option<&str>, is_restrictive, condition: &str| Policy {
            access: None,
            roles: roles.map(|role| vec![role.to_owned()]),
            is_restrictive,
            condition: condition.to_owned(),
        };
        let security = RowSecurity {
            exempt: vec!["owner".into()],
            policies: vec![
                policy(Some("web"), false, "a = 1"),
                policy(None, false, "b"),
                policy(None, true, "c"),
                policy(Some("other"), true, "d"),
            ],
            ..RowSecurity::default()
        };
        let of = |role: &str| security.rows_for(role, RowAccess::Read);
        assert_eq!(of("web"), ReachableRows::Where("((a = 1) OR (b)) AND (c)".into()));
        assert_eq!(of("other"), ReachableRows::Where("((b)) AND (c) AND (d)".into()));
        assert_eq!(of("owner"), ReachableRows::All);
        assert_eq!(RowSecurity::default().rows_for("web", RowAccess::Read), ReachableRows::None);
    }

    #[test]
    fn what_is_changed_must_be_readable_and_open_to_the_change() {
        let policy = |access, condition: &str| Policy {
            access,
            condition: condition.to_owned(),
            ..Policy::default()
        };
        let security = RowSecurity {
            policies: vec![
                policy(Some(RowAccess::Read), "seen"),
                policy(Some(RowAccess::Update), "open"),
            ],
            ..RowSecurity::default()
        };
        let of = |access| security.rows_for("web", access);
        assert_eq!(of(RowAccess::Read), ReachableRows::Where("((seen))".into()));
        assert_eq!(of(RowAccess::Update), ReachableRows::Where("((seen)) AND ((open))".into()));
        assert_eq!(of(RowAccess::Delete), ReachableRows::None);
        let of_all = RowSecurity { policies: vec![policy(None, "own")], ..RowSecurity::default() };
        let same = ReachableRows::Where("((own))".into());
        assert_eq!(of_all.rows_for("web", RowAccess::Delete), same, "once, not twice");
    }
}
