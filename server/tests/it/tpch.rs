//! TPC-H's tables, filled by its own generator.

use sqlx::postgres::PgConnection;

/// Tables without keys or indexes.
pub const SCHEMA: &str = include_str!("tpch/schema.sql");
/// The 22 statements, with values in place.
pub const QUERIES: &str = include_str!("tpch/queries.sql");

/// Streams generated rows into a table, as the generator writes them.
async fn load(connection: &mut PgConnection, table: &str, rows: impl Iterator<Item = String>) {
    let mut copy =
        connection.copy_in_raw(&format!("COPY {table} FROM STDIN (DELIMITER '|')")).await.unwrap();
    let mut text = String::new();
    for row in rows {
        text.push_str(row.trim_end().trim_end_matches('|'));
        text.push('\n');
        if text.len() > 1 << 20 {
            copy.send(text.as_bytes()).await.unwrap();
            text.clear();
        }
    }
    copy.send(text.as_bytes()).await.unwrap();
    copy.finish().await.unwrap();
}

/// Fills the tables; `scale` is in thousands of rows of lineitem times 6.
pub async fn fill(connection: &mut PgConnection, scale: f64) {
    use tpchgen::generators::{
        CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
        PartSuppGenerator, RegionGenerator, SupplierGenerator,
    };
    macro_rules! fill {
        ($table:literal, $generator:expr) => {
            load(connection, $table, $generator.iter().map(|row| row.to_string())).await
        };
    }
    fill!("region", RegionGenerator::default());
    fill!("nation", NationGenerator::default());
    fill!("part", PartGenerator::new(scale, 1, 1));
    fill!("supplier", SupplierGenerator::new(scale, 1, 1));
    fill!("partsupp", PartSuppGenerator::new(scale, 1, 1));
    fill!("customer", CustomerGenerator::new(scale, 1, 1));
    fill!("orders", OrderGenerator::new(scale, 1, 1));
    fill!("lineitem", LineItemGenerator::new(scale, 1, 1));
}
