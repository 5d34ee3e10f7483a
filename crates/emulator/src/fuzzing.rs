//! What the fuzz targets in `fuzz` call and no interface offers. Only cargo-fuzz compiles it, with `--cfg fuzzing`.

use crate::script::Script;

/// The faults of a running emulator.
pub struct FaultScript(Script);

impl FaultScript {
    /// Reads what is put to `/_emulator/faults`.
    ///
    /// # Errors
    /// Which fault is wrong, and why.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        Script::parse(json).map(Self)
    }

    /// The faults to come, as `/_emulator/faults` returns them.
    pub fn left(&self) -> serde_json::Value {
        self.0.left()
    }

    /// The name of the fault for a request.
    pub fn next(&mut self, method: &str, path: &str, authenticated: bool) -> Option<&'static str> {
        self.0.next(method, path, authenticated).map(|(name, _)| name)
    }
}
