//! Staged rotations: another system, such as AWS Secrets Manager, calls the steps of the rotation and records them.
//! Such a rotation has no journal: the name of the new key shows which rotation created the key.

use codat_keys::{ApiKey, ApiKeyDetails, Error, KeyId, KeyName, Timestamp, Untrusted};

use crate::name::{base_of, generate_for, is_generated_for, tag_of};

/// The keys that [`plan_staged`] needs to plan a rotation.
pub struct StagedKeys<'a> {
    /// All keys of the Codat client.
    pub listed: &'a [ApiKeyDetails],
    /// The key that the rotation replaces.
    pub current: &'a ApiKeyDetails,
    /// The key that the previous rotation replaced.
    pub previous: Option<&'a ApiKey>,
}

/// The result of [`plan_staged`]: what a rotation must do before it delivers its new key.
#[non_exhaustive]
#[derive(Debug)]
pub struct StagedPlan {
    /// The ids of the keys to delete before the new key is created. These are the key that the previous rotation
    /// replaced, and other keys with the same name.
    pub retired: Vec<KeyId>,
    /// The id of the key that the previous rotation replaced, if this key must not be deleted. Another program may use
    /// a key whose name has no tag, or has a different base than the name of the new key.
    pub foreign: Option<KeyId>,
    /// The new key, if an earlier run of this rotation created it.
    pub created: Option<ApiKeyDetails>,
    /// The name of the new key.
    pub name: KeyName,
}

/// Returns what a rotation must do before it delivers its new key. The name of the new key consists of a base and a
/// tag, as in `billing~20261128-x7q2`. `token` identifies the rotation: all runs of the rotation pass the same token,
/// and no other rotation passes this token. If `base` is `None`, the new name gets the base of the current key's name.
///
/// A key is included in [`StagedPlan::retired`] only if its name has a tag and the same base as the new name. The
/// current key is never included.
///
/// # Errors
/// `InvalidInput` if the base is not a valid name.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = codat_keys_emulator::Emulator::start()?;
/// # let key = codat_keys::ApiKey::parse(emulator.api_key())?;
/// # let client = codat_keys::Client::builder().base_url(emulator.base_url()).api_key(key).build()?;
/// use codat_keys_rotate::{StagedKeys, plan_staged};
///
/// let (listed, current) = (client.keys().list().await?, client.whoami().await?);
/// let keys = StagedKeys { listed: &listed, current: &current, previous: None };
/// let plan = plan_staged(&keys, Some("billing"), "b3ab2bd1", "2026-11-28T22:53:25Z".parse()?)?;
/// assert!(plan.name.as_str().starts_with("billing~20261128-"));
/// assert!(plan.created.is_none() && plan.retired.is_empty());
/// # Ok(())
/// # }
/// ```
pub fn plan_staged(
    keys: &StagedKeys<'_>,
    base: Option<&str>,
    token: &str,
    now: Timestamp,
) -> Result<StagedPlan, Error> {
    let base = match base {
        Some(base) => base_of(Some(KeyName::parse(base)?.as_str())).to_owned(),
        None => base_of(name(keys.current)).to_owned(),
    };
    let is_current = |key: &ApiKeyDetails| key.id == keys.current.id || key.api_key == keys.current.api_key;
    let others: Vec<&ApiKeyDetails> = keys.listed.iter().filter(|key| !is_current(key)).collect();
    let previous = others.iter().copied().find(|key| keys.previous.is_some_and(|previous| *previous == key.api_key));
    let has_base = |key: &ApiKeyDetails| name(key).and_then(tag_of).is_some_and(|tag| tag.base == base);
    let created = others
        .iter()
        .copied()
        .filter(|key| previous.is_none_or(|previous| key.id != previous.id))
        .find(|key| name(key).is_some_and(|name| is_generated_for(name, &base, token)));
    let retired = previous.filter(|key| has_base(key)).map_or_else(Vec::new, |previous| {
        let is_new = |key: &ApiKeyDetails| created.is_some_and(|created| created.id == key.id);
        others.iter().filter(|key| key.name == previous.name && !is_new(key)).map(|key| key.id.clone()).collect()
    });
    Ok(StagedPlan {
        retired,
        foreign: previous.filter(|key| !has_base(key)).map(|key| key.id.clone()),
        created: created.cloned(),
        name: generate_for(&base, token, now)?,
    })
}

fn name(key: &ApiKeyDetails) -> Option<&str> {
    key.name.as_ref().map(Untrusted::unredacted)
}
