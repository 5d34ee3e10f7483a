"""A rotation function for AWS Secrets Manager, which replaces the API key in a secret.

The function runs in AWS Lambda. Its handler is ``codat_keys.aws.rotation_handler``. For a handler with options, call
``create_rotation_handler``. boto3 must be installed, as it is in the Python runtimes of Lambda.
"""

from __future__ import annotations

import json
import logging
import time
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

from . import _native
from ._client import Client
from ._error import CodatError
from ._errors import ForbiddenError, InvalidCredentialError, InvalidInputError, NotFoundError, UnauthorizedError
from ._native import ApiKey, AuthorizationHeader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ._native import ApiKeyDetails

__all__ = ["create_rotation_handler", "rotation_handler"]

_log = logging.getLogger(__name__)

# The staging labels of the versions of a secret.
_CURRENT, _PENDING, _PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"

# A new key must authenticate `_SUCCESSES` times in a row, with `_BETWEEN` seconds between two requests. The key is
# tried for at most `_PROBE_TIMEOUT` seconds.
_SUCCESSES, _BETWEEN, _PROBE_TIMEOUT = 3, 0.5, 30.0

# The runs of `createSecret` within this time, in seconds, use the same idempotency key.
_INTERVAL = 600


def create_rotation_handler(
    *,
    name: str | None = None,
    field: str | None = None,
    header: bool = False,
    base_url: str | None = None,
    secretsmanager: Any = None,
) -> Callable[[Mapping[str, Any], object], None]:
    """Returns a handler like ``rotation_handler`` with options. Sends nothing.

    - ``name``, the name of the new keys, to which a unique tag is added. Default: the name of the key in the secret.
    - ``field``, the field that contains the key if the secret is a JSON object. The other fields keep their values. A
      secret is refused if an object in it contains a name twice, or if it contains a number that a double does not
      represent exactly. Default: the secret is the key alone.
    - ``header``, whether the secret contains the value of an ``Authorization`` header instead of the key. Default:
      false.
    - ``base_url``, the base URL of Codat's API. Default: ``CODAT_BASE_URL``, or ``https://api.codat.io``.
    - ``secretsmanager``, a client for Secrets Manager. Default: ``boto3.client("secretsmanager")``. The first step
      creates this client, and later steps use it again.

    >>> create_rotation_handler(name="billing", field="api_key")
    <rotation handler of AWS Secrets Manager>
    """
    return _Handler(name, field, header, base_url, secretsmanager)


def rotation_handler(event: Mapping[str, Any], context: object = None) -> None:
    """Performs a step of a rotation that Secrets Manager has started. Each step can be repeated.

    - ``createSecret`` deletes the key of the version ``AWSPREVIOUS``, creates the new key, tries it, and puts it in the
      version ``AWSPENDING``. The tag in the name of the new key is derived from the ``ClientRequestToken``. If the
      response to an earlier run was lost, ``createSecret`` therefore finds the key of that run, and creates no second
      key.
      If the request of an earlier run is still under way, ``createSecret`` repeats it with the same idempotency key. A
      second key can be created only if a new interval of 10 minutes (since 00:00 UTC) began between the two runs.
    - ``setSecret`` does nothing, because Codat knows the key already.
    - ``testSecret`` authenticates with the key of the version ``AWSPENDING``.
    - ``finishSecret`` moves the label ``AWSCURRENT`` to the version with the new key.

    The replaced key works until ``createSecret`` of the next rotation, because programs cache secrets. ``createSecret``
    then deletes the replaced key if its name has a tag of a rotation, and the part before the tag is the same as in the
    name of the new key. Otherwise, the replaced key stays, and its id is logged. The last key and the key in
    ``AWSCURRENT`` are never deleted.

    The logger ``codat_keys.aws`` logs ids and no keys. ``context`` is not used.

    The requests to Codat are retried, as ``Keys`` describes. The new key is tried for at most 30 s. A step can take
    several minutes with its retries, so the timeout of the Lambda function should be 5 minutes.

    Raises ``InvalidInputError`` for another step or a missing field of ``event``, if the rotation of the secret is not
    enabled, if the token is not a version of the secret or its version is not labelled ``AWSPENDING``, and if the
    secret does not have the form that the options describe. Raises ``KeyLimitReachedError`` if there are ten keys. In
    these cases no key is created. Raises ``ImportError`` if boto3 is not installed. Errors of Codat's API and of boto3
    are raised unchanged. Secrets Manager repeats a rotation whose step raises an error.

    The user guide of Secrets Manager describes the steps in "Rotation by Lambda function". Its template tries a new
    secret only after programs can read it as ``AWSPENDING``.
    """
    _default(event, context)


