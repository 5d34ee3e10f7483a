"""How many bytes the installed package takes, and how many other packages it asks for."""

from __future__ import annotations

import os
from importlib.metadata import distribution

package = distribution("codat-keys")
size = sum(os.path.getsize(file.locate()) for file in package.files or [])
needed = [one for one in package.requires or [] if "extra ==" not in one]
print(size, len(needed))
