"""What rotations report: data classes, and the conversion of data of the native module."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

from ._error import CodatError

State = Literal[
    "preflight",
    "recover",
    "delete_first",
    "create",
    "probe",
    "deliver",
    "confirm",
    "grace",
    "retire",
    "rollback",
    "done",
    "aborted",
]
Progress = Literal["pending", "writing", "written", "confirmed", "restored", "left_alone"]
Kind = Literal[
    "invalid_input",
    "api",
    "key_limit_reached",
    "sink_occupied",
    "sink_unavailable",
    "in_progress",
    "busy",
    "nothing_to_resume",
    "journal",
    "foreign_journal",
    "rolled_back",
    "unfinished",
    "cancelled",
]
EventName = Literal[
    "state",
    "created",
    "probed",
    "delivered",
    "confirmed",
    "restored",
    "left_alone",
    "deleted",
    "retrying",
    "waiting",
]


class _Data(SimpleNamespace):
    """Data that cannot be changed."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    __delattr__ = None  # type: ignore[assignment]


class RotationReport(_Data):
    """What a rotation did, and its current state. It contains no key.

    - ``state``: ``grace`` if both keys work, ``done`` if the new key has replaced the old key, ``aborted`` if the old
      key works as before. Any other state is one in which the rotation was interrupted.
    - ``old_key`` and ``new_key``, the ids of the keys. ``None`` if a key is not known, and for a new key that a
      rollback has deleted.
    - ``name``, the name of the new key.
    - ``sinks``, how far the delivery to each sink has come, by the name of the sink: ``pending``, ``writing``,
      ``written``, ``confirmed``, or after a rollback ``restored`` or ``left_alone``. This is the latest step that the
      rotation has recorded. An error message says if another program has changed the sink since.
    - ``deleted``, the ids of the keys that the rotation has deleted.
    - ``reason``, why the rotation was rolled back or aborted.
    - ``grace_until``, the time at which the old key is deleted. ``None`` if the rotation waits for ``finish``.
    - ``may_appear_later``, whether a key with this name can still appear, because the outcome of a creation is unknown,
      or because the lists of keys did not contain the new key when it was to be deleted.

    >>> stored = {}
    >>> sink = Sink("memory:payments", deliver=lambda key: stored.update(key=key), read=lambda: stored.get("key"))
    >>> with Client() as client:
    ...     report = client.keys.rotate([sink])
    ...     client.whoami().id == report.new_key
    True
    >>> report.state, report.sinks, report.deleted
    ('grace', {'memory:payments': 'confirmed'}, [])
    """

    state: State
    old_key: str | None
    new_key: str | None
    name: str | None
    sinks: dict[str, Progress]
    deleted: list[str]
    reason: str | None
    grace_until: datetime | None
    may_appear_later: bool


class RotationStatus(_Data):
    """The latest rotation of a journal.

    - ``report``, a ``RotationReport``.
    - ``started`` and ``updated``, the times at which the rotation started, and at which it was recorded last.
    - ``holder``, the process that runs the rotation, and ``held_until``, the time until which no other process can
      resume it. ``None`` if no process runs it.

    >>> with Client() as client:
    ...     rotation = client.keys.rotation([Sink("memory:payments", deliver=print, read=lambda: None)])
    ...     print(rotation.status())
    None
    """

    report: RotationReport
    started: datetime
    updated: datetime
    holder: str | None
    held_until: datetime | None


class RotationPlan(_Data):
    """What a rotation would do.

    - ``old_key``, the id of the key to replace.
    - ``name``, the name of the new key. The random part at its end changes with each call.
    - ``keys``, the number of keys that exist.
    - ``delete_first``, the ids of the keys that would be deleted before the new key is created. Empty if fewer than ten
      keys exist.
    - ``sinks``, what each sink contains, by the name of the sink: the id of a key, or ``nothing``,
      ``unknown_credential``, ``other`` for any other content, or ``unreadable`` for a sink that is asked to
      confirm the key.

    >>> with Client() as client:
    ...     plan = client.keys.rotation([Sink("memory:payments", deliver=print, read=lambda: None)]).plan()
    >>> plan.keys, plan.delete_first, plan.sinks
    (1, [], {'memory:payments': 'nothing'})
    """

    old_key: str
    name: str
    keys: int
    delete_first: list[str]
    sinks: dict[str, str]


