//! `factotum:workflow/workflows`: starting other workflows, and waiting for them. What must hold: the grant is asked for first, and
//! each refusal that an attacker would try is on the record; a call has the same place in every attempt, so that it is given
//! the same child; who waits keeps nobody out.

use factotum_model::workflow::check_name;
use factotum_model::{Action, RunId};
use serde::de::IgnoredAny;

use super::bindings::factotum::workflow::workflows::{ChildFailure, Error, Host};
use crate::guest::Guest;
use crate::ports::{CallPlace, ChildCall, ChildEnd, ChildError};

/// The largest payload, in bytes: what the API takes unless set otherwise.
const MAX_PAYLOAD_BYTES: usize = 1 << 20;
/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 200;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Guest {
    /// What can be said of a call without asking storage.
    fn child_call(&self, workflow: String, payload: String, key: Option<String>) -> Result<ChildCall, Error> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            let text =
                format!("the payload has {} bytes; at most {MAX_PAYLOAD_BYTES} are allowed", payload.len());
            return Err(Error::TooLarge(text));
        }
        if let Err(error) = serde_json::from_str::<IgnoredAny>(&payload) {
            return Err(Error::Other(format!("the payload is not JSON: {error}")));
        }
        let place = match key {
            None => CallPlace::Number(self.child_calls + 1),
            Some(key) if key.len() > MAX_KEY_BYTES => {
                let text = format!("the key has {} bytes; at most {MAX_KEY_BYTES} are allowed", key.len());
                return Err(Error::TooLarge(text));
            }
            Some(key) if key.is_empty() || key.contains('\0') => {
                return Err(Error::Other("a key may neither be empty nor contain U+0000".to_owned()));
            }
            Some(key) => CallPlace::Key(key),
        };
        Ok(ChildCall { workflow, payload, place })
    }

    async fn start_child(
        &mut self,
        workflow: String,
        payload: String,
        key: Option<String>,
    ) -> Result<RunId, Error> {
        // No workflow has such a name, and it does not belong into the audit trail.
        if let Err(error) = check_name(&workflow) {
            return Err(Error::NotFound(error.to_string()));
        }
        let denied = self.gate.authorize(Action::WORKFLOWS_RUN, Some(&workflow)).await;
        denied.map_err(|denied| Error::Denied(denied.to_string()))?;
        let call = self.child_call(workflow, payload, key)?;
        let name = call.workflow.clone();
        match self.gate.ports.start_child(call).await {
            Ok(run) => Ok(run),
            Err(error) => {
                let on_record = match &error {
                    ChildError::Denied(reason) => Some(reason.clone()),
                    ChildError::TooDeep(reason) => Some(format!("depth_limit: {reason}")),
                    ChildError::TooMany(reason) => Some(format!("too_many: {reason}")),
                    ChildError::NotFound(_) | ChildError::Changed(_) | ChildError::Unavailable(_) => None,
                };
                if let Some(reason) = on_record {
                    self.gate.record(Action::WORKFLOWS_RUN, Some(&name), reason).await;
                }
                Err(error.into())
            }
        }
    }

    async fn child_end(&mut self, run: &str) -> Result<(RunId, ChildEnd), Error> {
        let child: RunId = run.parse().map_err(|error| Error::NotFound(format!("{error}")))?;
        if let Some(end) = self.gate.ports.child_ended(child).await? {
            return Ok((child, end));
        }
        let waited = self.place.while_waiting(self.gate.ports.child_end(child)).await;
        let end = waited.ok_or_else(|| {
            Error::Unavailable(
                "too many runs wait for other runs at the moment; the child goes on".to_owned(),
            )
        })??;
        Ok((child, end))
    }
}

impl From<ChildError> for Error {
    fn from(error: ChildError) -> Self {
        match error {
            ChildError::Denied(why) => Self::Denied(why),
            ChildError::NotFound(why) => Self::NotFound(why),
            ChildError::TooDeep(why) => Self::DepthLimit(why),
            ChildError::TooMany(why) => Self::TooMany(why),
            ChildError::Changed(why) => Self::Changed(why),
            ChildError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl Host for Guest {
    async fn start(&mut self, workflow: String, payload: String, key: Option<String>) -> Answer<String> {
        self.gate.enter()?;
        let numbered = key.is_none();
        let started = self.start_child(workflow, payload, key).await;
        // A call whose answer was lost may have started its child: made again, it must have the same number.
        if numbered && !matches!(started, Err(Error::Unavailable(_))) {
            self.child_calls += 1;
        }
        Ok(started.map(|run| run.to_string()))
    }

    async fn wait(&mut self, run: String) -> Answer<String> {
        self.gate.enter()?;
        Ok(match self.child_end(&run).await {
            Ok((_, ChildEnd::Output(output))) => Ok(output),
            Ok((child, ChildEnd::Failed { code, message })) => {
                let code = code.as_str().to_owned();
                Err(Error::Failed(ChildFailure { run: child.to_string(), code, message }))
            }
            Err(error) => Err(error),
        })
    }
}
