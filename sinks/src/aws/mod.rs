//! What all of Amazon's services share: keys, and signatures by them.

mod json;
mod keys;
mod queue;
mod store;
mod topic;

pub use keys::Keys;
pub use queue::{Queue, QueueMessage, Waiting};
pub use store::SecretStore;
pub use topic::Topic;

/// Where a service is: as the environment says (`AWS_ENDPOINT_URL_SERVICE`, `AWS_ENDPOINT_URL`), which
/// every AWS tool heeds (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).
pub fn endpoint(service: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let own = format!("AWS_ENDPOINT_URL_{}", service.to_uppercase());
    let given = |name: &str| env(name).filter(|url| !url.trim().is_empty());
    given(&own).or_else(|| given("AWS_ENDPOINT_URL"))
}
