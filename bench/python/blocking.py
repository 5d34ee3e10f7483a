"""The clients that block, and their slices: each thread makes one call after the other."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from calls import PATH, Clock, Done, address, authorization, bare_request, is_whole, read, two

Call = Callable[[], Sequence[object]]


def slices(client: str, threads: int, url: str, key: str) -> Callable[[float], Done]:
    of_a_thread = CLIENTS[client](url, key)
    first, *others = [of_a_thread() for _ in range(threads)]
    pool = ThreadPoolExecutor(threads)

    def calls_for(seconds: float) -> Done:
        clock = Clock()
        # It starts when every thread has.
        barrier = Barrier(threads, lambda: clock.start(seconds))

        def call_until_it_ends(call: Call) -> int:
            barrier.wait()
            calls = 0
            while time.perf_counter() < clock.ends:
                two(call())
                calls += 1
            return calls

        elsewhere = [pool.submit(call_until_it_ends, call) for call in others]
        calls = call_until_it_ends(first)
        return clock.stop(calls + sum(other.result() for other in elsewhere))

    return calls_for


def codat_keys(url: str, key: str) -> Callable[[], Call]:
    from codat_keys import Client

    # Shared by all threads, like the next one.
    client = Client(base_url=url, api_key=key)
    return lambda: client.keys.list


def codat_platform(url: str, key: str) -> Callable[[], Call]:
    from codat_platform.models.shared.security import Security
    from codat_platform.sdk import CodatPlatform

    client = CodatPlatform(security=Security(auth_header=authorization(key)), server_url=url)
    return lambda: lambda: client.settings.list_api_keys().results or []


def pycurl(url: str, key: str) -> Callable[[], Call]:
    import pycurl  # type: ignore[import-untyped]

    def of_a_thread() -> Call:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, url + PATH)
        curl.setopt(pycurl.HTTPHEADER, [f"Authorization: {authorization(key)}", "Accept: application/json"])
        curl.setopt(pycurl.FAILONERROR, True)

        def call() -> Sequence[Any]:
            keys: Sequence[Any] = json.loads(curl.perform_rb())["results"]
            return keys

        return call

    return of_a_thread


def bare_socket(url: str, key: str) -> Callable[[], Call]:
    request = bare_request(url, key)

    def of_a_thread() -> Call:
        stream = socket.create_connection(address(url))
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

        def call() -> Sequence[Any]:
            stream.sendall(request)
            answer = stream.recv(4096)
            while not is_whole(answer):
                answer += stream.recv(4096)
            return read(answer)

        return call

    return of_a_thread


CLIENTS = {
    "codat-keys from Python": codat_keys,
    "codat-platform": codat_platform,
    "pycurl and json": pycurl,
    "a bare socket and json": bare_socket,
}
