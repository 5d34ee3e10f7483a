//! The generator of keys and ids. The same seed generates the same sequence. The state file contains the position in
//! the sequence, so that the sequence continues after a restart.

use fastrand::Rng;
use uuid::Uuid;

/// The length of an API key, as in Codat's published examples.
const KEY_LENGTH: usize = 40;

#[derive(Clone)]
pub(crate) struct Generator(Rng);

impl Generator {
    pub(crate) fn new(seed: u64) -> Generator {
        Generator(Rng::with_seed(seed))
    }

    /// Returns the current position in the sequence. A new generator with this position as its seed continues the
    /// sequence.
    pub(crate) fn position(&self) -> u64 {
        self.0.get_seed()
    }

    /// Generates an API key: 40 ASCII letters and digits.
    pub(crate) fn api_key(&mut self) -> String {
        (0..KEY_LENGTH).map(|_| self.0.alphanumeric()).collect()
    }

    /// Generates an id: a lower-case UUID with dashes.
    pub(crate) fn id(&mut self) -> String {
        self.uuid().hyphenated().to_string()
    }

    /// Generates a correlation id: 32 hexadecimal digits.
    pub(crate) fn correlation_id(&mut self) -> String {
        self.uuid().simple().to_string()
    }

    fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.0.u128(..).to_be_bytes()).into_uuid()
    }
}
