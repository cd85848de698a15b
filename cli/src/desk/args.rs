//! The command line of `collect-desk`, as it is written.

use crate::{args::Color, exit::EXPLAINED_TO_DESK};
use clap::{Args, Parser, Subcommand, ValueEnum};
use collect_core::units::{Length, Size, TimePoint};
use std::{num::NonZero, path::PathBuf};

const SETTINGS: &str = "\
Settings: --config FILE, else $XDG_CONFIG_HOME/collect/desk.toml, else /etc/collect/desk.toml:
    [bucket]
    bucket = \"komand-bug-reports\"
    region = \"eu-central-1\"
    referer = \"https://komand.example/report\"
    desk-token = { file = \"desk.token\" }
    [tickets]
    queue = \"https://sqs.eu-central-1.amazonaws.com/111122223333/reports\"
    dead-letter-queue = \"https://sqs.eu-central-1.amazonaws.com/111122223333/reports-dead\"";

const EXAMPLES: &str = "\
Examples:
    collect-desk reports list --product komand --since 7d
    collect-desk reports get k7m2p9qa --output reports
    collect-desk open reports/shop-20261123T104205Z-k7m2p9qa.tar.xz.age --key desk.key
    collect-desk reports prune --older-than 14d --keep-open-tickets --dry-run
    collect-desk guard --logs s3://komand-bug-reports-logs/access/
    collect-desk tickets test shop.toml
    collect-desk tickets replay
    collect-desk tokens rotate upload --tfvars tokens.auto.tfvars.json";

/// Support's side of collect: what reached the bucket, and who may get in
#[derive(Debug, Parser)]
#[command(
    name = "collect-desk",
    version,
    after_help = format!("{EXAMPLES}\n\n{SETTINGS}\n\n{EXPLAINED_TO_DESK}"),
    max_term_width = 100,
    subcommand_required = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

fn one_or_more(text: &str) -> Result<NonZero<usize>, &'static str> {
    text.parse().map_err(|_| "write a number, 1 or more")
}

/// What every command understands.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Common {
    /// The settings; if not given, `$XDG_CONFIG_HOME/collect/desk.toml`, else
    /// `/etc/collect/desk.toml`
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print one object a line as JSON, and ask nothing
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only data and errors, and ask nothing
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// What `collect-desk` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List, get and delete the reports in the bucket
    #[command(subcommand)]
    Reports(Reports),
    /// Replace the tokens that open the bucket
    #[command(subcommand, after_help = TOKENS_HELP)]
    Tokens(Tokens),
    /// Open a bundle: decrypt it, hold it to its manifest, and unpack it
    #[command(after_help = OPEN_HELP)]
    Open(Open),
    /// Try the ticket system, and put reports back that have no ticket
    #[command(subcommand)]
    Tickets(Tickets),
    /// Find abuse in the bucket's access logs, and block who does it
    #[command(after_help = GUARD_HELP)]
    Guard(Guard),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

const PATTERNS: &str = "\
A PATTERN is the name of a report, the beginning of its name, its id (the random part of the name,
or the beginning of it, four characters at least), its whole key, or any of these with `*` and `?`
in it. Without `*` and `?` it has to mean one report.";

const GET_EXAMPLES: &str = "\
Examples:
    collect-desk reports get k7m2p9qa --output reports
    collect-desk reports get 'komand-20261123*' --output reports --jobs 8";

const DELETE_EXAMPLES: &str = "\
Examples:
    collect-desk reports delete k7m2p9qa
    collect-desk reports delete 'komand-2025*' --yes";

const PRUNE_HELP: &str = "\
The age of a report is that of the date in its key or that of its arrival, whichever is younger.
Objects that are no reports are left alone. Nothing is deleted before it was said how many and how
much; without a terminal, --yes says that it is meant. Two runs at once, and a run that is ended at
any moment, delete nothing that was to be kept.

Examples:
    collect-desk reports prune --older-than 14d --keep-open-tickets --dry-run
    collect-desk reports prune --older-than 30d --product komand --yes";

/// The commands on reports.
#[derive(Debug, Subcommand)]
pub(crate) enum Reports {
    /// List reports, the newest last
    #[command(after_help = "\
The host is the pseudonym that its own pages bear under the key of pseudonyms. The columns `host`
and `ticket` cost a request for each report; leave them out where there are very many.

Examples:
    collect-desk reports list --limit 20
    collect-desk reports list --since yesterday --columns date,size,name")]
    List(List),
    /// Get reports: verified, and going on where an earlier try broke off
    #[command(after_help = format!("{PATTERNS}\n\n{GET_EXAMPLES}"))]
    Get(Get),
    /// Delete reports
    #[command(after_help = format!("{PATTERNS}\n\n{DELETE_EXAMPLES}"))]
    Delete(Delete),
    /// Delete the reports that are older than so long
    #[command(after_help = PRUNE_HELP)]
    Prune(Prune),
}

