//! The one retry loop, for every call but `create` and `delete`, which look before they try again.

use bytes::Bytes;
use http::{Request, Response};

use crate::error::{Error, ErrorKind, Outcome};
use crate::transport::{Budget, Transport};
use crate::{retry, wire};

pub(crate) struct Call<'a> {
    transport: &'a Transport,
    request: &'a Request<Bytes>,
    budget: Budget,
    /// An attempt may have changed something, and no conclusive answer came.
    in_doubt: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(transport: &'a Transport, request: &'a Request<Bytes>, budget: Budget) -> Self {
        Self { transport, request, budget, in_doubt: false }
    }

    /// Tries until the answer is conclusive, as the policy says. What might change something twice is tried once.
    pub(crate) async fn perform<T>(
        &mut self,
        parse: impl Fn(&Response<Bytes>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // POST and PATCH are safe to repeat under their idempotency key.
        let repeatable = self.request.method().is_idempotent() || self.idempotency_key().is_some();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self.attempt(&parse).await {
                Err(error) if repeatable && self.is_passing(&error) => error,
                Err(error) => return Err(self.conclude(error)),
                done => return done,
            };
            let (remaining, chance) = (self.transport.remaining(self.budget), self.transport.surroundings.chance());
            match self.transport.policy.wait(attempts, error.retry_after(), remaining, chance) {
                Some(wait) => self.transport.surroundings.sleep(wait).await,
                None => return Err(self.conclude(error)),
            }
            // An attempt that is cut off while it connects would look as if it might have been sent.
            if !self.request.method().is_safe() && !self.transport.can_send(self.budget) {
                return Err(self.conclude(error));
            }
        }
    }

    /// What to tell a caller who stopped it.
    pub(crate) fn stopped(&self) -> Error {
        self.conclude(Error::of(ErrorKind::Cancelled))
    }

    async fn attempt<T>(&mut self, parse: impl Fn(&Response<Bytes>) -> Result<T, Error>) -> Result<T, Error> {
        let was_in_doubt = self.in_doubt;
        // As long as it is under way, and if it is stopped then.
        self.in_doubt = !self.request.method().is_safe();
        let (error, told_nothing) = match self.transport.attempt(self.request, self.budget).await {
            Err(failure) => (failure.error, failure.sent),
            Ok(response) => match parse(&response) {
                Err(error) => (error, tells_nothing(response.status().as_u16())),
                done => return done,
            },
        };
        self.in_doubt = was_in_doubt || (self.in_doubt && told_nothing);
        Err(error)
    }

    /// A conflict after a doubt: the first attempt is still running under the idempotency key.
    fn is_passing(&self, error: &Error) -> bool {
        let still_running = self.in_doubt && self.idempotency_key().is_some() && error.status() == Some(409);
        still_running || retry::is_passing(error)
    }

    /// The law of changes: in doubt, an error is not returned as itself. Codat's own 400 is the answer to every attempt
    /// under one idempotency key, and proves that nothing was changed.
    fn conclude(&self, error: Error) -> Error {
        let key = self.idempotency_key();
        let proves_nothing_changed = key.is_some() && error.status() == Some(400) && error.is_codats_own();
        if !self.in_doubt || proves_nothing_changed {
            return error;
        }
        let hint = match &key {
            Some(key) => format!(
                "look whether it took effect; or send the same request again within 85 minutes with the header \
                 Idempotency-Key: {key}, which changes nothing twice"
            ),
            None if self.request.method().is_idempotent() => {
                "look whether it took effect; sending the same request again does no harm".into()
            }
            None => "look whether it took effect before you send it again".into(),
        };
        error.into_outcome_unknown(Outcome { idempotency_key: key, candidates: None }).hint_is(hint)
    }

    fn idempotency_key(&self) -> Option<String> {
        self.request.headers().get(wire::IDEMPOTENCY_KEY)?.to_str().ok().map(str::to_owned)
    }
}

/// Whether a change may have been made all the same: an answer that could not be read, a redirect to what was made, a
/// server that failed on the way, a status that nobody knows. The rest of 3xx and 4xx refuse before they act.
fn tells_nothing(status: u16) -> bool {
    !matches!(status, 304..=407 | 409..=498)
}
