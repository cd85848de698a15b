//! Every way to come to the bucket: tokens, Referers, schemes and operations, what of it is right,
//! and what a judge says of it.

use super::{
    DESK_TOKEN, REFERER, UPLOAD_TOKEN,
    policy::{ACCOUNT, BUCKET},
};
use serde_json::{Value, json};
use std::fmt;

/// The token that a request comes with, as its User-Agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Token {
    None,
    Wrong,
    Upload,
    Desk,
}

/// The Referer that a request comes with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Referer {
    None,
    Wrong,
    Right,
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    PutNew,
    PutElsewhere,
    PutOverwrite,
    Get,
    Head,
    Delete,
    MultiDelete,
    List,
    HeadBucket,
    Versions,
    Uploads,
    GetPolicy,
    PutPolicy,
    GetLifecycle,
    PutLifecycle,
    GetAcl,
    GetTagging,
    PutTagging,
    StartUpload,
}

const OPERATIONS: [Operation; 19] = [
    Operation::PutNew,
    Operation::PutElsewhere,
    Operation::PutOverwrite,
    Operation::Get,
    Operation::Head,
    Operation::Delete,
    Operation::MultiDelete,
    Operation::List,
    Operation::HeadBucket,
    Operation::Versions,
    Operation::Uploads,
    Operation::GetPolicy,
    Operation::PutPolicy,
    Operation::GetLifecycle,
    Operation::PutLifecycle,
    Operation::GetAcl,
    Operation::GetTagging,
    Operation::PutTagging,
    Operation::StartUpload,
];

/// One cell of the matrix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    pub(crate) token: Token,
    pub(crate) referer: Referer,
    pub(crate) https: bool,
    pub(crate) operation: Operation,
    /// Its place in the matrix, so that each has objects of its own.
    pub(crate) number: usize,
}

/// All 456 of them.
pub(crate) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for token in [Token::None, Token::Wrong, Token::Upload, Token::Desk] {
        for referer in [Referer::None, Referer::Wrong, Referer::Right] {
            for https in [false, true] {
                for operation in OPERATIONS {
                    let number = cells.len();
                    cells.push(Cell { token, referer, https, operation, number });
                }
            }
        }
    }
    cells
}

impl Token {
    /// The User-Agent.
    pub(crate) fn text(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Wrong => Some("made-up-token-that-nobody-gave-out"),
            Self::Upload => Some(UPLOAD_TOKEN),
            Self::Desk => Some(DESK_TOKEN),
        }
    }
}

impl Referer {
    /// The header.
    pub(crate) fn text(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Wrong => Some("https://elsewhere.example.com/"),
            Self::Right => Some(REFERER),
        }
    }
}

impl Operation {
    /// The action that AWS checks.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::PutNew | Self::PutElsewhere | Self::PutOverwrite | Self::StartUpload => {
                "s3:PutObject"
            }
            Self::Get | Self::Head => "s3:GetObject",
            Self::Delete | Self::MultiDelete => "s3:DeleteObject",
            Self::List | Self::HeadBucket => "s3:ListBucket",
            Self::Versions => "s3:ListBucketVersions",
            Self::Uploads => "s3:ListBucketMultipartUploads",
            Self::GetPolicy => "s3:GetBucketPolicy",
            Self::PutPolicy => "s3:PutBucketPolicy",
            Self::GetLifecycle => "s3:GetLifecycleConfiguration",
            Self::PutLifecycle => "s3:PutLifecycleConfiguration",
            Self::GetAcl => "s3:GetBucketAcl",
            Self::GetTagging => "s3:GetObjectTagging",
            Self::PutTagging => "s3:PutObjectTagging",
        }
    }

    /// Whether it is about an object rather than the bucket.
    pub(crate) fn of_an_object(self) -> bool {
        matches!(
            self.action(),
            "s3:PutObject"
                | "s3:GetObject"
                | "s3:DeleteObject"
                | "s3:GetObjectTagging"
                | "s3:PutObjectTagging"
        )
    }

    /// Whether the request says `If-None-Match: *`.
    pub(crate) fn only_if_new(self) -> bool {
        matches!(self, Self::PutNew | Self::PutElsewhere)
    }
}

