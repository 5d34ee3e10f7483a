//! Parsing of JSON that users write. Errors contain the name of a field and never a value, because a value may be secret.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_path_to_error::Segment;

/// Removes a UTF-8 byte order mark. Some editors and shells add this mark, but JSON does not allow it. Returns an error
/// if the text is encoded as UTF-16.
pub(crate) fn without_byte_order_mark(json: &[u8]) -> Result<&[u8], &'static str> {
    match json {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => Err("is encoded as UTF-16: save it as UTF-8"),
        _ => Ok(json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json)),
    }
}

/// Deserializes a value. The error contains the name of the invalid field, or `root` if the whole value is invalid.
pub(crate) fn from_value<T: DeserializeOwned>(root: &str, value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let text = error.inner().to_string();
        if let Some(name) = text.strip_prefix("missing field ") {
            return format!("{name} is missing");
        }
        let field = match error.path().iter().next_back() {
            Some(Segment::Map { key }) => key,
            Some(_) => return text,
            None => root,
        };
        // Messages of serde contain the value, then `, expected `, then a description of the valid values.
        match text.rsplit_once(", expected ") {
            _ if text.starts_with("unknown field ") => format!("`{field}` is unknown here"),
            Some((_, expected)) => format!("`{field}` must be {expected}"),
            None => format!("`{field}` {text}"),
        }
    })
}

/// Deserializes a value from a JSON object only. By default, serde also accepts an array of the field values.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }

        json.deserialize_map(ObjectVisitor(PhantomData)).map(Object)
    }
}

/// Deserializes an optional field from an object only. See [`Object`].
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(json)?.map(|Object(value)| value))
}

/// Deserializes an optional field from an array of objects. See [`Object`].
pub(crate) fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<Option<Vec<T>>, D::Error> {
    let values = Option::<Vec<Object<T>>>::deserialize(json)?;
    Ok(values.map(|values| values.into_iter().map(|Object(value)| value).collect()))
}

/// Deserializes the value of an optional field, and rejects `null`. By default, serde accepts `null` and treats the
/// field as absent.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<Option<T>, D::Error> {
    T::deserialize(json).map(Some)
}

/// Deserializes an enum without fields from a string only. By default, serde also accepts `{"variant": null}`.
pub(crate) fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(json)?.into_deserializer())
}

/// A whole number from `MIN` to `MAX`. Default: `MIN`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Whole<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> Default for Whole<MIN, MAX> {
    fn default() -> Self {
        Self(MIN)
    }
}

impl<const MIN: u64, const MAX: u64> TryFrom<Value> for Whole<MIN, MAX> {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let number = value.as_u64().filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or_else(|| format!("must be a whole number from {MIN} to {MAX}"))
    }
}
