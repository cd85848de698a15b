//! A topic of Amazon SNS: tells people what happened.

use super::{
    Keys, endpoint,
    keys::{FORM, Post},
};
use crate::{
    http::{self, Failure, Mask, Route, upload::exchange},
    s3::explain,
};
use collect_core::sink::DeliveryError;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::timeout;
use url::{Url, form_urlencoded};

/// How long the service may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest subject (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).
const SUBJECT: usize = 100;

/// The longest message, in bytes.
const MESSAGE: usize = 256 << 10;

/// A topic of Amazon SNS.
#[derive(Clone, Debug)]
pub struct Topic {
    arn: String,
    region: String,
    url: Url,
}

impl Topic {
    /// The topic of this ARN, at the endpoint that the environment says or in its region.
    ///
    /// # Errors
    ///
    /// Says why there is none of this ARN.
    pub fn new(arn: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let no_topic = || format!("`{}` is no ARN of a topic", http::visible(arn));
        let mut parts = arn.split(':');
        let (partition, region) = match (parts.nth(1), parts.next(), parts.next()) {
            (Some(partition), Some("sns"), Some(region)) if !region.is_empty() => {
                (partition, region.to_owned())
            }
            _ => return Err(no_topic()),
        };
        let end = if partition == "aws-cn" { ".cn" } else { "" };
        let given = endpoint("sns", env);
        let url = given.unwrap_or_else(|| format!("https://sns.{region}.amazonaws.com{end}/"));
        let url: Url = url.parse().map_err(|_| no_topic())?;
        match http::objection(&url) {
            Some(why) => Err(format!("the topic's endpoint is not safe: {why}")),
            None => Ok(Self { arn: arn.to_owned(), region, url }),
        }
    }

    /// Tells whoever has subscribed; what is too long is cut.
    ///
    /// # Errors
    ///
    /// The service could not be reached, or refused.
    pub async fn publish(
        &self,
        keys: &Keys,
        subject: &str,
        message: &str,
    ) -> Result<(), DeliveryError> {
        let mut mask = Mask::default();
        keys.hide_in(&mut mask);
        // A subject is a line of ASCII.
        let ascii = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        let subject: String = subject.chars().take(SUBJECT).map(ascii).collect();
        let message = &message[..message.floor_char_boundary(MESSAGE)];
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "Publish")
            .append_pair("Version", "2010-03-31")
            .append_pair("TopicArn", &self.arn)
            .append_pair("Subject", &subject)
            .append_pair("Message", message)
            .finish();
        let post = Post {
            body: &body,
            content_type: FORM,
            target: None,
            region: &self.region,
            service: "sns",
        };
        let headers = keys.headers_of(&post, &self.url, Timestamp::now());
        let refused = |reason: String| DeliveryError::Refused { reason, help: None };
        let client = Route::default().client(&self.url).map_err(|e| refused(e.to_string()))?;
        let host = http::host(&self.url);
        let request = client.post(self.url.clone()).headers(headers).body(body);
        let answer = match timeout(PATIENCE, exchange(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unreachable(Failure::of(error, &host).reason)),
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                return Err(unreachable(format!("`{host}` gave no answer for {seconds} s")));
            }
        };
        if answer.status.is_success() {
            return Ok(());
        }
        let reason = explain(&answer, &host, &mask);
        let help = "the role needs `sns:Publish` on the topic, which must be in its region";
        Err(DeliveryError::Refused { reason, help: Some(help.into()) })
    }
}

fn unreachable(reason: String) -> DeliveryError {
    DeliveryError::Unreachable { reason, help: Some("check the network, or try later".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_in_the_region_of_its_arn() {
        let url = |arn: &str| Topic::new(arn, &|_| None).map(|topic| topic.url.to_string());
        assert_eq!(
            url("arn:aws:sns:eu-central-1:111122223333:alerts").as_deref(),
            Ok("https://sns.eu-central-1.amazonaws.com/")
        );
        assert_eq!(
            url("arn:aws-cn:sns:cn-north-1:111122223333:alerts").as_deref(),
            Ok("https://sns.cn-north-1.amazonaws.com.cn/")
        );
        for wrong in ["", "alerts", "arn:aws:sqs:eu-central-1:111122223333:q"] {
            assert!(url(wrong).unwrap_err().contains("no ARN of a topic"), "{wrong}");
        }
    }
}
