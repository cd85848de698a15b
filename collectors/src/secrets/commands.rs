//! Secrets among the arguments of well-known commands, in process lists, histories and logs.
//!
//! Options whose names say what they are, such as `--password`, are found by their names, whatever
//! the command.

use super::arguments::{Argument, after, is_secret_argument};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

/// Where a command has a secret among its arguments.
#[derive(Clone, Copy)]
enum Form {
    /// In the option itself, as in `-pSECRET`.
    Glued(&'static str),
    /// In the option itself, or else in the next argument.
    Option(&'static str),
    /// As before, but only before the first argument that is no option.
    First(&'static str),
    /// In the next argument only.
    Next(&'static str),
    /// Behind this sign in the value of an option, as in `-u user:SECRET`; the option may be the
    /// last of several letters.
    Behind(&'static str, u8),
    /// In the argument with this number, not counting options, behind this word.
    After(&'static str, usize),
    /// Between `/` and `@` of an argument that is no path.
    Slash,
    /// In the last of these many arguments that are no options, if there are as many.
    Last(usize),
}

use Form::{After, Behind, First, Glued, Last, Next, Option as Opt, Slash};

/// Commands, and where their manual pages say that a secret stands.
const COMMANDS: &[(&[&str], &[Form])] = &[
    (
        &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlcheck",
            "mysqlshow",
            "mysqlbinlog",
            "mysqlslap",
            "mysqlpump",
            "mysqlsh",
            "mysql_upgrade",
            "mariadb",
            "mariadb-dump",
            "mariadb-admin",
            "mariadb-check",
            "mariadb-import",
            "mariadb-binlog",
            "mariadb-show",
            "mariadb-backup",
            "mytop",
            "mydumper",
            "innobackupex",
            "xtrabackup",
            "mysqlhotcopy",
            "pt-query-digest",
        ],
        &[Glued("-p"), After("password", 1), Glued("--password="), Glued("--pass=")],
    ),
    (&["sshpass", "lsshpass"], &[First("-p")]),
    (
        &["curl", "wcurl"],
        &[
            Behind("-u", b':'),
            Behind("--user", b':'),
            Behind("-U", b':'),
            Behind("--proxy-user", b':'),
            Behind("-E", b':'),
            Behind("--cert", b':'),
            Next("--pass"),
            Next("--proxy-pass"),
            Next("--oauth2-bearer"),
            Next("--tlspassword"),
        ],
    ),
    (
        &["http", "https", "httpie", "xh", "hey", "wrk", "ab", "siege"],
        &[Behind("-a", b':'), Behind("--auth", b':'), Behind("-A", b':'), Behind("-P", b':')],
    ),
    (&["aria2c", "axel"], &[Next("--http-passwd"), Next("--ftp-passwd")]),
    (
        &[
            "mongo",
            "mongosh",
            "mongodump",
            "mongorestore",
            "mongoexport",
            "mongoimport",
            "mongostat",
            "mongotop",
            "mongofiles",
        ],
        &[Opt("-p")],
    ),
    (
        &["redis-cli", "redis-benchmark", "valkey-cli", "valkey-benchmark", "keydb-cli"],
        &[Opt("-a"), After("requirepass", 1), After("masterauth", 1), Next("--pass")],
    ),
    (&["ipmitool"], &[Opt("-P"), Opt("-k"), Opt("-y"), After("password", 2)]),
    (
        &[
            "ipmi-sensors",
            "ipmi-sel",
            "ipmi-chassis",
            "ipmi-fru",
            "ipmi-config",
            "ipmipower",
            "ipmiconsole",
            "bmc-info",
            "bmc-device",
            "racadm",
            "fence_ipmilan",
            "fence_ilo",
            "fence_drac5",
            "fence_apc",
            "fence_vmware_soap",
            "fence_xenapi",
        ],
        &[Opt("-p")],
    ),
    (&["sqlcmd", "bcp", "osql", "tsql", "mssql-cli", "freebcp", "dtexec"], &[Opt("-P")]),
    (&["isql", "iusql"], &[Opt("-P"), Last(3)]),
    (
        &[
            "clickhouse-client",
            "impala-shell",
            "beeline",
            "presto",
            "trino",
            "vertica",
            "vsql",
            "hdbsql",
            "dbaccess",
        ],
        &[Opt("-w"), Opt("-p"), Next("--password")],
    ),
    (&["zip", "unzip", "zipcloak", "funzip"], &[Opt("-P")]),
    (&["7z", "7za", "7zr", "7zz"], &[Glued("-p")]),
    (&["rar", "unrar"], &[Glued("-hp"), Glued("-p")]),
    (&["qpdf"], &[After("--encrypt", 1), After("--encrypt", 2), Glued("--password=")]),
    (&["pdftk"], &[Next("input_pw"), Next("owner_pw"), Next("user_pw")]),
    (
        &[
            "pdftotext",
            "pdfinfo",
            "pdfimages",
            "pdftoppm",
            "pdftops",
            "pdftohtml",
            "pdffonts",
            "pdftocairo",
        ],
        &[Next("-upw"), Next("-opw")],
    ),
    (
        &[
            "ldapsearch",
            "ldapadd",
            "ldapmodify",
            "ldapdelete",
            "ldappasswd",
            "ldapwhoami",
            "ldapcompare",
            "ldapmodrdn",
            "ldapexop",
            "ldapvi",
            "ldapurl",
            "dsconf",
            "dsidm",
        ],
        &[Opt("-w"), Next("-s"), Next("-a")],
    ),
    (&["slappasswd"], &[Opt("-s")]),
    (
        &[
            "smbclient",
            "rpcclient",
            "smbmap",
            "smbget",
            "smbcacls",
            "smbtree",
            "smbcquotas",
            "wmic",
            "winexe",
            "net rpc",
            "net ads",
            "net usershare",
            "wbinfo",
            "samba-tool",
            "smbspool",
            "nmblookup",
            "adcli",
            "pth-winexe",
        ],
        &[
            Behind("-U", b'%'),
            Behind("--user", b'%'),
            Behind("--username", b'%'),
            Behind("-a", b'%'),
        ],
    ),
    (&["smbclient"], &[After("//", 1)]),
    (&["net rpc"], &[After("password", 2)]),
    (&["samba-tool"], &[After("setpassword", 2), After("create", 2), Next("--newpassword")]),
    (
        &[
            "smbmap",
            "crackmapexec",
            "netexec",
            "nxc",
            "evil-winrm",
            "hydra",
            "medusa",
            "ncrack",
            "bloodhound-python",
            "kerbrute",
            "msfconsole",
            "patator",
        ],
        &[Opt("-p"), Opt("-H")],
    ),
    (
        &[
            "secretsdump.py",
            "psexec.py",
            "wmiexec.py",
            "smbexec.py",
            "getuserspns.py",
            "dcomexec.py",
            "atexec.py",
            "smbclient.py",
            "mssqlclient.py",
            "impacket-secretsdump",
            "impacket-psexec",
            "impacket-wmiexec",
            "impacket-smbexec",
            "impacket-smbclient",
            "getnpusers.py",
            "ticketer.py",
            "lookupsid.py",
            "gettgt.py",
        ],
        &[Form::Behind("", b':'), Next("-hashes"), Next("-aesKey")],
    ),
    (
        &[
            "snmpwalk",
            "snmpget",
            "snmpgetnext",
            "snmpbulkwalk",
            "snmpbulkget",
            "snmpset",
            "snmptrap",
            "snmpinform",
            "snmptable",
            "snmpstatus",
            "snmpdf",
            "snmpnetstat",
            "snmptranslate",
            "snmpusm",
        ],
        &[Opt("-c"), Opt("-A"), Opt("-X")],
    ),
    (
        &["check_snmp", "check_snmp_int.pl", "check_snmp_storage.pl"],
        &[Opt("-C"), Opt("-A"), Opt("-X")],
    ),
    (
        &[
            "check_mysql",
            "check_mysql_query",
            "check_pgsql",
            "check_oracle",
            "check_vmware_esx.pl",
            "check_vmware_esx",
            "check_esxi_hardware.py",
            "check_mssql_health",
            "check_mysql_health",
            "check_postgres.pl",
            "check_mongodb.py",
        ],
        &[Opt("-p")],
    ),
    (&["check_ldap", "check_ldaps"], &[Opt("-P")]),
    (&["check_nt", "check_nrpe_nt"], &[Opt("-s")]),
    (&["check_http", "check_curl"], &[Behind("-a", b':'), Behind("-b", b':')]),
    (&["check_imap", "check_pop", "check_radius", "check_by_ssh"], &[Next("-p")]),
    (&["sqlplus", "rman", "expdp", "impdp", "exp", "imp", "sqlldr", "sqlcl"], &[Slash]),
    (
        &[
            "docker login",
            "podman login",
            "buildah login",
            "skopeo login",
            "nerdctl login",
            "registry login",
            "az login",
            "oc login",
            "argocd login",
            "helm repo",
            "ctr image",
            "crane auth",
            "cf login",
            "ibmcloud login",
            "az sql",
            "az vm",
            "az ad",
            "az postgres",
            "az mysql",
            "az acr",
            "heroku login",
            "rancher login",
            "minio login",
            "tkn login",
        ],
        &[Opt("-p"), Opt("-p=")],
    ),
    (
        &["skopeo", "podman", "buildah", "nerdctl", "ctr"],
        &[
            Behind("--creds", b':'),
            Behind("--src-creds", b':'),
            Behind("--dest-creds", b':'),
            Behind("--user", b':'),
        ],
    ),
    (&["vault login"], &[After("login", 1)]),
    (&["vault operator", "bao operator"], &[After("unseal", 1)]),
    (&["bao login"], &[After("login", 1)]),
    (
        &[
            "az keyvault",
            "aws ssm put-parameter",
            "az appconfig",
            "doppler secrets",
            "keyvault secret",
        ],
        &[Next("--value"), Opt("-v")],
    ),
    (
        &["xfreerdp", "xfreerdp3", "wlfreerdp", "sdl-freerdp"],
        &[Glued("/p:"), Glued("/pth:"), Glued("/gp:"), Next("-p")],
    ),
    (&["rdesktop", "vncdo", "vncdotool", "winrs", "winrm"], &[Opt("-p"), Glued("-p:")]),
    (&["htpasswd"], &[After("-b", 0)]),
    (
        &["rabbitmqctl", "rabbitmq-admin"],
        &[After("add_user", 2), After("change_password", 2), After("authenticate_user", 2)],
    ),
    (&["rabbitmqadmin"], &[Opt("-p")]),
    (&["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"], &[Opt("-P"), Next("--pw")]),
    (&["mosquitto_passwd"], &[After("-b", 0)]),
    (&["cqlsh", "nodetool", "dsetool", "sstableloader"], &[Opt("-p"), Next("-pw")]),
    (&["plink", "pscp", "psftp", "puttygen", "kitty"], &[Next("-pw")]),
    (
        &["psexec", "psexec64", "pskill", "pslist", "psloggedon", "psinfo", "psservice"],
        &[Opt("-p")],
    ),
    (&["net user", "net1 user"], &[After("user", 2)]),
    (&["net use", "net  use", "net1 use"], &[After("use", 0)]),
    (&["cmdkey"], &[Glued("/pass:"), Next("/pass")]),
    (
        &["wmic", "schtasks", "taskkill", "tasklist", "systeminfo", "dism", "netdom"],
        &[Glued("/password:"), Next("/rp"), Next("/p"), Glued("/passwordd:"), Glued("/pd:")],
    ),
    (&["useradd", "usermod", "groupmod", "groupadd", "newusers"], &[Next("-p")]),
    (&["mkpasswd"], &[After("", 1)]),
    (&["vncpasswd", "x11vnc"], &[Next("-passwd")]),
    (
        &["openssl"],
        &[Glued("pass:"), Next("-k"), Next("-K"), Next("-hmac"), Glued("hexkey:"), Glued("key:")],
    ),
    (&["openssl passwd"], &[Last(1)]),
    (&["ssh-keygen"], &[Opt("-N"), Opt("-P")]),
    (
        &["keytool", "jarsigner", "zipalign", "apksigner"],
        &[
            Next("-storepass"),
            Next("-keypass"),
            Next("-srcstorepass"),
            Next("-deststorepass"),
            Next("-srckeypass"),
            Next("-destkeypass"),
            Next("-new"),
            Glued("pass:"),
        ],
    ),
    (&["ansible-playbook", "ansible"], &[]),
    (&["lftp", "ncftpget", "ncftpput", "ncftp", "ncftpls"], &[Behind("-u", b','), Opt("-p")]),
    (&["swaks"], &[Next("-ap"), Next("--auth-password")]),
    (&["sendemail", "sendemail.pl", "mailsend", "smtp-cli"], &[Next("-xp"), Next("-pass")]),
    (&["wpa_passphrase"], &[Last(2)]),
    (
        &["nmcli"],
        &[
            After("password", 1),
            After("wifi-sec.psk", 1),
            After("802-11-wireless-security.psk", 1),
            After("wifi-sec.wep-key0", 1),
        ],
    ),
    (&["openfortivpn"], &[Opt("-p")]),
    (&["radtest"], &[After("", 2), After("", 5)]),
    (&["radclient"], &[Last(3)]),
    (&["kadmin", "kadmin.local"], &[Opt("-w"), Next("-pw")]),
    (&["addprinc", "ank", "cpw", "change_password", "add_principal"], &[Next("-pw")]),
    (
        &["ipa-client-install", "ipa-server-install", "ipa-replica-install", "realm", "ipa"],
        &[Opt("-w"), Next("-a"), Next("-p")],
    ),
    (&["influx", "influxd"], &[Opt("-p"), Next("-password"), Opt("-t")]),
    (&["iscsiadm"], &[After("node.session.auth.password", 2)]),
    (&["ssserver", "ss-server", "sslocal", "ss-local", "shadowsocks-server"], &[Opt("-k")]),
    (&["bw login"], &[After("login", 2)]),
    (&["bw unlock"], &[After("unlock", 1)]),
    (&["oathtool"], &[Last(1)]),
    (&["git-credential"], &[]),
    (&["ilorest", "hponcfg", "govc", "esxcli", "vim-cmd", "ovftool"], &[Opt("-p")]),
    (&["kinit", "klist", "ktutil"], &[]),
    (&["rasdial"], &[After("", 3)]),
    (
        &[
            "composer config",
            "npm config",
            "yarn config",
            "pip config",
            "poetry config",
            "bundle config",
        ],
        &[After("_auth", 1), After("_authToken", 1), After("_password", 1)],
    ),
    (&["poetry config"], &[Last(4)]),
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let mut rules = Vec::new();
    for &(names, forms) in COMMANDS {
        let anchors = names.iter().map(|name| match name.len() {
            ..3 => format!("{name} "),
            _ => (*name).to_owned(),
        });
        let find = move |line: &[u8], at: Range<usize>| find(line, at, names, forms);
        rules.push(Rule::several("argument", anchors, find)?);
    }
    Ok(rules)
}

/// The secrets among the arguments of the command whose name is at `at`.
fn find(line: &[u8], at: Range<usize>, names: &[&str], forms: &[Form]) -> Vec<Found> {
    let Some(end) = command(line, &at, names) else {
        return Vec::new();
    };
    let arguments = after(line, end);
    let mut found = Vec::new();
    for form in forms {
        secrets(form, &arguments, &mut found);
    }
    found
}

/// Where the name of a command ends, if it stands alone, with its folder perhaps. What of it is in
/// several words is taken for arguments, but the first.
fn command(line: &[u8], at: &Range<usize>, names: &[&str]) -> Option<usize> {
    let before = line[..at.start].last();
    if before.is_some_and(|&b| b.is_ascii_alphanumeric() || b"_-.:@".contains(&b)) {
        return None;
    }
    let mut end = at.end;
    if line[at.clone()].contains(&b' ') {
        end = at.start + line[at.clone()].iter().position(|&b| b == b' ')?;
        return Some(end);
    }
    if line.get(end..end + 4).is_some_and(|rest| rest.eq_ignore_ascii_case(b".exe")) {
        end += 4;
    }
    let name = &line[at.clone()];
    debug_assert!(names.iter().any(|known| known.trim().as_bytes().eq_ignore_ascii_case(name)));
    let next = line.get(end)?;
    (next.is_ascii_whitespace() || b"\0\"'\\".contains(next)).then_some(end)
}

fn secrets(form: &Form, arguments: &[Argument], found: &mut Vec<Found>) {
    let mut take = |argument: &Argument, from: usize| {
        if from < argument.text.len() && is_secret_argument(&argument.text[from..]) {
            found.push(argument.place(from..argument.text.len()).into());
        }
    };
    let is = |argument: &Argument, name: &str| argument.text == name.as_bytes();
    match *form {
        Glued(option) => {
            for argument in arguments.iter().filter(|a| a.text.starts_with(option.as_bytes())) {
                take(argument, option.len());
            }
        }
        Opt(option) => {
            for (index, argument) in arguments.iter().enumerate() {
                if is(argument, option) {
                    if let Some(next) = arguments.get(index + 1) {
                        take(next, 0);
                    }
                } else if argument.text.starts_with(option.as_bytes()) && option.len() == 2 {
                    let sign = usize::from(argument.text.get(2) == Some(&b'='));
                    if !argument.text.starts_with(b"--") {
                        take(argument, 2 + sign);
                    }
                }
            }
        }
        First(option) => {
            let options = arguments.iter().position(|a| !a.text.starts_with(b"-"));
            let options = options.map_or(arguments.len(), |at| at + 1);
            secrets(&Opt(option), &arguments[..options], found);
        }
        Next(option) => {
            for (index, argument) in arguments.iter().enumerate() {
                if is(argument, option) {
                    if let Some(next) = arguments.get(index + 1) {
                        take(next, 0);
                    }
                } else if option.starts_with("--")
                    && argument.text.starts_with(option.as_bytes())
                    && argument.text.get(option.len()) == Some(&b'=')
                {
                    take(argument, option.len() + 1);
                }
            }
        }
        Behind(option, sign) => behind(option, sign, arguments, &mut take),
        After(word, number) => positional(word, number, arguments, &mut take),
        Slash => slash(arguments, found),
        Last(number) => {
            let plain = plain(arguments);
            if plain.len() == number
                && let Some(last) = plain.last()
            {
                take(last, 0);
            }
        }
    }
}

/// `-u user:SECRET`, `-uuser:SECRET`, `-sSu user:SECRET`, `--user=user:SECRET`.
fn behind(option: &str, sign: u8, arguments: &[Argument], take: &mut dyn FnMut(&Argument, usize)) {
    let short = option.len() == 2;
    for (index, argument) in arguments.iter().enumerate() {
        let text = &argument.text;
        let (value, from) = if option.is_empty() {
            if text.starts_with(b"-") || !text.contains(&b'@') {
                continue;
            }
            (argument, 0)
        } else if text == option.as_bytes()
            || short
                && text.len() > 2
                && text.len() < 8
                && text.starts_with(b"-")
                && text[1..].iter().all(u8::is_ascii_alphabetic)
                && text.ends_with(&option.as_bytes()[1..])
        {
            let Some(next) = arguments.get(index + 1) else { continue };
            (next, 0)
        } else if text.starts_with(option.as_bytes()) {
            (argument, option.len() + usize::from(text.get(option.len()) == Some(&b'=')))
        } else {
            continue;
        };
        let text = &value.text[from.min(value.text.len())..];
        let Some(at) = text.iter().position(|&b| b == sign) else { continue };
        // A drive, a URL, and numbers of a user and a group are none.
        let rest = &text[at + 1..];
        if rest.starts_with(b"//") || rest.starts_with(b"\\") || rest == &text[..at] {
            continue;
        }
        if rest.iter().all(u8::is_ascii_digit) && text[..at].iter().all(u8::is_ascii_digit) {
            continue;
        }
        if option.is_empty() {
            let Some(host) = rest.iter().rposition(|&b| b == b'@') else { continue };
            if host > 0 {
                let part = Argument::part(value, from + at + 1..from + at + 1 + host);
                take(&part, 0);
            }
            continue;
        }
        take(value, from + at + 1);
    }
}

/// The arguments that are no options.
fn plain(arguments: &[Argument]) -> Vec<&Argument> {
    arguments.iter().filter(|a| !a.text.starts_with(b"-") && !a.text.is_empty()).collect()
}

fn positional(
    word: &str,
    number: usize,
    arguments: &[Argument],
    take: &mut dyn FnMut(&Argument, usize),
) {
    // `-b`, perhaps among other letters, says that the last argument is a password.
    if word == "-b" {
        let is_batch = |a: &&Argument| {
            a.text.starts_with(b"-") && !a.text.starts_with(b"--") && a.text.contains(&b'b')
        };
        let plain = plain(arguments);
        if arguments.iter().find(is_batch).is_some()
            && plain.len() >= 2
            && let Some(last) = plain.last()
        {
            take(last, 0);
        }
        return;
    }
    let start = if word.is_empty() {
        0
    } else if word == "//" {
        let share = |a: &Argument| a.text.starts_with(b"//") || a.text.starts_with(b"\\\\");
        match arguments.iter().position(share) {
            Some(at) if at == 0 => 1,
            _ => return,
        }
    } else {
        let is = |a: &Argument| a.text.eq_ignore_ascii_case(word.as_bytes());
        match arguments.iter().position(is) {
            Some(at) => at + 1,
            None => return,
        }
    };
    if word == "use" {
        // The argument that is no drive, share or switch.
        let other = arguments[start..].iter().take_while(|a| a.text != b"cmd");
        let is_other = |a: &&Argument| {
            !a.text.starts_with(b"/") && !a.text.starts_with(b"\\") && !a.text.ends_with(b":")
        };
        if let Some(password) = other.into_iter().find(is_other)
            && password.text != b"*"
        {
            take(password, 0);
        }
        return;
    }
    if word == "--encrypt" || word.is_empty() || word == "//" {
        if let Some(argument) = arguments.get(start + number - 1) {
            take(argument, 0);
        }
        return;
    }
    let plain = plain(&arguments[start..]);
    if let Some(argument) = plain.get(number - 1)
        && !argument.text.starts_with(b"/")
        && !argument.text.contains(&b'=')
    {
        take(argument, 0);
    }
}

/// `user/SECRET@database`, also behind `userid=`.
fn slash(arguments: &[Argument], found: &mut Vec<Found>) {
    for argument in arguments {
        let text = &argument.text;
        let equals = text.iter().position(|&b| b == b'=').map_or(0, |at| at + 1);
        let Some(at) = text.iter().position(|&b| b == b'/') else { continue };
        let user = text.get(equals..at).unwrap_or_default();
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_$#\"".contains(b);
        if user.is_empty() || !user.iter().all(is_name) {
            continue;
        }
        let rest = &text[at + 1..];
        let host = rest.iter().rposition(|&b| b == b'@').unwrap_or(rest.len());
        let slashes = rest[..host].iter().filter(|&&b| b == b'/').count();
        if is_secret_argument(&rest[..host]) && slashes == 0 {
            found.push(argument.place(at + 1..at + 1 + host).into());
        }
    }
}
