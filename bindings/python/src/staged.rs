//! The plan of a rotation that another system, such as AWS Secrets Manager, runs step by step.

use codat_keys::{KeyId, Timestamp};
use codat_keys_bindings::StagedKeys;
use pyo3::prelude::*;

use crate::arguments::text;
use crate::errors::raise;
use crate::key_types::ApiKeyDetails;
use crate::secrets::ApiKey;

/// The part of a staged rotation that happens before the new key is delivered. Another system, such as AWS Secrets
/// Manager, runs a staged rotation step by step.
#[pyclass(frozen, module = "codat_keys._native")]
pub(crate) struct StagedPlan(codat_keys_bindings::StagedPlan);

#[pymethods]
impl StagedPlan {
    /// The ids of the keys that the rotation deletes before it creates its new key.
    #[getter]
    fn retired(&self) -> Vec<&str> {
        self.0.retired.iter().map(KeyId::as_str).collect()
    }

    /// The id of the key that the previous rotation replaced, if this key must not be deleted. Another program may use
    /// a key whose name has no tag, or has a different base than the name of the new key.
    #[getter]
    fn foreign(&self) -> Option<&str> {
        self.0.foreign.as_ref().map(KeyId::as_str)
    }

    /// The new key, if it exists.
    #[getter]
    fn created(&self) -> Option<ApiKeyDetails> {
        self.0.created.clone().map(ApiKeyDetails)
    }

    /// The name of the new key.
    #[getter]
    fn name(&self) -> &str {
        self.0.name.as_str()
    }
}

#[pyfunction]
pub(crate) fn plan_staged(
    listed: Vec<PyRef<'_, ApiKeyDetails>>,
    current: PyRef<'_, ApiKeyDetails>,
    previous: Option<PyRef<'_, ApiKey>>,
    base: Option<&Bound<'_, PyAny>>,
    token: &Bound<'_, PyAny>,
) -> PyResult<StagedPlan> {
    let listed: Vec<_> = listed.iter().map(|key| key.0.clone()).collect();
    let keys = StagedKeys { listed: &listed, current: &current.0, previous: previous.as_ref().map(|key| &key.0) };
    let base = base.map(|base| text("name", base)).transpose()?;
    codat_keys_bindings::plan_staged(&keys, base.as_deref(), &text("ClientRequestToken", token)?, Timestamp::now())
        .map(StagedPlan)
        .map_err(|error| raise(token.py(), error))
}
