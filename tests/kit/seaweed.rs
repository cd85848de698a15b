//! A real S3 server: SeaweedFS over TLS, with a bucket that only the right token, Referer and HTTPS
//! get into.

use super::{
    find, free_ports,
    live::{Request, send},
    policy::{ACCOUNT, BUCKET, for_seaweed, shipped, shipped_for},
    sha256,
};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The token that the bucket lets in.
pub(crate) const UPLOAD_TOKEN: &str = "made-up-upload-token-3f9c1b7e";
/// The token that may list, read and delete.
pub(crate) const DESK_TOKEN: &str = "made-up-desk-token-5d0a82c4e1";
/// The Referer that the bucket lets in.
pub(crate) const REFERER: &str = "https://shop.example.com/report";
/// The administrator's key id.
const KEY_ID: &str = "AKIDMADEUPADMIN00001";
/// The administrator's secret key.
const SECRET_KEY: &str = "made-up-secret-key-of-the-administrator1";
/// The environment of someone who has the administrator's keys.
pub(crate) const ADMINISTRATOR: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", KEY_ID), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];
/// The region that requests are signed for.
const REGION: &str = "us-east-1";
/// The keys of the role that the policy exempts, the kit's own.
pub(crate) const DEPLOY: (&str, &str) = (KEY_ID, SECRET_KEY);
/// The keys of an administrator of the account whom the policy does not exempt.
pub(crate) const CONSOLE: (&str, &str) =
    ("AKIDMADEUPCONSOLE001", "made-up-secret-key-of-the-other-admin-01");

/// A running server; killed when dropped.
pub(crate) struct Seaweed {
    folder: TempDir,
    server: Child,
    https: u16,
    http: u16,
    ports: Vec<u16>,
}

impl Seaweed {
    /// Starts a server with a bucket that has the policy that ships.
    pub(crate) fn start() -> Self {
        let seaweed = Self::without_policy();
        seaweed.set_policy(&for_seaweed(&shipped()["reports"]));
        seaweed
    }

    /// Starts a server with a bucket that only its administrators get into.
    pub(crate) fn without_policy() -> Self {
        // Somebody may take a port between the moment it is found free and the one it is used.
        let seaweed = (0..3).find_map(|_| Self::try_to_start()).expect("SeaweedFS answers");
        seaweed.admin("PUT", "", &[]);
        seaweed
    }

    fn try_to_start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        make_certificates(folder.path());
        let identities = folder.path().join("s3.json");
        fs::write(&identities, identities_of_the_server().to_string()).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();

        let ports = free_ports(PORTS.len());
        let server = start_weed(folder.path(), &ports);
        let mut seaweed = Self { folder, server, https: ports[0], http: ports[1], ports };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !seaweed.answers() {
            if Instant::now() > deadline || seaweed.server.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(seaweed)
    }

    /// Gives the bucket a policy.
    pub(crate) fn set_policy(&self, policy: &Value) {
        self.admin("PUT", "?policy=", policy.to_string().as_bytes());
    }

    /// Puts the policy that ships, for these tokens.
    pub(crate) fn let_in(&self, upload: &[&str], desk: &[&str]) {
        self.set_policy(&for_seaweed(&shipped_for(upload, desk)));
    }

    /// The `desk.toml` of support, by its token.
    pub(crate) fn desk(&self) -> String {
        self.desk_by(&format!("desk-token = \"{DESK_TOKEN}\"\nreferer = \"{REFERER}\"\n"))
    }

    /// A `desk.toml` that gets in some other way.
    pub(crate) fn desk_by(&self, access: &str) -> String {
        format!(
            "[bucket]\nbucket = \"{BUCKET}\"\nregion = \"{REGION}\"\nendpoint = \"{}\"\n\
             path-style = true\nca-file = \"{}\"\n{access}",
            self.endpoint(),
            self.ca_file().display()
        )
    }

