//! What the key of an object says.

use collect_core::bundle::object_key;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Where all reports are.
pub(super) const REPORTS: &str = "reports/";

/// What the key of a companion has behind that of its report.
pub(super) const COMPANION: &str = collect_core::ticket::NOTE;

/// How many characters of its id a report is quoted by.
const QUOTE: usize = 8;

/// What the key of a report says; each is a part of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report<'k> {
    pub(super) product: &'k str,
    /// The file's name.
    pub(super) name: &'k str,
    /// The random part of the name.
    pub(super) id: &'k str,
    /// When it was made.
    pub(super) at: Timestamp,
}

impl<'k> Report<'k> {
    /// Reads a key; none if it is not that of a report, in every part of it.
    pub(super) fn of(key: &'k str) -> Option<Self> {
        let name = file_name(key);
        let stem =
            name.strip_suffix(".tar.xz.age").or_else(|| name.strip_suffix(".tar.zst.age"))?;
        let mut parts = stem.rsplitn(3, '-');
        let (id, at, product) = (parts.next()?, parts.next()?, parts.next()?);
        let at = DateTime::strptime("%Y%m%dT%H%M%SZ", at).ok()?;
        let at = at.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let plain = !id.is_empty() && id.chars().all(slug) && product.chars().all(slug);
        (plain && object_key(name).as_deref() == Some(key)).then_some(Self {
            product,
            name,
            id,
            at,
        })
    }

    /// Whether a file's name is that of a report.
    pub(super) fn of_name(name: &str) -> bool {
        object_key(name).is_some_and(|key| Report::of(&key).is_some())
    }

    /// What it is quoted by.
    pub(super) fn quote(&self) -> &'k str {
        &self.id[..self.id.len().min(QUOTE)]
    }
}

/// The last part of a key.
pub(super) fn file_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// The key of the report that a companion belongs to; none if it is no companion.
pub(super) fn companion_of(key: &str) -> Option<&str> {
    key.strip_suffix(COMPANION).filter(|report| report.strip_suffix(".age").is_some())
}

/// What the keys of a day begin with, without the `/` behind it.
pub(super) fn day(product: &str, at: Timestamp) -> String {
    format!("{REPORTS}{product}/{}", at.to_zoned(TimeZone::UTC).strftime("%Y/%m/%d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "reports/komand-pro/2026/11/23/komand-pro-20261123T104205Z-k7m2p9qa4x.tar.xz.age";

    #[test]
    fn the_key_of_a_report_says_product_time_and_id() {
        let report = Report::of(KEY).unwrap();
        assert_eq!(
            (report.product, report.id, report.quote()),
            ("komand-pro", "k7m2p9qa4x", "k7m2p9qa")
        );
        assert_eq!(report.at, "2026-11-23T10:42:05Z".parse().unwrap());
        assert_eq!(report.name, "komand-pro-20261123T104205Z-k7m2p9qa4x.tar.xz.age");
        assert_eq!(day("komand-pro", report.at), "reports/komand-pro/2026/11/23");
    }

    #[test]
    fn what_only_looks_like_a_report_is_none() {
        for key in [
            "reports/komand-pro-20261123T104205Z-k7m2p9qa4x.tar.xz.age",
            "reports/other/2026/11/23/komand-pro-20261123T104205Z-k7m2p9qa4x.tar.xz.age",
            "reports/komand-pro/2026/11/22/komand-pro-20261123T104205Z-k7m2p9qa4x.tar.xz.age",
            "reports/komand-pro/2026/11/23/komand-pro-20261123T104205Z-.tar.xz.age",
            "reports/komand-pro/2026/11/23/komand-pro-20261123T994205Z-k7m2.tar.xz.age",
            "reports/komand-pro/2026/11/23/komand-pro-20261123T104205Z-k7m2.zip.age",
            "reports/é/2026/11/23/é-20261123T104205Z-k7m2.tar.xz.age",
            "reports/",
            "",
        ] {
            assert_eq!(Report::of(key), None, "{key}");
        }
    }

    #[test]
    fn a_companion_names_its_report() {
        assert_eq!(companion_of(&format!("{KEY}{COMPANION}")), Some(KEY));
        assert_eq!(companion_of(KEY), None);
        assert_eq!(companion_of("reports/x.ticket.json"), None);
    }
}
