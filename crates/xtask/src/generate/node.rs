//! Generation of `node/src/errors.ts`, which contains a class for each kind of error.

use codat_keys::ErrorKind;

const HEAD: &str = "\
// Written by `cargo xtask generate` from the table of errors in the core. Do not edit.
/** The errors of this package, one class for each kind. */
import { AmbiguousError, CodatError } from \"./error\";
";

/// Returns the source code of `node/src/errors.ts`. [`ErrorKind::Cancelled`] has no class, because a cancelled call
/// rejects with the `reason` of its `AbortSignal`.
pub(super) fn errors() -> String {
    let kinds = ErrorKind::all().iter().copied().filter(|kind| *kind != ErrorKind::Cancelled);
    HEAD.to_owned() + &kinds.map(class).collect::<String>()
}

fn class(kind: ErrorKind) -> String {
    let base = if kind == ErrorKind::OutcomeUnknown { "AmbiguousError" } else { "CodatError" };
    let text = kind.text();
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    let (first, code) = (first.to_uppercase(), kind.code());
    format!(
        "
/** {first}{rest}. */
export class {kind:?}Error extends {base} {{
    static {{
        this.prototype.name = \"{kind:?}Error\";
    }}
    static readonly code = \"{code}\";
    override readonly code = {kind:?}Error.code;
}}
"
    )
}
