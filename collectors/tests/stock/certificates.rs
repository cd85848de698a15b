//! `certificates`, `connect` and `http`, held to `openssl`, with servers of its own on loopback.

#![expect(clippy::disallowed_methods, reason = "tests make what is looked at")]

use crate::kit::{collected, json, stock};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener},
    process::{Child, Command, Stdio},
    thread,
};
use tempfile::TempDir;

const AUTHORITY: &str = "[ca]\ndefault_ca=own\n[own]\nnew_certs_dir=.\ndatabase=index.txt\n\
    rand_serial=yes\ndefault_md=default\npolicy=any\ncopy_extensions=copy\nunique_subject=no\n\
    preserve=yes\n[any]\norganizationName=optional\ncommonName=supplied\n";

/// A folder in which certificates are made.
struct Workshop(TempDir);

impl Workshop {
    /// Nothing where there is no openssl.
    fn new() -> Option<Self> {
        stock(&["openssl", "version"])?;
        let workshop = Self(tempfile::tempdir().unwrap());
        fs::write(workshop.path("ca.cnf"), AUTHORITY).unwrap();
        fs::write(workshop.path("index.txt"), "").unwrap();
        workshop.run("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 9 -subj /CN=Authority");
        Some(workshop)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &str) {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split(' ')).current_dir(self.0.path());
        let ran = openssl.output().unwrap();
        assert!(ran.status.success(), "{arguments}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// A certificate for `name` and its key, from the authority or from itself.
    fn certificate(&self, file: &str, key: &str, name: &str, end: &str, own: bool) {
        self.run(&format!(
            "req -new -newkey {key} -nodes -keyout {file}.key -out {file}.csr -subj /O=Example/CN={name} \
             -addext subjectAltName=DNS:{name},IP:192.0.2.7,email:root@example.com"
        ));
        let by = if own {
            format!("-selfsign -keyfile {file}.key")
        } else {
            "-cert ca.pem -keyfile ca.key".into()
        };
        self.run(&format!(
            "ca -batch -notext -config ca.cnf {by} -in {file}.csr -out {file}.pem \
             -startdate 20200101000000Z -enddate {end}"
        ));
    }

    /// What `openssl x509` says of a certificate.
    fn said(&self, file: &str, what: &[&str]) -> String {
        let path = self.path(file);
        let argv = [&["openssl", "x509", "-noout", "-in", &path], what].concat();
        stock(&argv).expect("it said so before").trim().to_owned()
    }
}

const NEVER: &str = "20491231235959Z";
const LONG_AGO: &str = "20200601000000Z";
const P384: &str = "ec -pkeyopt ec_paramgen_curve:secp384r1";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// `notAfter=Dec 31 23:59:59 2049 GMT` of `-dateopt iso_8601` as RFC 3339.
fn date(said: &str) -> String {
    let (_, date) = said.split_once('=').expect("a name before it");
    date.trim().replacen(' ', "T", 1)
}

fn compare(ours: &Value, workshop: &Workshop, file: &str) {
    let one = |what: &[&str]| {
        let said = workshop.said(file, what);
        said.split_once('=').map(|(_, value)| value.to_owned()).unwrap_or(said)
    };
    assert_eq!(text(&ours["subject"]), one(&["-subject", "-nameopt", "RFC2253"]));
    assert_eq!(text(&ours["issuer"]), one(&["-issuer", "-nameopt", "RFC2253"]));
    assert_eq!(text(&ours["serial"]), one(&["-serial"]));
    assert_eq!(text(&ours["sha256"]), one(&["-fingerprint", "-sha256"]).replace(':', ""));
    let dates = workshop.said(file, &["-dates", "-dateopt", "iso_8601"]);
    let (before, after) = dates.split_once('\n').expect("two dates");
    assert_eq!(text(&ours["not-before"]), date(before));
    assert_eq!(text(&ours["not-after"]), date(after));
    let all = workshop.said(file, &["-text"]);
    let names = all.lines().skip_while(|line| !line.contains("Subject Alternative Name")).nth(1);
    let names: Vec<_> = names.into_iter().flat_map(|names| names.trim().split(", ")).collect();
    let names: Vec<_> = names.iter().map(|name| name.replace("IP Address:", "IP:")).collect();
    let ours_names: Vec<_> = ours["names"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(ours_names, names);
    let bits = all.lines().find_map(|line| line.trim().strip_prefix("Public-Key: ("));
    if let Some(bits) = bits {
        let bits: u64 = bits.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(ours["key-bits"], bits);
    }
    let signed = all.lines().find_map(|line| line.trim().strip_prefix("Signature Algorithm: "));
    let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "").replace("id", "");
    assert_eq!(plain(text(&ours["signature-algorithm"])), plain(signed.unwrap()));
    assert_eq!(ours["authority"] == true, all.contains("CA:TRUE"));
    assert_eq!(ours["self-signed"] == true, ours["subject"] == ours["issuer"]);
    // Negative where `-checkend` says that it has ended.
    let ended = Command::new("openssl")
        .args(["x509", "-noout", "-checkend", "0", "-in", &workshop.path(file)])
        .stdout(Stdio::null())
        .status();
    assert_eq!(ours["expires-in-days"].as_i64().unwrap() < 0, !ended.unwrap().success());
}

#[test]
fn certificates_are_what_openssl_says() {
    let Some(workshop) = Workshop::new() else { return };
    let kinds = [
        ("rsa", "rsa:3072", NEVER, false),
        ("p256", "ec -pkeyopt ec_paramgen_curve:prime256v1", NEVER, false),
        ("p384", P384, LONG_AGO, false),
        ("ed25519", "ed25519", NEVER, true),
    ];
    for (file, key, end, own) in kinds {
        workshop.certificate(file, key, "web.example.com", end, own);
    }
    workshop.run("x509 -in rsa.pem -outform DER -out binary.der");
    workshop.run("pkcs12 -export -in rsa.pem -inkey rsa.key -out store.p12 -passout pass:made-up");
    let keyed =
        ["p384.key", "p384.pem"].map(|file| fs::read(workshop.path(file)).unwrap()).concat();
    fs::write(workshop.path("both.pem"), keyed).unwrap();
    let found =
        collected("certificates", &format!("paths = [\"{}\"]", workshop.0.path().display()));
    let rows = json(&found, "certificates.json");
    let rows = rows.as_array().unwrap();
    // Those that the authority keeps by their numbers come beside.
    assert!(rows.len() >= kinds.len() + 3, "{rows:?}");
    for (file, of) in kinds
        .map(|(file, ..)| (format!("{file}.pem"), format!("{file}.pem")))
        .into_iter()
        .chain([("binary.der".into(), "rsa.pem".into()), ("both.pem".into(), "p384.pem".into())])
        .chain([("ca.pem".into(), "ca.pem".into())])
    {
        let path = workshop.path(&file);
        let row = rows.iter().find(|row| text(&row["path"]) == path);
        compare(row.unwrap_or_else(|| panic!("{file} is missing")), &workshop, &of);
    }
    let files = json(&found, "files.json");
    let of = |name: &str| {
        let path = workshop.path(name);
        let found = files.as_array().unwrap().iter().find(|file| text(&file["path"]) == path);
        found.unwrap_or_else(|| panic!("{name} is missing")).clone()
    };
    assert_eq!(of("both.pem")["private-key"], true);
    assert_eq!(of("rsa.pem")["private-key"], false);
    assert_eq!(of("store.p12")["format"], "PKCS#12");
    for path in found.paths() {
        let entry = found.text(path.trim_start_matches("test/"));
        assert!(!entry.contains("BEGIN"), "{path} holds more than facts");
    }
}

/// A server of openssl, ended when it is dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(workshop: &Workshop, file: &str, version: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", version])
            .args(["-cert", &format!("{file}.pem"), "-key", &format!("{file}.key")])
            .current_dir(workshop.0.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "the server ended");
            if let Some(at) = line.strip_prefix("ACCEPT ") {
                break at.trim().rsplit(':').next().unwrap().parse().unwrap();
            }
        };
        // It must be able to go on talking.
        thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("it is this test's own");
        self.child.wait().expect("it was killed");
    }
}

