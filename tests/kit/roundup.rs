//! A real Roundup, from the Python package index: on loopback, with a tracker of its own.

use super::{
    find, free_ports, lacks, output,
    ticket_server::{FoundTicket, TicketServer},
    wait_for,
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// The account that collect uses.
const REPORTER: &str = "collect-reporter";
/// Its password.
pub(crate) const REPORTER_PASSWORD: &str = "made-up-reporter-password";
/// The account that looks at what came, with its password.
const ADMIN: (&str, &str) = ("admin", "made-up-administrator-password");
/// What a property is called that holds the bundle's name; trackers as they come have none.
const PROPERTY: &str = "bundle";

/// A running server; stopped when dropped.
pub(crate) struct Roundup {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Roundup {
    /// Starts one with an empty tracker; says so and gives none if Roundup is not installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same, with settings of its configuration, such as `("api_calls_per_interval", "4")`.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Option<Self> {
        if lacks(&["roundup-server", "roundup-admin", "setpriv", "curl"]) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut roundup = Self { folder, port: free_ports(1)[0], server: None };
        roundup.make_tracker(settings);
        roundup.resume();
        Some(roundup)
    }

    /// Takes from the account of collect what it may do with issues.
    pub(crate) fn demote_reporter(&self) {
        let path = format!("user?username={REPORTER}");
        let user = &self.ask("GET", &path, None).1["data"]["collection"][0];
        let path = format!("user/{}", user["id"].as_str().unwrap());
        let (status, said) = self.change(&path, &json!({ "roles": "Reader" }));
        assert_eq!(status, 200, "{said}");
    }

    fn tracker(&self) -> String {
        self.folder.path().join("tracker").display().to_string()
    }

    fn make_tracker(&self, settings: &[(&str, &str)]) {
        let tracker = self.tracker();
        let admin = |arguments: &[&str]| {
            output("roundup-admin", ["-i", &tracker].into_iter().chain(arguments.iter().copied()))
        };
        let address = format!(
            "tracker_web={}/,mail_domain=example.com,mail_host=127.0.0.1,admin_email=it@example.com",
            self.url()
        );
        admin(&["install", "classic", "sqlite", &address]);
        let folder = Path::new(&tracker);
        edit(&folder.join("config.ini"), |line| {
            // Mail goes into a file; of the two options of that name, its own is empty at first.
            let mail = line.trim_end() == "debug =";
            let name = line.split(" = ").next().unwrap_or_default();
            match settings.iter().find(|(setting, _)| *setting == name) {
                _ if mail => format!("debug = {}", self.folder.path().join("mail").display()),
                Some((name, value)) => format!("{name} = {value}"),
                None => line.to_owned(),
            }
        });
        edit(&folder.join("schema.py"), |line| {
            let class = "issue = IssueClass(db, \"issue\",";
            line.replace(class, &format!("{class}\n                {PROPERTY}=String(),"))
        });
        let schema = fs::read_to_string(folder.join("schema.py")).unwrap();
        let reader = "for right in 'Web Access', 'Rest Access':\n    \
                      db.security.addPermissionToRole('Reader', right)\n\
                      for name in 'issue', 'file', 'msg', 'status', 'user':\n    \
                      db.security.addPermissionToRole('Reader', 'View', name)\n";
        let role = "\ndb.security.addRole(name='Reader', description='may only look')\n";
        fs::write(folder.join("schema.py"), format!("{schema}{role}{reader}")).unwrap();
        admin(&["initialise", ADMIN.1]);
        let password = format!("password={REPORTER_PASSWORD}");
        let (name, address) = (format!("username={REPORTER}"), "address=reporter@example.com");
        admin(&["create", "user", &name, &password, address, "roles=User"]);
        output("chown", ["-R", "www-data:www-data", &self.folder.path().display().to_string()]);
    }

    /// Changes something that is there, as the administrator.
    fn change(&self, path: &str, change: &Value) -> (u16, Value) {
        let etag = self.ask("GET", path, None).1["data"]["@etag"].clone();
        let mut change = change.clone();
        change["@etag"] = etag;
        self.ask("PUT", path, Some(&change))
    }

    /// Asks below `rest/data` as the administrator, as often as the limit of requests wants it.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        wait_for("Roundup lets the administrator ask", Duration::from_mins(1), || {
            Some(self.ask_once(method, path, body)).filter(|(status, _)| *status != 429)
        })
    }

    fn ask_once(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut curl = self.curl(path);
        curl.args(["--write-out", "\n%{http_code}", "--request", method]);
        curl.args(["--header", "Content-Type: application/json"]);
        if let Some(body) = body {
            curl.args(["--data-binary", &body.to_string()]);
        }
        let answer = String::from_utf8(curl.output().unwrap().stdout).unwrap();
        let (text, status) = answer.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(text).unwrap_or_default())
    }

    fn curl(&self, path: &str) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--globoff", "--max-time", "30"])
            .args(["--user", &format!("{}:{}", ADMIN.0, ADMIN.1)])
            .args(["--header", "X-Requested-With: rest"])
            .args(["--header", &format!("Origin: http://127.0.0.1:{}", self.port)])
            .arg(format!("{}/rest/data/{path}", self.url()));
        curl
    }

    fn found(&self, number: &str) -> FoundTicket {
        let path = format!("issue/{number}?@verbose=2");
        let issue = &self.ask("GET", &path, None).1["data"]["attributes"];
        let messages = issue["messages"].as_array().into_iter().flatten();
        let content = |message: &Value| {
            let path = format!("msg/{}?@verbose=3", message["id"].as_str().unwrap());
            let message = self.ask("GET", &path, None).1;
            message["data"]["attributes"]["content"].as_str().unwrap().to_owned()
        };
        let texts: Vec<_> = messages.map(content).collect();
        FoundTicket {
            number: number.to_owned(),
            title: issue["title"].as_str().unwrap().to_owned(),
            text: texts.join("\n\n"),
            is_closed: issue["status"]["name"] == "resolved",
        }
    }
}

