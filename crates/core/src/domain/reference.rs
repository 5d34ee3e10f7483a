//! Search for a key by a text, such as an argument of a command. The text is the id or the name of the key.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::key::{ApiKeyDetails, KeyId};
use super::untrusted::Untrusted;

/// The reason why no key was found for an id or a name.
#[derive(Debug, PartialEq)]
pub enum Unresolved<'a> {
    /// No key has this id or name.
    NotFound,
    /// A key has this name, but the name is also a listed id, or has the same form as a listed id.
    IdOrName,
    /// Several keys have this name, or have a name whose displayed form equals this name. Contains the ids of these
    /// keys.
    Several(Vec<&'a KeyId>),
}

/// An index of listed keys by id and name.
pub struct References<'a> {
    by_id: HashMap<&'a str, &'a ApiKeyDetails>,
    by_name: HashMap<&'a str, Vec<&'a ApiKeyDetails>>,
    /// The ids of the keys, by displayed name: the name with API keys redacted and control characters escaped.
    /// Redaction takes time, so each name is redacted once.
    by_displayed_name: HashMap<String, Vec<&'a KeyId>>,
    id_forms: HashSet<String>,
}

impl<'a> References<'a> {
    /// Creates an index of `keys` by id and name. A key that is listed twice counts once.
    pub fn new(keys: &'a [ApiKeyDetails]) -> Self {
        let by_id: HashMap<_, _> = keys.iter().map(|key| (key.id.as_str(), key)).collect();
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        let mut counted = HashSet::new();
        for key in keys.iter().filter(|key| counted.insert(key.id.as_str())) {
            by_name.entry(key.name.as_ref().map_or("", Untrusted::unredacted)).or_default().push(key);
        }
        let mut by_displayed_name: HashMap<_, Vec<_>> = HashMap::new();
        for (key, name) in by_id.values().filter_map(|key| Some((key, key.name.as_ref()?))) {
            by_displayed_name.entry(name.to_string()).or_default().push(&key.id);
        }
        Self { id_forms: by_id.keys().map(|id| form(id)).collect(), by_id, by_name, by_displayed_name }
    }

    /// Returns the key with the id `text`, or else the only key with the name `text`.
    ///
    /// A UUID is never taken as a name, even with quotes or spaces around it. A name is rejected if it is a listed id,
    /// or if it has the same form as a listed id, such as two groups of four digits with a hyphen. Without this rule, a
    /// command that deletes the key with the id `text` could delete a second key when the command runs again: a key
    /// that has this id as its name.
    ///
    /// # Errors
    /// The [`Unresolved`] reason.
    pub fn either(&self, text: &str) -> Result<&'a ApiKeyDetails, Unresolved<'a>> {
        let (by_id, bare) = (self.id(text), bare(text));
        if Uuid::parse_str(&bare).is_ok() || !self.by_name.contains_key(text) {
            return by_id;
        }
        if by_id.is_ok() || self.id_forms.contains(&form(&bare)) {
            return Err(Unresolved::IdOrName);
        }
        self.name(text)
    }

    /// Returns the listed key with this id.
    ///
    /// # Errors
    /// [`Unresolved::NotFound`] if no key has this id.
    pub fn id(&self, id: &str) -> Result<&'a ApiKeyDetails, Unresolved<'a>> {
        self.by_id.get(id).copied().ok_or(Unresolved::NotFound)
    }

    /// Returns the only listed key with this name.
    ///
    /// # Errors
    /// [`Unresolved::NotFound`] if no key has this name. [`Unresolved::Several`] if several keys have this name. Also
    /// `Several` if the name of another key contains an API key, and is displayed as this name because the API key is
    /// masked.
    pub fn name(&self, name: &str) -> Result<&'a ApiKeyDetails, Unresolved<'a>> {
        match self.by_name.get(name).filter(|_| !name.is_empty()).map(Vec::as_slice) {
            None | Some([]) => Err(Unresolved::NotFound),
            Some([key]) => match self.displayed_as(name, key) {
                others if others.is_empty() => Ok(key),
                others => Err(Unresolved::Several([vec![&key.id], others].concat())),
            },
            Some(several) => Err(Unresolved::Several(several.iter().map(|key| &key.id).collect())),
        }
    }

    /// Returns the sorted ids of the keys that are displayed with the name `name`. Omits the id of `key`.
    fn displayed_as(&self, name: &str, key: &ApiKeyDetails) -> Vec<&'a KeyId> {
        let displayed = self.by_displayed_name.get(name).into_iter().flatten().copied();
        let mut alike: Vec<_> = displayed.filter(|id| **id != key.id).collect();
        alike.sort_unstable();
        alike
    }
}

/// Removes all white space and invisible characters. Also removes punctuation at the start and the end.
fn bare(text: &str) -> String {
    let visible: String = text.chars().filter(|c| c.is_alphanumeric() || c.is_ascii_graphic()).collect();
    visible.trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
}

