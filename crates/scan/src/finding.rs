use std::fmt;
use std::ops::Range;

/// Returns whether a character changes how a terminal shows the text around it.
pub(crate) fn is_unsafe(character: char) -> bool {
    let is_mark = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || is_mark
}

/// The place of a text: a file, an entry of an archive, or an object of a git repository.
///
/// A place has a name and the places that contain it, outermost first: `app.tar.gz › dist/main.js`. Names come from
/// untrusted files: they can contain control characters, which `Display` replaces by `\u{…}` escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// The names, outermost first. Keys in them are masked.
    pub names: Vec<String>,
    /// The object of a git repository that holds the text.
    pub object: Option<GitObject>,
}

/// An object of a git repository. All texts are as git writes them, but keys in them are masked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GitObject {
    /// The id, in hexadecimal.
    pub id: String,
    /// The kind: `blob`, `tree`, `commit` or `tag`. A tree holds the names of files.
    pub kind: String,
    /// The path of the file. For a tag, this is its name. For a commit, there is none.
    pub path: Option<String>,
    /// The id of the oldest commit that holds the object. There is none if no commit holds it, or if it is only staged.
    pub commit: Option<String>,
    /// Whether no branch, tag, stash, note, reflog or index leads to the object. `git gc` deletes it after some time.
    pub is_unreachable: bool,
}

impl Place {
    /// Makes the place of a file, or of another text that no other place contains.
    pub fn new(name: impl Into<String>) -> Self {
        Self { names: vec![name.into()], object: None }
    }

    /// Returns the place with this name in `self`, such as an entry of an archive.
    #[must_use]
    pub fn child(&self, name: impl Into<String>) -> Self {
        let mut names = self.names.clone();
        names.push(name.into());
        Self { names, object: self.object.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                f.write_str(" › ")?;
            }
            for character in name.chars() {
                if is_unsafe(character) {
                    write!(f, "{}", character.escape_unicode())?;
                } else {
                    write!(f, "{character}")?;
                }
            }
        }
        Ok(())
    }
}

/// How certain it is that a finding discloses the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The key is reversed or encoded with ROT13. Somebody has concealed it on purpose, or it occurs by chance.
    Low,
    /// The key can be decoded with common tools.
    High,
}

/// An occurrence of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The index of the key in [`Scanner::keys`](crate::Scanner::keys).
    pub key: usize,
    /// The encoding, outermost first, such as `plain text`, `Base64` or `Base64 › hexadecimal`.
    pub encoding: String,
    /// How certain it is that the finding discloses the key.
    pub severity: Severity,
    /// The line, counted from 1. Lines end with a line feed.
    pub line: u64,
    /// The column, in bytes, counted from 1.
    pub column: u64,
    /// The range, in bytes, from the start of the scanned text. In a text that contains encoded text, this is the range
    /// of the encoded key.
    pub range: Range<u64>,
    /// The part of the line around the key, as text for a terminal. The key is masked, and so is every other key.
    pub excerpt: String,
}

/// What a scan of several texts reports while it runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A key was found.
    Finding(Place, Finding),
    /// A text, or a part of it, was not read. The scan continues with the next text. The second field is the reason.
    Unread(Place, String),
}

/// The number of texts and bytes that a scan has read. Archives count with their entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of texts: files, entries of archives and objects of git.
    pub texts: u64,
    /// The number of bytes.
    pub bytes: u64,
}

impl Totals {
    #[cfg(feature = "archive")]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.texts += other.texts;
        self.bytes += other.bytes;
    }
}
