//! Files that are known, by their path, to hold secrets in a place of their own.

use super::value::is_placeholder;
use collect_core::redact::{Found, Near, Rule, RuleError};
use std::ops::Range;

/// Where in a line of a file its secret is.
#[derive(Clone, Copy)]
enum Field {
    /// The field of this number between colons.
    Colon(usize),
    /// All fields between colons from this number on, which are hashes.
    Colons(usize),
    /// The rest of the line behind so many colons.
    AfterColons(usize),
    /// The last field between colons, and all before it but so many.
    Keys,
    /// The word of this number, quoted or not.
    Word(usize),
    /// The rest of the line behind so many words.
    AfterWords(usize),
    /// The part behind the colon of the second word.
    Credentials,
    /// The hashes between commas in the fourth field between colons.
    Old,
    /// The value of every key.
    Values,
    /// The value of every key that begins like this.
    Prefixed(&'static str),
    /// The word behind each of these words.
    Behind(&'static str),
    /// The word of this number, in lines that begin with that word.
    Named(&'static str, usize),
    /// What follows the colon in the value of a key that ends with `user`.
    UserPassword,
    /// The whole line.
    Line,
    /// The whole line, unless it is the first: there the user's name is.
    SecondLine,
}

/// The rule, the names of files and where their secrets are.
const FILES: &[(&str, &[&str], Field)] = &[
    ("password-hash", &["etc/shadow", "shadow", "etc/master.passwd", "gshadow"], Field::Colon(1)),
    ("password-hash", &["etc/security/opasswd"], Field::Old),
    (
        "password-hash",
        &[
            "*htpasswd*",
            "passwd.htpasswd",
            "nginx/passwd",
            "squid/passwd",
            "apache2/passwd",
            "httpd/passwd",
            "dovecot/users",
            "dovecot/passwd",
            "mosquitto/passwd",
            "mosquitto/passwd*",
            "elasticsearch/users",
            "cvsroot/passwd",
            "pure-ftpd/*.passwd",
            "proftpd/*passwd",
            "vsftpd/*passwd",
        ],
        Field::Colon(1),
    ),
    ("password-hash", &["*htdigest*", "*.digest"], Field::Colon(2)),
    ("password-hash", &["smbpasswd", "samba/smbpasswd"], Field::Colons(2)),
    ("password", &[".pgpass", "pgpass", "pgpass.conf"], Field::AfterColons(4)),
    ("password", &["exim4/passwd.client", "exim/passwd.client"], Field::AfterColons(2)),
    ("password", &["psk.txt", "stunnel/psk*", "*.psk.txt", "zabbix/*.psk"], Field::AfterColons(1)),
    ("secret", &["passwd-s3fs", ".passwd-s3fs"], Field::Keys),
    ("password", &["chap-secrets", "pap-secrets", "srp-secrets"], Field::Word(2)),
    (
        "password",
        &["racoon/psk.txt", "pam_radius_auth.conf", "radiusclient*/servers", "raddb/server"],
        Field::AfterWords(1),
    ),
    ("password", &["rsyncd.secrets", "rsync.secrets", "lighttpd.user"], Field::AfterColons(1)),
    ("password", &["davfs2/secrets", ".davfs2/secrets"], Field::AfterWords(2)),
    ("password", &["mgmt-users.properties", "application-users.properties"], Field::Values),
    ("cookie", &["cookies.txt", ".cookies", "cookie-jar", "cookiejar"], Field::Word(6)),
    ("password", &["hostapd.wpa_psk", "*.wpa_psk"], Field::AfterWords(1)),
    (
        "password",
        &["sasl_passwd", "*sasl_passwd*", "smtp_auth", "relay_passwd"],
        Field::Credentials,
    ),
    (
        "key",
        &["chrony.keys", "ntp.keys", "ntp/keys", "chrony/*.keys", "chrony.d/*.keys"],
        Field::AfterWords(2),
    ),
    ("key", &["ha.d/authkeys", "corosync/authkeys"], Field::AfterWords(2)),
    ("password", &["userlist.txt", "pgbouncer/*.txt"], Field::Word(1)),
    ("password", &["cvspass", ".cvspass"], Field::AfterWords(2)),
    ("password", &["network-scripts/keys-*", "svn/conf/passwd"], Field::Prefixed("key")),
    ("password", &["*.eap_user"], Field::AfterWords(2)),
    ("password", &["*jaas*.conf", "*jaas*"], Field::Prefixed("user_")),
    ("password", &[".netrc", "_netrc", ".authinfo"], Field::Behind("password")),
    ("password", &["grub.d/*", "grub.cfg", "user.cfg"], Field::Named("password", 2)),
    ("password", &[".curlrc", "_curlrc"], Field::UserPassword),
    (
        "secret",
        &[
            ".vault-token",
            "run/secrets/*",
            "secrets/kubernetes.io/serviceaccount/token",
            "kubernetes.io/serviceaccount/token",
            ".erlang.cookie",
            "keyfile",
            "mongo*/*keyfile*",
            "mongodb-keyfile",
            "mongodb.key",
            "node-token",
            "agent-token",
            "server/token",
            ".vault_pass",
            ".vault_pass.txt",
            "vault_pass",
            ".vault-pass",
            ".vault_password",
            "vault-password*",
            "huggingface/token",
            ".huggingface/token",
            ".gitlab-token",
            ".github-token",
            ".github_token",
            ".rediscli_auth",
            "rndc.secret",
            ".google_authenticator",
            "credstore/*",
            "run/credentials/*",
            "credentials/*.service",
            ".openai_api_key",
            ".mysql_password",
            "root_password",
            "db_password",
            ".passwd",
            "master.key",
            "pwfile",
            ".pwfile",
            "vnc/passwd.txt",
            "mysql.secret",
            ".mysql_secret",
            "initialadminpassword",
            "secrets/initialadminpassword",
            "initial_root_password",
            "*.passphrase",
            "passphrase.txt",
            "password.txt",
            "passwd.txt",
            ".fly_token",
            ".netlify_token",
            ".cloudflared_token",
            "munge.key",
            "keepass.key",
            "luks*.key",
            "keys/*.key.txt",
            "jwt.hex",
            "jwtsecret",
            "ceph.secret",
            "ceph/*.secret",
            ".ceph-secret",
            "cookie_secret",
            "jupyterhub_cookie_secret",
        ],
        Field::Line,
    ),
    (
        "password",
        &[
            "openvpn/auth*.txt",
            "openvpn/*/auth*.txt",
            "openvpn/*pass*",
            "openvpn/login*",
            "openvpn/*.auth",
            "openvpn/credentials",
            "auth-user-pass*",
            "openvpn/proxy",
        ],
        Field::SecondLine,
    ),
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    FILES
        .iter()
        .map(|&(id, names, field)| Rule::in_files(id, names, move |near| find(near, field)))
        .collect()
}

fn find(near: &Near<'_>, field: Field) -> Vec<Found> {
    let at = near.line();
    let line = near.text()[at.clone()].trim_ascii_end();
    let indent = line.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let plain = &line[indent..];
    let whole = matches!(field, Field::Line | Field::SecondLine);
    let is_comment =
        plain.starts_with(b"#") || plain.starts_with(b"\" ") || plain.starts_with(b";");
    if plain.is_empty() || is_comment {
        return Vec::new();
    }
    if whole {
        let first = near.previous(&at).is_none();
        let marker = plain.starts_with(b"-----")
            || plain.starts_with(b"{")
            || plain.contains(&b'=') && plain.contains(&b' ');
        if marker || matches!(field, Field::SecondLine) && first || is_placeholder(plain) {
            return Vec::new();
        }
        return vec![(at.start + indent..at.start + line.len()).into()];
    }
    let values: Vec<Range<usize>> = match field {
        Field::Colon(number) => colon(line, number).into_iter().collect(),
        Field::Colons(from) => (from..from + 2).filter_map(|number| colon(line, number)).collect(),
        Field::AfterColons(count) => after_colons(line, count).into_iter().collect(),
        Field::Keys => keys(line),
        Field::Word(number) => words(line).get(number).cloned().into_iter().collect(),
        Field::AfterWords(count) => after_words(line, count).into_iter().collect(),
        Field::Credentials => credentials(line).into_iter().collect(),
        Field::Old => colon(line, 3).map_or_else(Vec::new, |list| split(line, list)),
        Field::Values => value_of_key(line).into_iter().collect(),
        Field::Prefixed(prefix) => {
            let fits = plain.to_ascii_lowercase().starts_with(prefix.as_bytes());
            value_of_key(line)
                .filter(|_| fits)
                .map(|value| unquoted(line, value))
                .into_iter()
                .collect()
        }
        Field::Behind(name) => {
            let words = words(line);
            let is_name = |pair: &&[Range<usize>]| line[pair[0].clone()] == *name.as_bytes();
            words.windows(2).filter(is_name).map(|pair| pair[1].clone()).collect()
        }
        Field::Named(name, number) => {
            let words = words(line);
            let fits = words.first().is_some_and(|word| line[word.clone()] == *name.as_bytes());
            words.get(number).filter(|_| fits).cloned().into_iter().collect()
        }
        Field::UserPassword => user_password(line).into_iter().collect(),
        Field::Line | Field::SecondLine => Vec::new(),
    };
    let hash = matches!(field, Field::Colon(_) | Field::Colons(_));
    values
        .into_iter()
        .filter_map(|value| {
            let value = unlabelled(line, value, hash);
            let text = &line[value.clone()];
            let is_none = is_placeholder(text)
                || hash && is_locked(text)
                || matches!(field, Field::Word(_)) && text.starts_with(b"@/")
                || matches!(field, Field::AfterWords(_)) && text.len() < 4;
            (!is_none).then(|| (at.start + value.start..at.start + value.end).into())
        })
        .collect()
}

/// Whether what stands in the place of a hash says that there is none (shadow(5), smbpasswd(5)).
fn is_locked(text: &[u8]) -> bool {
    matches!(text, b"x" | b"!" | b"*" | b"!!" | b"!*" | b"*LK*" | b"NP" | b"*NP*" | b"!locked")
        || text.starts_with(b"NO PASSWORD")
        || text.len() < 3
}

/// A value without a label and the sign of a locked account before it: `{SSHA}`, `!`, `0x`.
fn unlabelled(line: &[u8], mut value: Range<usize>, hash: bool) -> Range<usize> {
    if hash {
        let locks = line[value.clone()].iter().take_while(|&&b| b == b'!').count();
        if value.len() > locks + 2 {
            value.start += locks;
        }
    }
    let inner = super::label::inner(&line[value.clone()]);
    value.start + inner.start..value.start + inner.end
}

/// Where the colons are; those behind a backslash or between brackets are none.
fn colons(line: &[u8]) -> Vec<usize> {
    let mut bracket = false;
    let mut found = Vec::new();
    for (at, &byte) in line.iter().enumerate() {
        match byte {
            b'[' => bracket = true,
            b']' => bracket = false,
            b':' if !bracket && (at == 0 || line[at - 1] != b'\\') => found.push(at),
            _ => {}
        }
    }
    found
}

fn colon(line: &[u8], number: usize) -> Option<Range<usize>> {
    let mut colons = colons(line);
    if line.windows(2).any(|pair| pair == b"[U") || line.contains(&b'[') {
        // The flags of smbpasswd(5) stand behind the hashes.
        colons = line.iter().enumerate().filter(|(_, b)| **b == b':').map(|(at, _)| at).collect();
    }
    let start = *colons.get(number.checked_sub(1)?)? + 1;
    let end = colons.get(number).copied().unwrap_or(line.len());
    (start < end).then_some(start..end)
}

fn after_colons(line: &[u8], count: usize) -> Option<Range<usize>> {
    let start = *colons(line).get(count.checked_sub(1)?)? + 1;
    (start < line.len()).then_some(start..line.len())
}

/// `KEY:SECRET` and `bucket:KEY:SECRET`.
fn keys(line: &[u8]) -> Vec<Range<usize>> {
    let colons = colons(line);
    let mut starts: Vec<usize> = colons.iter().map(|at| at + 1).collect();
    if colons.len() == 1 {
        starts.insert(0, 0);
    }
    let end = |start: &usize| colons.iter().copied().find(|at| at >= start).unwrap_or(line.len());
    starts.iter().map(|start| *start..end(start)).filter(|value| !value.is_empty()).collect()
}

/// Words between white space; quotes hold one together and are no part of it.
fn words(line: &[u8]) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut at = 0;
    while at < line.len() {
        if line[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let quote = line[at];
        if quote == b'"' || quote == b'\'' {
            let mut end = at + 1;
            while end < line.len() && line[end] != quote {
                end += if line[end] == b'\\' { 2 } else { 1 };
            }
            let end = end.min(line.len());
            words.push(at + 1..end);
            at = end + 1;
        } else {
            let len = line[at..].iter().take_while(|b| !b.is_ascii_whitespace()).count();
            words.push(at..at + len);
            at += len;
        }
    }
    words
}

/// What follows so many words; words with `=` before them are options.
fn after_words(line: &[u8], count: usize) -> Option<Range<usize>> {
    let words = words(line);
    let options = words.iter().take_while(|word| line[(*word).clone()].contains(&b'=')).count();
    let first = words.get(options + count).or_else(|| {
        // The kind of a key may be left out (chrony.conf(5)).
        let number =
            words.first().is_some_and(|word| line[word.clone()].iter().all(u8::is_ascii_digit));
        (count == 2 && words.len() == 2 && number).then(|| &words[1])
    })?;
    let quoted = first.start > 0 && b"\"'".contains(&line[first.start - 1]);
    let rest = &line[first.start..];
    // Columns are more than a space apart, and a time limit may follow.
    let column =
        rest.windows(2).position(|pair| pair == b"  " || pair[1] == b'\t' || pair[0] == b'\t');
    let end = if quoted { first.end } else { first.start + column.unwrap_or(rest.len()) };
    Some(first.start..end)
}

/// `destination user:password`.
fn credentials(line: &[u8]) -> Option<Range<usize>> {
    let words = words(line);
    let word = words.get(1)?;
    let colon = line[word.clone()].iter().position(|&b| b == b':')?;
    Some(word.start + colon + 1..word.end)
}

fn split(line: &[u8], list: Range<usize>) -> Vec<Range<usize>> {
    let mut start = list.start;
    let mut found = Vec::new();
    for part in line[list].split(|&b| b == b',') {
        found.push(start..start + part.len());
        start += part.len() + 1;
    }
    found
}

/// `user = name:password` and `proxy-user …` of curl(1).
fn user_password(line: &[u8]) -> Option<Range<usize>> {
    let name = line.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    let colon = line.iter().position(|&b| b == b':')?;
    let value = unquoted(line, colon + 1..line.len());
    (line[..name].ends_with(b"user") && !value.is_empty()).then_some(value)
}

/// A value without quotes around it and what follows them.
fn unquoted(line: &[u8], value: Range<usize>) -> Range<usize> {
    let start = value.start + usize::from(matches!(line.get(value.start), Some(b'"' | b'\'')));
    let text = &line[start..value.end];
    let end = text.iter().position(|&b| b == b'"' || b == b'\'').unwrap_or(text.len());
    start..start + end
}

/// `key = value`, of any key.
fn value_of_key(line: &[u8]) -> Option<Range<usize>> {
    let sign = line.iter().position(|&b| b == b'=')?;
    let space = line[sign + 1..].iter().take_while(|b| b.is_ascii_whitespace()).count();
    let start = sign + 1 + space;
    (start < line.len() && !line.starts_with(b"[")).then_some(start..line.len())
}
