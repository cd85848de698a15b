//! Secrets in statements of SQL, and among the arguments of functions that log in.

use super::{
    key::{Strength, strength},
    value::{is_placeholder, is_secret},
};
use collect_core::redact::{Found, Rule, RuleError};
use std::ops::Range;

/// How far the rows of a statement are looked at.
const REACH: usize = 64 << 10;

/// A literal: with quotes doubled within.
const TEXT: &str = r"N?'(?<secret>(?:[^'\x00\\]|''|\\.)+)'?";

/// Space, also as the histories of MySQL's client write it.
const SPACE: &str = r"(?:\s|\\040)";

const PATTERNS: &[(&[&str], &str)] = &[
    (
        &["identified", "password"],
        r"(?i)(?:\b|040)(?:identified~+(?:by|with~+\S+?~+(?:by|as))(?:~+(?:password|values))?~*|(?:set~+)?password~+for~+\S+~*=(?:~*password)?|password~+from|\bpassword(?:~+|~*\())~*\(?~*TEXT",
    ),
    (&["identified"], r#"(?i)identified~+by~+"(?<secret>[^"\x00]+)"#),
    // Without quotes only in a statement: sentences say what something is identified by, too.
    (
        &["identified"],
        r#"(?:(?i:(?:create|alter)~+(?:user|role)~|grant~|connect~+to~).*?(?i:identified~+by)|\bIDENTIFIED~+BY)~+(?<secret>[A-Za-z0-9_$#][^\s'";,()]{2,})"#,
    ),
    (&["identified"], r#"(?i)^~*identified~+by~+(?<secret>[A-Za-z0-9_$#][^\s'";,()]{2,})~*;?~*$"#),
    (
        &["identified"],
        r#"(?i)identified~+by~+(?:'[^']*(?:''[^']*)*'|"[^"]*"|[^\s;]+)~+replace~+['"]?(?<secret>[^\s'";]+)"#,
    ),
    (&["password from", "password\\040from"], r"(?i)password~+from~+'[^']*'~+to~+TEXT"),
    (&["crypt(", "encrypt(", "decrypt(", "digest(", "hmac("], r"(?i)\bcrypt\(~*TEXT"),
    (
        &["crypt("],
        r"(?i)(?:pgp_sym_(?:en|de)crypt|aes_(?:en|de)crypt|des_(?:en|de)crypt|encode)(?:_bytea)?\([^',]+(?:'[^']*')?,~*TEXT",
    ),
    (&["sp_addlogin", "sp_password"], r"(?i)sp_addlogin~+'[^']*'~*,~*TEXT"),
    (
        &[" key '", " key = '", "pragma key", "pragma rekey", "key='"],
        r"(?i)(?:\bas~+\w+~+key|pragma~+(?:re)?key~*=)~*TEXT",
    ),
    (
        &["md5('", "sha1('", "sha2('", "password('", "password(\""],
        r#"(?i)(?:password|passwd|pwd|pass)~*=~*\w+\(~*["'](?<secret>[^"'\x00]+)"#,
    ),
    (
        &["conn ", "connect "],
        r#"(?i)^\s*(?:SQL>~*)?conn(?:ect)?~+[A-Za-z][\w$#]*/(?:"(?:[^"]+)"|(?<secret>[^\s@/"]+))"#,
    ),
];

/// Strings that become secure ones in `PowerShell`, in either kind of quotes or bare.
const SECURE: &[&str] = &[
    r#"(?i)convertto-securestring\s+(?:>>>>\s+)?(?:-(?:string|asplaintext|force)\s+)*"(?<secret>[^"\x00]+)"#,
    r"(?i)convertto-securestring\s+(?:>>>>\s+)?(?:-(?:string|asplaintext|force)\s+)*'(?<secret>(?:[^'\x00]|'')+)",
    r#"(?i)convertto-securestring\s+(?:>>>>\s+)?(?:-(?:string|asplaintext|force)\s+)*(?<secret>[^\s"'$(-][^\s"')]*)"#,
];

/// Functions whose second argument is a password.
const CALLS: &str = r#"(?i)(?:login|auth|authenticate|simple_bind_s|simple_bind|bind_s|changeUserPassword|basicauth|httpbasicauth|usernamepassword\w*|credentials?|networkcredential)\s*(?:=\s*)?\(\s*[ubrf]?["'][^"'\x00]{1,200}["']\s*,\s*[ubrf]?["'](?<secret>[^"'\x00]{3,})"#;

/// Functions whose third argument is a password.
const THIRD: &str = r#"(?i)(?:PDO->__construct|new PDO|mysqli_connect|mysqli->__construct|new mysqli|getConnection|createConnection|connect)\s*\(\s*["'][^"'\x00]{1,300}["']\s*,\s*["'][^"'\x00]{1,100}["']\s*,\s*["'](?<secret>[^"'\x00]{3,})"#;

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let mut rules = Vec::new();
    for (anchors, expression) in PATTERNS {
        let pattern = expression.replace("TEXT", TEXT).replace('~', SPACE);
        let rule = Rule::pattern("sql-password", *anchors, &pattern)?.valid(is_literal);
        let quoted =
            expression.contains("TEXT") && anchors.iter().all(|anchor| !anchor.contains('\''));
        rules.push(if quoted { rule.before(|rest| rest.contains(&b'\'')) } else { rule });
    }
    let second = [
        "login(",
        "auth(",
        "auth=(",
        "authenticate(",
        "bind_s(",
        "simple_bind(",
        "userpassword(",
        "basicauth(",
        "credential(",
        "credentials(",
        "passwordcredential",
        "usernamepassword",
    ];
    rules.push(Rule::pattern("password", second, CALLS)?.valid(is_literal));
    let third =
        ["->__construct(", "new pdo(", "mysqli", "getconnection(", "createconnection(", "connect("];
    rules.push(Rule::pattern("password", third, THIRD)?.valid(is_literal));
    rules.push(Rule::several(
        "sql-password",
        ["insert into", "replace into", "insert\\040into"],
        insert,
    )?);
    for pattern in SECURE {
        let rule = Rule::pattern("password", ["convertto-securestring"], pattern)?;
        rules.push(rule.valid(is_literal));
    }
    Ok(rules)
}

/// Whether a literal is a value and not a name, a parameter or a mask.
fn is_literal(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 8] =
        [b"values", b"password", b"externally", b"globally", b"random", b"by", b"as", b"with"];
    let lower = value.to_ascii_lowercase();
    !is_placeholder(value)
        && !WORDS.contains(&&*lower)
        && !value.starts_with(b":")
        && !value.starts_with(b"?")
        && !value.starts_with(b"$1")
        && !value.starts_with(b"<")
}

