//! Queues of an emulated Amazon SQS, as the Terraform module makes them: one for the ticket function, and
//! its dead-letter queue.

use super::{Collect, aws::Emulator};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

const ACCOUNT: &str = "111122223333";

/// Two queues that no other test knows.
pub(crate) struct Queues {
    name: String,
}

/// Which of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    Tickets,
    Dead,
}

fn emulator() -> &'static Emulator {
    static EMULATOR: LazyLock<Emulator> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("queues");
        Emulator::start(&folder, ACCOUNT)
    });
    &EMULATOR
}

impl Queues {
    pub(crate) fn start() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let queues = Self { name: format!("bug-reports-{number}-ticket") };
        for which in [Which::Tickets, Which::Dead] {
            ask("CreateQueue", &json!({ "QueueName": queues.name_of(which) }));
            ask("PurgeQueue", &json!({ "QueueUrl": queues.address(which) }));
        }
        queues
    }

    /// The address of the service.
    pub(crate) fn endpoint() -> String {
        emulator().endpoint.clone()
    }

    fn name_of(&self, which: Which) -> String {
        match which {
            Which::Tickets => self.name.clone(),
            Which::Dead => format!("{}-dead", self.name),
        }
    }

    /// The address of a queue, as it would be at Amazon.
    pub(crate) fn address(&self, which: Which) -> String {
        format!("https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/{}", self.name_of(which))
    }

    /// `[tickets]` of `desk.toml`.
    pub(crate) fn desk(&self) -> String {
        format!(
            "[tickets]\nqueue = \"{}\"\ndead-letter-queue = \"{}\"\n",
            self.address(Which::Tickets),
            self.address(Which::Dead)
        )
    }

    /// Gives a desk keys, and the service at this address.
    pub(crate) fn let_in(desk: &mut Collect, endpoint: &str) {
        desk.env("AWS_ACCESS_KEY_ID", "made-up");
        desk.env("AWS_SECRET_ACCESS_KEY", "made-up-secret");
        desk.env("AWS_ENDPOINT_URL_SQS", endpoint);
    }

    pub(crate) fn put(&self, which: Which, body: &str) {
        let message = json!({ "QueueUrl": self.address(which), "MessageBody": body });
        ask("SendMessage", &message);
    }

    /// Takes all that can be taken, in order.
    pub(crate) fn drain(&self, which: Which) -> Vec<String> {
        let wanted = json!({ "QueueUrl": self.address(which), "MaxNumberOfMessages": 10 });
        let mut bodies = Vec::new();
        loop {
            let answer = ask("ReceiveMessage", &wanted);
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                bodies.push(message["Body"].as_str().unwrap().to_owned());
                let receipt = &message["ReceiptHandle"];
                let done = json!({ "QueueUrl": self.address(which), "ReceiptHandle": receipt });
                ask("DeleteMessage", &done);
            }
        }
    }
}

fn ask(operation: &str, body: &Value) -> Value {
    let (target, body) = (format!("x-amz-target: AmazonSQS.{operation}"), body.to_string());
    let headers = ["--header", "content-type: application/x-amz-json-1.0", "--header", &target];
    let answer = emulator().ask(&[&headers[..], &["--data", &body]].concat(), "/");
    serde_json::from_str(&answer).unwrap_or_default()
}
