//! `TCP_NODELAY` for the driver's connections.
//!
//! sqlx 0.9.0 no longer sets it (transact-rs/sqlx issue 4335; set up to 0.8, and again after 0.9.0). Two small messages in
//! a row then wait for each other: the end of a COPY is held back by Nagle's algorithm until the server's delayed
//! acknowledgement, 40 ms on Linux. The driver gives no access to its socket, so that it is found among the process's
//! own, and a second descriptor of it is used to set the option.

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::SockRef;

/// Sets it on every TCP socket of this process that lacks it. Where the system does not allow that, connections work as
/// before.
pub(super) fn set_on_sockets() {
    let Ok(process) = pidfd_open(getpid(), PidfdFlags::empty()) else { return };
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    for entry in entries.flatten() {
        let is_socket = std::fs::read_link(entry.path())
            .is_ok_and(|target| target.to_string_lossy().starts_with("socket:"));
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(number) = number.filter(|_| is_socket) else { continue };
        let Ok(duplicate) = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) else {
            continue;
        };
        let socket = SockRef::from(&duplicate);
        // Fails for sockets of other protocols, which have no such option.
        if matches!(socket.tcp_nodelay(), Ok(false)) {
            drop(socket.set_tcp_nodelay(true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_that_somebody_else_opened_get_the_option() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!stream.nodelay().unwrap());
        set_on_sockets();
        assert!(stream.nodelay().unwrap());
    }
}
