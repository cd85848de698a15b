//! Removes passwords, tokens, keys and other credentials.

use collect_core::{
    Redactor,
    redact::{Rule, RuleContext, RuleError},
    register,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Removes passwords, tokens, private keys and other credentials.
///
/// Finds tokens by the formats that vendors publish, values by their keys in any common format of
/// configuration, and what stands in URLs, headers, command lines, SQL and sentences. Every profile
/// has it, as `[redact.secrets]`, unless it says otherwise.
///
/// ```toml
/// # Every profile has it; only to switch it off, it has to be named.
/// [redact.secrets]
/// use = "secrets"
/// ```
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Secrets {
    /// Rules that are not applied, by the name that a replacement shows: `[redacted:NAME]`.
    except: Vec<String>,
}

register!("secrets" => Secrets as Redactor);

impl Redactor for Secrets {
    fn rules(&self, _: &str, _: &RuleContext<'_>) -> Result<Vec<Rule>, RuleError> {
        let mut rules = crate::secrets::rules()?;
        for name in &self.except {
            if !rules.iter().any(|rule| rule.id() == name) {
                return Err(RuleError::Unusable {
                    rule: name.clone(),
                    reason: "`secrets` has no rule of that name".into(),
                });
            }
        }
        rules.retain(|rule| !self.except.iter().any(|name| name == rule.id()));
        Ok(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use collect_core::{
        CollectError, Collector, Output,
        redact::Redaction,
        testkit::{FakeHost, Trial},
    };

    fn redaction() -> Redaction {
        Redaction::compile(Secrets::default().rules("secrets", &RuleContext::default()).unwrap())
            .unwrap()
    }

    /// Lines in which exactly what stands between `«` and `»` is a secret.
    const HITS: &[&str] = &[
        // Configuration.
        "DB_PASSWORD=«hunter2-Hunter2»",
        "export PGPASSWORD='«hunter2 hunter2»'",
        "password = «correct horse 7 battery»",
        "  password: \"«hunter2»\"",
        r#"{"user":"svc","password":"«hun\"ter2»","port":5432}"#,
        r#"{"pin":"«123456»"}"#,
        r#"{"msg":"{\"api_key\":\"«k3yk3yk3y»\",\"a\":1}"}"#,
        "client_secret: «hunter2hunter2» # rotate",
        "<password>«hunter2»</password>",
        r#"<add name="x" password="«hunter2»" />"#,
        r#"<property name="db.password" value="«hunter2»"/>"#,
        r#"{"name": "DB_PASSWORD", "value": "«hunter2»"},"#,
        "$config['password'] = '«hunter2»';",
        "Server=db;User Id=app;Password=«hunter2»;Timeout=30",
        "{host=db, secret=«Hunter2Hunter2», pool=10}",
        "requirepass «Hunter2Hunter2»",
        // What carries credentials.
        "dial postgresql://app:«hunter2»@db.example.com:5432/app ok",
        "GET /hook?token=«Hunter2Hunter2»&page=2 HTTP/1.1",
        "Authorization: Bearer «aB3dE6gH9jK2mN5pQ8sT1vW4»",
        "curl -H \"Authorization: Token «d2e8dac0751516e9»\" https://example.com/",
        "> Authorization: Basic «c3ZjOmh1bnRlcjI=»",
        "Cookie: sid=«Hunter2Hunter2»; Path=/; HttpOnly",
        "X-Api-Key: «Hunter2Hunter2»",
        "CREATE USER app IDENTIFIED BY '«hunter2»'",
        "ALTER ROLE app WITH LOGIN PASSWORD '«hunter2»'",
        "app:«$6$madeupsalt$madeUPmadeUPmadeUPmadeUP»:19800:0:99999:7:::",
        "db.example.com:5432:app:svc:«hunter2»",
        "machine api.example.com login svc password «hunter2»",
        "PrivateKey = «madeUPmadeUPmadeUPmadeUPmadeUPmadeUPmadeUP1=»",
        // Command lines.
        "sshpass -p «hunter2» ssh admin@192.0.2.1",
        "mysqldump -u root -p«hunter2» app",
        "curl -u svc:«hunter2» https://example.com/",
        "app --password «hunter2» --verbose",
        "app\0--db-password=«hunter2»\0-v\0",
        "app\0--token\0«Hunter2Hunter2»\0",
        "HOME=/root\0API_TOKEN=«Hunter2Hunter2»\0LANG=C\0",
        // Sentences.
        "root password: «hunter2»",
        "the temporary password is «hunter2» until tomorrow",
        "temporary password «Hunter2_» was set for admin",
        // Vendors.
        "got «ghp_0123456789abcdefghijABCDEFGHIJ012345» from vault",
        "got «AKIAMADEUPMADEUP1234» from vault",
        "key «AIzaMadeUpMadeUpMadeUpMadeUpMadeUp01234»",
    ];

    /// Lines in which nothing is a secret.
    const MISSES: &[&str] = &[
        "sshd[7]: Failed password for invalid user admin7 from 192.0.2.7 port 22 ssh2",
        "password changed for user bob1",
        "password_file = /etc/app/password.txt",
        "PasswordAuthentication yes",
        "token_ttl: 3600",
        "unexpected token '}' in line 7",
        "max_tokens=4096",
        "password: ${DB_PASSWORD}",
        "password=****",
        "password = <your password>",
        "\"token_type\":\"bearer\"",
        "passwd:         files systemd",
        "GET /login?user=svc&page=2 HTTP/1.1",
        "key: value",
        "PWD=/var/lib/app",
        "tests passed: 128, failed: 0",
        "https://example.com/a@b",
        "see https://example.com:8443/docs",
        "[SendWorker:188978561024:QuorumCnxManager@688]",
        "-----BEGIN CERTIFICATE-----",
        "primary_key=customer_id",
        "the secret of success",
    ];

    #[test]
    fn a_secret_is_removed_and_nothing_else() {
        let redaction = redaction();
        for line in HITS {
            let (before, rest) = line.split_once('«').unwrap();
            let (secret, after) = rest.split_once('»').unwrap();
            let scrubbed = redaction.text(&format!("{before}{secret}{after}"));
            let token = scrubbed
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .unwrap_or_else(|| panic!("`{line}` became `{scrubbed}`"));
            let plain = token.starts_with("[redacted:") && token.ends_with(']');
            assert!(plain, "`{line}` became `{scrubbed}`");
            assert_eq!(redaction.text(&scrubbed), scrubbed, "twice");
        }
    }

    #[test]
    fn what_only_speaks_of_secrets_stays() {
        let redaction = redaction();
        for line in MISSES {
            assert_eq!(redaction.text(line), *line);
        }
    }

    #[test]
    fn json_stays_json() {
        let redaction = redaction();
        let text = r#"{"password":12345678,"pin":-1,"secret":true,"token":null,"a":{"api_key":"x\"y\\z12"}}"#;
        let scrubbed = redaction.text(text);
        assert!(serde_json::from_str::<serde_json::Value>(&scrubbed).is_ok(), "{scrubbed}");
        assert!(!scrubbed.contains("12345678") && !scrubbed.contains("z12"), "{scrubbed}");
    }

    #[test]
    fn a_rule_can_be_left_out_by_the_name_its_replacement_shows() {
        let without = |name: &str| {
            Secrets { except: vec![name.into()] }.rules("secrets", &RuleContext::default())
        };
        let redaction = Redaction::compile(without("github-token").unwrap()).unwrap();
        let text = "got ghp_0123456789abcdefghijABCDEFGHIJ012345";
        assert_eq!(redaction.text(text), text);
        assert!(without("no-such-rule").is_err());
    }

    #[test]
    fn what_stands_where_only_a_secret_does_is_removed_where_it_stands_alone() {
        struct Log;
        impl Collector for Log {
            fn collect(&self, out: &mut Output<'_>) -> Result<(), CollectError> {
                out.file("/var/log/shop.log")?;
                out.file("/etc/shop.env")
            }
        }
        let basic = STANDARD.encode("shop:m4deUpv4lue22");
        let config = format!(
            "DB_PASSWORD=hunter2-Hunter2\nDATABASE_URL=postgres://shop:s3cr3tM4deUp@db.example.com/shop\n\
             AUTHORIZATION: Basic {basic}\nAPI_TOKEN=9f86d081884c7d65\nMODE=production\n"
        );
        let alone = ["hunter2-Hunter2", "s3cr3tM4deUp", "m4deUpv4lue22", "9f86d081884c7d65"];
        let kept = ["production", "0a1b2c3d4e5f6071", "shop", "db.example.com"];
        let log = [&alone[..], &kept].concat().join(" and\n");
        let host = FakeHost::new().file("/var/log/shop.log", &log).file("/etc/shop.env", &config);
        let rules = Secrets::default().rules("secrets", &RuleContext::default()).unwrap();
        let collected = Trial::of(Log).rules(rules).on(host);
        let expected = [&["[redacted:learnt]"; 4][..], &kept].concat().join(" and\n");
        assert_eq!(collected.text("/var/log/shop.log"), expected);
    }
}
