//! The interface of the fuzz targets in `fuzz` to private code. Compiled only with `--cfg fuzzing`.

use crate::fault_script;

/// The faults of a running emulator.
pub struct FaultScript(fault_script::FaultScript);

impl FaultScript {
    /// Parses the body of `PUT /_emulator/faults`.
    ///
    /// # Errors
    /// Returns a text that names the invalid fault and the reason.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        fault_script::FaultScript::parse(json).map(Self)
    }

    /// Returns the remaining faults, as `GET /_emulator/faults` does.
    pub fn remaining(&self) -> serde_json::Value {
        self.0.remaining()
    }

    /// Returns the name of the fault of a request and counts it as used.
    pub fn take_next(&mut self, method: &str, path: &str, authenticated: bool) -> Option<&'static str> {
        self.0.take_next(method, path, authenticated).map(|(name, _)| name)
    }
}
