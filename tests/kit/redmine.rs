//! A real Redmine, as Debian packages it: on loopback, with a database of its own.

use super::{find, free_ports, output, skip, wait_for};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Where Debian puts the program.
const PROGRAM: &str = "/usr/share/redmine";
/// The database that Debian's installation has filled.
const DATABASE: &str = "/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default";

/// The API key of the account that collect uses, a reporter of the project; Redmine takes letters and
/// digits only.
pub(crate) const REPORTER_KEY: &str = "madeupreporterkey89abcdef0123456789abcde";
/// The API key of the administrator, who looks at what came.
const ADMIN_KEY: &str = "madeupadministratorkey0123456789abcdef01";
/// The project.
pub(crate) const PROJECT: &str = "shop";
/// The largest attachment, in KiB.
const LARGEST: u32 = 512;

/// A running server; stopped when dropped.
pub(crate) struct Redmine {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
    /// The number of the custom field that holds the bundle's name.
    pub(crate) field: String,
}

impl Redmine {
    /// Starts one with an empty project; says so and gives none if Redmine is not installed.
    pub(crate) fn start() -> Option<Self> {
        if !Path::new(PROGRAM).join("config.ru").exists() || find("puma").is_none() {
            let wanted = std::env::var_os("COLLECT_REDMINE").is_some();
            assert!(!wanted, "Redmine is not installed");
            skip("not installed: Redmine (`tests/run` installs it on Debian, as root)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let field = seed(folder.path());
        let mut redmine = Self { folder, port: free_ports(1)[0], server: None, field };
        redmine.resume();
        redmine.make_project();
        Some(redmine)
    }

    /// Starts it again after [`Redmine::stop`], with all that it knew.
    pub(crate) fn resume(&mut self) {
        self.server = Some(start_puma(self.folder.path(), self.port));
        wait_for("Redmine answers", Duration::from_mins(2), || {
            let ended = self.server.as_mut().unwrap().try_wait().unwrap();
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(ended.is_none(), "Redmine ended: {}", log());
            let status = self.ask("GET", "users/current.json", None).0;
            (status == 200).then_some(())
        });
    }

    /// Stops it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            _ = server.kill();
            _ = server.wait();
        }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The `[deliver.desk]` of a profile whose key stands in `redmine.key`.
    pub(crate) fn sink(&self) -> String {
        format!(
            "[deliver.desk]\nuse = \"redmine\"\nurl = \"{}\"\nproject = \"{PROJECT}\"\n\
             api-key = {{ file = \"redmine.key\" }}\nfields = {{ {} = \"{{file}}\" }}\n",
            self.url(),
            self.field
        )
    }

    /// The project's issues, the closed ones, too, with all that belongs to them.
    pub(crate) fn issues(&self) -> Vec<Value> {
        let path = format!("issues.json?project_id={PROJECT}&status_id=*&sort=id&limit=100");
        let page = |number: usize| {
            let path = format!("{path}&offset={}", number * 100);
            self.ask("GET", &path, None).1["issues"].as_array().unwrap().clone()
        };
        let listed = (0..).map(page).take_while(|page| !page.is_empty()).flatten();
        listed.map(|issue| self.issue(&issue["id"].to_string())).collect()
    }

    /// An issue with all that belongs to it.
    pub(crate) fn issue(&self, number: &str) -> Value {
        let path = format!("issues/{number}.json?include=attachments,journals");
        self.ask("GET", &path, None).1["issue"].clone()
    }

    /// The content of an attachment.
    pub(crate) fn attachment(&self, attachment: &Value) -> Vec<u8> {
        let name = attachment["filename"].as_str().unwrap();
        let url = format!("{}/attachments/download/{}/{name}", self.url(), attachment["id"]);
        let key = format!("X-Redmine-API-Key: {ADMIN_KEY}");
        output("curl", ["--silent", "--fail", "--max-time", "30", "--header", &key, &url])
    }

    /// Closes an issue, which hides it from lists that do not ask for closed ones.
    pub(crate) fn close(&self, issue: &Value) {
        let path = format!("issues/{}.json", issue["id"]);
        let statuses = self.ask("GET", "issue_statuses.json", None).1;
        let closed = statuses["issue_statuses"].as_array().unwrap().iter();
        let closed = closed.clone().find(|status| status["is_closed"] == true).unwrap();
        let change = json!({ "issue": { "status_id": closed["id"] } });
        assert_eq!(self.ask("PUT", &path, Some(&change)).0, 204);
    }

    fn make_project(&self) {
        let trackers = self.ask("GET", "trackers.json", None).1;
        let ids = |list: &Value| -> Vec<Value> {
            list.as_array().unwrap().iter().map(|one| one["id"].clone()).collect()
        };
        let project = json!({ "project": {
            "name": "Shop",
            "identifier": PROJECT,
            "is_public": false,
            "enabled_module_names": ["issue_tracking"],
            "tracker_ids": ids(&trackers["trackers"]),
            "issue_custom_field_ids": [self.field],
        }});
        let made = self.ask("POST", "projects.json", Some(&project));
        assert_eq!(made.0, 201, "{}", made.1);
        let users = self.ask("GET", "users.json?name=collect-reporter", None).1;
        let roles = self.ask("GET", "roles.json", None).1;
        // The role that Redmine's own data call so may add and edit issues.
        let all = roles["roles"].as_array().unwrap();
        let role = all.iter().find(|role| role["name"] == "Reporter").unwrap_or(&all[0]);
        let member = json!({ "membership": {
            "user_id": users["users"][0]["id"], "role_ids": [role["id"]],
        }});
        let path = format!("projects/{PROJECT}/memberships.json");
        let made = self.ask("POST", &path, Some(&member));
        assert_eq!(made.0, 201, "{}", made.1);
    }

    /// Asks as the administrator.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--max-time", "30", "--write-out", "\n%{http_code}"])
            .args(["--request", method, "--header", "Content-Type: application/json"])
            .args(["--header", &format!("X-Redmine-API-Key: {ADMIN_KEY}")])
            .arg(format!("{}/{path}", self.url()));
        if let Some(body) = body {
            curl.args(["--data-binary", &body.to_string()]);
        }
        let answer = String::from_utf8(curl.output().unwrap().stdout).unwrap();
        let (text, status) = answer.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(text).unwrap_or_default())
    }
}

