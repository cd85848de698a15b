//! Looks at what a server holds, without keeping it.

use super::{ANSWER, Api, Effect, Headers, TOO_LARGE};
use crate::http::{
    Failure,
    upload::{Answer, Broken},
};
use collect_core::ticket::TicketError;
use reqwest::{Response, header::HeaderMap};
use sha2::{Digest, Sha256};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;
use url::Url;

/// Takes what comes from a server, piece by piece.
pub(crate) trait Intake {
    /// Takes the next bytes.
    fn take(&mut self, bytes: &[u8]);
}

/// Length and SHA-256 of what it took.
#[derive(Clone, Default)]
pub(crate) struct Sum {
    len: u64,
    digest: Sha256,
}

impl Intake for Sum {
    fn take(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        self.digest.update(bytes);
    }
}

impl Sum {
    /// The length in bytes, and the digest.
    pub(crate) fn finish(self) -> (u64, Option<[u8; 32]>) {
        (self.len, Some(self.digest.finalize().into()))
    }
}

impl Api<'_> {
    /// Gives the bytes of an answer to an intake, a fresh one with every try. `headers` come in
    /// place of those of the same name that every request has.
    pub(crate) fn download<I: Intake + Default>(
        &self,
        url: &Url,
        headers: Headers<'_>,
    ) -> Result<I, TicketError> {
        let taken = Mutex::new(I::default());
        self.run(Effect::Same, &TOO_LARGE[..1], async || {
            let mut all = self.headers.clone();
            all.extend(headers());
            let (answer, intake) = self.fetch(url, all).await?;
            *taken.lock().unwrap_or_else(PoisonError::into_inner) = intake;
            Ok(answer)
        })?;
        Ok(taken.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    async fn fetch<I: Intake + Default>(
        &self,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<(Answer, I), Broken> {
        let host = crate::http::host(url);
        let broken = |error| Broken::Line(Failure::of(error, &host));
        let still = |limit: Duration| {
            Broken::Line(Failure {
                reason: format!("`{host}` sent nothing for {} s", limit.as_secs()),
                help: Some("check the network, or try later".into()),
                lasting: false,
                arrived: true,
            })
        };
        let mut intake = I::default();
        let request = self.client.get(url.clone()).headers(headers);
        // A server may put all of it together before it says anything.
        let limit = self.limits.answer;
        let answered = timeout(limit, request.send()).await.map_err(|_| still(limit))?;
        let mut response: Response = answered.map_err(broken)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let (limit, mut said) = (self.limits.stall, Vec::new());
        loop {
            if self.watch.stopped() {
                return Err(Broken::Stopped);
            }
            let chunk = timeout(limit, response.chunk()).await.map_err(|_| still(limit))?;
            match chunk.map_err(broken)? {
                Some(chunk) if status.is_success() => intake.take(&chunk),
                // Why it does not give it.
                Some(chunk) if said.len() < ANSWER => said.extend_from_slice(&chunk),
                _ => break,
            }
        }
        let text = String::from_utf8_lossy(&said).into_owned();
        Ok((Answer { status, headers, text }, intake))
    }
}
