"""The rotation function for AWS Secrets Manager, against the emulator and moto's Secrets Manager."""

from __future__ import annotations

import json
import logging
import runpy
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.secretsmanager.models import secretsmanager_backends
from raw_server import json as response, raw_server

from codat_keys import (
    ApiKey,
    ApiKeyDetails,
    AuthorizationHeader,
    Client,
    InvalidCredentialError,
    InvalidInputError,
    KeyLimitReachedError,
    OutcomeUnknownError,
    UnauthorizedError,
    _native,
    aws,
    encode,
)
from codat_keys.testing import Emulator

Handler = Callable[[dict[str, Any], object], None]
REGION = "eu-west-2"
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
FIRST = "billing~20250101-x7q2"


class Lossy:
    """A client for Secrets Manager that loses the response to the first call of a method."""

    def __init__(self, api: Any, method: str) -> None:
        self.api, self.method = api, method

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.api, name)
        if name != self.method:
            return attribute

        def lose(**arguments: Any) -> None:
            self.method = ""
            # The response can be an error.
            with suppress(self.api.exceptions.ResourceNotFoundException):
                attribute(**arguments)
            raise ConnectionError("the response was lost")

        return lose


class Secret:
    """A secret in Secrets Manager that contains a key, and a client of Codat with another key."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator, self.admin = emulator, Client()
        self.api = import_module("boto3").client("secretsmanager")
        self.first = self.admin.keys.create(FIRST).key
        self.arn = self.create(self.first.api_key.expose_secret())

    def create(self, value: str) -> str:
        self.arn = self.api.create_secret(Name=uuid4().hex, SecretString=value)["ARN"]
        return self.arn

    def begin(self, value: str | None = None) -> str:
        """Starts a rotation. Secrets Manager then enables the rotation, and adds a version without a value. moto does
        so only if it can run the function.
        """
        token = str(uuid4())
        stored: Any = secretsmanager_backends[DEFAULT_ACCOUNT_ID][REGION].secrets[self.arn]
        stored.rotation_requested = stored.rotation_enabled = True
        stored.versions[token] = {"version_id": token, "version_stages": ["AWSPENDING"], "createdate": 0}
        if value is not None:
            stored.versions[token]["secret_string"] = value
        return token

    def event(self, token: str, step: str) -> dict[str, Any]:
        return {"SecretId": self.arn, "ClientRequestToken": token, "Step": step}

    def rotate(self, handler: Handler) -> str:
        token = self.begin()
        for step in STEPS:
            handler(self.event(token, step), None)
        return token

    def value(self, label: str = "AWSCURRENT") -> str | None:
        try:
            value: str = self.api.get_secret_value(SecretId=self.arn, VersionStage=label)["SecretString"]
        except self.api.exceptions.ResourceNotFoundException:
            return None
        return value

    def labels(self, version: str) -> set[str]:
        return set(self.api.describe_secret(SecretId=self.arn)["VersionIdsToStages"].get(version, []))

    def by_value(self) -> dict[str, ApiKeyDetails]:
        """The keys by their value."""
        return {key.api_key.expose_secret(): key for key in self.admin.keys.list()}

    def names(self) -> list[str | None]:
        return sorted((key.name for key in self.admin.keys.list()), key=str)

    def posts(self) -> int:
        return sum(request["method"] == "POST" for request in self.emulator.journal())


@pytest.fixture
def secret(codat_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secret]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(aws, "_BETWEEN", 0.01)
    # It keeps its client for Secrets Manager, which belongs to one test.
    monkeypatch.setattr(aws, "_default", aws._Handler(None, None, False, None, None))
    with mock_aws():
        yield Secret(codat_emulator)


def test_each_rotation_replaces_the_key_and_deletes_the_one_before(secret: Secret) -> None:
    first = secret.rotate(aws.rotation_handler)
    new, old = secret.value(), secret.value("AWSPREVIOUS")
    assert new is not None and old == secret.first.api_key.expose_secret()
    keys = secret.by_value()
    assert {new, old} < keys.keys() and len(keys) == 3
    name = keys[new].name
    assert name is not None and name.startswith("billing~") and name != FIRST
    assert secret.labels(first) == {"AWSCURRENT"}

    secret.rotate(aws.rotation_handler)
    keys = secret.by_value()
    assert old not in keys and len(keys) == 3
    assert {secret.value(), secret.value("AWSPREVIOUS")} < keys.keys() and secret.value("AWSPREVIOUS") == new


def test_every_step_can_be_repeated(secret: Secret) -> None:
    for _ in range(2):
        token = secret.begin()
        before = secret.posts()
        for step in STEPS:
            for _ in range(3):
                aws.rotation_handler(secret.event(token, step))
        assert secret.posts() == before + 1
        # The response to the last step was lost, and Secrets Manager repeats all of them.
        for step in STEPS:
            aws.rotation_handler(secret.event(token, step))
        assert secret.posts() == before + 1 and len(secret.by_value()) == 3
        assert secret.labels(token) == {"AWSCURRENT"}


def test_consumers_never_read_a_key_that_does_not_work(secret: Secret) -> None:
    fault = {"method": "POST", "path": "/apiKeys", "fault": "key-works-after", "milliseconds": 700}
    secret.emulator.set_faults([fault])
    aws.rotation_handler(secret.event(token := secret.begin(), "createSecret"))
    statuses = [request["status"] for request in secret.emulator.journal()]
    assert 401 in statuses and statuses[-3:] == [200, 200, 200]
    pending = secret.value("AWSPENDING")
    assert pending is not None and Client(api_key=pending).whoami().api_key.expose_secret() == pending
    aws.rotation_handler(secret.event(token, "testSecret"))


def test_a_key_that_never_works_is_not_delivered(secret: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "_PROBE_TIMEOUT", 0.2)
    token, old, new = secret.begin(), secret.first.api_key, ApiKey("MadeUpKeyThatNeverWorks0000000000000000A")
    # An earlier run has created it.
    name = _native.plan_staged([secret.first], secret.first, None, None, token).name
    keys = {"old": (FIRST, old), "new": (name, new)}
    listed = [{"id": id, "name": name, "apiKey": key.expose_secret()} for id, (name, key) in keys.items()]

    def answer(head: str) -> Iterator[bytes]:
        if encode(new) in head:
            yield response(401, '{"statusCode":401,"error":"no"}', "content-type: application/json")
        else:
            yield response(200, json.dumps({"results": listed}), "content-type: application/json")

    with raw_server(answer) as server:
        handler = aws.create_rotation_handler(base_url=server.url)
        with pytest.raises(UnauthorizedError):
            handler(secret.event(token, "createSecret"), None)
    assert {request.split(" ", 1)[0] for request in server.requests} == {"GET"}
    assert sum(encode(new) in request for request in server.requests) > 1
    assert secret.value("AWSPENDING") is None


@pytest.mark.parametrize("fault", ["drop-after", "late", "truncated"])
def test_a_lost_response_makes_one_key(secret: Secret, fault: str) -> None:
    more = {"requests": 2} if fault == "late" else {}
    secret.emulator.set_faults([{"method": "POST", "path": "/apiKeys", "fault": fault, **more}])
    secret.rotate(aws.rotation_handler)
    assert len(secret.by_value()) == 3


def test_a_key_whose_creation_is_unknown_is_adopted(secret: Secret) -> None:
    token = secret.begin()
    secret.emulator.set_faults(
        [
            {"method": "GET", "path": "/apiKeys", "skip": 3, "count": 99, "fault": "status", "status": 503},
            {"method": "POST", "path": "/apiKeys", "count": 99, "fault": "drop-after"},
        ]
    )
    with pytest.raises(OutcomeUnknownError):
        aws.rotation_handler(secret.event(token, "createSecret"))
    secret.emulator.set_faults([])
    assert secret.value("AWSPENDING") is None and len(secret.by_value()) == 3
    posts = secret.posts()
    for step in STEPS:
        aws.rotation_handler(secret.event(token, step))
    assert secret.posts() == posts and len(secret.by_value()) == 3


def test_a_repeated_step_repeats_a_request_that_is_under_way(secret: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
    # Both runs are in the same interval.
    monkeypatch.setattr(aws, "_INTERVAL", 1200)
    token = secret.begin()
    secret.emulator.set_faults([{"method": "POST", "path": "/apiKeys", "fault": "delay-before", "milliseconds": 3000}])
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(aws.create_rotation_handler(), secret.event(token, "createSecret"), None)]
        while secret.posts() == 1:
            time.sleep(0.01)
        runs.append(pool.submit(aws.create_rotation_handler(), secret.event(token, "createSecret"), None))
        for run in runs:
            run.result()
    assert len(secret.by_value()) == 3
    posts = [sent for sent in secret.emulator.journal() if sent["method"] == "POST"]
    assert len(posts) > 2 and len({sent["idempotencyKey"] for sent in posts[1:]}) == 1


@pytest.mark.parametrize(
    ("step", "method"),
    [
        ("createSecret", "describe_secret"),
        ("createSecret", "get_secret_value"),
        ("createSecret", "put_secret_value"),
        ("testSecret", "get_secret_value"),
        ("finishSecret", "update_secret_version_stage"),
    ],
)
def test_a_lost_response_of_secrets_manager(secret: Secret, step: str, method: str) -> None:
    lossy = aws.create_rotation_handler(secretsmanager=Lossy(secret.api, method))
    token = secret.begin()
    for each in STEPS:
        if each == step:
            with pytest.raises(ConnectionError):
                lossy(secret.event(token, each), None)
        aws.rotation_handler(secret.event(token, each))
    assert len(secret.by_value()) == 3 and secret.labels(token) == {"AWSCURRENT"}


@pytest.mark.parametrize("step", STEPS[:3])
@pytest.mark.parametrize("fault", ["drop-before", "drop-after"])
def test_a_lost_list_of_keys_is_requested_again(secret: Secret, step: str, fault: str) -> None:
    token = secret.begin()
    for each in STEPS:
        if each == step:
            secret.emulator.set_faults([{"method": "GET", "path": "/apiKeys", "fault": fault}])
        aws.rotation_handler(secret.event(token, each))
    assert len(secret.by_value()) == 3 and secret.labels(token) == {"AWSCURRENT"}


def test_ten_keys_stop_it(secret: Secret) -> None:
    for number in range(8):
        secret.admin.keys.create(f"payments {number}")
    token, before = secret.begin(), secret.by_value()
    with pytest.raises(KeyLimitReachedError) as raised:
        aws.rotation_handler(secret.event(token, "createSecret"))
    assert "10 keys" in str(raised.value) and raised.value.hint
    assert secret.by_value() == before and secret.value("AWSPENDING") is None

    secret.admin.keys.delete(next(key.id for key in before.values() if key.name == "payments 0"))
    for step in STEPS:
        aws.rotation_handler(secret.event(token, step))
    # The key before the last is deleted first.
    secret.rotate(aws.rotation_handler)
    assert len(secret.by_value()) == 10


def test_a_foreign_key_is_never_deleted(secret: Secret, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("billing", "payments~20250101-x7q2"):
        foreign = secret.admin.keys.create(name).key
        secret.create(foreign.api_key.expose_secret())
        handler = aws.create_rotation_handler(name="billing")
        for _ in range(3):
            secret.rotate(handler)
        assert foreign.id in {key.id for key in secret.by_value().values()}
        warning = f"createSecret: the key {foreign.id} stays, because no rotation created it"
        assert caplog.messages.count(warning) == 1
    # Two others, and for each secret the foreign key, the current and the previous one.
    assert len(secret.by_value()) == 8


def test_a_duplicate_is_deleted_with_the_key(secret: Secret) -> None:
    duplicate = secret.admin.keys.create(FIRST).key
    for _ in range(2):
        secret.rotate(aws.rotation_handler)
    assert not {secret.first.id, duplicate.id} & {key.id for key in secret.by_value().values()}


def test_the_previous_key_can_be_gone_or_unreadable(secret: Secret, caplog: pytest.LogCaptureFixture) -> None:
    secret.rotate(aws.rotation_handler)
    secret.admin.keys.delete(secret.first.id)
    secret.rotate(aws.rotation_handler)
    key = secret.value()
    for value in ("no key at all", str(key)):
        secret.api.put_secret_value(SecretId=secret.arn, SecretString=value)
    secret.rotate(aws.rotation_handler)
    assert "createSecret: no key is deleted: the version AWSPREVIOUS of " in caplog.text
    assert "no key at all" not in caplog.text and key in secret.by_value()


@pytest.mark.parametrize("header", [False, True])
def test_the_key_in_a_field(secret: Secret, header: bool) -> None:
    def content(key: ApiKey) -> str:
        return AuthorizationHeader.encode(key).expose_secret() if header else key.expose_secret()

    others = {"user": "é", "ports": [1, 2.5, None]}
    secret.create(json.dumps({"api_key": content(secret.first.api_key), **others}))
    handler = aws.create_rotation_handler(name="payments", field="api_key", header=header)
    secret.rotate(handler)
    value = json.loads(str(secret.value()))
    new = next(key for key in secret.by_value().values() if str(key.name).startswith("payments~"))
    assert value == {"api_key": content(new.api_key), **others}


@pytest.mark.parametrize("other", ['"n": 1e400', '"n": NaN', '"n": 0.10000000000000000555', '"a": 1, "a": 2'])
def test_a_secret_whose_other_values_would_change_is_refused(secret: Secret, other: str) -> None:
    value = f'{{"api_key": "{secret.first.api_key.expose_secret()}", {other}}}'
    secret.create(value)
    before = secret.by_value().keys()
    with pytest.raises(InvalidInputError, match="does not keep its other values"):
        aws.create_rotation_handler(field="api_key")(secret.event(secret.begin(), "createSecret"), None)
    assert secret.value() == value and secret.by_value().keys() == before


def test_a_whole_header(secret: Secret) -> None:
    secret.create(encode(secret.first.api_key))
    secret.rotate(aws.create_rotation_handler(header=True))
    assert AuthorizationHeader(str(secret.value())).api_key.expose_secret() in secret.by_value()


@pytest.mark.parametrize("step", STEPS)
def test_the_errors_of_the_contract(secret: Secret, step: str) -> None:
    def error(token: str, **changed: Any) -> str:
        with pytest.raises(InvalidInputError) as raised:
            aws.rotation_handler({**secret.event(token, step), **changed})
        assert isinstance(raised.value, ValueError) and raised.value.hint
        return str(raised.value)

    before = secret.posts()
    current = next(iter(secret.api.describe_secret(SecretId=secret.arn)["VersionIdsToStages"]))
    assert "is not enabled" in error(current)
    token = secret.begin()
    assert "is not a version of" in error(str(uuid4()))
    misplaced = "MadeUpKeyForTheTests0123456789abcdefGhIj"
    assert misplaced not in error(misplaced)
    assert "Step is not a step" in error(token, Step="create_secret")
    for name in ("SecretId", "ClientRequestToken", "Step"):
        assert error(token, **{name: None}) == error(token, **{name: ""}) == f"the event has no {name}"
    secret.api.update_secret_version_stage(SecretId=secret.arn, VersionStage="AWSPENDING", RemoveFromVersionId=token)
    assert "is not labelled AWSPENDING" in error(token)
    # The version has been rotated already.
    aws.rotation_handler(secret.event(current, step))
    assert secret.posts() == before and secret.value() == secret.first.api_key.expose_secret()


@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
def test_a_version_without_a_value(secret: Secret, step: str) -> None:
    token = secret.begin()
    with pytest.raises(InvalidInputError, match=r"the version AWSPENDING of .* has no value"):
        aws.rotation_handler(secret.event(token, step))
    assert secret.labels(token) == {"AWSPENDING"}


def test_a_dead_key_is_not_made_the_current_one(secret: Secret) -> None:
    aws.rotation_handler(secret.event(token := secret.begin(), "createSecret"))
    secret.admin.keys.delete(secret.by_value()[str(secret.value("AWSPENDING"))].id)
    with pytest.raises(UnauthorizedError):
        aws.rotation_handler(secret.event(token, "testSecret"))


def test_the_test_of_the_configuration_by_secrets_manager(secret: Secret) -> None:
    # The version has the value of the current one, and no other step follows.
    token = secret.begin(secret.value())
    aws.rotation_handler(secret.event(token, "testSecret"))
    assert len(secret.by_value()) == 2


def test_no_key_is_shown(secret: Secret, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="codat_keys")
    for _ in range(3):
        secret.rotate(aws.rotation_handler)
    shown = caplog.text + repr(aws._default)
    assert "createSecret: the new key of" in shown and "createSecret: deleted the key" in shown
    for value in [*secret.by_value(), secret.first.api_key.expose_secret()]:
        assert value not in shown and encode(value)[6:].rstrip("=") not in shown


@pytest.mark.parametrize("field", [None, "api_key"])
@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("form", ["'{}'", '{{"key": "{}"}}', '{{"api_key": ["{}"]}}', '{{"api_key": "{}"', "Bearer {}"])
def test_no_error_shows_the_secret(secret: Secret, form: str, header: bool, field: str | None) -> None:
    key = secret.first.api_key.expose_secret()
    secret.create(form.format(key))
    with pytest.raises((InvalidCredentialError, InvalidInputError)) as raised:
        aws.create_rotation_handler(field=field, header=header)(secret.event(secret.begin(), "createSecret"), None)
    assert "the version AWSCURRENT of arn:" in str(raised.value)
    error: BaseException | None = raised.value
    while error is not None:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        # The frames of this test contain the key.
        assert key not in text.replace(f"key = '{key}'", "")
        error = error.__context__


def test_without_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    event = {"SecretId": "a", "ClientRequestToken": "b", "Step": "setSecret"}
    with pytest.raises(ImportError, match="codat_keys.aws needs boto3: pip install boto3"):
        aws.create_rotation_handler()(event, None)


def test_the_example_rotates_a_key(secret: Secret) -> None:
    file = Path(__file__).parents[1] / "examples" / "aws_rotation.py"
    handler = runpy.run_path(str(file))["handler"]
    secret.create(json.dumps({"api_key": secret.first.api_key.expose_secret()}))
    secret.rotate(handler)
    assert json.loads(str(secret.value()))["api_key"] in secret.by_value()
