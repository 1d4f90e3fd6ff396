//! Attempts to sign in: after a few that failed, an address waits ever longer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Attempts that fail without a wait.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(300);
/// Addresses that are remembered.
const MOST_ADDRESSES: usize = 10_000;

#[derive(Debug, Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<HashMap<IpAddr, Failed>>>);

#[derive(Debug, Clone, Copy)]
struct Failed {
    times: u32,
    until: Instant,
}

impl Attempts {
    /// How long the address must still wait.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = failed.get(&address)?.until;
        until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }

    /// Notes one more that failed.
    pub(super) fn failed(&self, address: IpAddr) {
        let now = Instant::now();
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= MOST_ADDRESSES {
            // Those that wait no longer are forgotten first.
            failed.retain(|_, known| known.until > now);
            if failed.len() >= MOST_ADDRESSES {
                failed.clear();
            }
        }
        let known = failed.entry(address).or_insert(Failed { times: 0, until: now });
        known.times = known.times.saturating_add(1);
        known.until = now + wait_after(known.times);
    }

    /// Forgets the address: it has signed in.
    pub(super) fn succeeded(&self, address: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&address);
    }
}

fn wait_after(times: u32) -> Duration {
    match times.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(more) => Duration::from_secs(1_u64 << more.min(10)).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_for_one_address_and_not_for_another() {
        let attempts = Attempts::default();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 1..FREE {
            attempts.failed(one);
            assert_eq!(attempts.wait(one), None);
        }
        attempts.failed(one);
        assert!(attempts.wait(one).is_some() && attempts.wait(other).is_none());
        attempts.succeeded(one);
        assert_eq!(attempts.wait(one), None);
        let waits: Vec<u64> = (5..8).map(|times| wait_after(times).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4]);
        assert_eq!(wait_after(u32::MAX), LONGEST);
    }
}