impl Drop for Redmine {
    /// Attachments lie in Redmine's own folder, and go with their project.
    fn drop(&mut self) {
        if self.server.is_some() {
            self.ask("DELETE", &format!("projects/{PROJECT}.json"), None);
        }
        self.stop();
    }
}

fn start_puma(folder: &Path, port: u16) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    // Debian's own bundler: a newer one that Ruby brings does not accept Debian's libraries.
    let bundler = output("dpkg-query", ["-W", "-f=${Version}", "ruby-bundler"]);
    let bundler = String::from_utf8(bundler).unwrap();
    let bundler = bundler.split('-').next().unwrap();
    // `setpriv` stops the server with the test, even if that is itself killed. More than one thread
    // would meet in SQLite, which lets one of them fail.
    Command::new("setpriv")
        .args(["--reuid=www-data", "--regid=www-data", "--init-groups", "--pdeathsig", "KILL"])
        .args(["bundle", "exec", "puma", "-C", "-", "-e", "production", "-t", "1:1", "-b"])
        .args([&format!("tcp://127.0.0.1:{port}"), "config.ru"])
        .current_dir(PROGRAM)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("LC_ALL", "C.UTF-8")
        .env("RAILS_ENV", "production")
        .env("REDMINE_INSTANCE", "default")
        .env("BUNDLER_VERSION", bundler)
        .env("DATABASE_URL", format!("sqlite3:{}", folder.join("database").display()))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Copies the database that Debian has filled, and puts in what the REST interface cannot: itself
/// being switched on, keys, an account, a custom field. Returns the number of the field.
fn seed(folder: &Path) -> String {
    let database: PathBuf = folder.join("database");
    fs::copy(DATABASE, &database).unwrap();
    let script = folder.join("seed.py");
    fs::write(&script, SEED).unwrap();
    let arguments = [
        script.display().to_string(),
        database.display().to_string(),
        ADMIN_KEY.to_owned(),
        REPORTER_KEY.to_owned(),
        LARGEST.to_string(),
    ];
    let field = String::from_utf8(output("python3", arguments)).unwrap().trim().to_owned();
    let (folder, database) = (folder.display().to_string(), database.display().to_string());
    output("chown", ["www-data:www-data", folder.as_str(), database.as_str()]);
    field
}

const SEED: &str = r#"
import sqlite3, sys

_, database, admin_key, reporter_key, largest = sys.argv
db = sqlite3.connect(database)
now = "2026-01-01 00:00:00"

def put(table, **values):
    names, marks = ",".join(values), ",".join("?" * len(values))
    return db.execute(f"insert into {table}({names}) values({marks})", list(values.values())).lastrowid

for name, value in [("rest_api_enabled", "1"), ("attachment_max_size", largest)]:
    db.execute("delete from settings where name = ?", [name])
    put("settings", name=name, value=value, updated_on=now)
db.execute("delete from tokens where action = 'api'")
db.execute("update users set must_change_passwd = 0, language = 'en' where id = 1")
reporter = put("users", login="collect-reporter", hashed_password="", firstname="Bug", lastname="Reporter",
               admin=0, status=1, language="en", type="User", mail_notification="none",
               must_change_passwd=0, created_on=now, updated_on=now)
for user, key in [(1, admin_key), (reporter, reporter_key)]:
    put("tokens", user_id=user, action="api", value=key, created_on=now, updated_on=now)
field = put("custom_fields", type="IssueCustomField", name="Bundle of collect", field_format="string",
            regexp="", max_length=255, is_required=0, is_for_all=0, is_filter=1, position=9,
            searchable=1, default_value="", editable=1, visible=1, multiple=0,
            format_store="--- {}\n", description="")
for (tracker,) in db.execute("select id from trackers").fetchall():
    put("custom_fields_trackers", custom_field_id=field, tracker_id=tracker)
# Without it a reporter can close nothing.
db.execute("update roles set permissions = permissions || '- :edit_own_issues' || char(10) "
           "where name = 'Reporter'")
db.commit()
print(field)
"#;
