//! Applies rules from files of another program.

use crate::examples::invalid;
use collect_core::{
    Redactor,
    redact::{Invalid, Rule, RuleContext, RuleError},
    register,
};
use regex::bytes::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Removes what rules in the format of gitleaks find.
///
/// ```toml
/// [redact.team]
/// use = "import"
/// files = ["gitleaks.toml"]
/// ```
///
/// A rule looks at lines that hold one of its keywords, one at a time: a secret of several lines is
/// not found. Its entropy holds, and so do stopwords and expressions of allowlists for the secret
/// itself. What the file says about paths, commits, and the rest of a line is passed over, so that
/// too much is removed rather than too little.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Import {
    /// The files; a relative one is meant from the folder of the profile. Required.
    files: Vec<PathBuf>,
    /// Rules that are not applied, by their ids.
    except: Vec<String>,
}

register!("import" => Import as Redactor);

impl Redactor for Import {
    fn rules(&self, id: &str, context: &RuleContext<'_>) -> Result<Vec<Rule>, RuleError> {
        let mut rules = Vec::new();
        for path in &self.files {
            let text = context.read(id, path)?;
            let file: File = toml::from_str(&text).map_err(|error| {
                let reason = error.to_string();
                unusable(id, &format!("`{}` cannot be understood: {reason}", path.display()))
            })?;
            rules.extend(file.rules(id, path)?);
        }
        for name in &self.except {
            if !rules.iter().any(|rule| rule.id() == name) {
                return Err(unusable(name, &format!("no file of `{id}` has a rule of that name")));
            }
        }
        rules.retain(|rule| !self.except.iter().any(|name| name == rule.id()));
        Ok(rules)
    }

    fn check(&self) -> Vec<Invalid> {
        if self.files.is_empty() {
            let help = "write it like `files = [\"gitleaks.toml\"]`".to_owned();
            return vec![invalid("files", "no file is given".into(), Some(help))];
        }
        Vec::new()
    }
}

