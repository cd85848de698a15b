//! Tokens that are known by their own form, as their vendors publish it.

use super::value::is_random;
use collect_core::redact::{Rule, RuleError};

/// The rule, an anchor, and what follows the anchor in the token.
///
/// Forms are those of the vendors' documentation; where a length is published as a minimum or has
/// changed over time, it is a minimum here.
const PREFIXES: &[(&str, &str, &str)] = &[
    ("1password-token", "ops_eyJ", "[A-Za-z0-9+/=_-]{100,}"),
    ("adafruit-key", "aio_", "[A-Za-z0-9]{28}"),
    ("age-key", "AGE-SECRET-KEY-1", "[A-Z0-9]{50,}"),
    ("airtable-token", "pat", r"[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    ("alibaba-key", "LTAI", "[A-Za-z0-9]{16,}"),
    ("anthropic-key", "sk-ant-", "[A-Za-z0-9_-]{20,}"),
    ("artifactory-token", "AKCp", "[A-Za-z0-9]{60,}"),
    ("artifactory-token", "cmVmdGtu", "[A-Za-z0-9]{56,}"),
    ("atlassian-token", "ATATT3", "[A-Za-z0-9_=.-]{50,}"),
    ("atlassian-token", "ATCTT3", "[A-Za-z0-9_=.-]{50,}"),
    ("bitbucket-token", "ATBB", "[A-Za-z0-9]{28,}"),
    ("clojars-token", "CLOJARS_", "[A-Za-z0-9]{60}"),
    ("cloudflare-key", "v1.0-", "[a-f0-9]{24}-[a-f0-9]{100,}"),
    ("cloudflare-token", "cfk_", "[A-Za-z0-9]{40,}"),
    ("cloudflare-token", "cfut_", "[A-Za-z0-9]{40,}"),
    ("cloudflare-token", "cfat_", "[A-Za-z0-9]{40,}"),
    ("databricks-token", "dapi", "[a-f0-9]{32}(?:-[0-9])?"),
    ("digitalocean-token", "dop_v1_", "[a-f0-9]{64}"),
    ("digitalocean-token", "doo_v1_", "[a-f0-9]{64}"),
    ("digitalocean-token", "dor_v1_", "[a-f0-9]{64}"),
    ("docker-token", "dckr_pat_", "[A-Za-z0-9_-]{20,}"),
    ("docker-token", "dckr_oat_", "[A-Za-z0-9_-]{20,}"),
    ("doppler-token", "dp.pt.", "[A-Za-z0-9]{40,}"),
    ("doppler-token", "dp.st.", r"[A-Za-z0-9._-]{40,}"),
    ("doppler-token", "dp.ct.", "[A-Za-z0-9]{40,}"),
    ("doppler-token", "dp.sa.", "[A-Za-z0-9]{40,}"),
    ("duffel-token", "duffel_", "(?:test|live)_[A-Za-z0-9_=-]{43}"),
    ("dynatrace-token", "dt0", r"[a-z][0-9]{2}\.[A-Z0-9]{8,24}\.[A-Z0-9]{64}"),
    ("easypost-token", "EZAK", "[A-Za-z0-9]{54}"),
    ("easypost-token", "EZTK", "[A-Za-z0-9]{54}"),
    ("figma-token", "figd_", "[A-Za-z0-9_-]{38,}"),
    ("fly-token", "fo1_", "[A-Za-z0-9_-]{43}"),
    ("fly-token", "FlyV1 ", "fm[12][a-z]?_[A-Za-z0-9+/=,_-]{60,}"),
    ("frameio-token", "fio-u-", "[A-Za-z0-9=_-]{60,}"),
    ("github-token", "ghp_", "[A-Za-z0-9]{36,}"),
    ("github-token", "gho_", "[A-Za-z0-9]{36,}"),
    ("github-token", "ghu_", "[A-Za-z0-9]{36,}"),
    ("github-token", "ghs_", "[A-Za-z0-9]{36,}"),
    ("github-token", "ghr_", "[A-Za-z0-9]{36,}"),
    ("github-token", "github_pat_", "[A-Za-z0-9_]{36,}"),
    ("gitlab-token", "glpat-", "[A-Za-z0-9_.-]{20,}"),
    ("gitlab-token", "gldt-", "[A-Za-z0-9_-]{20,}"),
    ("gitlab-token", "glrt-", "[A-Za-z0-9_.-]{20,}"),
    ("gitlab-token", "glptt-", "[a-f0-9]{40}"),
    ("gitlab-token", "glcbt-", "[A-Za-z0-9_-]{20,}"),
    ("gitlab-token", "glsoat-", "[A-Za-z0-9_-]{20,}"),
    ("gitlab-token", "glft-", "[A-Za-z0-9_-]{20,}"),
    ("gitlab-token", "glimt-", "[A-Za-z0-9_-]{20,}"),
    ("gitlab-token", "glagent-", "[A-Za-z0-9_-]{50,}"),
    ("gitlab-token", "gloas-", "[A-Za-z0-9_-]{60,}"),
    ("gitlab-token", "GR1348941", "[A-Za-z0-9_-]{20,}"),
    ("google-key", "AIza", "[A-Za-z0-9_-]{35}"),
    ("google-token", "ya29.", "[A-Za-z0-9_-]{20,}"),
    ("google-secret", "GOCSPX-", "[A-Za-z0-9_-]{28}"),
    ("grafana-token", "glsa_", "[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    ("grafana-token", "glc_eyJ", "[A-Za-z0-9+/=]{30,}"),
    ("groq-key", "gsk_", "[A-Za-z0-9]{52}"),
    ("harness-token", "pat.", r"[A-Za-z0-9_-]{22}\.[a-f0-9]{24}\.[A-Za-z0-9]{20}"),
    ("heroku-key", "HRKU-", "[A-Za-z0-9_-]{36,}"),
    ("huggingface-token", "hf_", "[A-Za-z0-9]{30,}"),
    ("huggingface-token", "api_org_", "[A-Za-z0-9]{34}"),
    ("infracost-key", "ico-", "[A-Za-z0-9]{32}"),
    (
        "jwt",
        "eyJ",
        r"[A-Za-z0-9_=-]{10,}\.(?:ey|Ik|[A-Za-z0-9])[A-Za-z0-9_=-]{8,}(?:\.[A-Za-z0-9_/+=-]*)?",
    ),
    ("launchdarkly-key", "sdk-", "[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"),
    ("linear-key", "lin_api_", "[A-Za-z0-9]{40}"),
    ("linear-key", "lin_oauth_", "[A-Za-z0-9]{40,}"),
    ("mailgun-key", "key-", "[a-f0-9]{32}"),
    ("mapbox-token", "sk.eyJ", r"[A-Za-z0-9_-]{50,}\.[A-Za-z0-9_-]{20,}"),
    ("mapbox-token", "pk.eyJ", r"[A-Za-z0-9_-]{50,}\.[A-Za-z0-9_-]{20,}"),
    ("netlify-token", "nfp_", "[A-Za-z0-9]{36,}"),
    ("newrelic-key", "NRAK-", "[A-Z0-9]{27}"),
    ("newrelic-key", "NRII-", "[A-Za-z0-9_-]{32}"),
    ("newrelic-key", "NRJS-", "[a-f0-9]{19}"),
    ("newrelic-key", "NRRA-", "[a-f0-9]{42}"),
    ("notion-token", "ntn_", "[A-Za-z0-9]{40,}"),
    ("npm-token", "npm_", "[A-Za-z0-9]{36,}"),
    ("nuget-key", "oy2", "[a-z0-9]{43}"),
    ("nvidia-key", "nvapi-", "[A-Za-z0-9_-]{60,}"),
    ("openai-key", "sk-proj-", "[A-Za-z0-9_-]{40,}"),
    ("openai-key", "sk-svcacct-", "[A-Za-z0-9_-]{40,}"),
    ("openai-key", "sk-admin-", "[A-Za-z0-9_-]{40,}"),
    ("openai-key", "sk-", "[A-Za-z0-9]{20}(?:T3BlbkFJ)?[A-Za-z0-9]{12,}"),
    ("openrouter-key", "sk-or-v1-", "[a-f0-9]{64}"),
    ("perplexity-key", "pplx-", "[A-Za-z0-9]{40,}"),
    ("planetscale-token", "pscale_tkn_", "[A-Za-z0-9=._-]{32,}"),
    ("planetscale-token", "pscale_pw_", "[A-Za-z0-9=._-]{32,}"),
    ("planetscale-token", "pscale_oauth_", "[A-Za-z0-9=._-]{32,}"),
    ("postman-key", "PMAK-", "[a-f0-9]{24}-[a-f0-9]{34}"),
    ("prefect-key", "pnu_", "[A-Za-z0-9]{36}"),
    ("pulumi-token", "pul-", "[a-f0-9]{40}"),
    ("pypi-token", "pypi-AgE", "[A-Za-z0-9_-]{50,}"),
    ("readme-key", "rdme_", "[a-z0-9]{70}"),
    ("replicate-token", "r8_", "[A-Za-z0-9]{37}"),
    ("rubygems-key", "rubygems_", "[a-f0-9]{48}"),
    ("sendgrid-key", "SG.", r"[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    ("sendinblue-key", "xkeysib-", "[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    ("sentry-token", "sntrys_", "[A-Za-z0-9+/=_]{40,}"),
    ("sentry-token", "sntryu_", "[a-f0-9]{64}"),
    ("shippo-token", "shippo_", "(?:live|test)_[a-f0-9]{40}"),
    ("shopify-token", "shpat_", "[a-fA-F0-9]{32}"),
    ("shopify-token", "shpca_", "[a-fA-F0-9]{32}"),
    ("shopify-token", "shppa_", "[a-fA-F0-9]{32}"),
    ("shopify-token", "shpss_", "[a-fA-F0-9]{32}"),
    ("slack-token", "xox", "[abeoprs](?:-|\\.)[A-Za-z0-9-]{10,}"),
    ("slack-token", "xoxe.xox", "[bp]-[A-Za-z0-9-]{20,}"),
    ("slack-token", "xapp-", "[0-9]-[A-Za-z0-9-]{20,}"),
    ("sonar-token", "squ_", "[a-f0-9]{40}"),
    ("sonar-token", "sqp_", "[a-f0-9]{40}"),
    ("sonar-token", "sqa_", "[a-f0-9]{40}"),
    ("sourcegraph-token", "sgp_", "(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}"),
    ("square-token", "sq0", "(?:atp|csp)-[A-Za-z0-9_-]{22,43}"),
    ("square-token", "EAAA", "[A-Za-z0-9_-]{60}"),
    ("stripe-key", "sk_live_", "[A-Za-z0-9]{10,}"),
    ("stripe-key", "sk_test_", "[A-Za-z0-9]{10,}"),
    ("stripe-key", "rk_live_", "[A-Za-z0-9]{10,}"),
    ("stripe-key", "rk_test_", "[A-Za-z0-9]{10,}"),
    ("stripe-key", "whsec_", "[A-Za-z0-9+/=]{20,}"),
    ("tailscale-key", "tskey-", "[a-z]+-[A-Za-z0-9-]{20,}"),
    ("terraform-token", ".atlasv1.", "[A-Za-z0-9_=-]{60,70}"),
    ("typeform-token", "tfp_", "[A-Za-z0-9_.=-]{40,}"),
    ("vault-token", "hvs.", "[A-Za-z0-9_-]{20,}"),
    ("vault-token", "hvb.", "[A-Za-z0-9_-]{20,}"),
    ("vault-token", "hvr.", "[A-Za-z0-9_-]{20,}"),
    ("yandex-key", "AQVN", "[A-Za-z0-9_-]{35,38}"),
];

/// Tokens whose form is not a prefix and a run: the rule, its anchors, the expression.
const FORMS: &[(&str, &[&str], &str)] = &[
    (
        "aws-key",
        &["AKIA", "ASIA", "ABIA", "ACCA", "A3T"],
        r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    ),
    ("aws-bedrock-key", &["ABSK"], r"\bABSK[A-Za-z0-9+/]{100,}={0,2}"),
    (
        "slack-webhook",
        &["hooks.slack.com"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?<secret>[A-Za-z0-9+/_-]{20,})",
    ),
    (
        "discord-webhook",
        &["/api/webhooks/"],
        r"/api/webhooks/[0-9]{8,}/(?<secret>[A-Za-z0-9_-]{30,})",
    ),
    (
        "teams-webhook",
        &["webhook.office.com", "IncomingWebhook"],
        r"/IncomingWebhook/(?<secret>[a-z0-9]{32}/[a-z0-9-]{36}\S*)",
    ),
    ("telegram-token", &[":AA"], r"\b(?:bot)?(?<secret>[0-9]{6,12}:AA[A-Za-z0-9_-]{32,})"),
    (
        "discord-token",
        &["discord", "bot "],
        r"\b(?<secret>[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,38})",
    ),
    ("twilio-key", &["twilio"], r"\b(?<secret>(?:SK|AC)[a-f0-9]{32})\b"),
    (
        "azure-key",
        &["AccountKey=", "SharedAccessKey="],
        r"(?i:AccountKey|SharedAccessKey)=(?<secret>[A-Za-z0-9+/=%]{20,})",
    ),
    ("azure-secret", &["7Q~", "8Q~"], r"\b[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"),
    ("azure-signature", &["sig="], r"\bsig=(?<secret>[A-Za-z0-9%+/=_-]{20,})"),
    ("vault-token", &["vault"], r"\b(?<secret>[sb]\.[A-Za-z0-9]{24})\b"),
    ("mailchimp-key", &["-us"], r"\b(?<secret>[a-f0-9]{32})-us[0-9]{1,2}\b"),
    ("amazon-mws-token", &["amzn.mws."], r"amzn\.mws\.(?<secret>[a-f0-9-]{36})"),
    (
        "npm-auth",
        &["_auth", "_password"],
        r"(?::|^|\s)_(?:auth|authToken|password)\s*=\s*(?<secret>[^\s]{6,})",
    ),
];

pub(super) fn rules() -> Result<Vec<Rule>, RuleError> {
    let mut rules = Vec::new();
    for (id, anchor, rest) in PREFIXES {
        let escaped = regex::escape(anchor);
        let border = if anchor.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            r"(?:^|[^A-Za-z0-9])"
        } else {
            ""
        };
        let head = if *id == "terraform-token" { "[A-Za-z0-9]{14}" } else { "" };
        let pattern = format!("{border}(?<secret>{head}{escaped}{rest})");
        rules.push(Rule::pattern(*id, [anchor], &pattern)?.valid(is_token));
    }
    for (id, anchors, pattern) in FORMS {
        rules.push(Rule::pattern(*id, *anchors, pattern)?);
    }
    Ok(rules)
}

/// Not a word that only begins like a token, such as `sk-something-or-other`.
fn is_token(value: &[u8]) -> bool {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    digits >= 2 || value.len() >= 30 || is_random(value, 20)
}
