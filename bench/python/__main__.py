"""``python bench/python KIND CLIENT CALLS URL KEY``: one client, which keeps CALLS calls in flight on request.

Each line of standard input is a number of seconds to measure. The reply is what ``Clock.stop`` returns.
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