/// What `openssl s_client` says of a server.
fn s_client(workshop: &Workshop, port: u16, name: &str) -> String {
    let ran = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-verify_hostname", name])
        .args(["-servername", name, "-CAfile", &workshop.path("ca.pem")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

#[test]
fn handshakes_are_what_openssl_says_and_the_reason_for_doubt_is_right() {
    let Some(workshop) = Workshop::new() else { return };
    let key = "ec -pkeyopt ec_paramgen_curve:prime256v1";
    workshop.certificate("good", key, "web.example.com", NEVER, false);
    workshop.certificate("expired", key, "web.example.com", LONG_AGO, false);
    workshop.certificate("other", key, "other.example.com", NEVER, false);
    workshop.certificate("own", key, "web.example.com", NEVER, true);
    for (file, version, verified, why) in [
        ("good", "-tls1_3", true, ""),
        ("good", "-tls1_2", true, ""),
        ("expired", "-tls1_3", false, "has expired"),
        ("other", "-tls1_3", false, "another name"),
        ("own", "-tls1_3", false, "no authority that the host trusts"),
    ] {
        let server = Server::start(&workshop, file, version);
        let options = format!(
            "tls = [\"127.0.0.1:{}\"], server-name = \"web.example.com\", roots = [\"{}\"]",
            server.port,
            workshop.path("ca.pem")
        );
        let rows = json(&collected("connect", &options), "connections.json");
        let row = &rows[0];
        assert_eq!(row["reached"], true);
        let tls = &row["tls"];
        assert_eq!(tls["verified"], verified, "{file}: {row}");
        assert!(text(&tls["why-not"]).contains(why), "{file}: {}", tls["why-not"]);
        assert!(tls["milliseconds"].as_f64().unwrap() > 0.0);
        compare(&tls["chain"][0], &workshop, &format!("{file}.pem"));

        let theirs = s_client(&workshop, server.port, "web.example.com");
        assert_eq!(theirs.contains("Verify return code: 0 (ok)"), verified, "{theirs}");
        let line = theirs.lines().find(|line| line.contains("Cipher is"));
        assert!(line.unwrap().contains(text(&tls["version"])), "{line:?}, {tls}");
        if version == "-tls1_3" {
            assert!(line.unwrap().contains(text(&tls["cipher"])), "{line:?}, {tls}");
        }
        let shown = theirs.matches("   i:").count();
        assert_eq!(tls["chain"].as_array().unwrap().len(), shown, "{theirs}");
    }
}

#[test]
fn a_server_is_asked_by_tls_only_if_it_is_trusted_or_that_is_waived() {
    let Some(workshop) = Workshop::new() else { return };
    let key = "ec -pkeyopt ec_paramgen_curve:prime256v1";
    workshop.certificate("good", key, "localhost", NEVER, false);
    workshop.certificate("own", key, "localhost", NEVER, true);
    let ask = |file: &str, options: &str| {
        let server = Server::start(&workshop, file, "-tls1_3");
        let url = format!("urls = [\"https://localhost:{}/\"]", server.port);
        let roots = format!("roots = [\"{}\"]", workshop.path("ca.pem"));
        let found = collected("http", &format!("{url}, {roots}{options}"));
        let answer = json(&found, "answers.json")[0].clone();
        let body = answer["body"].as_str().map(|body| found.text(body).to_owned());
        (answer, body)
    };
    let (answer, body) = ask("good", "");
    assert_eq!(
        (&answer["status"], &answer["tls"]["verified"]),
        (&200.into(), &true.into()),
        "{answer}"
    );
    assert!(body.unwrap().contains("s_server"));
    let (answer, body) = ask("own", "");
    assert_eq!((&answer["status"], body), (&Value::Null, None), "{answer}");
    assert!(text(&answer["problem"]).contains("no authority"));
    let (answer, body) = ask("own", ", unverified = true");
    assert_eq!(answer["status"], 200, "{answer}");
    assert!(body.unwrap().contains("s_server"));
}

#[test]
fn a_plain_service_answers_and_one_that_only_listens_is_reached() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = service.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = service.accept().unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap();
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n\
            5\r\nup 1\n\r\n0\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let found = collected("http", &format!("urls = [\"http://{at}/metrics\"]"));
    let answer = &json(&found, "answers.json")[0];
    assert_eq!(answer["status"], 200, "{answer}");
    assert_eq!(found.text(text(&answer["body"])), "up 1\n");
    assert!(server.join().unwrap().starts_with("GET /metrics HTTP/1.1\r\n"));

    let quiet = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = quiet.local_addr().unwrap();
    let rows = json(&collected("connect", &format!("to = [\"{to}\"]")), "connections.json");
    assert_eq!((&rows[0]["reached"], &rows[0]["problem"]), (&true.into(), &Value::Null));
    let mut sent = Vec::new();
    quiet.accept().unwrap().0.read_to_end(&mut sent).unwrap();
    assert!(sent.is_empty(), "something was sent: {sent:?}");
}
