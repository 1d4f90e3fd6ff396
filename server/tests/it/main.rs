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
mod bench;
mod compare;
mod fixture;
mod health;
mod history;
mod kinds;
mod month;
mod odd_input;
mod places;
mod readback;
mod recovery;
mod rest;
mod rows;
mod sampling;
mod sizes;
mod story;
mod structure;
mod tpch;
mod workload;