class RotationEvent(_Data):
    """An event of a rotation. It contains no key.

    ``event`` is its name. An attribute that the event does not have is ``None``.

    - ``state``: the rotation has entered ``state``, and the journal contains it.
    - ``created``: the new key exists, with an ``id`` and a ``name``. ``probed``: it authenticates.
    - ``delivered``: ``sink``, the name of a sink, has the new key. ``confirmed``: the key that was read back from it
      authenticates. ``restored``: it has the old key again. ``left_alone``: another program has changed it.
    - ``deleted``: the key with this ``id`` was deleted.
    - ``retrying``: a step failed with this ``error``, and is repeated after ``wait`` seconds.
    - ``waiting``: the old key is deleted at the time ``until``.

    >>> RotationEvent(event="delivered", sink="memory:payments")
    RotationEvent(event='delivered', sink='memory:payments')
    """

    event: EventName
    state: State | None = None
    id: str | None = None
    name: str | None = None
    sink: str | None = None
    error: str | None = None
    wait: float | None = None
    until: datetime | None = None


class RotationError(CodatError):
    """A rotation ended early. Its attributes are those of ``CodatError``, and two more.

    ``kind`` says what this means for the keys:

    - ``rolled_back``: the old key works as before, and the new key is deleted. If ``report.may_appear_later`` is true,
      a list can show a new key later: delete it.
    - ``unfinished`` and ``cancelled``: the rotation can be resumed. ``journal``: the rotation can be resumed as soon as
      the journal can be read and written.
    - ``invalid_input``, ``api``, ``key_limit_reached``, ``sink_occupied``, ``sink_unavailable``: nothing was changed,
      except that keys of ``delete_first`` may have been deleted.
    - ``in_progress``: the journal contains an unfinished rotation. ``busy``: another process runs it.
      ``foreign_journal``: it belongs to another Codat client, or to other sinks. ``nothing_to_resume``: it contains no
      unfinished rotation.

    ``report`` is a ``RotationReport``, or ``None`` if the rotation did not start. The ``__cause__`` is the exception of
    a function of a sink, or the error of a call.
    """

    __module__ = "codat_keys"
    code: ClassVar[str] = "rotation"

    def __init__(self, message: str, *, kind: Kind, hint: str = "", report: RotationReport | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        """What kind of error this is."""
        self.report = report
        """What the rotation did until the error."""


def report(data: dict[str, Any]) -> RotationReport:
    """Returns the report for data of the native module."""
    return RotationReport(
        state=data["state"],
        old_key=data["oldKey"] or None,
        new_key=data["newKey"],
        name=data["name"],
        sinks={sink["sink"]: sink["progress"] for sink in data["sinks"]},
        deleted=data["deleted"],
        reason=data["reason"],
        grace_until=_time(data["graceUntil"]),
        may_appear_later=data["mayAppearLater"],
    )


def status(data: dict[str, Any] | None) -> RotationStatus | None:
    """Returns the status for data of the native module."""
    if data is None:
        return None
    return RotationStatus(
        report=report(data["report"]),
        started=_time(data["started"]),
        updated=_time(data["updated"]),
        holder=data["holder"],
        held_until=_time(data["heldUntil"]),
    )


def plan(data: dict[str, Any]) -> RotationPlan:
    """Returns the plan for data of the native module."""
    contents = {sink["sink"]: sink["content"] for sink in data["sinks"]}
    return RotationPlan(
        old_key=data["oldKey"],
        name=data["name"],
        keys=data["keys"],
        delete_first=data["deleteFirst"],
        sinks={name: c if isinstance(c, str) else c.get("key", "other") for name, c in contents.items()},
    )


def failed(message: str, hint: str, kind: Kind, data: dict[str, Any] | None) -> RotationError:
    """Returns the error for data of the native module."""
    return RotationError(message, kind=kind, hint=hint, report=None if data is None else report(data))


def event(data: dict[str, Any]) -> RotationEvent:
    return RotationEvent(**{**data, "until": _time(data["until"])} if "until" in data else data)


def _time(text: str | None) -> datetime | None:
    """Parses a time. ``fromisoformat`` accepts neither a ``Z`` nor nine digits before Python 3.11."""
    if text is None:
        return None
    seconds, _, fraction = text.rstrip("Z").partition(".")
    time = datetime.fromisoformat(seconds).replace(tzinfo=timezone.utc)
    return time.replace(microsecond=int(fraction[:6].ljust(6, "0")))
