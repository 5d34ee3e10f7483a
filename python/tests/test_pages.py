"""Reading pages and their results, and the size of responses."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from either import END, call, kinds, rest, step
from raw_server import json as response, raw_server

from codat_keys import (
    AsyncClient,
    AsyncPages,
    Client,
    CodatError,
    ConnectError,
    InvalidInputError,
    Pages,
    ServerError,
    TooLargeError,
)
from codat_keys.testing import Emulator

KEY = "MadeUpKeyOfThePages000000000000000000000"
INVOICES = "/companies/c0da7000-0000-4000-8000-000000000001/data/invoices"
FAILS = [{"method": "GET", "path": "/companies", "fault": "status", "status": 503}]
HANGS = [{"method": "GET", "path": "/companies", "fault": "delay-before", "milliseconds": 600_000}]


async def sizes(pages: Pages | AsyncPages) -> list[int]:
    return [len(page.results) for page in await rest(pages)]


def numbered(server: Callable[[int], bytes]) -> Callable[[str], Iterable[bytes]]:
    """Answers a request for a page."""

    def answer(head: str) -> Iterable[bytes]:
        number = parse_qs(urlsplit(head.split(" ")[1]).query)["page"][0]
        answered = server(int(number))
        # Without an answer, the connection is closed.
        return [answered] if answered else []

    return answer


def page(number: int, total: int = 40) -> bytes:
    """A page of two results."""
    return response(200, json.dumps({"results": [number * 2 - 1, number * 2], "totalResults": total}))


@kinds
async def test_pagination_resumes_after_an_error(kind: Any, codat_emulator: Emulator) -> None:
    codat_emulator.set_faults(FAILS)
    pages = kind(retry=False).pages("/companies", page_size=2)
    with pytest.raises(ServerError):
        await step(pages)
    read = await rest(pages)
    assert [len(page.results) for page in read] == [2, 2, 1]
    assert all(page.results is page.results for page in read), "the JSON is parsed once"
    assert await step(pages) is END and len(codat_emulator.journal()) == 4, "nothing is requested after the end"


async def test_with_asyncio_pagination_resumes_after_a_time_out(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults(HANGS)
    pages = AsyncClient(retry=False).pages("/companies", page_size=2)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(pages.__anext__(), 0.3)
    assert await sizes(pages) == [2, 2, 1]


@kinds
async def test_results_come_one_at_a_time_in_order(kind: Any, codat_emulator: Emulator) -> None:
    items = kind().pages("/companies", page_size=2).items()
    names: list[str] = []
    while (company := await step(items)) is not END:
        names.append(company["name"])
        assert len(codat_emulator.journal()) == -(-len(names) // 2)
    assert names == [f"Example Company 0000{number}" for number in range(1, 6)]
    assert await step(items) is END


@kinds
async def test_results_continue_after_an_error(kind: Any, codat_emulator: Emulator) -> None:
    items = kind(retry=False).pages("/companies", page_size=2).items()
    first = [await step(items), await step(items)]
    codat_emulator.set_faults(FAILS)
    with pytest.raises(ServerError) as failed:
        await step(items)
    assert failed.value.__context__ is None
    names = [company["name"] for company in first + await rest(items)]
    assert names == [f"Example Company 0000{number}" for number in range(1, 6)]


async def test_tasks_and_threads_that_share_an_iterator_get_different_results(codat_emulator: Emulator) -> None:
    codat_emulator.set_state(companies=200)
    shared = AsyncClient().pages("/companies", page_size=7).items()
    taken = [company["id"] for part in await asyncio.gather(*(rest(shared) for _ in range(5))) for company in part]
    assert len(taken) == len(set(taken)) == 200

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        one, taken = Client().pages("/companies", page_size=50).items(), []
        threads = [threading.Thread(target=lambda: taken.extend(company["id"] for company in one)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(taken) == len(set(taken)) == 200


async def test_tasks_that_wait_for_the_same_page_get_its_results(codat_emulator: Emulator) -> None:
    async with AsyncClient() as client:
        items = client.pages("/companies").items()
        taken = await asyncio.gather(*(step(items) for _ in range(7)))
        names = [company["name"][-1] for company in taken if company is not END]
        assert names == ["1", "2", "3", "4", "5"] and await step(items) is END


def test_threads_that_wait_for_the_same_page_get_its_results(codat_emulator: Emulator) -> None:
    with Client() as client:
        for _ in range(10):
            items: Any = client.pages("/companies").items()
            with ThreadPoolExecutor(5) as threads:
                taken: list[Any] = list(threads.map(next, [items] * 5))
            assert sorted(company["name"][-1] for company in taken) == ["1", "2", "3", "4", "5"]


async def test_pages_of_cancelled_tasks_come_in_order(codat_emulator: Emulator) -> None:
    async with AsyncClient() as client:
        pages = client.pages("/companies", page_size=1)
        tasks = [asyncio.create_task(step(pages)) for _ in range(5)]
        for _ in range(3):
            await asyncio.sleep(0)
        # All pages arrive while the event loop is blocked.
        until = time.monotonic() + 60
        while time.monotonic() < until and len(codat_emulator.journal()) < 5:
            time.sleep(0.01)
        time.sleep(0.3)
        for task in tasks[:4]:
            task.cancel()
        last = await tasks[4]
        names = [page.results[0]["name"][-1] for page in [last, *await rest(pages)]]
        assert sorted(names) == ["1", "2", "3", "4", "5"] and names[1:] == sorted(names[1:])


@kinds
async def test_results_that_cannot_be_parsed_are_not_passed_over(kind: Any) -> None:
    huge = response(200, f'{{"results":[{"9" * 5000}, 4],"totalResults":6}}')
    with raw_server(numbered(lambda number: huge if number == 2 else page(number, 6))) as server:
        items = kind(base_url=server.url, api_key=KEY).pages("/x", page_size=2).items()
        assert [await step(items), await step(items)] == [1, 2]
        for _ in range(2):
            with pytest.raises(ValueError, match="integer string conversion"):
                await step(items)


@kinds
async def test_a_page_of_5000_invoices_is_read_and_a_lower_limit_rejects_it(
    kind: Any, codat_emulator: Emulator
) -> None:
    codat_emulator.set_state(invoices=5000)
    # A busy machine may need more than the default of 10 s for 10 MB.
    client, limited = kind(timeout=60), kind(max_response_bytes=1000)
    url = f"{INVOICES}?pageSize=10"
    page = await step(client.pages(INVOICES, page_size=5000))
    assert len(page.results) == 5000 and len(page.response.content) > 8 * 1024 * 1024
    calls: list[Callable[[], Any]] = [
        lambda: limited.request("GET", url),
        lambda: step(limited.pages(INVOICES, page_size=10)),
        lambda: client.request("GET", url, max_response_bytes=1000),
        lambda: step(client.pages(INVOICES, page_size=10, max_response_bytes=1000)),
    ]
    for sends in calls:
        with pytest.raises(TooLargeError, match="1000 bytes, the limit `max_response_bytes`"):
            await call(sends())
    await call(limited.request("GET", url, max_response_bytes=2**70))
    assert len(await call(limited.keys.list())) == 1, "keys have their own limit"


@kinds
@pytest.mark.parametrize("limit", [0, -1, -(2**70)])
async def test_a_limit_without_bytes_is_an_invalid_input(kind: Any, limit: int) -> None:
    with pytest.raises(InvalidInputError, match="`max_response_bytes` is less than 1"):
        kind(max_response_bytes=limit)
    with pytest.raises(InvalidInputError, match="max_response_bytes"):
        await call(kind().request("GET", "/companies", max_response_bytes=limit))
    with pytest.raises(InvalidInputError, match="max_response_bytes"):
        await step(kind().pages("/companies", max_response_bytes=limit))


@kinds
@pytest.mark.parametrize("wrong", ["1000", 1.5])
async def test_a_number_of_another_type_is_named(kind: Any, wrong: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: kind(max_response_bytes=wrong),
        lambda: kind().request("GET", "/companies", max_response_bytes=wrong),
        lambda: kind().pages("/companies", max_response_bytes=wrong),
    ]
    for sends in calls:
        with pytest.raises(TypeError, match="argument 'max_response_bytes'"):
            await call(sends())
    with pytest.raises(TypeError, match="argument 'concurrency'"):
        kind().pages("/companies", concurrency=wrong)


@kinds
@pytest.mark.parametrize("size", [-(2**70), -1, 0, 5001, 2**32 + 5, 2**70])
async def test_an_invalid_page_size_is_an_invalid_input(kind: Any, size: int, codat_emulator: Emulator) -> None:
    with pytest.raises(InvalidInputError, match="the page size is not from 1 to 5000"):
        await step(kind().pages("/companies", page_size=size))
    assert codat_emulator.journal() == []


@kinds
@pytest.mark.parametrize("number", [-(2**70), -1, 0, 65, 2**70])
async def test_an_invalid_concurrency_is_an_invalid_input(kind: Any, number: int, codat_emulator: Emulator) -> None:
    with pytest.raises(InvalidInputError, match="the concurrency is not from 1 to 64"):
        await step(kind().pages("/companies", concurrency=number))
    assert codat_emulator.journal() == []


@kinds
async def test_concurrent_pages_are_under_way_together_and_come_in_order(kind: Any) -> None:
    barrier = threading.Barrier(4)

    def serve(number: int) -> bytes:
        # After the first page, four at a time. A barrier that breaks ends the connection without an answer.
        if number > 1:
            barrier.wait(30)
        return page(number, total=18)

    with raw_server(numbered(serve)) as server:
        pages = kind(base_url=server.url, api_key=KEY, retry=False).pages("/x", page_size=2, concurrency=4)
        assert await rest(pages.items()) == [*range(1, 19)]
        assert (pages.total_changed, len(server.requests)) == (False, 9)


@kinds
async def test_a_page_that_fails_ends_the_iteration_there_and_is_requested_again(kind: Any) -> None:
    failures = [3]

    def serve(number: int) -> bytes:
        if number in failures:
            failures.remove(number)
            return b""
        return page(number, total=12)

    with raw_server(numbered(serve)) as server:
        pages = kind(base_url=server.url, api_key=KEY, retry=False).pages("/x", page_size=2, concurrency=6)
        first = [(await step(pages)).results for _ in range(2)]
        with pytest.raises(ConnectError):
            await step(pages)
        assert first + [page.results for page in await rest(pages)] == [[n, n + 1] for n in range(1, 12, 2)]
        asked = [re.findall(r"page=(\d+)", head)[0] for head in server.requests]
        assert sorted(asked) == sorted("1233456"), "only the page that failed is requested again"


@kinds
async def test_a_429_halves_the_number_of_pages_for_a_while(kind: Any) -> None:
    under_way, most, lock, limited = [0], [0], threading.Lock(), [3]

    def serve(number: int) -> bytes:
        with lock:
            if number in limited:
                limited.remove(number)
                return response(429, "", "retry-after: 0")
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        # Long enough for the other pages of a batch to arrive.
        threading.Event().wait(0.05)
        with lock:
            under_way[0] -= 1
        return page(number)

    with raw_server(numbered(serve)) as server:
        pages = kind(base_url=server.url, api_key=KEY).pages("/x", page_size=2, concurrency=8)
        results = [(await step(pages)).results for _ in range(9)]
        most[0] = 0
        results += [(await step(pages)).results]
        assert most[0] < 8, "the next batch is smaller"
        results += [page.results for page in await rest(pages)]
        assert results == [[n, n + 1] for n in range(1, 40, 2)]


@kinds
@pytest.mark.parametrize("seed", range(8))
async def test_each_result_comes_once_and_in_order_despite_faults(
    kind: Any, seed: int, codat_emulator: Emulator
) -> None:
    choice = random.Random(seed)
    total, size, concurrency = choice.randint(0, 80), choice.randint(1, 12), choice.randint(1, 8)
    faults: list[dict[str, Any]] = [
        {"fault": "drop-before"},
        {"fault": "drop-after"},
        {"fault": "truncated"},
        {"fault": "garbage"},
        {"fault": "status", "status": 429, "retryAfter": "0"},
        {"fault": "status", "status": 503},
    ]
    codat_emulator.set_state(invoices=total)
    codat_emulator.set_faults(
        {**fault, "path": INVOICES, "skip": choice.randint(0, 20), "count": choice.randint(1, 3)} for fault in faults
    )
    pages = kind(retry=choice.random() < 0.3).pages(INVOICES, page_size=size, concurrency=concurrency, order_by="id")
    items, numbers, errors = pages.items(), [], 0
    while True:
        try:
            invoice = await step(items)
        except CodatError:
            errors += 1
            assert errors < 100
            continue
        if invoice is END:
            break
        numbers.append(int(invoice["invoiceNumber"][4:]))
    assert (numbers, pages.total_changed) == ([*range(1, total + 1)], False)


@kinds
async def test_a_total_that_changes_is_reported(kind: Any, codat_emulator: Emulator) -> None:
    pages = kind().pages("/companies", page_size=2)
    await step(pages)
    assert not pages.total_changed
    codat_emulator.set_state(companies=7)
    assert await sizes(pages) == [2, 2, 1]
    assert pages.total_changed


@kinds
async def test_pages_that_do_not_fit_together_are_reported(kind: Any) -> None:
    lengths = [2, 3, 1]

    def serve(number: int) -> bytes:
        return response(200, json.dumps({"results": [number] * lengths[number - 1], "totalResults": 6}))

    with raw_server(numbered(serve)) as server:
        pages = kind(base_url=server.url, api_key=KEY).pages("/x", page_size=2)
        reported = []
        while await step(pages) is not END:
            reported.append(pages.total_changed)
    assert reported == [False, True, True]


async def test_a_page_that_arrives_with_a_cancellation_is_kept(codat_emulator: Emulator) -> None:
    pages = AsyncClient().pages("/companies", page_size=2)
    task = asyncio.ensure_future(pages.__anext__())
    await asyncio.sleep(0)
    # The loop is busy until after the response, and sees it together with the cancellation.
    while not any("status" in request for request in codat_emulator.journal()):
        time.sleep(0.005)
    # Time for the client's thread to read the response. If it is too short, another case is tested.
    time.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await sizes(pages) == [2, 2, 1]
    assert len(codat_emulator.journal()) == 3, "the page is not requested again"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
def test_a_page_that_arrives_with_a_signal_is_kept(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"method": "GET", "fault": "delay-after", "milliseconds": 10, "count": 100}])
    pages, read, handler = Client().pages("/companies", page_size=2), [], signal.getsignal(signal.SIGALRM)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(3):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.005)
                page = next(pages)
                # A signal can also come after the call.
                read.append(len(page.results))
                threading.Event().wait(10)
            except KeyboardInterrupt:
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert read + [len(page.results) for page in pages] == [2, 2, 1]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="signal handlers run at more points")
@pytest.mark.parametrize("by_result", [False, True])
def test_an_exception_of_a_signal_handler_anywhere_loses_no_page(by_result: bool, codat_emulator: Emulator) -> None:
    codat_emulator.set_state(companies=9)

    class Raised(Exception):
        pass

    def read(number: int) -> tuple[list[str], bool]:
        """Iterates, and raises an exception at a call. Returns the results, and whether it raised."""

        def profile(frame: FrameType, event: str, _: object) -> None:
            nonlocal number
            # A signal handler runs where Python calls a function, and where a function in C returns.
            if event in ("call", "c_return") and frame.f_code.co_filename.endswith("_pages.py"):
                number -= frame.f_code.co_filename != __file__
                if number == 0:
                    raise Raised

        pages = Client().pages("/companies", page_size=4)
        iterator: Iterator[Any] = pages.items() if by_result else pages
        results: list[Any] = []
        while True:
            sys.setprofile(profile)
            try:
                result = next(iterator)
            except Raised:
                continue
            except StopIteration:
                break
            finally:
                sys.setprofile(None)
            results += [result] if by_result else result.results
        assert not pages.total_changed
        return [result["name"][-1] for result in results], number <= 0

    number, was_raised = 0, True
    while was_raised:
        number += 1
        names, was_raised = read(number)
        assert names == list("123456789"), f"after an exception at call {number}"
    assert number > 8


def test_a_fork_iterates_on(codat_emulator: Emulator) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    pages = Client().pages("/companies", page_size=2, concurrency=2)
    next(pages)
    child = os.fork()
    if child == 0:
        os._exit(0 if [len(page.results) for page in pages] == [2, 1] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert [len(page.results) for page in pages] == [2, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@kinds
@pytest.mark.parametrize("per_item", [False, True])
@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_fork_while_a_thread_requests_a_page_iterates_on_from_that_page(
    kind: Any, per_item: bool, concurrency: int
) -> None:
    requested, goes_on = threading.Event(), threading.Event()

    def serve(number: int) -> bytes:
        # The request of the parent process.
        if number == 2 and not requested.is_set():
            requested.set()
            goes_on.wait(30)
        return page(number, total=8)

    def numbers(one: Any) -> list[int]:
        return [one] if per_item else one.results

    async def read(iterator: Any) -> list[int]:
        return [number for one in await rest(iterator) for number in numbers(one)]

    with raw_server(numbered(serve)) as server:
        pages = kind(base_url=server.url, api_key=KEY).pages("/x", page_size=2, concurrency=concurrency)
        iterator = pages.items() if per_item else pages
        of_parent: list[int] = []
        thread = threading.Thread(target=lambda: of_parent.extend(asyncio.run(read(iterator))), daemon=True)
        thread.start()
        assert requested.wait(30)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            os._exit(0 if asyncio.run(read(iterator)) == [3, 4, 5, 6, 7, 8] else 1)
        assert os.waitpid(child, 0)[1] == 0
        goes_on.set()
        thread.join(30)
        assert of_parent == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_page_that_no_task_has_received_is_requested_again_after_a_fork(codat_emulator: Emulator) -> None:
    children: list[int] = []

    async def parent() -> list[int]:
        pages = AsyncClient().pages("/companies", page_size=2)
        task = asyncio.ensure_future(step(pages))
        await asyncio.sleep(0)
        # The page arrives while the event loop is busy.
        while not codat_emulator.journal():
            time.sleep(0.01)
        time.sleep(0.3)
        children.append(os.fork())
        if children[-1] == 0:
            signal.alarm(20)
            outcome: list[int] = []
            # A thread of its own, because this one runs the event loop of the parent process.
            reads = threading.Thread(target=lambda: outcome.extend(asyncio.run(sizes(pages))))
            reads.start()
            reads.join()
            os._exit(0 if outcome == [2, 2, 1] else 1)
        return [len((await task).results), *await sizes(pages)]

    assert asyncio.run(parent()) == [2, 2, 1]
    assert os.waitpid(children[0], 0)[1] == 0
