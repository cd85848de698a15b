//! The profiles of products that ship, each tried on the product as Debian packages it.

use crate::kit::{Bundle, Collect, KeyPair, find, free_ports, needs, output, skip, wait_for};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A program that is stopped when this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Asked, not killed: its workers go with it.
        let id = self.0.id().to_string();
        output("kill", ["-s", "INT", id.as_str()]);
        _ = self.0.wait();
    }
}

fn started(command: &mut Command, log: &Path) -> Server {
    let log = File::create(log).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    Server(command.spawn().unwrap())
}

/// Runs a shipped profile with these parameters for a recipient of the test.
fn gathered(collect: &Collect, key: &KeyPair, name: &str, set: &[String]) -> Bundle {
    let text = format!(
        "product = \"Shop\"\nextends = [\"{name}\"]\n[encrypt]\nrecipients = [\"{}\"]\n",
        key.recipient
    );
    let mut arguments = collect.gathering(&collect.write("shop.toml", text));
    for set in set {
        arguments.extend(["--set".into(), set.into()]);
    }
    let ended = collect.run(arguments);
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.printed());
    Bundle::open(&collect.bundle(), &key.file())
}

/// What a server answers to one request over HTTP.
fn ask(port: u16, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "{request}\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn the_profile_nginx_takes_its_configuration_and_logs_without_keys_and_visitors() {
    needs!("age", "age-keygen", "tar", "xz", "nginx", "openssl");
    let (collect, key) = (Collect::new(), KeyPair::new());
    let port = free_ports(1)[0];
    let folder = collect.path("nginx");
    let shown = folder.display();
    fs::create_dir_all(folder.join("tmp")).unwrap();
    let secret = "made-up-5d41402abc4b2a76";
    let configuration = format!(
        "daemon off; pid {shown}/pid; error_log {shown}/error.log info; events {{}}\n\
         http {{ access_log {shown}/access.log; client_body_temp_path {shown}/tmp;\n\
         proxy_temp_path {shown}/tmp; fastcgi_temp_path {shown}/tmp; uwsgi_temp_path {shown}/tmp;\n\
         scgi_temp_path {shown}/tmp; proxy_set_header Authorization \"Bearer {secret}\";\n\
         server {{ listen 127.0.0.1:{port}; root {shown}/html; server_name shop.example.com;\n\
         location /status {{ stub_status; }} }} }}\n"
    );
    let written = collect.write("nginx/conf/nginx.conf", configuration);
    let (key_file, certificate) =
        (format!("{shown}/conf/site.key"), format!("{shown}/conf/site.pem"));
    let mut made = vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"];
    made.extend(["-subj", "/CN=shop.example.com", "-keyout", &key_file, "-out", &certificate]);
    output("openssl", made);
    collect.write("nginx/html/index.html", "hello\n");
    // Its workers give up root's rights.
    for path in [collect.path(""), folder.clone(), folder.join("html")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(find("nginx").unwrap());
    command.args(["-p", folder.to_str().unwrap(), "-c", written.to_str().unwrap()]);
    let server = started(&mut command, &folder.join("said"));
    let answer = wait_for("nginx answers", Duration::from_secs(20), || ask(port, "GET / HTTP/1.1"));
    assert!(answer.contains("hello"), "{answer}");
    let missing = ask(port, &format!("GET /missing?token={secret} HTTP/1.1")).unwrap();
    assert!(missing.contains("404"), "{missing}");

    let set = [
        format!("config={shown}/conf"),
        format!("logs={shown}/*.log"),
        "unit=nginx-of-a-test.service".to_owned(),
        format!("status=http://127.0.0.1:{port}/status"),
    ];
    let bundle = gathered(&collect, &key, "nginx", &set);
    drop(server);
    let bodies = bundle.entries().into_iter().filter(|entry| entry.starts_with("status/bodies/"));
    let bodies: String = bodies.map(|entry| bundle.text(&entry)).collect();
    assert!(bodies.contains("Active connections:"), "{bodies}");
    let certificates = bundle.text("certificates/certificates.json");
    assert!(certificates.contains("site.pem"), "{certificates}");
    let entry = |step: &str, name: &str| bundle.text(&format!("{step}{shown}/{name}"));
    let access = entry("service-logs", "access.log");
    assert!(access.contains("GET /missing") && access.contains(" 404 "), "{access}");
    assert!(!access.contains(secret), "{access}");
    assert!(entry("service-logs", "error.log").contains("No such file"));
    let configuration = entry("config", "conf/nginx.conf");
    assert!(configuration.contains("server_name") && !configuration.contains(secret));
    let manifest = bundle.manifest.to_string();
    assert!(!manifest.contains("site.key"), "no keys, not even their names");
    for step in ["config", "service-logs", "status", "certificates", "version", "os", "network"] {
        let status = bundle.status(step);
        assert!(["complete", "partial"].contains(&status), "{step}: {status}");
    }
}

/// A command as the account that a server of PostgreSQL runs under; it refuses root.
fn as_postgres(program: &Path, args: &[&str]) -> Command {
    let mut command = if output("id", ["-u"]).trim_ascii() == b"0" {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(args).current_dir("/");
    command
}

fn run(mut command: Command) -> String {
    let ran = command.stdin(Stdio::null()).output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn the_profile_postgresql_takes_configuration_and_errors_without_what_rows_hold() {
    needs!("age", "age-keygen", "tar", "xz", "pg_lsclusters", "setpriv", "psql");
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let programs = installed.map(|version| version.path().join("bin"));
    let Some(programs) = programs.filter(|bin| bin.join("initdb").exists()).max() else {
        return skip("PostgreSQL has no programs in /usr/lib/postgresql");
    };
    let (collect, key) = (Collect::new(), KeyPair::new());
    // The account of the server has to reach it, through every folder above.
    let folder = tempfile::Builder::new().prefix("collect-test-pg-").tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    if output("id", ["-u"]).trim_ascii() == b"0" {
        output("chown", ["postgres", path]);
    }
    let data = format!("{path}/data");
    let port = free_ports(1)[0].to_string();
    let made = run(as_postgres(&programs.join("initdb"), &["--auth=trust", "-U", "shop", &data]));
    assert!(Path::new(&data).join("PG_VERSION").exists(), "{made}");
    let options = [
        "-D",
        &data,
        "-p",
        &port,
        "-k",
        path,
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "logging_collector=on",
        "-c",
        "log_filename=shop.log",
        "-c",
        "log_connections=on",
    ];
    let server =
        started(&mut as_postgres(&programs.join("postgres"), &options), &collect.path("said"));
    let ask = |sql: &str| {
        let url = format!("postgresql://shop@127.0.0.1:{port}/postgres");
        run(as_postgres(&find("psql").unwrap(), &["-X", "-c", sql, &url]))
    };
    wait_for("PostgreSQL answers", Duration::from_mins(1), || {
        ask("select 40 + 2").contains("42").then_some(())
    });
    ask("create table customers (name text primary key, age int check (age > 0))");
    ask("insert into customers values ('Madeup Mallory', 7)");
    let twice = ask("insert into customers values ('Madeup Mallory', 7)");
    assert!(twice.contains("already exists"), "{twice}");
    ask("insert into customers values ('Madeup Nemo', -7)");
    ask("create role till password 'made-up-5d41402abc4b2a76' nonsense");
    ask("alter system set primary_conninfo = 'host=x password=made-up-5d41402abc4b2a76'");

    // One session holds a row, and another waits for it.
    let session = |sql: &str| {
        let url = format!("postgresql://shop@127.0.0.1:{port}/postgres?application_name=till");
        let mut command = as_postgres(&find("psql").unwrap(), &["-X", "-c", sql, &url]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Server(command.spawn().unwrap())
    };
    let update = "update customers set age = 8 where name = 'Madeup Mallory'";
    let _holds = session(&format!("begin; {update}; select pg_sleep(120)"));
    let one_has = |condition: &str| {
        let sql = format!("select 'found ' || count(*) from pg_stat_activity where {condition}");
        ask(&sql).contains("found 1").then_some(())
    };
    let limit = Duration::from_secs(30);
    wait_for("a row is held", limit, || one_has("wait_event = 'PgSleep'"));
    let _waits = session(update);
    wait_for("a session waits", limit, || one_has("cardinality(pg_blocking_pids(pid)) > 0"));

    let set = [
        format!("connection=host=127.0.0.1 port={port} user=shop dbname=postgres"),
        format!("config={data}/*.conf"),
        format!("logs={data}/log/*"),
        "unit=postgresql-of-a-test.service".to_owned(),
    ];
    let bundle = gathered(&collect, &key, "postgresql", &set);
    drop(server);
    let activity = bundle.text("activity/activity.txt");
    let waits = activity.lines().find(|line| line.contains("transactionid") && line.contains('{'));
    let waits = waits.unwrap_or_else(|| panic!("nobody waits:\n{activity}"));
    assert!(waits.contains("update customers set age"), "{waits}");
    assert!(!activity.contains("Madeup"), "{activity}");
    assert!(bundle.text("settings/settings.txt").contains("log_connections"));
    assert!(bundle.text("databases/databases.txt").contains("| customers"));
    assert_eq!(bundle.status("replication"), "complete", "{:#?}", bundle.step("replication"));
    let log = bundle.text(&format!("service-logs{data}/log/shop.log"));
    for words in ["duplicate key value", "violates check constraint", "Failing row contains"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert!(!log.contains("contains (Madeup") && !log.contains("=(Madeup"), "{log}");
    assert!(!log.contains("made-up-5d41402abc4b2a76"), "{log}");
    let own = bundle.text(&format!("config{data}/postgresql.auto.conf"));
    assert!(own.contains("primary_conninfo") && !own.contains("made-up-5d41402abc4b2a76"), "{own}");
    assert!(bundle.text(&format!("config{data}/postgresql.conf")).contains("max_connections"));
    assert!(bundle.text(&format!("config{data}/pg_hba.conf")).contains("trust"));
}