/// What is used of a file. It has more, which is none of redaction's business.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    rules: Vec<Imported>,
    allowlist: Option<Allowlist>,
    allowlists: Vec<Allowlist>,
    extend: Option<Extend>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Extend {
    path: Option<String>,
    use_default: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Imported {
    id: String,
    /// A rule without one looks for names of files.
    regex: Option<String>,
    /// Without it, the first group that took part is the secret.
    secret_group: usize,
    /// In bits for each byte; a secret has more.
    entropy: f64,
    keywords: Vec<String>,
    allowlist: Option<Allowlist>,
    allowlists: Vec<Allowlist>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Allowlist {
    condition: String,
    regex_target: String,
    regexes: Vec<String>,
    stopwords: Vec<String>,
    paths: Vec<String>,
    commits: Vec<String>,
    /// The rules that a list of the whole file is for; all, if it names none.
    target_rules: Vec<String>,
}

impl File {
    fn rules(self, id: &str, path: &Path) -> Result<Vec<Rule>, RuleError> {
        if self.extend.is_some_and(|extend| extend.use_default || extend.path.is_some()) {
            let reason =
                format!("`{}` extends other rules; name their file beside it", path.display());
            return Err(unusable(id, &reason));
        }
        let everywhere: Vec<_> = self.allowlist.into_iter().chain(self.allowlists).collect();
        let rules = self.rules.into_iter().filter_map(|rule| rule.rule(path, &everywhere));
        rules.collect()
    }
}

impl Imported {
    fn rule(self, path: &Path, everywhere: &[Allowlist]) -> Option<Result<Rule, RuleError>> {
        let regex = translated(self.regex.as_deref()?);
        Some(self.with(&regex, path, everywhere))
    }

    fn with(self, regex: &str, path: &Path, global: &[Allowlist]) -> Result<Rule, RuleError> {
        let long = |keyword: &String| keyword.len() >= 3;
        let anchors = if !self.keywords.is_empty() && self.keywords.iter().all(long) {
            self.keywords.iter().map(|keyword| keyword.clone().into_bytes()).collect()
        } else {
            super::pattern::anchors(regex)
        };
        let here = |reason: String| {
            let reason = format!("its expression in `{}`: {reason}", path.display());
            unusable(&self.id, &reason)
        };
        let rule = Rule::pattern(&self.id, anchors, regex).map_err(|error| match error {
            RuleError::Pattern { reason, .. } => here(reason),
            other => other,
        })?;
        let rule = match self.secret_group {
            0 => rule.first_group(),
            group => rule.group(group)?,
        };
        let for_this = |list: &&Allowlist| {
            list.target_rules.is_empty() || list.target_rules.contains(&self.id)
        };
        let lists = global.iter().filter(for_this).chain(&self.allowlist).chain(&self.allowlists);
        let allowed: Vec<Allowed> = lists
            .filter_map(|list| list.allowed().map_err(here).transpose())
            .collect::<Result<_, _>>()?;
        let entropy = self.entropy;
        Ok(rule.valid(move |secret| {
            (entropy <= 0.0 || bits(secret) > entropy)
                && !allowed.iter().any(|allowed| allowed.has(secret))
        }))
    }
}

/// What is no secret although a rule finds it.
struct Allowed {
    regexes: Vec<Regex>,
    stopwords: Vec<Vec<u8>>,
    /// Whether both have to be so, instead of one.
    both: bool,
}

impl Allowlist {
    /// What the list says about the secret itself; nothing if it says that only together with what
    /// is not known.
    fn allowed(&self) -> Result<Option<Allowed>, String> {
        let both = self.condition.eq_ignore_ascii_case("and") || self.condition == "&&";
        let of_secret = matches!(self.regex_target.as_str(), "" | "secret");
        let more = !self.paths.is_empty() || !self.commits.is_empty();
        if both && (more || !of_secret && !self.regexes.is_empty()) {
            return Ok(None);
        }
        let build = |text: &String| {
            let mut builder = RegexBuilder::new(&translated(text));
            builder.unicode(false).build().map_err(|error| error.to_string())
        };
        let regexes = if of_secret { &self.regexes[..] } else { &[] };
        let regexes: Vec<Regex> = regexes.iter().map(build).collect::<Result<_, _>>()?;
        let lower = |word: &String| word.to_ascii_lowercase().into_bytes();
        let stopwords: Vec<Vec<u8>> = self.stopwords.iter().map(lower).collect();
        let both = both && !regexes.is_empty() && !stopwords.is_empty();
        Ok(Some(Allowed { regexes, stopwords, both }))
    }
}

impl Allowed {
    fn has(&self, secret: &[u8]) -> bool {
        let lower = secret.to_ascii_lowercase();
        let matches = self.regexes.iter().any(|regex| regex.is_match(secret));
        let mut words = self.stopwords.iter();
        let mut stops = || words.any(|word| memchr::memmem::find(&lower, word).is_some());
        if self.both { matches && stops() } else { matches || stops() }
    }
}

/// Shannon's entropy of a text, in bits for each byte.
fn bits(text: &[u8]) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    let share = |count: &usize| *count as f64 / text.len() as f64;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

/// Writes an expression of Go as one of Rust: in Go, a brace or bracket that begins nothing stands for
/// itself, and classes know no arithmetic.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let (mut class, mut rest) = (false, pattern);
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            '[' if class => named_class(rest),
            '[' => opening(rest),
            _ => first.len_utf8(),
        };
        let itself = match first {
            '{' => !class && !is_count(rest),
            '[' => class && len == 1,
            '&' | '~' => class,
            _ => false,
        };
        if itself {
            out.push('\\');
        }
        out.push_str(&rest[..len]);
        class = first == '[' || class && first != ']';
        rest = &rest[len..];
    }
    out
}

/// The length of `[:alpha:]`, or of a mere bracket.
fn named_class(rest: &str) -> usize {
    if rest.starts_with("[:") { rest.find(":]").map_or(1, |end| end + 2) } else { 1 }
}

/// The length of what begins a class: a bracket as its first character does not end it.
fn opening(rest: &str) -> usize {
    ["[^]", "[]", "[^"].iter().find(|opening| rest.starts_with(**opening)).map_or(1, |o| o.len())
}

