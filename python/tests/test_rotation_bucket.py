"""Rotations of the command line whose journal is in a bucket of moto's S3: two at once, and one on a lost host."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import requests
from moto import mock_aws

from codat_keys import Client
from codat_keys.testing import Emulator

# The command line, which `cargo xtask test python` builds.
PROGRAM = Path(__file__).parents[2] / "target/debug/codat-keys"

REGION = "eu-west-2"
BUCKET = "journals"
OLD = "MadeUpKeyOfBilling00000000000000000000Old"
FOREIGN = "MadeUpKeyOfAnother00000000000000000000One"


class Storage:
    """A server on this machine that passes requests on to moto's S3, one at a time. moto checks `If-None-Match` and
    stores the object in two steps, so that two requests at once, as moto's own server allows, can both succeed.
    """

    def __init__(self) -> None:
        self.api = import_module("boto3").client("s3", region_name=REGION)
        self.api.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.lock, self.over = threading.Lock(), threading.Event()
        # The entries that were put, and the statuses of the responses.
        self.puts: list[tuple[int, int]] = []
        # Two requests that put the entry with this number wait for each other.
        self.contested, self.contestants = 0, threading.Barrier(2)
        # The request that first puts an entry in this state gets no response. Whether its object is stored.
        self.lost, self.is_stored, self.is_lost = "", False, threading.Event()
        storage = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.respond(storage.pass_on(self, b""))

            def do_PUT(self) -> None:
                response = storage.put(self, self.rfile.read(int(self.headers["content-length"])))
                if response is not None:
                    self.respond(response)

            def respond(self, response: requests.Response) -> None:
                self.send_response(response.status_code)
                for name in {"content-type", "etag", "last-modified"} & {name.lower() for name in response.headers}:
                    self.send_header(name, response.headers[name])
                self.send_header("content-length", str(len(response.content)))
                self.end_headers()
                self.wfile.write(response.content)

            def log_message(self, format: str, *args: Any) -> None:
                """Prints nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def pass_on(self, request: BaseHTTPRequestHandler, body: bytes) -> requests.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        url = f"https://s3.{REGION}.amazonaws.com{request.path}"
        with self.lock:
            return requests.request(str(request.command), url, headers=headers, data=body, timeout=30)

    def put(self, request: BaseHTTPRequestHandler, body: bytes) -> requests.Response | None:
        """Returns the response, or ``None`` if there is none."""
        assert request.headers["if-none-match"] == "*"
        entry = json.loads(body)
        if entry["seq"] == self.contested:
            self.contestants.wait(30)
        is_lost = entry["rotation"]["state"] == self.lost and not self.is_lost.is_set()
        response = None
        if self.is_stored or not is_lost:
            response = self.pass_on(request, body)
            self.puts.append((entry["seq"], response.status_code))
        if is_lost:
            self.is_lost.set()
            # The connection stays open, so that the process waits until it is killed.
            self.over.wait(60)
            return None
        return response

    def entries(self) -> dict[str, Any]:
        """The entries of the journal by the names of their objects, in their order."""
        names = sorted(item["Key"] for item in self.api.list_objects_v2(Bucket=BUCKET).get("Contents", []))
        return {name: json.load(self.api.get_object(Bucket=BUCKET, Key=name)["Body"]) for name in names}

    def expire(self) -> None:
        """Ends the lease of the latest entry, which lasts for minutes."""
        name, entry = list(self.entries().items())[-1]
        entry["expires"] = "2000-01-01T00:00:00Z"
        self.api.put_object(Bucket=BUCKET, Key=name, Body=json.dumps(entry))