/// The values of the columns of secrets in all rows of `INSERT INTO t (…) VALUES (…), (…)`.
fn insert(line: &[u8], at: Range<usize>) -> Vec<Found> {
    let text = &line[..line.len().min(at.end + REACH)];
    let mut found = Vec::new();
    let head = &text[at.end..text.len().min(at.end + 4096)];
    let Some(open) = head.iter().position(|&b| b == b'(') else { return found };
    let Some(close) = head.iter().position(|&b| b == b')') else { return found };
    if close < open || open > 200 {
        return found;
    }
    let names: Vec<Vec<u8>> = head[open + 1..close]
        .split(|&b| b == b',')
        .map(|name| {
            let name = name.trim_ascii();
            name.iter().filter(|b| !b"`\"[]\\".contains(b)).copied().collect()
        })
        .collect();
    let secret: Vec<Option<Strength>> = names.iter().map(|name| strength(name)).collect();
    let position = |of: &[&[u8]]| {
        names.iter().position(|name| of.contains(&name.to_ascii_lowercase().as_slice()))
    };
    let pair = position(&[
        b"name",
        b"key",
        b"option_name",
        b"meta_key",
        b"setting",
        b"variable",
        b"config_key",
    ])
    .zip(position(&[b"value", b"option_value", b"meta_value", b"config_value"]));
    if secret.iter().all(Option::is_none) && pair.is_none() {
        return found;
    }
    let mut next = at.end + close + 1;
    let Some(values) = text[next..text.len().min(next + 64)].iter().position(|&b| b == b'(') else {
        return found;
    };
    next += values;
    while text.get(next) == Some(&b'(') {
        let Some((row, end)) = row(text, next + 1) else { break };
        for (index, value) in row.iter().enumerate() {
            let by_name = pair
                .filter(|&(_, of)| of == index)
                .and_then(|(name, _)| strength(&text[row.get(name)?.0.clone()]));
            let Some(strength) = by_name.or(secret.get(index).copied().flatten()) else { continue };
            let inner = &text[value.0.clone()];
            let is_pin = strength == Strength::Weak
                && inner.len() < 9
                && names[index].eq_ignore_ascii_case(b"pin");
            if value.1 && (is_secret(inner, strength, true) || is_pin) {
                found.push(value.0.clone().into());
            }
        }
        next = end;
        next += text[next..].iter().take_while(|b| b", \r\n".contains(b)).count();
    }
    found
}

/// The values of a row, with whether they are literals, and where it ends.
type Row = (Vec<(Range<usize>, bool)>, usize);

fn row(text: &[u8], start: usize) -> Option<Row> {
    let mut values = Vec::new();
    let mut at = start;
    loop {
        at += text[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        let slashes = text[at..].iter().take_while(|&&b| b == b'\\').count();
        let quote = at + slashes;
        if text.get(quote) == Some(&b'\'') || slashes > 0 && text.get(quote) == Some(&b'"') {
            let sign = text[quote];
            let mut end = quote + 1;
            loop {
                match *text.get(end)? {
                    byte if byte == sign && text.get(end + 1) == Some(&sign) => end += 2,
                    byte if byte == sign => break,
                    b'\\' if slashes == 0 => end += 2,
                    _ => end += 1,
                }
            }
            values.push((quote + 1..end, true));
            at = end + 1;
        } else {
            let mut depth = 0;
            let from = at;
            loop {
                match *text.get(at)? {
                    b'(' => depth += 1,
                    b')' | b',' if depth == 0 => break,
                    b')' => depth -= 1,
                    _ => {}
                }
                at += 1;
            }
            values.push((from..at, false));
        }
        at += text[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        match *text.get(at)? {
            b',' => at += 1,
            b')' => return Some((values, at + 1)),
            _ => return None,
        }
    }
}
