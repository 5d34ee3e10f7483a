"""Prints the size of the installed package and of its native module in bytes, and the number of its dependencies."""

from __future__ import annotations

import os
from importlib.metadata import distribution

package = distribution("codat-keys")
sizes = {file.name: os.path.getsize(file.locate()) for file in package.files or []}
native = sum(size for name, size in sizes.items() if name.startswith("_native.") and not name.endswith(".pyi"))
dependencies = [requirement for requirement in package.requires or [] if "extra ==" not in requirement]
print(sum(os.path.getsize(file.locate()) for file in package.files or []), native, len(dependencies))
