//! The faults of the emulator: what is left of an accepted script is accepted again and means the same, and a script ends.

#![no_main]

use codat_keys_emulator::fuzzing::FaultScript;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const REQUESTS: [(&str, &str, bool); 4] =
    [("GET", "/apiKeys", true), ("POST", "/apiKeys", true), ("DELETE", "/apiKeys/an-id", true), ("GET", "/", false)];

fuzz_target!(|input: &[u8]| {
    let Ok(mut script) = FaultScript::parse(input) else { return };
    for (method, path, authenticated) in REQUESTS.repeat(8) {
        let left = script.remaining();
        let mut again = FaultScript::parse(json!({ "faults": left }).to_string().as_bytes()).expect("what is left");
        assert_eq!(again.remaining(), left);
        let fault = script.take_next(method, path, authenticated);
        assert_eq!(again.take_next(method, path, authenticated), fault);
        assert_eq!(again.remaining(), script.remaining());
        // A request that meets a fault uses it up.
        assert_eq!(fault.is_some(), count(&left) > count(&script.remaining()));
    }
});

fn count(faults: &serde_json::Value) -> u64 {
    faults.as_array().into_iter().flatten().filter_map(|fault| fault["count"].as_u64()).sum()
}
