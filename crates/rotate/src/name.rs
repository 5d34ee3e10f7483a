//! The names of the keys that a rotation creates.

use codat_keys::{KeyName, Timestamp};

/// The separator between the base and the tag in the name of a key, as in `billing~20261128-x7q2`.
const SEPARATOR: char = '~';

/// Codat's limit on the length of a name, in UTF-16 code units.
const MAX_UNITS: usize = 50;

/// The base of the new key's name if the old key has no name.
const DEFAULT_BASE: &str = "key";

/// The characters of the random part of a tag. Characters that look alike, such as `0` and `o`, are omitted.
const ALPHABET: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

const RANDOM_LENGTH: usize = 4;
const DATE_LENGTH: usize = 8;

/// The length of a tag together with its separators `~` and `-`, as in `~20261128-x7q2`.
const TAG_LENGTH: usize = 1 + DATE_LENGTH + 1 + RANDOM_LENGTH;

/// The tag in the name of a key that a rotation created. It consists of the date on which the rotation started, and of
/// random characters. The name `billing~20261128-x7q2` has the base `billing` and the tag `20261128-x7q2`.
///
/// ```
/// let tag = codat_keys_rotate::tag_of("billing~20261128-x7q2").expect("a tag");
/// assert_eq!((tag.base, tag.text, tag.date()), ("billing", "20261128-x7q2", "20261128"));
/// assert!(codat_keys_rotate::tag_of("billing").is_none());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The name without its tag.
    pub base: &'a str,
    /// The tag, without the separator `~`.
    pub text: &'a str,
}

impl<'a> Tag<'a> {
    /// Returns the date on which the rotation started, in UTC, as `yyyymmdd`.
    pub fn date(&self) -> &'a str {
        &self.text[..DATE_LENGTH]
    }
}

/// Returns the tag in the name of a key, or `None` if no rotation has made the name. Two keys whose names have the same
/// base and different tags can be the old and the new key of a rotation. Do not delete either key while that rotation
/// is unfinished.
pub fn tag_of(name: &str) -> Option<Tag<'_>> {
    let (base, text) = name.rsplit_once(SEPARATOR)?;
    let (date, random) = text.split_once('-')?;
    let is_tag = date.len() == DATE_LENGTH
        && date.bytes().all(|byte| byte.is_ascii_digit())
        && random.len() == RANDOM_LENGTH
        && random.bytes().all(|byte| ALPHABET.contains(&byte));
    (is_tag && !base.is_empty()).then_some(Tag { base, text })
}

/// Returns the base for the name of a new key that replaces a key with the name `old`. The base is `old` without its
/// tag, or `key` if the old key has no name. The base is cut so that the new name has at most 50 UTF-16 code units,
/// which is Codat's limit.
///
/// ```
/// assert_eq!(codat_keys_rotate::base_of(Some("billing~20261128-x7q2")), "billing");
/// assert_eq!(codat_keys_rotate::base_of(None), "key");
/// ```
pub fn base_of(old: Option<&str>) -> &str {
    let name = old.map(str::trim).filter(|name| !name.is_empty()).unwrap_or(DEFAULT_BASE);
    shortened(tag_of(name).map_or(name, |tag| tag.base))
}

/// Returns a new name with this base and a new tag. Cuts the base so that the name has at most 50 UTF-16 code units.
///
/// # Errors
/// `InvalidInput` if the base is not a valid name.
pub(crate) fn generate(base: &str, now: Timestamp) -> Result<KeyName, codat_keys::Error> {
    let random: String = (0..RANDOM_LENGTH).map(|_| char::from(ALPHABET[fastrand::usize(..ALPHABET.len())])).collect();
    tagged(base, now, &random)
}

/// Returns a new name. Unlike [`generate`], derives the last part of the tag from the token of the rotation, so that
/// [`is_generated_for`] recognizes the name.
pub(crate) fn generate_for(base: &str, token: &str, now: Timestamp) -> Result<KeyName, codat_keys::Error> {
    tagged(base, now, &derived(token))
}

