//! Secrets among the arguments of well-known commands, in process lists, histories and logs.
//!
//! Options whose names say what they are, such as `--password`, are found by their names, whatever
//! the command.

use super::value::is_placeholder;
use collect_core::redact::{Rule, RuleError};

/// What stands between two arguments; NUL in `/proc/PID/cmdline`.
const GAP: &str = r"[\s\x00]+";

/// An argument, without quotes around it.
const VALUE: &str = r#"["']?(?<secret>[^\s"'\x00]+)"#;

/// The rule's anchors, which are the commands, and what stands before the secret: `~` for the gap
/// between two arguments.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["sshpass"], r"sshpass\b.*?~-p~?"),
    (&["mysql", "mariadb"], r"(?:mysql|mariadb)[a-z]*\b.*?~-p"),
    (&["mongo"], r"mongo[a-z]*\b.*?~-p~?"),
    (&["ipmitool", "sqlcmd", "bcp ", "isql "], r"(?:ipmitool|sqlcmd|bcp|isql)\b.*?~-P~?"),
    (&["unzip ", "zip "], r"\b(?:un)?zip\b.*?~-P~?"),
    (
        &["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldappasswd", "ldapwhoami"],
        r"ldap[a-z]+\b.*?~-w~?",
    ),
    (&["redis-cli"], r"redis-cli\b.*?~-a~?"),
    (
        &["smbclient", "rpcclient", "smbmap", "net rpc", "net ads"],
        r"(?:smbclient|rpcclient|net)\b.*?~-U~?[^\s%]*%",
    ),
    (
        &["snmpwalk", "snmpget", "snmpbulk", "snmpset", "snmptrap", "snmptable"],
        r"snmp[a-z]+\b.*?~-[cAX]~?",
    ),
    (
        &["sqlplus", "rman ", "expdp ", "impdp "],
        r"(?:sqlplus|rman|expdp|impdp)\b.*?~[A-Za-z0-9_]+/",
    ),
    (
        &[
            "docker login",
            "podman login",
            "registry login",
            "buildah login",
            "skopeo login",
            "az login",
            "oc login",
            "argocd login",
        ],
        r"login\b.*?~-p~?",
    ),
    (&["vault login"], r"vault~login~(?:token=)?"),
    (&["xfreerdp", "rdesktop"], r"(?:xfreerdp|rdesktop)\b.*?~(?:/p:|-p~?)"),
    (&["htpasswd"], r"htpasswd\b.*?~-[A-Za-z]*b[A-Za-z]*~(?:\S+~)?\S+~"),
    (&["rabbitmqctl"], r"(?:add_user|change_password)~\S+~"),
    (&["plink", "pscp", "psftp", "winscp"], r"(?:plink|pscp|psftp|winscp)\b.*?~-pw~"),
    (&["net user", "net use "], r"net~user~\S+~"),
    (&["useradd ", "usermod "], r"user(?:add|mod)\b.*?~-p~"),
    (&["npm config", "yarn config"], r"config~set~\S*_(?:authToken|auth|password)[~=]"),
    (&["chpasswd"], r#"echo~["']?[^\s:"']+:"#),
    (&["passwd --stdin", "su -", "sudo -S", "cryptsetup"], r#"echo~(?:-[ne]+~)?["']?"#),
    (&["pass:"], r"(?:-pass(?:in|out)?|-k|-password)~?pass:"),
    (
        &["curl", "wget", "http ", "--user", "--proxy-user"],
        r#"(?:~-[a-zA-Z]*u~?|~--user[~=]|~--proxy-user[~=]|~-U~?|~-a~)["']?[^\s:"'\x00/]{0,64}:"#,
    ),
    (
        &["restic", "--password-command", "--passcommand"],
        r#"--pass(?:word-)?command[~=]["']?echo~"#,
    ),
    (&["--password-file=<(", "-file=<(echo"], r"<\(echo~"),
    (
        &["msfconsole", "crackmapexec", "evil-winrm", "psql ", "influx ", "clickhouse-client"],
        r"(?:crackmapexec|evil-winrm|influx)\b.*?~-p~",
    ),
    (&["keytool", "jarsigner"], r"(?:keytool|jarsigner)\b.*?~-(?:store|key|src|dest)[a-z]*pass~"),
    (&["7z ", "7za ", "rar "], r"(?:7za?|rar)~[a-z].*?~-h?p"),
    (&["gpg"], r"--passphrase[~=]"),
    (
        &["nmcli", "iwctl", "wpa_passphrase"],
        r"(?:wpa_passphrase~\S+~|(?:wifi|802-11-wireless-security)[.a-z-]*~.*?(?:password|psk)~|--passphrase~)",
    ),
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    COMMANDS
        .iter()
        .map(|(anchors, before)| {
            let before = before.replace("[~=]", r"[\s\x00=]+").replace('~', GAP);
            let pattern = format!("{before}{VALUE}").replace("+?", "*");
            Ok(Rule::pattern("argument", *anchors, &pattern)?.valid(is_argument))
        })
        .collect()
}

fn is_argument(value: &[u8]) -> bool {
    value.len() >= 3 && !is_placeholder(value) && !value.starts_with(b"-")
}
