//! The page's status, in the browser: there is none.

/// The server has answered already.
pub(crate) fn page_not_found() {}
