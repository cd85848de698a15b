//! Reads logs and decides.

use crate::{
    access_log::Line,
    block::{Block, Blocks},
    cloudtrail,
    event::{Event, Referer, Verb},
    finding::Finding,
    lines,
    meter::{self, Entry, Key, Meters, Subject},
    net::Net,
    rules::{On, Rules, What},
    show,
    state::State,
    token::{Kind, Tokens},
    verdict,
};
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read},
};

/// So many lines that could not be read are shown.
const EXAMPLES: usize = 5;

/// Reads logs, counts by the rules, and decides at the end.
///
/// ```
/// # use collect_guard::{Guard, Rules, State, Tokens};
/// # fn run(now: jiff::Timestamp, log: &[u8], state: State) -> std::io::Result<()> {
/// let mut guard = Guard::new(Rules::default(), Tokens::new(), state, now);
/// guard.read(log)?;
/// let verdict = guard.finish();
/// # Ok(())
/// # }
/// ```
///
/// The same lines read again, in another order, in several runs or twice, count once. What somebody
/// did before their last block ended counts no more: it is paid for.
#[derive(Debug)]
pub struct Guard {
    pub(crate) rules: Rules,
    pub(crate) tokens: Tokens,
    pub(crate) now: Timestamp,
    pub(crate) blocks: Blocks,
    pub(crate) meters: Meters,
    pub(crate) told: BTreeMap<String, i64>,
    pub(crate) tally: Tally,
    /// Who is not looked at, as [`principal`] names them.
    exempt: Vec<(String, String)>,
    bucket: Option<String>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tally {
    /// Lines and records.
    pub lines: u64,
    /// Requests that were looked at.
    pub requests: u64,
    /// Lines and records that could not be read.
    pub malformed: u64,
    /// Some of them, without what could be a secret.
    pub examples: Vec<String>,
    /// What is no request, is for another bucket, or comes from an exempt role.
    pub ignored: u64,
    /// Requests that were paid for with a block.
    pub paid: u64,
    /// Counts that had to make room for others, those farthest from an offence.
    pub evicted: u64,
}

/// What follows from the logs.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was found, by rule and subject.
    pub findings: Vec<Finding>,
    /// Whom to keep out now: all blocks in force, also of earlier runs.
    pub blocks: Vec<Block>,
    /// What the next run begins with.
    pub state: State,
    /// What was read.
    pub tally: Tally,
}

/// What one request counts for one rule: a hash by which it counts once, and how much.
struct Count {
    hash: u64,
    weight: u64,
}

impl Guard {
    /// Begins a run at the time `now`, with what an earlier one left.
    pub fn new(rules: Rules, tokens: Tokens, state: State, now: Timestamp) -> Self {
        let exempt = rules.exempt_roles.iter().filter_map(|arn| principal(arn)).collect();
        let mut guard = Self {
            blocks: Blocks::new(&state.blocks, &rules, now),
            meters: Meters::new(&rules.rules),
            rules,
            tokens,
            now,
            told: BTreeMap::new(),
            tally: Tally::default(),
            exempt,
            bucket: None,
        };
        guard.restore(state);
        guard
    }

    /// Looks at requests for this bucket only.
    #[must_use]
    pub fn only(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Reads a log: lines of an access log, or a file of CloudTrail, as it is or compressed with gzip.
    ///
    /// # Errors
    ///
    /// It cannot be read further; what was read counts.
    pub fn read(&mut self, reader: impl Read) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(8 * 1024, reader);
        if starts_with(&mut reader, |head| head.starts_with(&[0x1f, 0x8b]))? {
            let mut inner = BufReader::with_capacity(8 * 1024, MultiGzDecoder::new(reader));
            return self.read_plain(&mut inner);
        }
        self.read_plain(&mut reader)
    }

    fn read_plain(&mut self, reader: &mut impl BufRead) -> io::Result<()> {
        let is_json = |head: &[u8]| head.trim_ascii_start().starts_with(b"{");
        if starts_with(reader, is_json)? {
            return self.read_cloudtrail(reader);
        }
        lines::each(
            reader,
            |line, whole| {
                if whole { self.feed_line(line) } else { self.malformed(line) }
            },
        )
    }

    fn read_cloudtrail(&mut self, reader: impl Read) -> io::Result<()> {
        let read = cloudtrail::read(reader, |record| match record {
            Ok(event) => {
                self.tally.lines += 1;
                self.feed(&event);
            }
            Err(why) => self.malformed(why.as_bytes()),
        });
        match read {
            Ok(()) => Ok(()),
            Err(error) if error.is_io() => Err(error.into()),
            Err(error) => {
                // The text of the error may repeat what stands there.
                let place = format!("line {}, column {}", error.line(), error.column());
                self.malformed(format!("no JSON at {place}").as_bytes());
                Ok(())
            }
        }
    }

    /// Takes one line of an access log, without its line break.
    pub fn feed_line(&mut self, line: &[u8]) {
        match Line::parse(line).and_then(|line| line.event()) {
            Ok(Some(event)) => {
                self.tally.lines += 1;
                // Without an id a request is recognised by its whole line.
                self.feed(&Event { id: event.id.or(Some(line)), ..event });
            }
            Ok(None) => {
                self.tally.lines += 1;
                self.tally.ignored += 1;
            }
            Err(_) => self.malformed(line),
        }
    }

