//! What a text is called, and what is kept of plans.

use optischema::model::{CatalogTable, TableName};

use super::*;

#[test]
fn a_text_that_was_cut_off_says_so_and_keeps_its_first_word_only() {
    let (catalog, lineage) = (Catalog::default(), Lineage::default());
    let reader = Reader { catalog: &catalog, lineage: &lineage, cut_at: 64, sees_inside: false };
    let whole = "SELECT a, b, c FROM some_table WHERE name = 'a secret that is much longer'";
    let identity = reader.identify(&whole[..63], None, None);
    assert_eq!(identity.sql, "SELECT …");
    assert_eq!(identity.unreadable.unwrap().code, ReasonCode::CutOff);
    let broken = reader.identify("SELECT 'a secret", None, None);
    assert_eq!(broken.unreadable.unwrap().code, ReasonCode::NotParsed);
    assert_eq!(broken.sql, "SELECT …");
    assert!(reader.identify(whole, None, None).unreadable.is_none());
}

#[test]
fn outputs_are_dropped_from_plans_and_nothing_else() {
    let mut plan =
        serde_json::json!([{"Plan": {"Output": ["a"], "Plans": [{"Output": [1], "Filter": "x"}]}}]);
    drop_outputs(&mut plan);
    assert_eq!(plan, serde_json::json!([{"Plan": {"Plans": [{"Filter": "x"}]}}]));
}

#[test]
fn statements_on_other_tables_or_pages_are_others() {
    let catalog = Catalog { search_path: vec!["public".into()], ..Catalog::default() };
    let mut catalog = catalog;
    for (schema, name) in [("public", "orders"), ("tenant_2", "orders"), ("public", "invoice_2024")]
    {
        let name = TableName::new(schema, name);
        let table = CatalogTable { name: name.clone(), ..CatalogTable::default() };
        catalog.tables.insert(name, table);
    }
    let lineage = Lineage::default();
    let reader = Reader { catalog: &catalog, lineage: &lineage, cut_at: 1024, sees_inside: false };
    let hash = |text: &str, path: &[&str]| {
        let path: Vec<String> = path.iter().map(|schema| (*schema).to_owned()).collect();
        reader.identify(text, (!path.is_empty()).then_some(&path[..]), None).query_hash
    };
    let orders = hash("SELECT * FROM orders WHERE id = 1", &[]);
    assert_eq!(orders, hash("SELECT * FROM public.orders WHERE id = $1", &[]));
    assert_eq!(orders, hash("SELECT * FROM orders WHERE id = 1", &["public"]));
    let tenant = hash("SELECT * FROM orders WHERE id = 1", &["tenant_2", "public"]);
    assert_ne!(orders, tenant);
    assert_eq!(tenant, hash("SELECT * FROM tenant_2.orders WHERE id = 7", &[]));
    let of_year = |year: u32| hash(&format!("SELECT * FROM invoice_{year} WHERE id = 1"), &[]);
    assert_ne!(of_year(2024), of_year(2025));
    assert_eq!(of_year(2024), of_year(2024));
    // An alias hides the table from the fingerprint, and places are constants to it.
    let aliased = |table: &str| hash(&format!("SELECT * FROM {table} t WHERE t.id = 1"), &[]);
    assert_ne!(aliased("orders"), aliased("invoice"));
    assert_eq!(aliased("orders"), aliased("orders"));
    assert_ne!(
        hash("UPDATE orders o SET a = 1 WHERE o.id = 2", &[]),
        hash("UPDATE invoice o SET a = 1 WHERE o.id = 2", &[])
    );
    assert_ne!(
        hash("SELECT id, a FROM orders ORDER BY 1", &[]),
        hash("SELECT id, a FROM orders ORDER BY 2", &[])
    );
    assert_ne!(
        hash("SELECT id FROM orders WHERE id IN (1, 2)", &[]),
        hash("SELECT id FROM orders WHERE id = 1", &[])
    );
    assert_ne!(
        hash("SELECT id FROM orders WHERE id = ANY ($1)", &[]),
        hash("SELECT id FROM orders WHERE id = $1", &[])
    );
    assert_eq!(
        hash("SELECT id FROM orders WHERE id IN (1, 2)", &[]),
        hash("SELECT id FROM orders WHERE id IN ($1, $2, $3)", &[])
    );
    assert_ne!(
        hash("SELECT * FROM orders LIMIT 5", &[]),
        hash("SELECT * FROM orders LIMIT 5 OFFSET 5", &[])
    );
}