class _Handler:
    __slots__ = ("_base_url", "_field", "_header", "_name", "_secretsmanager")

    def __init__(
        self, name: str | None, field: str | None, header: bool, base_url: str | None, secretsmanager: Any
    ) -> None:
        self._name = name
        self._field = field
        self._header = header
        self._base_url = base_url
        self._secretsmanager = secretsmanager

    def __call__(self, event: Mapping[str, Any], context: object = None) -> None:
        arn, token, step = (_text(event, name) for name in ("SecretId", "ClientRequestToken", "Step"))
        steps = {
            "createSecret": self._create,
            "setSecret": self._set,
            "testSecret": self._test,
            "finishSecret": self._finish,
        }
        if step not in steps:
            raise InvalidInputError("Step is not a step of a rotation", hint=f"it is one of {', '.join(steps)}")
        if self._secretsmanager is None:
            self._secretsmanager = _boto3_client()
        secret = _Secret(self._secretsmanager, arn, token, self._field, self._header)
        if self._must_run(secret, step):
            steps[step](secret, event)

    def _must_run(self, secret: _Secret, step: str) -> bool:
        """Returns whether the step is still to be performed. Raises an error if the rotation is not enabled, or if the
        rotation is not creating this version of the secret.
        """
        enabled, versions = secret.describe()
        if not enabled:
            raise InvalidInputError(
                f"the rotation of the secret {secret.shown} is not enabled", hint="enable it in Secrets Manager"
            )
        if secret.token not in versions:
            raise InvalidInputError(
                f"ClientRequestToken {secret.shown_token} is not a version of the secret {secret.shown}",
                hint="Secrets Manager creates the version when it starts a rotation",
            )
        labels = versions[secret.token]
        if _CURRENT in labels:
            _log.info("%s: the version %s of %s is %s already", step, secret.shown_token, secret.shown, _CURRENT)
            # The version has both labels if an earlier `finishSecret` was interrupted.
            return step == "finishSecret" and _PENDING in labels
        if _PENDING not in labels:
            raise InvalidInputError(
                f"the version {secret.shown_token} of the secret {secret.shown} is not labelled {_PENDING}",
                hint="the rotation was cancelled, or another one has replaced it: start a rotation",
            )
        return True

    def _create(self, secret: _Secret, event: Mapping[str, Any]) -> None:
        if secret.key(_PENDING, secret.token) is not None:
            _log.info("createSecret: the version %s of %s has a key already", secret.shown_token, secret.shown)
            return
        with self._client(secret.required(_CURRENT)) as client:
            current = client.whoami()
            plan = _native.plan_staged(client.keys.list(), current, _previous(secret), self._name, secret.token)
            if plan.foreign is not None:
                _log.warning("createSecret: the key %s stays, because no rotation created it", plan.foreign)
            for id in plan.retired:
                _delete(client, id)
            new = plan.created or _create(client, plan.name, secret.token)
            _log.info("createSecret: the new key of %s is %s", secret.shown, new.id)
        self._probe(new)
        secret.put(new.api_key, event.get("RotationToken"))

    def _set(self, secret: _Secret, event: Mapping[str, Any]) -> None:
        _log.info("setSecret: nothing to do for %s", secret.shown)

    def _test(self, secret: _Secret, event: Mapping[str, Any]) -> None:
        with self._client(secret.required(_PENDING, secret.token)) as client:
            key = client.whoami()
        _log.info("testSecret: the key %s in the version %s of %s works", key.id, secret.shown_token, secret.shown)

    def _finish(self, secret: _Secret, event: Mapping[str, Any]) -> None:
        # Without this check, programs could read a version without a key.
        secret.required(_PENDING, secret.token)
        _, versions = secret.describe()
        if _CURRENT not in versions[secret.token]:
            current = next(version for version, labels in versions.items() if _CURRENT in labels)
            secret.move(_CURRENT, RemoveFromVersionId=current, MoveToVersionId=secret.token)
        secret.move(_PENDING, RemoveFromVersionId=secret.token)
        _log.info("finishSecret: the version %s of %s is %s", secret.shown_token, secret.shown, _CURRENT)

    def _client(self, key: ApiKey) -> Client:
        return Client(api_key=key, base_url=self._base_url)

    def _probe(self, new: ApiKeyDetails) -> None:
        """Authenticates with a new key. Codat may accept a new key late."""
        deadline = time.monotonic() + _PROBE_TIMEOUT
        successes = 0
        with self._client(new.api_key) as client:
            while successes < _SUCCESSES:
                if successes > 0:
                    time.sleep(_BETWEEN)
                try:
                    client.whoami()
                    successes += 1
                except (UnauthorizedError, ForbiddenError, NotFoundError):
                    successes = 0
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(_BETWEEN)

    def __repr__(self) -> str:
        return "<rotation handler of AWS Secrets Manager>"


