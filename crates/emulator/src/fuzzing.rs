//! Public functions through which the fuzz targets in `fuzz` call private code. Compiled only with `--cfg fuzzing`.

use crate::fault_script;

/// The faults that are set in a running emulator.
pub struct FaultScript(fault_script::FaultScript);

impl FaultScript {
    /// Parses the body of `PUT /_emulator/faults`.
    ///
    /// # Errors
    /// Returns a message with the reason, and the position of the invalid fault in the list.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        fault_script::FaultScript::parse(json).map(Self)
    }

    /// Returns the remaining faults in the format of `GET /_emulator/faults`.
    pub fn remaining(&self) -> serde_json::Value {
        self.0.remaining()
    }

    /// Returns the name of the fault to inject into a request, or `None` if no fault applies. Updates the `skip` and
    /// `count` of the faults that match the request.
    pub fn take_next(&mut self, method: &str, path: &str, authenticated: bool) -> Option<String> {
        self.0.take_next(method, path, authenticated).map(|(name, _)| name)
    }
}
