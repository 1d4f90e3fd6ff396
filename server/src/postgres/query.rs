//! The one way in which a statement reaches PostgreSQL.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Postgres, SqlSafeStr};

/// A statement of the prepared protocol, without a name: PostgreSQL forgets it with the next one.
///
/// A named one stays in the server's memory until the connection ends. sqlx 0.9 names every statement by
/// default, and closes it only when its own cache overflows; with the cache off it never does. One analysis of
/// 40,000 planner calls grew the server process by 1.8 GB that way.
pub fn query<'q>(text: impl SqlSafeStr) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(text).persistent(false)
}
