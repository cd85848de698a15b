//! The name of a bundle: `PRODUCT-YYYYMMDDTHHMMSSZ-ID`.

use jiff::{Timestamp, tz::TimeZone};
use std::fmt;

/// The length of the random part: 26 characters of 5 bits are 130 bits, which nobody guesses.
const ID_LENGTH: usize = 26;

/// Crockford's base 32 in lower case: no letters that are mistaken for digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The name of a bundle, and of the folder in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleName(String);

impl BundleName {
    /// A new name, whose random part nobody can guess: it is what keeps an object key secret.
    pub fn new(product: &str, at: Timestamp) -> Self {
        let id: String = rand::random::<[u8; ID_LENGTH]>()
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
            .collect();
        Self::with_id(product, at, &id)
    }

    /// A name whose random part is given.
    pub fn with_id(product: &str, at: Timestamp, id: &str) -> Self {
        let at = at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
        Self(format!("{}-{at}-{id}", slug(product)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The short id that a user quotes: the first eight characters of the random part.
    pub fn quote(&self) -> &str {
        let id = self.0.rsplit('-').next().unwrap_or_default();
        &id[..id.len().min(8)]
    }
}

impl fmt::Display for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The object key of a bundle: `reports/PRODUCT/YYYY/MM/DD/FILE`, from the bundle's file name.
///
/// `None` if the file is not named like a bundle.
pub fn object_key(file: &str) -> Option<String> {
    let stem = [".tar.xz.age", ".tar.zst.age"].iter().find_map(|end| file.strip_suffix(end))?;
    let mut parts = stem.rsplitn(3, '-');
    let (id, at, product) = (parts.next()?, parts.next()?, parts.next()?);
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let named = !id.is_empty() && id.bytes().all(lower) && slug(product) == product;
    let date = at.get(..8).filter(|_| named && is_time(at))?;
    Some(format!("reports/{product}/{}/{}/{}/{file}", &date[..4], &date[4..6], &date[6..]))
}

/// Whether this is a time as names have it: `YYYYMMDDTHHMMSSZ`.
fn is_time(text: &str) -> bool {
    text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        })
}

/// The longest product in a name: with time, id and ending it stays far below the 143 bytes that
/// the strictest common file system (eCryptfs) allows.
const SLUG_LENGTH: usize = 40;

/// A product's name in the alphabet of file names and object keys: `a` to `z`, digits and `-`; never
/// empty.
pub fn slug(product: &str) -> String {
    let mut slug = String::with_capacity(product.len());
    for char in product.chars() {
        match char.to_ascii_lowercase() {
            char @ ('a'..='z' | '0'..='9') => slug.push(char),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(SLUG_LENGTH);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "report".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_product_and_time_and_is_never_the_same_twice() {
        let at: Timestamp = "2026-11-23T10:42:05Z".parse().unwrap();
        let name = BundleName::new("Komand Pro!", at);
        assert!(name.as_str().starts_with("komand-pro-20261123T104205Z-"), "{name}");
        assert_eq!(name.quote().len(), 8);
        assert_ne!(name, BundleName::new("Komand Pro!", at));
    }

    #[test]
    fn any_product_has_a_name_that_every_file_system_takes() {
        assert_eq!(slug("  Linux Host / 2.0 "), "linux-host-2-0");
        assert_eq!(slug("製品"), "report");
        assert_eq!(slug(&"a b".repeat(40)).len(), 40);
    }

    #[test]
    fn the_object_key_is_made_from_the_name() {
        let name = "komand-pro-20261123T104205Z-k7m2.tar.xz.age";
        let key = "reports/komand-pro/2026/11/23/komand-pro-20261123T104205Z-k7m2.tar.xz.age";
        assert_eq!(object_key(name).as_deref(), Some(key));
        for other in [
            "holiday.tar.gz",
            "komand-20261123T104205Z-k7m2.tar.xz",
            "komand-20261123T104205Z-.tar.xz.age",
            "komand-20261123T104205-k7m2.tar.xz.age",
            "a/../b-20261123T104205Z-k7m2.tar.xz.age",
            "komand-20261123T104205Z-k7/../m2.tar.xz.age",
            "komand-20261123T104205Z-k7m2.tar.xz.age.tar.xz.age",
        ] {
            assert_eq!(object_key(other), None, "{other}");
        }
    }
}
