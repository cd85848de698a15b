//! Times of log lines, in seconds since 1970.

/// Reads `06/Feb/2019:00:00:38 +0000`.
pub(crate) fn of_access_log(text: &[u8]) -> Option<i64> {
    let &[d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':', ref clock @ ..] = text else {
        return None;
    };
    let &[h1, h2, b':', n1, n2, b':', s1, s2, b' ', sign, z1, z2, z3, z4] = clock else {
        return None;
    };
    let month = match &[m1, m2, m3] {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (day, hour, minute, second) = (two(d1, d2)?, two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
    if !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone = two(z1, z2)? * 3600 + two(z3, z4)? * 60;
    let zone = match sign {
        b'+' => zone,
        b'-' => -zone,
        _ => return None,
    };
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone)
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March, so
/// that the day of a leap year is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_that_jiff_reads() {
        for (text, rfc) in [
            ("06/Feb/2019:00:00:38 +0000", "2019-02-06T00:00:38Z"),
            ("29/Feb/2024:23:59:59 +0000", "2024-02-29T23:59:59Z"),
            ("31/Dec/1999:23:30:00 -0130", "1999-12-31T23:30:00-01:30"),
            ("01/Mar/2100:12:00:00 +0200", "2100-03-01T12:00:00+02:00"),
            ("01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00Z"),
        ] {
            let expected = rfc.parse::<jiff::Timestamp>().unwrap().as_second();
            assert_eq!(of_access_log(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "06/Fev/2019:00:00:38 +0000", "06/Feb/2019:24:00:38 +0000", "6/Feb/2019"] {
            assert_eq!(of_access_log(text.as_bytes()), None, "{text}");
        }
    }
}
