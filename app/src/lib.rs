//! OptiSchema's web app: one source, rendered on the server and hydrated in the browser.
//!
//! It knows the product only as `Arc<dyn Operations>` from context, on the server; in the browser it calls
//! the server functions. It holds no rules of its own.

// Deeply nested views are deeply nested types.
#![recursion_limit = "512"]

mod app;
mod charts;
mod components;
mod pages;
#[cfg(feature = "ssr")]
mod report;
pub mod server_fns;
mod shell;

pub use app::App;
#[cfg(feature = "ssr")]
pub use report::report_html;
pub use shell::shell;
