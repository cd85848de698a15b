//! A real Request Tracker, as Debian packages it: on loopback, with a database of its own.

use super::{
    find, free_ports, output, skip,
    ticket_server::{FoundTicket, TicketServer},
    wait_for,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Where Debian puts the program.
const PROGRAM: &str = "/usr/share/request-tracker5";
/// The database that Debian's installation has filled.
const DATABASE: &str = "/var/lib/dbconfig-common/sqlite3/request-tracker5/rtdb";
/// The queue.
const QUEUE: &str = "shop";
/// The custom field that holds the bundle's name.
const FIELD: &str = "Bundle of collect";

/// A running server; stopped when dropped.
pub(crate) struct RequestTracker {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
    /// The token of the administrator, who looks at what came.
    admin: String,
    /// The token of the account that collect uses.
    pub(crate) token: String,
}

impl RequestTracker {
    /// Starts one with an empty queue; says so and gives none if it is not installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same, with lines of its configuration, such as `Set($MaxAttachmentSize, 20_000);`.
    pub(crate) fn start_with(settings: &str) -> Option<Self> {
        let there = Path::new(PROGRAM).join("libexec/rt-server").exists();
        if !there || !Path::new(DATABASE).exists() || find("setpriv").is_none() {
            let wanted = std::env::var_os("COLLECT_REQUEST_TRACKER").is_some();
            assert!(!wanted, "Request Tracker is not installed");
            skip(
                "not installed: Request Tracker (`tests/run request_tracker` installs it on \
                 Debian, as root)",
            );
            return None;
        }
        let (folder, port) = (tempfile::tempdir().unwrap(), free_ports(1)[0]);
        let mut tokens = seed(folder.path(), port, settings).into_iter();
        let (admin, token) = (tokens.next().unwrap(), tokens.next().unwrap());
        let mut tracker = Self { folder, port, server: None, admin, token };
        tracker.resume();
        Some(tracker)
    }

    /// Takes a right in the queue from the account that collect uses.
    pub(crate) fn revoke(&self, right: &str) {
        let script = "use RT::Queue; use RT::User;
            my ($right) = @ARGV;
            my $queue = RT::Queue->new(RT->SystemUser); $queue->Load('shop');
            my $user = RT::User->new(RT->SystemUser); $user->Load('collect-reporter');
            my ($done, $said) = $user->PrincipalObj->RevokeRight(Right => $right, Object => $queue);
            die $said unless $done;";
        perl(self.folder.path(), script, &[right]);
    }

    /// Asks as the administrator.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--globoff", "--max-time", "30", "--request", method])
            .args(["--write-out", "\n%{http_code}", "--header", "Content-Type: application/json"])
            .args(["--header", &format!("Authorization: token {}", self.admin)])
            .arg(format!("{}/REST/2.0/{path}", self.url()));
        if let Some(body) = body {
            curl.args(["--data-binary", &body.to_string()]);
        }
        let answer = String::from_utf8(curl.output().unwrap().stdout).unwrap();
        let (text, status) = answer.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(text).unwrap_or_default())
    }

    /// Everything that a ticket and its comments hold, the oldest first.
    fn contents(&self, number: &str) -> Vec<Value> {
        let path = format!("ticket/{number}/attachments?per_page=100");
        let listed = self.ask("GET", &path, None).1["items"].as_array().cloned().unwrap();
        let mut numbers: Vec<u32> =
            listed.iter().map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect();
        numbers.sort_unstable();
        let content = |number| self.ask("GET", &format!("attachment/{number}"), None).1;
        numbers.into_iter().map(content).collect()
    }
}

impl TicketServer for RequestTracker {
    fn name(&self) -> &'static str {
        "request-tracker"
    }

    fn options(&self) -> String {
        format!(
            "use = \"request-tracker\"\nurl = \"{}\"\nqueue = \"{QUEUE}\"\ntoken = \"{}\"\n\
             fields = {{ \"{FIELD}\" = \"{{file}}\" }}\n",
            self.url(),
            self.token
        )
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn tickets(&self) -> Vec<FoundTicket> {
        let path = "tickets?query=id%3E0&orderby=id&order=ASC&per_page=100&fields=Subject,Status";
        let listed = self.ask("GET", path, None).1["items"].as_array().cloned().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found = listed.iter().map(|item| {
            let number = text(&item["id"]);
            let contents = self.contents(&number);
            let texts = contents.iter().filter(|content| text(&content["Filename"]).is_empty());
            let texts: Vec<_> = texts.map(|content| decoded(&content["Content"])).collect();
            FoundTicket {
                title: text(&item["Subject"]),
                text: String::from_utf8(texts.join(b"\n\n".as_slice())).unwrap(),
                is_closed: item["Status"] == "resolved",
                number,
            }
        });
        found.collect()
    }

    fn attachments(&self, number: &str) -> Vec<(String, Vec<u8>)> {
        let named = self.contents(number).into_iter().filter_map(|content| {
            let name = content["Filename"].as_str().filter(|name| !name.is_empty())?.to_owned();
            Some((name, decoded(&content["Content"])))
        });
        named.collect()
    }

    fn close(&self, number: &str) {
        let path = format!("ticket/{number}");
        assert_eq!(self.ask("PUT", &path, Some(&json!({ "Status": "resolved" }))).0, 200);
    }

    /// It has processes of its own: its whole group is ended.
    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let group = format!("-{}", server.id());
            _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            _ = server.wait();
        }
    }

    fn resume(&mut self) {
        self.server = Some(serve(self.folder.path(), self.port));
        wait_for("Request Tracker answers", Duration::from_mins(2), || {
            let ended = self.server.as_mut().unwrap().try_wait().unwrap();
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(ended.is_none(), "Request Tracker ended: {}", log());
            (self.ask("GET", "queues/all", None).0 == 200).then_some(())
        });
    }
}