/// Whether a brace begins a count: `{2}`, `{2,}`, `{2,3}`.
fn is_count(rest: &str) -> bool {
    let Some((inside, _)) = rest[1..].split_once('}') else {
        return false;
    };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

fn unusable(rule: &str, reason: &str) -> RuleError {
    RuleError::Unusable { rule: rule.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use collect_core::redact::Redaction;

    /// A file in a folder of its own, and the rules of it.
    fn rules(text: &str) -> Result<Vec<Rule>, RuleError> {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("team.toml"), text);
        let import = Import { files: vec!["team.toml".into()], except: Vec::new() };
        import.rules("team", &RuleContext { base: folder.path(), ..RuleContext::default() })
    }

    #[expect(clippy::disallowed_methods, reason = "what a test reads, it writes")]
    fn write(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
    }

    fn scrubbed(rules_of: &str, text: &str) -> String {
        Redaction::compile(rules(rules_of).unwrap()).unwrap().text(text)
    }

    const ACME: &str = r#"
        title = "ours"
        [[rules]]
        id = "acme-token"
        description = "a token of Acme"
        regex = '''acme[_-]?(?:key|token)\s*=\s*([a-z0-9]{8,12})\b'''
        keywords = ["acme"]
    "#;

    #[test]
    fn a_rule_removes_its_group_in_lines_with_its_keyword() {
        let gone = "acme_key = [redacted:acme-token] ok";
        assert_eq!(scrubbed(ACME, "acme_key = a1b2c3d4 ok"), gone);
        assert_eq!(scrubbed(ACME, "other_key = a1b2c3d4 ok"), "other_key = a1b2c3d4 ok");
        let second = ACME.replace("acme[", "(ac)me[") + "secretGroup = 2";
        assert_eq!(scrubbed(&second, "acme_key = a1b2c3d4 ok"), gone);
        let either = ACME.replace("([a-z0-9]{8,12})", "(?:x([0-9]{4})|([a-z0-9]{8,12}))");
        assert_eq!(scrubbed(&either, "acme_key = a1b2c3d4 ok"), gone);
        assert_eq!(scrubbed(&either, "acme_key = x1234"), "acme_key = x[redacted:acme-token]");
    }

    #[test]
    fn a_rule_without_usable_keywords_is_run_where_its_expression_shows_words() {
        let short = ACME.replace("[\"acme\"]", "[\"ac\"]");
        assert_eq!(scrubbed(&short, "acme_key=a1b2c3d4"), "acme_key=[redacted:acme-token]");
    }

    #[test]
    fn entropy_and_what_is_allowed_hold() {
        let text = |more: &str| scrubbed(&format!("{ACME}{more}"), "acme_key = aaaabbbb");
        let gone = "acme_key = [redacted:acme-token]";
        assert_eq!(text(""), gone);
        assert_eq!(text("entropy = 0.9"), gone);
        assert_eq!(text("entropy = 1"), "acme_key = aaaabbbb");
        assert_eq!(text("[rules.allowlist]\nregexes = ['^a+b+$']"), "acme_key = aaaabbbb");
        assert_eq!(text("[[rules.allowlists]]\nstopwords = ['ABB']"), "acme_key = aaaabbbb");
        assert_eq!(text("[[allowlists]]\nregexes = ['^a']"), "acme_key = aaaabbbb");
        assert_eq!(text("[[allowlists]]\ntargetRules = ['x']\nregexes = ['^a']"), gone);
        let both = "[[rules.allowlists]]\ncondition = 'AND'\nregexes = ['^a']\n";
        assert_eq!(text(&format!("{both}stopwords = ['zz']")), gone);
        assert_eq!(text(&format!("{both}stopwords = ['bb']")), "acme_key = aaaabbbb");
    }

    #[test]
    fn what_is_not_known_of_a_secret_allows_none() {
        let text = |more: &str| scrubbed(&format!("{ACME}{more}"), "acme_key = aaaabbbb");
        let gone = "acme_key = [redacted:acme-token]";
        assert_eq!(text("[rules.allowlist]\npaths = ['.*']"), gone);
        assert_eq!(text("[rules.allowlist]\nregexTarget = 'line'\nregexes = ['.']"), gone);
        let both = "[[rules.allowlists]]\ncondition = 'AND'\nregexes = ['^a']\n";
        assert_eq!(text(&format!("{both}paths = ['.*']")), gone);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_its_rule() {
        let error = |text: &str| rules(text).err().unwrap().to_string();
        let lookahead = error(&ACME.replace("acme[", "(?=x)acme["));
        assert!(lookahead.contains("`acme-token`"), "{lookahead}");
        assert!(lookahead.contains("`team.toml`") && lookahead.contains("look-around"));
        assert!(error("rules = 1").contains("`team.toml`"));
        assert!(error("[extend]\nuseDefault = true").contains("extends"));
        let missing = Import { files: vec!["none.toml".into()], except: Vec::new() };
        let error = missing.rules("team", &RuleContext::default()).err().unwrap().to_string();
        assert!(error.contains("`team`") && error.contains("none.toml"), "{error}");
        assert_eq!(Import::default().check().len(), 1);
    }

    #[test]
    fn what_go_understands_differently_is_translated() {
        for (go, rust) in [
            (r"^\${(?:[A-Z_]+)}$", r"^\$\{(?:[A-Z_]+)}$"),
            (r"x{2}y{2,}z{2,3}", r"x{2}y{2,}z{2,3}"),
            ("{{ [a-z]+ }}", r"\{\{ [a-z]+ }}"),
            (r"[[{&]x", r"[\[{\&]x"),
            ("[[:alnum:]_]{3}", "[[:alnum:]_]{3}"),
            ("[]{]{[^]{]", r"[]{]\{[^]{]"),
            (r"\[{", r"\[\{"),
        ] {
            assert_eq!(translated(go), rust, "{go}");
            Regex::new(rust).unwrap();
        }
    }
}
