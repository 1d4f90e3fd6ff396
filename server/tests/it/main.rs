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
mod canary;
mod chaos;
mod compare;
mod connections;
mod copies;
mod corpus;
mod crash;
mod every_index;
mod every_kind;
mod fixture;
mod forms;
mod handing;
mod health;
mod history;
mod judging;
mod kinds;
mod month;
mod moving;
mod nearest;
mod odd_input;
mod own_functions;
mod partitions;
mod placebo;
mod places;
mod process;
mod proposing;
mod queue;
mod reaching;
mod readback;
mod reading;
mod reading_costs;
mod recorded_store;
mod recovery;
mod refuting;
mod rest;
mod restarts;
mod rewritten;
mod rows;
mod sampling;
mod sets;
mod shadowing;
mod sizes;
mod sorting;
mod statements_of_ours;
mod story;
mod structure;
mod telling;
mod template;
mod tpch;
mod trail;
mod under_policies;
mod watching;
mod workload;
