//! What this process may do beyond an ordinary user.

use super::kernel_files::value;
use collect_core::host::Host;

/// `CAP_SYS_RAWIO` of `capabilities(7)`: to speak to devices past their drivers.
pub(crate) const RAW_IO: u32 = 17;

/// Whether this process has a capability; where the kernel does not say, it is tried.
pub(crate) fn capable(host: &dyn Host, capability: u32) -> bool {
    let status = value(host, "/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    effective.is_none_or(|mask| mask & (1 << capability) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::testkit::FakeHost;

    #[test]
    fn capabilities_are_those_that_are_in_effect() {
        let status = |mask| {
            let text = format!("Name:\tx\nCapPrm:\tffffffffffffffff\nCapEff:\t{mask}\n");
            FakeHost::new().file("/proc/self/status", &text)
        };
        assert!(capable(&status("0000000000020000"), RAW_IO));
        assert!(!capable(&status("00000000fffdffff"), RAW_IO));
        assert!(capable(&FakeHost::new(), RAW_IO));
    }
}