class _Secret:
    """The secret in Secrets Manager, and the version that the rotation creates."""

    __slots__ = ("_api", "_field", "_header", "arn", "shown", "shown_token", "token")

    def __init__(self, api: Any, arn: str, token: str, field: str | None, header: bool) -> None:
        self._api = api
        self._field = field
        self._header = header
        self.arn = arn
        self.token = token
        # For messages: the event can contain a key in the place of an id.
        self.shown, self.shown_token = _native.masked(arn), _native.masked(token)

    def describe(self) -> tuple[bool, dict[str, list[str]]]:
        """Returns whether the rotation is enabled, and the staging labels of each version."""
        secret = self._api.describe_secret(SecretId=self.arn)
        return bool(secret.get("RotationEnabled")), secret.get("VersionIdsToStages", {})

    def key(self, label: str, version: str | None = None) -> ApiKey | None:
        """Returns the key in the version with this label. ``None`` if there is no such version, or it has no value."""
        found = self._value(label, version)
        try:
            return None if found is None else _parse(found, self._field, self._header)
        except CodatError as error:
            problem = type(error)(f"the version {label} of {self.shown}: {error}", hint=error.hint)
        finally:
            # Some tracebacks show the local variables of this frame.
            del found
        raise problem

    def required(self, label: str, version: str | None = None) -> ApiKey:
        key = self.key(label, version)
        if key is None:
            raise InvalidInputError(f"the version {label} of {self.shown} has no value")
        return key

    def put(self, key: ApiKey, rotation_token: str | None) -> None:
        """Puts the key in the version of the rotation."""
        value = AuthorizationHeader.encode(key).expose_secret() if self._header else key.expose_secret()
        if self._field is not None:
            members = _members(self._value(_CURRENT) or "")
            value = json.dumps({**members, self._field: value}, allow_nan=False)
            del members
        # Secrets Manager sends this token if the rotation uses another role or account.
        more = {} if rotation_token is None else {"RotationToken": rotation_token}
        try:
            self._api.put_secret_value(
                SecretId=self.arn,
                ClientRequestToken=self.token,
                SecretString=value,
                VersionStages=[_PENDING],
                **more,
            )
        finally:
            del value, more

    def move(self, label: str, **versions: str) -> None:
        self._api.update_secret_version_stage(SecretId=self.arn, VersionStage=label, **versions)

    def _value(self, label: str, version: str | None = None) -> str | None:
        which = {} if version is None else {"VersionId": version}
        try:
            found = self._api.get_secret_value(SecretId=self.arn, VersionStage=label, **which)
        except self._api.exceptions.ResourceNotFoundException:
            return None
        # A binary secret has no `SecretString`, and cannot contain a key as text.
        return str(found.get("SecretString", ""))


def _parse(text: str, field: str | None, header: bool) -> ApiKey:
    """Returns the key in the value of a secret. No error contains a part of the value."""
    value: object = text
    try:
        if field is not None:
            value = _members(text).get(field)
        if not isinstance(value, str):
            raise InvalidInputError(
                f"its value is not a JSON object with the text field {field}, or Python does not keep its other values",
                hint="the option `field` of create_rotation_handler names the field with the key; each name must occur "
                "once, and each number must be equal to a double",
            )
        return AuthorizationHeader(value).api_key if header else ApiKey(value)
    finally:
        del text, value


def _members(text: str) -> dict[str, Any]:
    """Returns the members of a JSON object. Returns an empty dict for any other text."""
    # The errors of `json` contain the whole text.
    try:
        value = json.loads(text, parse_float=_exact, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ArithmeticError, RecursionError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _exact(text: str) -> float:
    value = float(text)
    return value if Decimal(repr(value)) == Decimal(text) else _refuse(text)


def _refuse(text: str) -> float:
    raise ValueError


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(members)
    if len(unique) != len(members):
        raise ValueError
    return unique


def _previous(secret: _Secret) -> ApiKey | None:
    try:
        return secret.key(_PREVIOUS)
    except (InvalidInputError, InvalidCredentialError) as error:
        # For example, the version is from before the secret had its present form.
        _log.warning("createSecret: no key is deleted: %s", error)
        return None


def _create(client: Client, name: str, token: str) -> ApiKeyDetails:
    """Creates the new key. A repeated step uses the same idempotency key, because the request of an earlier run may
    still be under way. After an interval, another idempotency key is used, because Codat repeats its response to an
    idempotency key even if the response was an error.
    """
    seconds = int(time.time()) // _INTERVAL * _INTERVAL
    bits = int.from_bytes(sha256(f"{token}\n{name}".encode()).digest()[:10], "big")
    version_and_variant = (0xF << 76) | (0x3 << 62)
    bits = (seconds * 1000 << 80) | (bits & ~version_and_variant) | (0x7 << 76) | (0x2 << 62)
    return client._core.perform(_native.create(name, True, str(UUID(int=bits)), is_new=True)).key


def _delete(client: Client, id: str) -> None:
    try:
        client.keys.delete(id)
    except NotFoundError:
        return
    _log.info("createSecret: deleted the key %s, which the previous rotation replaced", id)


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name) if hasattr(event, "get") else None
    if not isinstance(value, str) or not value:
        raise InvalidInputError(
            f"the event has no {name}", hint="this function is called by the rotation of a secret in Secrets Manager"
        )
    return value


def _boto3_client() -> Any:
    try:
        import boto3
    except ImportError as error:
        raise ImportError("codat_keys.aws needs boto3: pip install boto3", name=error.name) from error
    return boto3.client("secretsmanager")


_default = _Handler(None, None, False, None, None)
