//! Generation of `python/codat_keys/_errors.py`, which contains a class for each kind of error.

use codat_keys::ErrorKind;

const HEAD: &str = "\
# Written by `cargo xtask generate` from the table of errors in the core. Do not edit.
\"\"\"The exceptions of this package, one for each kind of error.\"\"\"

from __future__ import annotations

import builtins

from ._error import CodatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar
";

/// Returns the source code of `python/codat_keys/_errors.py`. The class of [`ErrorKind::Cancelled`] is private, because
/// no call raises it: asyncio raises its own `CancelledError`, and Ctrl-C raises `KeyboardInterrupt`.
pub(super) fn errors() -> String {
    let classes: String = kinds().map(class).collect();
    let rows: String = kinds().map(|kind| format!("    \"{}\": {},\n", kind.code(), name(kind))).collect();
    let public = kinds().map(name).filter(|name| !name.starts_with('_'));
    let mut names: Vec<String> = public.chain(["CodatError".into()]).collect();
    names.sort();
    let names: String = names.iter().map(|name| format!("    \"{name}\",\n")).collect();
    format!("{HEAD}\n__all__ = [\n{names}]\n{classes}\n\nBY_CODE: dict[str, type[CodatError]] = {{\n{rows}}}\n")
}

fn kinds() -> impl Iterator<Item = ErrorKind> {
    ErrorKind::all().iter().copied()
}

fn class(kind: ErrorKind) -> String {
    let bases = match kind {
        // These kinds have a second, built-in base class, so that programs that catch only built-in exceptions also
        // catch their errors.
        ErrorKind::Timeout => "CodatError, builtins.TimeoutError",
        ErrorKind::Connect => "CodatError, builtins.ConnectionError",
        ErrorKind::InvalidInput => "CodatError, builtins.ValueError",
        _ => "CodatError",
    };
    let text = kind.text();
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    let retryable = if kind.is_retryable() { "True" } else { "False" };
    format!(
        "\n\nclass {}({bases}):\n    \"\"\"{}{rest}.\"\"\"\n\n    code: ClassVar[str] = \"{}\"\n    retryable: bool = {retryable}\n",
        name(kind),
        first.to_uppercase(),
        kind.code()
    )
}

fn name(kind: ErrorKind) -> String {
    let private = if kind == ErrorKind::Cancelled { "_" } else { "" };
    format!("{private}{kind:?}Error")
}
