//! How many cores this process may really use.

/// A count of cores with the reason for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsableCores {
    /// At least 1.
    pub count: u32,
    /// What set the count: affinity, or a cgroup's quota.
    pub reason: String,
}

impl UsableCores {
    /// The smaller of what the scheduler lets this process run on and what a quota (in cores, rounded
    /// up, since a fraction of a core still runs a worker) leaves it.
    pub fn from_limits(affinity: u32, quota: Option<f64>) -> UsableCores {
        let affinity = affinity.max(1);
        match quota {
            Some(cores) if cores.ceil() < f64::from(affinity) => UsableCores {
                // A quota below `affinity`, which is a u32, fits.
                count: (cores.ceil() as u32).max(1),
                reason: format!("the cgroup's quota is {cores:.2} cores"),
            },
            _ => UsableCores {
                count: affinity,
                reason: format!("this process may run on {affinity} cores"),
            },
        }
    }

    /// The quota of a cgroup v2 `cpu.max` file, in cores; `None` = no limit.
    pub fn quota_v2(cpu_max: &str) -> Option<f64> {
        let mut words = cpu_max.split_whitespace();
        let quota: f64 = words.next()?.parse().ok()?;
        let period: f64 = words.next()?.parse().ok()?;
        (quota > 0.0 && period > 0.0).then(|| quota / period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_below_the_affinity_decides() {
        let cores = UsableCores::from_limits(8, Some(2.5));
        assert_eq!(cores.count, 3);
        assert!(cores.reason.contains("2.50"), "{}", cores.reason);
        assert_eq!(UsableCores::from_limits(8, Some(0.2)).count, 1);
        assert_eq!(UsableCores::from_limits(2, Some(16.0)).count, 2);
        assert_eq!(UsableCores::from_limits(0, None).count, 1);
    }

    #[test]
    fn cpu_max_is_read_as_the_kernel_writes_it() {
        assert_eq!(UsableCores::quota_v2("max 100000\n"), None);
        assert_eq!(UsableCores::quota_v2("150000 100000\n"), Some(1.5));
        assert_eq!(UsableCores::quota_v2("garbage"), None);
    }
}
