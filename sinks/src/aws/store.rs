//! Where AWS keeps secrets: Secrets Manager, and the Parameter Store of Systems Manager.

use super::{Keys, endpoint, json::Service};
use crate::http::{self, Route};
use collect_core::{Secret, sink::DeliveryError};
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A secret is at most 64 KB, which JSON may write in six times as many.
const ANSWER: usize = 512 << 10;

/// The protocol of both
/// (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>).
const JSON: &str = "application/x-amz-json-1.1";

/// One secret in a store.
#[derive(Clone, Debug)]
pub struct SecretStore {
    arn: String,
    region: String,
    kind: Kind,
    url: Url,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Manager,
    Parameter,
}

impl Kind {
    fn service(self) -> &'static str {
        match self {
            Self::Manager => "secretsmanager",
            Self::Parameter => "ssm",
        }
    }

    fn target(self) -> &'static str {
        match self {
            Self::Manager => "secretsmanager.GetSecretValue",
            Self::Parameter => "AmazonSSM.GetParameter",
        }
    }

    fn body(self, arn: &str) -> Value {
        match self {
            Self::Manager => json!({ "SecretId": arn }),
            Self::Parameter => json!({ "Name": arn, "WithDecryption": true }),
        }
    }

    /// The secret in an answer, if it is a text.
    fn value(self, answer: &Value) -> Option<&str> {
        match self {
            Self::Manager => answer["SecretString"].as_str(),
            Self::Parameter => answer["Parameter"]["Value"].as_str(),
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Manager => {
                "the role needs `secretsmanager:GetSecretValue` for it, and `kms:Decrypt` if it has \
                 a key of its own"
            }
            Self::Parameter => {
                "the role needs `ssm:GetParameter` for it, and `kms:Decrypt` if it has a key of its \
                 own"
            }
        }
    }
}

impl SecretStore {
    /// The secret of this ARN, at the endpoint that the environment says or in its region.
    ///
    /// # Errors
    ///
    /// Says why there is none of this ARN.
    pub fn new(arn: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let none = || format!("`{}` is no ARN of a secret or a parameter", http::visible(arn));
        let parts: Vec<_> = arn.splitn(6, ':').collect();
        let [_, partition, service, region, _, name] = parts[..] else { return Err(none()) };
        let kind = match service {
            "secretsmanager" if name.starts_with("secret:") => Kind::Manager,
            "ssm" if name.starts_with("parameter/") => Kind::Parameter,
            _ => return Err(none()),
        };
        let end = if partition == "aws-cn" { ".cn" } else { "" };
        let usual = || format!("https://{service}.{region}.amazonaws.com{end}/");
        let url = endpoint(service, env).unwrap_or_else(usual);
        let url: Url = url.parse().map_err(|_| none())?;
        match http::objection(&url) {
            Some(why) => Err(format!("the endpoint of the secret is not safe: {why}")),
            None => Ok(Self { arn: arn.to_owned(), region: region.to_owned(), kind, url }),
        }
    }

    /// Reads it, with the certificate authorities that `AWS_CA_BUNDLE` names besides the host's own.
    ///
    /// # Errors
    ///
    /// The store could not be reached, or refused; the value is never repeated.
    pub async fn read(
        &self,
        keys: &Keys,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Secret, DeliveryError> {
        let route = Route { ca_file: env("AWS_CA_BUNDLE").map(Into::into), proxy: None };
        let client = route
            .client(&self.url)
            .map_err(|error| DeliveryError::Refused { reason: error.to_string(), help: None })?;
        let service = Service {
            name: self.kind.service(),
            region: &self.region,
            url: &self.url,
            client: &client,
            keys,
            content_type: JSON,
            patience: PATIENCE,
            answer: ANSWER,
        };
        let (body, help) = (self.kind.body(&self.arn), self.kind.help());
        let text = service.ask(self.kind.target(), &body, help).await?;
        // What the answer says is the secret, whatever is wrong with it.
        let read = serde_json::from_str::<Value>(&text).ok();
        let value = read.as_ref().and_then(|read| self.kind.value(read));
        value.map(Secret::new).ok_or_else(|| DeliveryError::Refused {
            reason: format!("what `{}` keeps there is no text", http::host(&self.url)),
            help: Some("put the settings there as plain text".into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Server, json};

    const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:desk-Ab12Cd";
    const PARAMETER: &str = "arn:aws:ssm:eu-central-1:111122223333:parameter/collect/desk";

    fn keys() -> Keys {
        Keys::read(&|name| (name != "AWS_SESSION_TOKEN").then(|| format!("made-up-{name}")))
            .unwrap()
    }

    #[test]
    fn a_secret_is_in_the_region_of_its_arn() {
        let url = |arn: &str| SecretStore::new(arn, &|_| None).map(|store| store.url.to_string());
        assert_eq!(
            url(SECRET).as_deref(),
            Ok("https://secretsmanager.eu-central-1.amazonaws.com/")
        );
        assert_eq!(url(PARAMETER).as_deref(), Ok("https://ssm.eu-central-1.amazonaws.com/"));
        for wrong in ["", "desk", "arn:aws:sns:eu-central-1:111122223333:alerts"] {
            assert!(url(wrong).unwrap_err().contains("no ARN of a secret"), "{wrong}");
        }
    }

    #[test]
    fn both_stores_are_asked_in_their_own_words() {
        for (arn, target, asked, answer) in [
            (
                SECRET,
                "secretsmanager.GetSecretValue",
                json!({ "SecretId": SECRET }),
                json!({ "SecretString": "made-up" }),
            ),
            (
                PARAMETER,
                "AmazonSSM.GetParameter",
                json!({ "Name": PARAMETER, "WithDecryption": true }),
                json!({ "Parameter": { "Value": "made-up" } }),
            ),
        ] {
            let server = Server::start([json(200, &answer)]);
            let endpoint = format!("http://{}", server.address);
            let env = |name: &str| (name == "AWS_ENDPOINT_URL").then(|| endpoint.clone());
            let store = SecretStore::new(arn, &env).unwrap();
            let secret = http::run(store.read(&keys(), &env)).unwrap().unwrap();
            assert_eq!(secret.reveal(), "made-up");
            let seen = server.seen().remove(0);
            assert_eq!(seen.headers["x-amz-target"], target);
            assert_eq!(seen.headers["content-type"], JSON);
            assert!(seen.headers["authorization"].contains("x-amz-date;x-amz-target, "));
            assert_eq!(serde_json::from_slice::<Value>(&seen.body).unwrap(), asked);
        }
    }

    #[test]
    fn a_refusal_says_which_right_is_missing() {
        let said = json!({ "__type": "AccessDeniedException", "Message": "no" });
        let server = Server::start([json(400, &said)]);
        let endpoint = format!("http://{}", server.address);
        let env = |name: &str| (name == "AWS_ENDPOINT_URL_SSM").then(|| endpoint.clone());
        let store = SecretStore::new(PARAMETER, &env).unwrap();
        let error = http::run(store.read(&keys(), &env)).unwrap().unwrap_err();
        let DeliveryError::Refused { reason, help: Some(help) } = error else { panic!("{error}") };
        assert!(reason.contains("AccessDeniedException"), "{reason}");
        assert!(help.contains("`ssm:GetParameter`"), "{help}");
    }
}