class Scene:
    """A key in a file, which all hosts have, and hosts that have nothing else in common but the bucket."""

    def __init__(self, emulator: Emulator, storage: Storage, folder: Path) -> None:
        self.emulator, self.storage, self.folder, self.file = emulator, storage, folder, folder / "key"
        self.file.touch(0o600)
        self.file.write_text(OLD)
        keys = [{"id": "old", "name": "billing", "apiKey": OLD}, {"id": "foreign", "apiKey": FOREIGN}]
        emulator.set_state(keys=keys)
        self.started: list[subprocess.Popen[str]] = []

    def start(self, host: str, *arguments: str) -> subprocess.Popen[str]:
        """Starts a command of `rotate` on a host."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        del environment["CODAT_API_KEY"]
        home = str(self.folder / host)
        environment.update(CODAT_API_KEY_FILE=str(self.file), HOME=home, XDG_STATE_HOME=home, XDG_CONFIG_HOME=home)
        environment.update(AWS_ENDPOINT_URL=self.storage.url, AWS_ALLOW_HTTP="true", AWS_REGION=REGION)
        environment.update(AWS_ACCESS_KEY_ID="AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY="made-up")
        command = [str(PROGRAM), "rotate", *arguments, "--journal", f"s3://{BUCKET}/codat"]
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        self.started.append(subprocess.Popen(command, env=environment, stdin=null, stdout=pipe, stderr=pipe, text=True))
        return self.started[-1]

    def rotate(self, host: str) -> subprocess.Popen[str]:
        """Starts a rotation that also deletes the old key."""
        return self.start(host, "--to", f"file:{self.file}", "--grace", "0")

    def check_replaced(self) -> None:
        """Checks in the emulator that the key was replaced once, and that the file has the new key."""
        keys = {key["id"]: key for key in self.emulator.state()["keys"]}
        assert len(keys) == 2 and "foreign" in keys and "old" not in keys, keys
        created = [request for request in self.emulator.journal() if request["method"] == "POST"]
        assert [request["status"] for request in created] == [201], created
        new = Client(api_key_file=self.file).whoami()
        assert new.id in keys and str(new.name).startswith("billing~")
        assert [*self.storage.entries().values()][-1]["rotation"]["state"] == "done"


@pytest.fixture
def scene(codat_emulator: Emulator, tmp_path: Path) -> Iterator[Scene]:
    with mock_aws():
        storage = Storage()
        scene = Scene(codat_emulator, storage, tmp_path)
        try:
            yield scene
        finally:
            for process in scene.started:
                process.kill()
            storage.over.set()
            storage.server.shutdown()
            storage.server.server_close()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Returns the exit status and the standard error."""
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def check_race(scene: Scene, seq: int, *started: subprocess.Popen[str]) -> None:
    """Checks that one of two processes that put the same entry continues, and that the other one is busy."""
    (winner, _), (loser, errors) = sorted(ended(process) for process in started)
    assert (winner, loser) == (0, 10), errors
    assert "another process has continued the rotation" in errors
    assert sorted(put for put in scene.storage.puts if put[0] == seq) == [(seq, 200), (seq, 412)]
    scene.check_replaced()


def test_one_of_two_rotations_that_start_at_once_on_two_hosts_wins(scene: Scene) -> None:
    scene.storage.contested = 1
    check_race(scene, 1, scene.rotate("one"), scene.rotate("two"))


@pytest.mark.parametrize(
    ("state", "is_stored"),
    [
        # The key exists, and the journal does not contain it.
        ("probe", False),
        # The file has the old key.
        ("deliver", True),
        # The file has the new key.
        ("confirm", False),
        # The old key is about to be deleted.
        ("retire", True),
    ],
)
def test_one_of_two_other_hosts_resumes_a_rotation_whose_process_is_killed(
    scene: Scene, state: str, is_stored: bool
) -> None:
    scene.storage.lost, scene.storage.is_stored = state, is_stored
    lost = scene.rotate("one")
    assert scene.storage.is_lost.wait(30)
    lost.kill()
    lost.communicate()
    before = scene.emulator.state()["keys"]
    status, errors = ended(scene.start("two", "resume"))
    assert status == 10 and "runs the rotation until" in errors
    assert scene.emulator.state()["keys"] == before and len(before) == 3
    # The file has a key that works.
    Client(api_key_file=scene.file).whoami()

    scene.storage.expire()
    seq = len(scene.storage.entries()) + 1
    scene.storage.contested = seq
    check_race(scene, seq, scene.start("two", "resume"), scene.start("three", "resume"))