/// Returns whether [`generate_for`] can have generated `name` from this base and this token. The date in the name can
/// be any date.
pub(crate) fn is_generated_for(name: &str, base: &str, token: &str) -> bool {
    tag_of(name).is_some_and(|tag| tag.base == shortened(base) && tag.text[DATE_LENGTH + 1..] == derived(token))
}

fn tagged(base: &str, now: Timestamp, random: &str) -> Result<KeyName, codat_keys::Error> {
    let date: String = now.to_string().chars().filter(char::is_ascii_digit).take(DATE_LENGTH).collect();
    KeyName::parse(&format!("{}{SEPARATOR}{date}-{random}", shortened(base)))
}

/// Derives the last part of a tag from a token. Uses the hash function FNV-1a, because every build of this crate must
/// derive the same text from a token.
fn derived(token: &str) -> String {
    let hash = token
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let count = ALPHABET.len() as u64;
    let digits = std::iter::successors(Some(hash), |rest| Some(rest / count)).map(|rest| (rest % count) as usize);
    digits.take(RANDOM_LENGTH).map(|digit| char::from(ALPHABET[digit])).collect()
}

/// Cuts a base so that the base with a tag has at most 50 UTF-16 code units.
pub(crate) fn shortened(base: &str) -> &str {
    cut(base, MAX_UNITS - TAG_LENGTH).trim_end()
}

/// Returns the start of a text: as many characters as fit into `units` UTF-16 code units.
fn cut(text: &str, units: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find_map(|(index, char)| {
        used += char.len_utf16();
        (used > units).then_some(index)
    });
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-28T22:53:25Z".parse().unwrap()
    }

    #[test]
    fn a_new_name_has_the_base_of_the_old_one_and_a_tag() {
        for (old, base) in [
            (Some("billing"), "billing"),
            (Some("billing~20250101-x7q2"), "billing"),
            (Some("a~b"), "a~b"),
            (Some("  "), "key"),
            (None, "key"),
        ] {
            let name = generate(base_of(old), now()).unwrap();
            let tag = tag_of(name.as_str()).unwrap();
            assert_eq!((tag.base, tag.date()), (base, "20261128"), "{old:?}");
        }
    }

    #[test]
    fn a_token_determines_the_name_on_any_day() {
        let (token, other) = ("51f72378-6a5d-5dc7-8fd8-29e4319f482a", "51f72378-6a5d-5dc7-8fd8-29e4319f482b");
        let name = generate_for("billing", token, now()).unwrap();
        assert_eq!(name.as_str(), "billing~20261128-fwbz");
        let tomorrow = generate_for("billing", token, "2026-11-29T00:00:00Z".parse().unwrap()).unwrap();
        for name in [&name, &tomorrow] {
            assert!(is_generated_for(name.as_str(), "billing", token));
            assert!(!is_generated_for(name.as_str(), "billing", other));
            assert!(!is_generated_for(name.as_str(), "bill", token));
        }
        let long = generate_for(&"é".repeat(50), token, now()).unwrap();
        assert!(is_generated_for(long.as_str(), &"é".repeat(50), token));
        assert!(!is_generated_for("billing", "billing", token));
    }

    #[test]
    fn a_new_name_has_at_most_50_code_units() {
        for base in ["é".repeat(50), "😀".repeat(25), "a b ".repeat(12), "x😀".repeat(13)] {
            let name = generate(&base, now()).unwrap();
            let units = name.as_str().encode_utf16().count();
            assert!((49..=50).contains(&units), "{name}: {units}");
            assert!(base.starts_with(tag_of(name.as_str()).unwrap().base));
        }
    }

    #[test]
    fn other_names_have_no_tag() {
        for name in
            ["", "~20261128-x7q2", "a~20261128-x7q", "a~20261128-X7Q2", "a~2026112-x7q2", "a-20261128-x7q2", "a~é"]
        {
            assert_eq!(tag_of(name), None, "{name}");
        }
    }
}