impl Cell {
    /// Whether it is to be let in, by a token alone.
    pub(crate) fn is_right(&self) -> bool {
        if !self.https || self.referer != Referer::Right {
            return false;
        }
        match self.token {
            Token::None | Token::Wrong => false,
            Token::Upload => self.operation == Operation::PutNew,
            Token::Desk => matches!(
                self.operation,
                Operation::Get
                    | Operation::Head
                    | Operation::Delete
                    | Operation::MultiDelete
                    | Operation::List
                    | Operation::HeadBucket
            ),
        }
    }

    /// The key of the object that it is about: for most, one that is there.
    pub(crate) fn key(&self) -> String {
        let number = self.number;
        match self.operation {
            Operation::PutNew | Operation::StartUpload => {
                format!("reports/shop/2026/11/23/new-{number}.tar.xz.age")
            }
            Operation::PutElsewhere => format!("elsewhere/new-{number}.tar.xz.age"),
            _ => self.existing(),
        }
    }

    /// The key of an object that is there.
    pub(crate) fn existing(&self) -> String {
        format!("reports/shop/2026/11/23/there-{}.tar.xz.age", self.number)
    }

    /// The request as the oracle wants it; `signer` is the ARN and the policy of who has signed it.
    pub(crate) fn question(&self, policy: &str, signer: Option<(&str, &Value)>) -> Value {
        let bucket = format!("arn:aws:s3:::{BUCKET}");
        let resource =
            if self.operation.of_an_object() { format!("{bucket}/{}", self.key()) } else { bucket };
        let mut context = json!({
            "aws:SecureTransport": self.https.to_string(),
            "aws:SourceIp": "192.0.2.7",
        });
        for (key, value) in
            [("aws:UserAgent", self.token.text()), ("aws:Referer", self.referer.text())]
        {
            if let Some(value) = value {
                context[key] = json!(value);
            }
        }
        if self.operation.only_if_new() {
            context["s3:if-none-match"] = json!("*");
        }
        if let Some((arn, _)) = signer {
            context["aws:PrincipalArn"] = json!(arn);
        }
        json!({
            "policy": policy,
            "account": ACCOUNT,
            "principal": signer.map(|(arn, _)| arn),
            "identity": signer.map(|(_, policy)| policy),
            "action": self.operation.action(),
            "resource": resource,
            "context": context,
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match self.operation {
            Operation::PutNew => "PUT new",
            Operation::PutElsewhere => "PUT outside reports/",
            Operation::PutOverwrite => "PUT overwrite",
            Operation::Get => "GET",
            Operation::Head => "HEAD",
            Operation::Delete => "DELETE",
            Operation::MultiDelete => "POST ?delete",
            Operation::List => "LIST",
            Operation::HeadBucket => "HEAD bucket",
            Operation::Versions => "GET ?versions",
            Operation::Uploads => "GET ?uploads",
            Operation::GetPolicy => "GET ?policy",
            Operation::PutPolicy => "PUT ?policy",
            Operation::GetLifecycle => "GET ?lifecycle",
            Operation::PutLifecycle => "PUT ?lifecycle",
            Operation::GetAcl => "GET ?acl",
            Operation::GetTagging => "GET ?tagging",
            Operation::PutTagging => "PUT ?tagging",
            Operation::StartUpload => "POST ?uploads",
        };
        let token = match self.token {
            Token::None => "no token",
            Token::Wrong => "wrong token",
            Token::Upload => "upload token",
            Token::Desk => "desk token",
        };
        let referer = match self.referer {
            Referer::None => "no Referer",
            Referer::Wrong => "wrong Referer",
            Referer::Right => "right Referer",
        };
        let scheme = if self.https { "https" } else { "http" };
        write!(text, "{operation}, {token}, {referer}, {scheme}")
    }
}

/// What a judge said of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Allowed,
    Refused,
    /// Neither: the answer.
    Else(String),
}

/// The cells of which the judge says something else than `right`, each as a line for people.
pub(crate) fn differences(
    cells: &[Cell],
    verdicts: &[Verdict],
    right: impl Fn(&Cell) -> bool,
) -> Vec<String> {
    assert_eq!(cells.len(), verdicts.len());
    let mut lines = Vec::new();
    for (cell, verdict) in cells.iter().zip(verdicts) {
        let should = if right(cell) { Verdict::Allowed } else { Verdict::Refused };
        if *verdict != should {
            lines.push(format!("{cell}: {verdict}, should be {should}"));
        }
    }
    lines
}

impl fmt::Display for Verdict {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => text.write_str("allowed"),
            Self::Refused => text.write_str("refused"),
            Self::Else(answer) => write!(text, "answered {answer}"),
        }
    }
}
