//! Generation and comparison of random tokens.

use subtle::ConstantTimeEq as _;

/// Generates a token of 256 random bits in hexadecimal digits.
pub(crate) fn generate() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system provides random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns whether two tokens are equal. The comparison takes constant time.
pub(crate) fn is_equal(given: &str, expected: &str) -> bool {
    given.as_bytes().ct_eq(expected.as_bytes()).into()
}
