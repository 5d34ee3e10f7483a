"""What all clients have in common: the call that each of them makes, and the clock that measures it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

PATH = "/apiKeys"

Done = tuple[int, float, float]


class Clock:
    """The time that passes, and that this process computes, system calls included."""

    def start(self, seconds: float) -> None:
        self._cpu = time.process_time()
        self._started = time.perf_counter()
        self.ends = self._started + seconds

    def stop(self, calls: int) -> Done:
        """The calls, the seconds, and the seconds of CPU."""
        return calls, time.perf_counter() - self._started, time.process_time() - self._cpu


def two(keys: Sequence[object]) -> None:
    """Anything but two keys is an error: a slice of failures would look fast."""
    if len(keys) != 2:
        raise ValueError("the server answers something else")


def authorization(key: str) -> str:
    return "Basic " + base64.b64encode(key.encode()).decode()


def address(url: str) -> tuple[str, int]:
    server = urlsplit(url)
    return server.hostname or "", server.port or 80


def bare_request(url: str, key: str) -> bytes:
    host = urlsplit(url).netloc
    return f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization(key)}\r\n\r\n".encode()


def is_whole(answer: bytes) -> bool:
    """An answer is taken to be whole once it ends as a list does."""
    return answer.endswith(b"]}")


def read(answer: bytes) -> Sequence[Any]:
    keys: Sequence[Any] = json.loads(answer[answer.index(b"\r\n\r\n") :])["results"]
    return keys