impl TicketServer for Roundup {
    fn name(&self) -> &'static str {
        "roundup"
    }

    fn options(&self) -> String {
        format!(
            "use = \"roundup\"\nurl = \"{}\"\nuser = \"{REPORTER}\"\n\
             password = \"{REPORTER_PASSWORD}\"\nfields = {{ {PROPERTY} = \"{{file}}\" }}\n",
            self.url()
        )
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/shop", self.port)
    }

    fn tickets(&self) -> Vec<FoundTicket> {
        let listed = self.ask("GET", "issue?@sort=id", None).1;
        let listed = listed["data"]["collection"].as_array().unwrap().iter();
        listed.map(|issue| self.found(issue["id"].as_str().unwrap())).collect()
    }

    fn attachments(&self, number: &str) -> Vec<(String, Vec<u8>)> {
        let issue = self.ask("GET", &format!("issue/{number}?@verbose=2"), None).1;
        let files = issue["data"]["attributes"]["files"].as_array().cloned().unwrap_or_default();
        let attachment = |file: &Value| {
            let mut curl =
                self.curl(&format!("file/{}/binary_content", file["id"].as_str().unwrap()));
            curl.args(["--fail", "--header", "Accept: application/octet-stream"]);
            let content = wait_for("Roundup gives a file", Duration::from_mins(1), || {
                let output = curl.output().unwrap();
                output.status.success().then_some(output.stdout)
            });
            (file["name"].as_str().unwrap().to_owned(), content)
        };
        files.iter().map(attachment).collect()
    }

    fn close(&self, number: &str) {
        let (status, said) =
            self.change(&format!("issue/{number}"), &json!({ "status": "resolved" }));
        assert_eq!(status, 200, "{said}");
    }

    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            _ = server.kill();
            _ = server.wait();
        }
    }

    fn resume(&mut self) {
        self.server = Some(serve(self.folder.path(), self.port));
        wait_for("Roundup answers", Duration::from_mins(1), || {
            let ended = self.server.as_mut().unwrap().try_wait().unwrap();
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(ended.is_none(), "Roundup ended: {}", log());
            (self.ask("GET", "issue", None).0 == 200).then_some(())
        });
    }
}

impl Drop for Roundup {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts the server, which refuses to be root. Where it is installed may be for root only, hence
/// the capability. `setpriv` stops it with the test, even if that is itself killed.
fn serve(folder: &Path, port: u16) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new("setpriv")
        .args(["--reuid=www-data", "--regid=www-data", "--init-groups", "--pdeathsig", "KILL"])
        .args(["--inh-caps=+dac_override", "--ambient-caps=+dac_override"])
        .arg(find("roundup-server").unwrap())
        .args(["-n", "127.0.0.1", "-p", &port.to_string()])
        .arg(format!("shop={}", folder.join("tracker").display()))
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Changes a file line by line.
fn edit(file: &Path, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<_> = text.lines().map(change).collect();
    fs::write(file, lines.join("\n") + "\n").unwrap();
}
