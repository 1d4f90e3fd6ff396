//! Other systems than Linux give no second descriptor of a socket of the process: connections stay as the driver makes
//! them.

/// Does nothing.
pub(super) const fn set_on_sockets() {}