/// Replaces each letter and digit in a text with `x`. Two texts with the same result have the same form.
fn form(text: &str) -> String {
    text.chars().map(|c| if c.is_alphanumeric() { 'x' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ApiKey, KnownKeys};

    const UUID: &str = "0498e921-9b53-4396-a412-4f2f5983b0a2";
    const UUID_AND_SPACE: &str = "0498e921-9b53-4396-a412-4f2f5983b0a2 \u{a0}";
    const UUID_IN_QUOTES: &str = "\"0498e921-9b53-4396-a412-4f2f5983b0a2\",";
    const INVISIBLE_IN_UUID: &str = "\u{feff}0498e921-\u{200b}9b53-4396-a412-4f2f5983b0a2";
    const OTHER: &str = "6a1f3a52-71d8-4d36-9d4b-0f3c7f1f8e11";

    fn key(id: &str, name: &str) -> ApiKeyDetails {
        let name = Some(name).filter(|name| !name.is_empty()).map(Untrusted::given);
        let api_key = ApiKey::parse(&format!("MadeUpKey{}", id.replace('-', ""))).unwrap();
        ApiKeyDetails { id: KeyId::parse(id).unwrap(), name, api_key, created_date: None }
    }

    fn either(keys: &[ApiKeyDetails], text: &str) -> Result<String, String> {
        let found = References::new(keys).either(text);
        found.map(|key| key.id.to_string()).map_err(|unresolved| format!("{unresolved:?}"))
    }

    #[test]
    fn a_text_that_may_be_an_id_is_no_name() {
        for (keys, text, found) in [
            (&[("aaaa-1111", ""), ("bbbb-2222", "aaaa-1111")][..], "aaaa-1111", Err("IdOrName")),
            (&[("bbbb-2222", "aaaa-1111")], "aaaa-1111", Err("IdOrName")),
            (&[("aaaa-1111", "aaaa-1111")], "aaaa-1111", Err("IdOrName")),
            (&[("bbbb-2222", "aaaa-111")], "aaaa-111", Ok("bbbb-2222")),
            (&[("aaaa-1111", "ci")], "aaaa-1111", Ok("aaaa-1111")),
            (&[(UUID, "aaaa-1111")], "aaaa-1111", Ok(UUID)),
            (&[(UUID, "ci"), (OTHER, UUID)], UUID, Ok(UUID)),
            (&[(OTHER, UUID)], UUID, Err("NotFound")),
            (&[("b", UUID)], UUID, Err("NotFound")),
            (&[("b", "0498E9219B534396A4124F2F5983B0A2")], "0498E9219B534396A4124F2F5983B0A2", Err("NotFound")),
            (&[("b", UUID_AND_SPACE)], UUID_AND_SPACE, Err("NotFound")),
            (&[("b", UUID_IN_QUOTES)], UUID_IN_QUOTES, Err("NotFound")),
            (&[("b", INVISIBLE_IN_UUID)], INVISIBLE_IN_UUID, Err("NotFound")),
            (&[("bbbb-2222", "aaaa-1111 ")], "aaaa-1111 ", Err("IdOrName")),
            (&[(UUID, "ci"), (UUID, "ci")], "ci", Ok(UUID)),
            (&[(UUID, "")], "", Err("NotFound")),
        ] {
            let keys: Vec<_> = keys.iter().map(|(id, name)| key(id, name)).collect();
            assert_eq!(either(&keys, text), found.map(str::to_owned).map_err(str::to_owned), "{keys:?} {text}");
        }
        let twins = [key(UUID, "ci"), key(OTHER, "ci")];
        let several = References::new(&twins).either("ci");
        assert_eq!(several, Err(Unresolved::Several(vec![&twins[0].id, &twins[1].id])));
    }

    #[test]
    fn a_name_that_another_key_is_displayed_with_is_not_unique() {
        let known = KnownKeys::new();
        known.add_used(&ApiKey::parse("MadeUpKeyInUse0001").unwrap());
        let named = |id: &str, name: &str| {
            let name = Some(Untrusted::new(name, &known));
            ApiKeyDetails { name, ..key(id, "") }
        };
        let keys = [named("a", "****"), named("b", "MadeUpKeyInUse0001"), named("c", "ci")];
        assert_eq!(References::new(&keys).either("****"), Err(Unresolved::Several(vec![&keys[0].id, &keys[1].id])));
        assert_eq!(References::new(&keys).name("ci"), Ok(&keys[2]));
        assert_eq!(References::new(&keys[..1]).name("****"), Ok(&keys[0]));
    }

    #[test]
    fn an_id_is_never_a_name_and_a_name_never_an_id() {
        let keys = [key("aaaa-1111", "ci"), key("bbbb-2222", "aaaa-1111")];
        let references = References::new(&keys);
        assert_eq!(references.id("aaaa-1111"), Ok(&keys[0]));
        assert_eq!(references.name("aaaa-1111"), Ok(&keys[1]));
        assert_eq!(references.id("ci"), Err(Unresolved::NotFound));
        assert_eq!(references.name("bbbb-2222"), Err(Unresolved::NotFound));
    }
}
