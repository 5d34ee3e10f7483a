//! What the fuzz targets share: a made-up key, in the forms in which a server or a person could repeat it.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use codat_keys::ApiKey;

/// The key in use.
pub const KEY: &str = "MadeUpKeyInUse0123456789abcdefghijKLMNop";

pub fn key() -> ApiKey {
    ApiKey::parse(KEY).expect("letters and digits are a key")
}

/// The key as the header has it.
fn encoded() -> String {
    STANDARD.encode(KEY)
}

/// The forms of the key that are masked, each with the character that stands for it in an input: no mutation of bytes would
/// find them.
static FORMS: LazyLock<[(char, String); 11]> = LazyLock::new(|| {
    let each = |form: fn(char) -> String| KEY.chars().map(form).collect::<String>();
    let escaped_base64 =
        |form: fn(char) -> String| encoded().trim_end_matches('=').chars().map(form).collect::<String>();
    [
        ('~', KEY.to_owned()),
        ('^', encoded().trim_end_matches('=').to_owned()),
        ('`', each(|c| format!("\\u{:04x}", u32::from(c)))),
        ('\u{1}', STANDARD.encode(format!("{KEY}:"))),
        ('\u{2}', STANDARD.encode(format!(":{KEY}"))),
        ('\u{3}', each(|c| format!("{:02x}", u32::from(c)))),
        ('\u{4}', each(|c| format!("{:02X}", u32::from(c)))),
        ('\u{5}', each(|c| format!("%{:02X}", u32::from(c)))),
        ('\u{6}', each(|c| format!("&#{};", u32::from(c)))),
        ('\u{7}', each(|c| format!("{c}\u{200b}"))),
        ('\u{e}', escaped_base64(|c| format!("%{:02x}", u32::from(c)))),
    ]
});

/// An input with the forms of the key in place of their characters.
pub fn with_key(input: &str) -> String {
    let form = |c: char| FORMS.iter().find(|(sign, _)| *sign == c).map(|(_, form)| form.as_str());
    let mut text = String::new();
    for c in input.chars() {
        match form(c) {
            Some(form) => text.push_str(form),
            None => text.push(c),
        }
    }
    text
}

/// Whether a text has the key in one of its forms.
pub fn has_key(text: &str) -> bool {
    FORMS.iter().any(|(_, form)| text.contains(form))
}
