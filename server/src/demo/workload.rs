//! What the shop's application runs: some twenty statements with values from a fixed seed.

use sqlx::postgres::PgConnection;

use crate::postgres::PgFailure;
use crate::postgres::query;

/// A parameter's value.
enum Value {
    Number(i64),
    Text(String),
}

/// One statement, how often it runs, and its values.
struct Traffic {
    sql: &'static str,
    times: u32,
    values: fn(&mut fastrand::Rng) -> Vec<Value>,
}

fn customer(rng: &mut fastrand::Rng) -> Value {
    Value::Number(rng.i64(1..=50_000))
}

fn day(rng: &mut fastrand::Rng) -> Value {
    Value::Text(format!("2025-{:02}-{:02}", rng.u32(1..=9), rng.u32(1..=28)))
}

const TRAFFIC: &[Traffic] = &[
    Traffic {
        sql: "SELECT id, product_id, quantity, price FROM order_items WHERE order_id = $1",
        times: 60,
        values: |rng| vec![Value::Number(rng.i64(1..=250_000))],
    },
    Traffic {
        sql: "SELECT id, total, created_at FROM orders WHERE customer_id = $1 AND created_at >= $2::text::timestamptz ORDER BY created_at DESC LIMIT $3",
        times: 80,
        values: |rng| vec![customer(rng), day(rng), Value::Number(20)],
    },
    Traffic {
        sql: "SELECT id, customer_id, total FROM orders WHERE status = 'pending' ORDER BY created_at LIMIT 50",
        times: 200,
        values: |_| vec![],
    },
    Traffic {
        sql: "SELECT o.id, o.total, sum(i.amount) FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.customer_id = $1 GROUP BY o.id, o.total",
        times: 15,
        values: |rng| vec![customer(rng)],
    },
    Traffic {
        sql: "SELECT p.name, count(*) AS sold FROM order_items i JOIN products p ON p.id = i.product_id WHERE p.category = $1 GROUP BY p.name ORDER BY sold DESC LIMIT 10",
        times: 4,
        values: |rng| vec![Value::Text(format!("Category {}", rng.u32(0..40)))],
    },
    Traffic {
        sql: "SELECT count(*) FROM events WHERE payload @> $1::text::jsonb",
        times: 12,
        values: |rng| vec![Value::Text(format!("{{\"campaign\": \"c{}\"}}", rng.u32(0..300)))],
    },
    Traffic {
        sql: "SELECT id, body FROM reviews WHERE body ILIKE $1 LIMIT 20",
        times: 30,
        values: |rng| vec![Value::Text(format!("%{:04x}%", rng.u32(0..0xffff)))],
    },
    Traffic {
        sql: "SELECT count(*) FROM customers WHERE city = $1 AND postal_code = $2",
        times: 30,
        values: |rng| {
            let place = rng.u32(0..200);
            vec![Value::Text(format!("City {place}")), Value::Text((10_000 + place).to_string())]
        },
    },
    Traffic {
        sql: "SELECT id, name FROM customers WHERE email = $1",
        times: 200,
        values: |rng| vec![Value::Text(format!("customer{}@example.com", rng.u32(1..=50_000)))],
    },
    Traffic {
        sql: "SELECT id, name, price FROM products WHERE id = $1",
        times: 300,
        values: |rng| vec![Value::Number(rng.i64(1..=5000))],
    },
    Traffic {
        sql: "SELECT id, name FROM products WHERE category = $1 ORDER BY price LIMIT 20",
        times: 60,
        values: |rng| vec![Value::Text(format!("Category {}", rng.u32(0..40)))],
    },
    Traffic {
        sql: "SELECT order_id, product_id, price FROM order_items ORDER BY price DESC, quantity DESC OFFSET 990000",
        times: 2,
        values: |_| vec![],
    },
    Traffic {
        sql: "SELECT count(*) FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE created_at > $1::text::timestamptz)",
        times: 4,
        values: |rng| vec![day(rng)],
    },
    Traffic {
        sql: "SELECT id, name FROM customers WHERE email = $1 OR phone = $2",
        times: 20,
        values: |rng| {
            let number = rng.u32(1..=50_000);
            vec![
                Value::Text(format!("customer{number}@example.com")),
                Value::Text(format!("+49 30 {}", 1_000_000 + number)),
            ]
        },
    },
    Traffic {
        sql: "SELECT id, total FROM orders ORDER BY created_at, id LIMIT $1 OFFSET $2",
        times: 6,
        values: |rng| vec![Value::Number(20), Value::Number(rng.i64(100_000..200_000))],
    },
    Traffic {
        sql: "SELECT date_trunc('day', created_at) AS day, sum(total) FROM orders WHERE created_at >= $1::text::timestamptz AND created_at < $1::text::timestamptz + interval '7 days' GROUP BY 1 ORDER BY 1",
        times: 30,
        values: |rng| vec![day(rng)],
    },
    Traffic {
        sql: "SELECT avg(rating), count(*) FROM reviews WHERE product_id = $1",
        times: 100,
        values: |rng| vec![Value::Number(rng.i64(1..=5000))],
    },
    Traffic {
        sql: "SELECT id, rating, body FROM reviews WHERE customer_id = $1",
        times: 40,
        values: |rng| vec![customer(rng)],
    },
    Traffic {
        sql: "SELECT * FROM sessions WHERE customer_id = $1 ORDER BY seen_at DESC LIMIT 1",
        times: 40,
        values: |rng| vec![customer(rng)],
    },
    Traffic {
        sql: "WITH recent AS (SELECT id, customer_id, total FROM orders WHERE created_at > $1::text::timestamptz) SELECT c.city, sum(r.total) FROM recent r JOIN customers c ON c.id = r.customer_id GROUP BY c.city ORDER BY 2 DESC LIMIT 5",
        times: 4,
        values: |rng| vec![day(rng)],
    },
    Traffic {
        sql: "UPDATE sessions SET seen_at = now() WHERE id = $1",
        times: 50,
        values: |rng| vec![Value::Number(rng.i64(1..=60_000))],
    },
    Traffic {
        sql: "INSERT INTO events (customer_id, payload, created_at) VALUES ($1, '{\"kind\": \"view\"}', now())",
        times: 50,
        values: |rng| vec![customer(rng)],
    },
];

/// Runs all of it, on the shop's own role.
pub(super) async fn run(connection: &mut PgConnection, seed: u64) -> Result<u32, PgFailure> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut calls = 0;
    for traffic in TRAFFIC {
        for _ in 0..traffic.times {
            let mut query = query(traffic.sql);
            for value in (traffic.values)(&mut rng) {
                query = match value {
                    Value::Number(number) => query.bind(number),
                    Value::Text(text) => query.bind(text),
                };
            }
            query.fetch_all(&mut *connection).await?;
            calls += 1;
        }
    }
    Ok(calls)
}