impl Drop for RequestTracker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn decoded(content: &Value) -> Vec<u8> {
    let letters = content.as_str().unwrap_or_default().replace('\n', "");
    STANDARD.decode(letters).unwrap()
}

/// Starts the server. `setpriv` ends it with the test, even if that is itself killed, by a signal
/// that it hands on to its own processes.
fn serve(folder: &Path, port: u16) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    as_its_user(folder, &["--pdeathsig", "TERM"])
        .arg(format!("{PROGRAM}/libexec/rt-server"))
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--server", "Starlet", "--max-workers", "2"])
        .process_group(0)
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn as_its_user(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=www-data", "--regid=www-data", "--init-groups"])
        .args(options)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("LC_ALL", "C.UTF-8")
        .env("RT_SITE_CONFIG", folder.join("config.pm"))
        .env("RT_SITE_CONFIG_DIR", folder.join("none"))
        .stdin(Stdio::null());
    command
}

/// Runs a script inside of Request Tracker and returns the lines that it writes.
fn perl(folder: &Path, script: &str, arguments: &[&str]) -> Vec<String> {
    let mut perl = as_its_user(folder, &[]);
    perl.args(["perl", &format!("-I{PROGRAM}/lib"), "-MRT=-init", "-e", script]).args(arguments);
    let output = perl.output().unwrap();
    let (said, log) = (String::from_utf8_lossy(&output.stdout), output.stderr);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&log));
    said.lines().map(str::to_owned).collect()
}

/// Copies the database that Debian has filled, and puts in a queue, an account, a custom field and
/// tokens: those of the administrator and of the account are returned.
fn seed(folder: &Path, port: u16, settings: &str) -> Vec<String> {
    fs::copy(DATABASE, folder.join("database")).unwrap();
    for name in ["mason", "session"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let config = CONFIG.replace("FOLDER", &folder.display().to_string());
    let config = config.replace("PORT", &port.to_string()).replace("SETTINGS", settings);
    fs::write(folder.join("config.pm"), config).unwrap();
    output("chown", ["-R", "www-data:www-data", &folder.display().to_string()]);
    perl(folder, SEED, &[QUEUE, FIELD])
}

/// No mail goes out, nothing is kept elsewhere, and tokens are quick to compare.
const CONFIG: &str = "
Set($rtname, 'tickets.example.com');
Set($Organization, 'example.com');
Set($CorrespondAddress, 'rt@example.com');
Set($CommentAddress, 'rt-comment@example.com');
Set($WebPath, '');
Set($WebDomain, '127.0.0.1');
Set($WebPort, PORT);
Set($WebBaseURL, 'http://127.0.0.1:PORT');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, 'FOLDER/database');
Set($Timezone, 'UTC');
Set($MailCommand, 'sendmail');
Set($SendmailPath, '/bin/true');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'error');
Set($BcryptCost, 4);
$RT::VarPath = 'FOLDER';
$RT::MasonDataDir = 'FOLDER/mason';
$RT::MasonSessionDir = 'FOLDER/session';
SETTINGS
1;
";

const SEED: &str = "
use RT::AuthToken; use RT::CurrentUser; use RT::CustomField; use RT::Queue; use RT::User;
my ($queue_name, $field_name) = @ARGV;
my $system = RT->SystemUser;
sub made { my ($id, $message) = @_; die $message unless $id; $id }
# A token names the one who made it, and has to name its owner.
sub token {
    my $owner = RT::CurrentUser->new;
    $owner->Load(shift);
    my ($number, $token) = ($owner->Id, RT::AuthToken->new($system));
    my ($id, $message, $text) = $token->Create(Owner => $number, Description => 'collect');
    die $message unless $id;
    $text =~ s/^1-\\d+-/1-$number-/r;
}
my $queue = RT::Queue->new($system);
made($queue->Create(Name => $queue_name));
my $user = RT::User->new($system);
made($user->Create(
    Name => 'collect-reporter', EmailAddress => 'reporter@example.com', Privileged => 1));
for my $right (qw(SeeQueue CreateTicket ShowTicket ModifyTicket CommentOnTicket ShowTicketComments
        SeeCustomField ModifyCustomField)) {
    made($user->PrincipalObj->GrantRight(Right => $right, Object => $queue));
}
my $field = RT::CustomField->new($system);
made($field->Create(
    Name => $field_name, Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket'));
made($field->AddToObject($queue));
print token('root'), qq(\\n), token('collect-reporter'), qq(\\n);
";
