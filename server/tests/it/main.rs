//! Integration tests: the real application on port 0, a real PostgreSQL of each test's own, a temporary
//! data folder. Each test states a promise.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod advice;
mod apply;
mod attacks;
mod fixture;
mod health;
mod history;
mod month;
mod readback;
mod recovery;
mod rest;
mod sizes;
mod story;
mod tpch;
mod workload;