    fn malformed(&mut self, line: &[u8]) {
        self.tally.lines += 1;
        self.tally.malformed += 1;
        if self.tally.examples.len() < EXAMPLES {
            self.tally.examples.push(show::malformed(line, &self.tokens));
        }
    }

    /// Takes one request.
    pub fn feed(&mut self, event: &Event<'_>) {
        if self.is_ignored(event) {
            self.tally.ignored += 1;
            return;
        }
        self.tally.requests += 1;
        let host = Net::host(event.address);
        let network = host.network();
        if !self.blocks.is_empty() && [host, network].iter().any(|net| self.is_paid(*net, event)) {
            self.tally.paid += 1;
            return;
        }
        let token = event.agent.and_then(|agent| self.tokens.find(agent));
        let kind = token.and_then(|token| self.tokens.get(token)).map(super::token::Token::kind);
        let id = meter::hash(event.id.unwrap_or_default());
        for rule in 0..self.rules.rules.len() {
            let (what, on) = (self.rules.rules[rule].what, self.rules.rules[rule].on);
            let Some(count) = self.count(what, on, event, kind, id) else { continue };
            let (subject, address) = match (on, token) {
                (On::Address, _) => (Subject::Net(host), None),
                (On::Network, _) => (Subject::Net(network), None),
                (On::Token(_), Some(token)) => (Subject::Token(token), Some(&host)),
                (On::Token(_), None) => continue,
            };
            let window = self.meters.gauge(rule).window_of(event.time);
            self.meters.count(&Entry {
                key: Key { rule, subject, window },
                time: event.time,
                hash: count.hash,
                weight: count.weight,
                token,
                verb: event.verb.bit(),
                address,
            });
        }
    }

    fn is_paid(&self, net: Net, event: &Event<'_>) -> bool {
        self.blocks.paid(net).is_some_and(|until| event.time < until)
    }

    fn is_ignored(&self, event: &Event<'_>) -> bool {
        let other = |bucket: &String| event.bucket.is_some_and(|of| of != bucket.as_bytes());
        if self.bucket.as_ref().is_some_and(other) {
            return true;
        }
        let signer = event.signer.filter(|_| !self.exempt.is_empty());
        let signer = signer.and_then(|signer| std::str::from_utf8(signer).ok()).and_then(principal);
        signer.is_some_and(|principal| self.exempt.contains(&principal))
    }

    /// What a request counts, if anything.
    fn count(
        &self,
        what: What,
        on: On,
        event: &Event<'_>,
        kind: Option<Kind>,
        id: u64,
    ) -> Option<Count> {
        let one = Count { hash: id, weight: 1 };
        let valid = matches!(kind, Some(Kind::Upload | Kind::Desk));
        let stored = event.verb == Verb::Create && (200..300).contains(&event.status);
        // What is signed in the header comes from a role, such as the one that keeps notes beside
        // reports, and not from a product.
        let stored = stored && !event.signed_in_header;
        let counts = match what {
            What::Refused => event.status == 403,
            What::WrongToken => {
                let right =
                    matches!(event.referer, Referer::Sent(sent) if self.tokens.is_referer(sent));
                right && kind.is_none()
            }
            What::WrongReferer => {
                let wrong = match event.referer {
                    Referer::Sent(sent) => !self.tokens.is_referer(sent),
                    Referer::Absent => true,
                    Referer::Unrecorded => false,
                };
                wrong && valid && self.tokens.knows_referer()
            }
            What::MisusedToken => match kind {
                Some(Kind::Upload) => event.verb != Verb::Create,
                Some(Kind::Desk) => matches!(event.verb, Verb::Create | Verb::Other),
                _ => false,
            },
            What::Uploads => stored,
            What::Bytes => {
                let weight = event.uploaded;
                return (stored && weight > 0).then_some(Count { hash: id, weight });
            }
            What::Guessing => {
                let agent = event.agent.filter(|_| event.status == 403 && kind.is_none())?;
                return Some(Count { hash: digest(agent), weight: 1 });
            }
            What::Spread => {
                let is_of_kind = kind.is_some_and(|kind| on == On::Token(kind));
                let network = || meter::hash(&Net::host(event.address).network().bytes());
                return is_of_kind.then(|| Count { hash: network(), weight: 1 });
            }
            What::Retired => kind == Some(Kind::Retired),
        };
        counts.then_some(one)
    }

    /// Decides.
    pub fn finish(self) -> Verdict {
        verdict::of(self)
    }
}

/// Clients choose what they send, so nobody may find two texts of the same hash.
fn digest(text: &[u8]) -> u64 {
    let digest = Sha256::digest(text);
    u64::from_le_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}

/// Account and name, from the ARN of a user, of a role (whatever its path, for names of roles are
/// unique in an account), or of a session of a role.
fn principal(arn: &str) -> Option<(String, String)> {
    let mut parts = arn.splitn(6, ':').skip(4);
    let (account, resource) = (parts.next()?, parts.next()?);
    let name = match resource.split_once('/') {
        Some(("assumed-role", session)) => {
            session.split('/').next().map(|name| format!("role/{name}"))
        }
        Some(("role", path)) => path.rsplit('/').next().map(|name| format!("role/{name}")),
        _ => Some(resource.to_owned()),
    };
    name.map(|name| (account.to_owned(), name))
}

fn starts_with(reader: &mut impl BufRead, test: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
    loop {
        match reader.fill_buf() {
            Ok(head) => return Ok(test(head)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