    /// Its address, as the profile's `endpoint`.
    pub(crate) fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.https)
    }

    /// The address of the bucket.
    pub(crate) fn bucket_url(&self) -> String {
        format!("{}/{BUCKET}", self.endpoint())
    }

    /// The address of the bucket without TLS.
    pub(crate) fn plain_bucket_url(&self) -> String {
        format!("http://localhost:{}/{BUCKET}", self.http)
    }

    /// The file with the certificate authority that its certificate is from.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The `[deliver.bucket]` of a profile that gets in by a token.
    pub(crate) fn sink(&self, token: &str) -> String {
        self.sink_by(&format!("upload-token = {token}\nreferer = \"{REFERER}\"\n"))
    }

    /// The `[deliver.bucket]` of a profile that gets in some other way.
    pub(crate) fn sink_by(&self, access: &str) -> String {
        format!(
            "[deliver.bucket]\nuse = \"s3\"\nbucket = \"{BUCKET}\"\nregion = \"{REGION}\"\n\
             endpoint = \"{}\"\npath-style = true\nca-file = \"{}\"\n{access}",
            self.endpoint(),
            self.ca_file().display()
        )
    }

    /// A URL with which anyone may put this one object for some minutes.
    pub(crate) fn presigned_put(&self, key: &str) -> String {
        let endpoint = self.endpoint().parse().unwrap();
        let bucket = rusty_s3::Bucket::new(endpoint, rusty_s3::UrlStyle::Path, BUCKET, REGION);
        let keys = rusty_s3::Credentials::new(KEY_ID, SECRET_KEY);
        let put = rusty_s3::S3Action::sign(
            &rusty_s3::actions::PutObject::new(&bucket.unwrap(), Some(&keys), key),
            Duration::from_mins(10),
        );
        put.to_string()
    }

    /// The environment of a function whose role may put objects.
    pub(crate) fn role(&self) -> Vec<(&'static str, String)> {
        let given =
            [("COLLECT_BUCKET", BUCKET), ("AWS_REGION", REGION)].into_iter().chain(ADMINISTRATOR);
        let given = given.map(|(name, value)| (name, value.to_owned()));
        given.chain([("AWS_ENDPOINT_URL", self.endpoint())]).collect()
    }

    /// The policy, as it stands there.
    pub(crate) fn policy(&self) -> Value {
        serde_json::from_slice(&self.admin("GET", "?policy=", &[])).unwrap()
    }

    /// The keys of all objects in the bucket.
    pub(crate) fn keys(&self) -> Vec<String> {
        let (mut keys, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.admin("GET", &format!("?list-type=2{after}"), &[]);
            let page = String::from_utf8(page).unwrap();
            let found = page.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
            keys.extend(found.map(str::to_owned));
            if !page.contains("<IsTruncated>true") {
                return keys;
            }
            let last = keys.last().unwrap().replace('/', "%2F");
            after = format!("&start-after={last}");
        }
    }

    /// The content of an object.
    pub(crate) fn object(&self, key: &str) -> Vec<u8> {
        self.admin("GET", &format!("/{key}"), &[])
    }

    /// What a header of an object says.
    pub(crate) fn header(&self, key: &str, name: &str) -> Option<String> {
        let headers = String::from_utf8(self.admin("HEAD", &format!("/{key}"), &[])).unwrap();
        let mut lines = headers.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }

    /// Puts an object, as an administrator.
    pub(crate) fn put(&self, key: &str, content: &[u8]) {
        self.admin("PUT", &format!("/{key}"), content);
    }

    /// Puts the same under many keys, as an administrator.
    pub(crate) fn put_all(&self, keys: &[String], content: &[u8]) {
        let requests: Vec<_> = keys
            .iter()
            .map(|key| Request {
                method: "PUT",
                url: format!("{}/{key}", self.bucket_url()),
                body: content.to_vec(),
                signer: Some(DEPLOY),
                ..Request::default()
            })
            .collect();
        for answer in send(&self.ca_file(), &requests) {
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    }

    /// Puts many objects, as an administrator.
    pub(crate) fn put_each<C: AsRef<[u8]>>(&self, objects: impl IntoIterator<Item = (String, C)>) {
        let files = tempfile::tempdir().unwrap();
        let mut list = String::new();
        for (number, (key, content)) in objects.into_iter().enumerate() {
            let file = files.path().join(number.to_string());
            fs::write(&file, content).unwrap();
            write!(
                list,
                "upload-file = \"{}\"\nurl = \"{}/{BUCKET}/{key}\"\noutput = \"/dev/null\"\n",
                file.display(),
                self.endpoint()
            )
            .unwrap();
        }
        let config = files.path().join("curl");
        fs::write(&config, list).unwrap();
        let made = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--parallel", "--parallel-max", "16"])
            .args(["--aws-sigv4", "aws:amz:us-east-1:s3", "--user"])
            .arg(format!("{KEY_ID}:{SECRET_KEY}"))
            .args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--cacert"])
            .arg(self.ca_file())
            .arg("--config")
            .arg(config)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Deletes an object, as an administrator.
    pub(crate) fn delete(&self, key: &str) {
        self.admin("DELETE", &format!("/{key}"), &[]);
    }

    /// The tags of an object, as the server writes them.
    pub(crate) fn tags(&self, key: &str) -> String {
        String::from_utf8(self.admin("GET", &format!("/{key}?tagging="), &[])).unwrap()
    }

    /// The address without TLS.
    pub(crate) fn plain_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// Asks as the administrator, signed by curl.
    fn admin(&self, method: &str, below_the_bucket: &str, body: &[u8]) -> Vec<u8> {
        let upload = tempfile::NamedTempFile::new().unwrap();
        fs::write(upload.path(), body).unwrap();
        let digest = format!("x-amz-content-sha256: {}", sha256(body));
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--max-time"])
            .args(["20", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user"])
            .arg(format!("{KEY_ID}:{SECRET_KEY}"))
            .arg("--cacert")
            .arg(self.ca_file())
            .args(["--header", &digest])
            .arg(format!("{}/{BUCKET}{below_the_bucket}", self.endpoint()));
        match method {
            "HEAD" => curl.arg("--head"),
            other => curl.args(["--request", other]),
        };
        if !body.is_empty() {
            curl.args(["--header", "content-type: application/octet-stream"])
                .arg("--data-binary")
                .arg(format!("@{}", upload.path().display()));
        }
        let answer = curl.output().unwrap();
        assert!(
            answer.status.success(),
            "{curl:?}\n{}{}",
            String::from_utf8_lossy(&answer.stdout),
            String::from_utf8_lossy(&answer.stderr)
        );
        answer.stdout
    }

    fn answers(&self) -> bool {
        let answer = Command::new("curl")
            .args(["--silent", "--max-time", "5", "--output", "/dev/null"])
            .args(["--write-out", "%{http_code}", "--cacert"])
            .arg(self.ca_file())
            .arg(self.endpoint())
            .output()
            .unwrap();
        answer.stdout == b"403"
    }
}

impl Drop for Seaweed {
    /// A graceful stop takes it ten seconds.
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
        // Killed, it leaves its sockets, whose folder cannot be chosen.
        for entry in fs::read_dir("/tmp").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let port = name.to_str().and_then(|name| {
                name.strip_prefix("seaweedfs-")?.strip_suffix(".sock")?.rsplit('-').next()
            });
            if port
                .and_then(|port| port.parse().ok())
                .is_some_and(|port| self.ports.contains(&port))
            {
                _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// The command that starts the server, on loopback only.
fn start_weed(folder: &Path, ports: &[u16]) -> Child {
    // `setpriv` kills the server with the test, even if that is itself killed.
    let mut weed = Command::new("setpriv");
    weed.args(["--pdeathsig", "KILL"]).arg(find("weed").unwrap());
    weed.args(["-logtostderr=true", "mini", "-dir=data", "-ip=127.0.0.1"])
        .args(["-ip.bind=127.0.0.1", "-webdav=false", "-admin.ui=false"])
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"])
        .args(["-s3.autoCreateBucket=false", "-s3.config=s3.json"])
        .args(["-s3.cert.file=server.pem", "-s3.key.file=server.key"]);
    for (flag, port) in PORTS.iter().zip(ports) {
        weed.arg(format!("-{flag}={port}"));
    }
    let log = File::create(folder.join("weed.log")).unwrap();
    weed.current_dir(folder)
        // Without it, a server-side encryption key is looked for.
        .env("WEED_S3_SSE_KEY", "throw-away")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Every port that the server opens; without a number each would have a fixed one.
const PORTS: [&str; 11] = [
    "s3.port.https",
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
];

/// The role that deploys, another administrator, and the anonymous: without the latter no policy lets
/// anyone in.
fn identities_of_the_server() -> Value {
    let identity = |name: &str, (id, key): (&str, &str)| {
        json!({
            "name": name,
            "account": { "id": ACCOUNT },
            "credentials": [{ "accessKey": id, "secretKey": key }],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        })
    };
    json!({
        "accounts": [{
            "id": ACCOUNT, "displayName": "admin", "emailAddress": "admin@example.com"
        }],
        "identities": [
            { "name": "anonymous", "actions": [] },
            identity("deploy", DEPLOY),
            identity("console", CONSOLE),
        ],
    })
}

/// A throw-away certificate authority, and a certificate of it for `localhost`.
fn make_certificates(folder: &Path) {
    let openssl = |line: &str| {
        let made = Command::new("openssl")
            .args(line.split_whitespace())
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&made.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!(
        "req -x509 {key} -days 2 -subj /CN=collect-test -keyout ca.key -out ca.pem \
         -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
    ));
    openssl(&format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"));
    fs::write(
        folder.join("extensions"),
        "subjectAltName=DNS:localhost,DNS:*.s3.localhost,IP:127.0.0.1\n\
         extendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n",
    )
    .unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
         -extfile extensions -out server.pem",
    );
}
