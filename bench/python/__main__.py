"""``python bench/python TASK CLIENT IN_FLIGHT RESULTS URL KEY``: makes a slice of calls for each line of its input.

Each line is a number of seconds. The slice ends with the first call that ends after this time. The reply contains the
number of calls, the seconds, and the seconds of CPU. Each call must return RESULTS results.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

import asynchronous
import blocking

task, client, in_flight, results, url, key = sys.argv[1:]


def check(count: int) -> None:
    """Raises for another number of results, because fast failures would distort the measurement."""
    if count != int(results):
        raise ValueError(f"the call returned {count} results instead of {results}")


def blocking_calls() -> Callable[[float], int]:
    call = blocking.CLIENTS[task][client](url, key)

    def calls_until(ends: float) -> int:
        calls = 0
        while not calls or time.perf_counter() < ends:
            check(call())
            calls += 1
        return calls

    return calls_until


def asynchronous_calls() -> Callable[[float], int]:
    loop = asyncio.new_event_loop()
    call = loop.run_until_complete(asynchronous.CLIENTS[task][client](url, key))

    async def repeat(ends: float) -> int:
        calls = 0
        while not calls or time.perf_counter() < ends:
            check(await call())
            calls += 1
        return calls

    async def calls_until(ends: float) -> int:
        return sum(await asyncio.gather(*(repeat(ends) for _ in range(int(in_flight)))))

    return lambda ends: loop.run_until_complete(calls_until(ends))


calls_until = blocking_calls() if client in blocking.CLIENTS[task] else asynchronous_calls()
for seconds in sys.stdin:
    cpu, started = time.process_time(), time.perf_counter()
    calls = calls_until(started + float(seconds))
    print(calls, time.perf_counter() - started, time.process_time() - cpu, flush=True)
