//! Logins, put together from records of wtmp: who was there from when to when; and last logins.

use super::{
    accounts::Account,
    utmp::{Kind, Record, text},
};
use collect_core::host::Host;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    io::{self, Read, Seek, SeekFrom},
};

/// How a login ended that has not.
pub(crate) const STILL_THERE: &str = "still there";

/// A record of lastlog: time, terminal and host, at the place of the account's number
/// (`lastlog(8)`).
const LAST: usize = 4 + 32 + 256;

/// A login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) record: Record,
    pub(crate) end: Option<Timestamp>,
    /// `logout`, `shutdown`, `crash`, or [`STILL_THERE`].
    pub(crate) how: &'static str,
}

/// The logins among records from the oldest to the newest; the newest come first.
pub(crate) fn logins(records: Vec<Record>) -> Vec<Login> {
    let mut ends = BTreeMap::<String, Option<Timestamp>>::new();
    let mut down: Option<(Option<Timestamp>, &'static str)> = None;
    let mut logins = Vec::new();
    for record in records.into_iter().rev() {
        match record.kind {
            Kind::RunLevel if record.user == "shutdown" => {
                down = Some((record.time, "shutdown"));
                ends.clear();
            }
            Kind::Boot => {
                // Whoever was there before did not see a shutdown, unless one comes yet.
                down = Some((record.time, "crash"));
                ends.clear();
            }
            Kind::Dead => {
                ends.insert(record.line, record.time);
            }
            Kind::User if !record.user.is_empty() => {
                // The next login on the same terminal ends the one before.
                let end = ends.insert(record.line.clone(), record.time);
                let (end, how) = match (end, down) {
                    (Some(end), _) => (end, "logout"),
                    (None, Some(down)) => down,
                    (None, None) => (None, STILL_THERE),
                };
                logins.push(Login { record, end, how });
            }
            _ => {}
        }
    }
    logins
}

/// When each of these accounts was last used. The file is as long as the largest number of an
/// account, and mostly holes, so only the places of accounts are read.
pub(crate) fn last(host: &dyn Host, path: &str, accounts: &[Account]) -> io::Result<Vec<Record>> {
    let mut file = host.open(path.as_ref())?;
    let mut at = |id: u32| -> io::Result<[u8; LAST]> {
        let mut record = [0; LAST];
        file.seek(SeekFrom::Start(u64::from(id) * LAST as u64))?;
        file.read_exact(&mut record)?;
        Ok(record)
    };
    let records = accounts.iter().filter_map(|account| {
        let record = at(account.id).ok()?;
        let (time, rest) = record.split_first_chunk()?;
        let time = u32::from_ne_bytes(*time);
        (time != 0).then(|| Record {
            kind: Kind::User,
            process: 0,
            line: text(&rest[..32]),
            user: account.name.clone(),
            host: text(&rest[32..]),
            address: None,
            time: Timestamp::from_second(time.into()).ok(),
        })
    });
    Ok(records.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: Kind, line: &str, user: &str, second: i64) -> Record {
        Record {
            kind,
            process: 1,
            line: line.to_owned(),
            user: user.to_owned(),
            host: String::new(),
            address: None,
            time: Timestamp::from_second(second).ok(),
        }
    }

    #[test]
    fn a_login_ends_with_a_logout_a_shutdown_a_crash_or_not_yet() {
        let records = vec![
            record(Kind::Boot, "~", "reboot", 1),
            record(Kind::User, "tty1", "out", 2),
            record(Kind::Dead, "tty1", "", 3),
            record(Kind::User, "tty1", "down", 4),
            record(Kind::RunLevel, "~", "shutdown", 5),
            record(Kind::Boot, "~", "reboot", 6),
            record(Kind::User, "tty1", "crash", 7),
            record(Kind::Boot, "~", "reboot", 8),
            record(Kind::User, "tty2", "again", 9),
            record(Kind::User, "tty2", "here", 10),
        ];
        let logins = logins(records);
        let told = logins.iter().map(|login| {
            let end = login.end.map(Timestamp::as_second);
            (login.record.user.as_str(), end, login.how)
        });
        let told: Vec<_> = told.collect();
        assert_eq!(
            told,
            [
                ("here", None, "still there"),
                ("again", Some(10), "logout"),
                ("crash", Some(8), "crash"),
                ("down", Some(5), "shutdown"),
                ("out", Some(3), "logout"),
            ]
        );
    }
}
