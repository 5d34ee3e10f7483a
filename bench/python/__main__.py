"""``python bench/python KIND CLIENT CALLS URL KEY``: one client, which keeps so many calls in flight when it is told to.

It is told for how many seconds, one line each time, and answers with what ``Clock.stop`` returns.
"""

from __future__ import annotations

import sys

import asynchronous
import blocking

KINDS = {"asyncio": asynchronous.slices, "blocking": blocking.slices}

kind, client, in_flight, url, key = sys.argv[1:]
calls_for = KINDS[kind](client, int(in_flight), url, key)
for seconds in sys.stdin:
    print(*calls_for(float(seconds)), flush=True)