/// `reports list`
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only reports of this product
    #[arg(long, value_name = "P")]
    pub(crate) product: Option<String>,
    /// Nothing older: `24h`, `yesterday`, `2026-11-23 10:42`
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<TimePoint>,
    /// Nothing newer
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<TimePoint>,
    /// Only the newest so many
    #[arg(long, value_name = "N", value_parser = one_or_more)]
    pub(crate) limit: Option<NonZero<usize>>,
    /// What to show of each
    #[arg(
        long,
        value_name = "COLUMN,…",
        value_delimiter = ',',
        default_value = "date,product,host,size,ticket,name"
    )]
    pub(crate) columns: Vec<Column>,
}

/// What can be shown of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Column {
    /// When it was made
    Date,
    /// The product
    Product,
    /// The pseudonym of the host
    Host,
    /// Its size
    Size,
    /// Its ticket, and how that stands
    Ticket,
    /// Its name; where that is too wide, its id
    Name,
}

/// `reports get`
#[derive(Args, Debug)]
pub(crate) struct Get {
    /// Which reports
    #[arg(required = true, value_name = "PATTERN")]
    pub(crate) patterns: Vec<String>,
    /// Where to
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// How many at once
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) jobs: u8,
}

/// `reports delete`
#[derive(Args, Debug)]
pub(crate) struct Delete {
    /// Which reports
    #[arg(required = true, value_name = "PATTERN")]
    pub(crate) patterns: Vec<String>,
    /// Do not ask; also needed where a pattern means everything
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `reports prune`
#[derive(Args, Debug)]
pub(crate) struct Prune {
    /// Delete what is older than this: `14d`, `12h`
    #[arg(long, value_name = "AGE", allow_hyphen_values = true)]
    pub(crate) older_than: Length,
    /// Only reports of this product
    #[arg(long, value_name = "P")]
    pub(crate) product: Option<String>,
    /// Keep every report whose ticket is not known to be closed
    #[arg(long)]
    pub(crate) keep_open_tickets: bool,
    /// Only print what would be deleted
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

const GUARD_HELP: &str = "\
Reads lines of S3 server access logs and files of CloudTrail, also compressed with gzip. Without
--apply nothing is changed: it says who would be blocked and why. With --apply the blocks go into
the statement `DenyGuarded` of the bucket's policy, which needs AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY of a role that the policy exempts. The same logs read again count once.

What guard compares requests with stands in desk.toml:
    [guard]
    upload-tokens = [{ file = \"upload.token\" }]     # if not given, those of the policy, where
                                                    # guard asks the bucket for something anyway
    desk-tokens = [{ file = \"desk.token\" }]         # if not given, `desk-token` of [bucket]
    retired-tokens = [{ file = \"old.token\" }]       # whose use is reported
    rules = \"guard.toml\"
    allow = [\"192.0.2.0/24\"]                        # never blocked

Between two runs guard keeps its state: beside the logs in s3://BUCKET/guard/state.json; for logs in
files in --state FILE.

Examples:
    collect-desk guard --logs s3://komand-bug-reports-logs/access/
    collect-desk guard --logs /var/log/s3 --rules guard.toml --json
    collect-desk guard --default-rules > guard.toml";

/// `guard`
#[derive(Args, Debug)]
pub(crate) struct Guard {
    /// A folder, a file, `-`, or `s3://BUCKET/PREFIX`; if not given, `access/` in the `log-bucket` of
    /// desk.toml
    #[arg(long, value_name = "WHERE")]
    pub(crate) logs: Option<String>,
    /// Rules that are laid over the defaults
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Where the state is kept with logs in files; if not given, `guard/BUCKET.json` in the state
    /// folder of this user (`$XDG_STATE_HOME/collect`)
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Write the blocks into the bucket's policy
    #[arg(long)]
    pub(crate) apply: bool,
    /// Print the default rules, with comments
    #[arg(long, exclusive = true)]
    pub(crate) default_rules: bool,
}

const OPEN_HELP: &str = "\
The bundle's folder appears whole or not at all. What is damaged, missing or not in the manifest is
said, and what could be read of a damaged bundle stays in NAME.partial. Nothing in a bundle is
trusted: it can hold plain files below its own folder and nothing else.

Examples:
    collect-desk open shop-20261123T104205Z-k7m2p9qa.tar.xz.age --key desk.key
    cd $(collect-desk open bundle.age --key ~/.ssh/id_ed25519 --output reports)";

/// What is opened, and with what.
#[derive(Args, Debug)]
pub(crate) struct Open {
    /// The bundle
    pub(crate) bundle: PathBuf,
    /// A file with a private key: of age, as `age-keygen` writes it, or of SSH
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) key: Vec<PathBuf>,
    /// The folder that the bundle's folder is made in
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// How much may be unpacked: a bundle comes from anybody
    #[arg(long, value_name = "SIZE", default_value = "20GB")]
    pub(crate) max_size: Size,
}

const TRIAL_HELP: &str = "\
FILE is a profile with a ticket system below [deliver.*], or the settings of the ticket function:
[ticket] and [product.*]. One step after the other is said to be right, or what is wrong with it and
what to do. The ticket is closed at the end, whatever came between.

Examples:
    collect-desk tickets test shop.toml
    collect-desk tickets test shop.toml --sink desk --size 50MB
    collect-desk tickets test ticket.toml --product shop";

const REPLAY_HELP: &str = "\
Reports wait in a queue for the ticket function; what failed for hours waits in the dead-letter
queue until somebody has put right why. Without a PATTERN all that waits there is put back. With
one, or with --without-ticket, the queue is told of these reports as if they had just come, the
oldest first. However often that is done, and wherever it breaks off, each report gets one ticket
and none is lost.

Amazon SQS knows no tokens: this needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody with
sqs:GetQueueAttributes, sqs:ReceiveMessage and sqs:DeleteMessage on the dead-letter queue, and
sqs:SendMessage on the queue. Both queues stand in desk.toml, below [tickets].

Examples:
    collect-desk tickets replay --dry-run
    collect-desk tickets replay
    collect-desk tickets replay k7m2p9qa
    collect-desk tickets replay --without-ticket --since 7d";

/// The commands on tickets.
#[derive(Debug, Subcommand)]
pub(crate) enum Tickets {
    /// Open a ticket as a report would, attach a file, read all of it back, and close the ticket
    #[command(after_help = TRIAL_HELP)]
    Test(Trial),
    /// Put reports back into the queue of the ticket function
    #[command(after_help = format!("{REPLAY_HELP}\n\n{PATTERNS}"))]
    Replay(Replay),
}

/// `tickets replay`
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// Which reports; what waits in the dead-letter queue if none are named
    #[arg(value_name = "PATTERN", conflicts_with = "without_ticket")]
    pub(crate) patterns: Vec<String>,
    /// All reports that have no ticket, and are older than 15 minutes: younger ones may be on their
    /// way
    #[arg(long)]
    pub(crate) without_ticket: bool,
    /// Of these, nothing older: `7d`, `yesterday`, `2026-11-23 10:42`
    #[arg(long, value_name = "T", requires = "without_ticket")]
    pub(crate) since: Option<TimePoint>,
    /// Only print what would be put back
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Do not ask; also needed where a pattern means everything
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Which ticket system is tried, and how.
#[derive(Args, Debug)]
pub(crate) struct Trial {
    /// A profile, or the settings of the ticket function
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) given: crate::args::Given,
    /// The sink of the profile; all of its ticket systems if not given
    #[arg(long, value_name = "ID")]
    pub(crate) sink: Option<String>,
    /// The product whose section of the settings is meant; `[ticket]` if not given
    #[arg(long, value_name = "PRODUCT", conflicts_with = "sink")]
    pub(crate) product: Option<String>,
    /// The size of the file that is attached: whether bundles of that size are taken
    #[arg(long, value_name = "SIZE", default_value = "1kB")]
    pub(crate) size: Size,
}

const TOKENS_HELP: &str = "\
A rotation has three steps, and no client that has a valid token is refused between them:
    1. collect-desk tokens rotate upload --tfvars tokens.auto.tfvars.json; terraform apply
    2. the new token goes into the product's profile, and reaches its users
    3. collect-desk tokens retire upload --tfvars tokens.auto.tfvars.json; terraform apply";

/// The commands on tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Make a new token, which is valid beside the old ones, and print what goes into the profile
    #[command(after_help = TOKENS_HELP)]
    Rotate {
        /// Whose token
        role: Role,
        /// Terraform's variables: a file `*.tfvars.json`
        #[arg(long, value_name = "FILE")]
        tfvars: PathBuf,
        /// How many of the old tokens stay valid; all of them if not given
        #[arg(long, value_name = "N", value_parser = one_or_more)]
        keep: Option<NonZero<usize>>,
    },
    /// End the old tokens; hosts that still use one are reported by guard
    #[command(after_help = TOKENS_HELP)]
    Retire {
        /// Whose token
        role: Role,
        /// Terraform's variables: a file `*.tfvars.json`
        #[arg(long, value_name = "FILE")]
        tfvars: PathBuf,
    },
}

/// Whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// That of the product's users, who can only add reports
    Upload,
    /// That of support, who can list, get and delete them
    Desk,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_line_of_the_help_is_broken_in_an_ordinary_terminal() {
        for text in [
            EXAMPLES,
            SETTINGS,
            PATTERNS,
            PRUNE_HELP,
            GUARD_HELP,
            TOKENS_HELP,
            OPEN_HELP,
            TRIAL_HELP,
            REPLAY_HELP,
        ] {
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{line}");
            }
        }
    }

    #[test]
    fn collect_has_none_of_the_desks_commands() {
        let help = crate::args::Cli::command().render_long_help().to_string();
        for word in ["reports", "prune", "tokens", "desk", "guard"] {
            assert!(!help.contains(word), "`{word}` in {help}");
        }
    }
}
