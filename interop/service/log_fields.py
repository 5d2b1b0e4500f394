"""What may stand in a log line (SEC-30): a closed list of fields, each with the form that its values have; all else is withheld and named.

No field takes free text, and those that a message fills want a digit, so a name, an address or a message finds no place to stand even where a
sender wrote it into the field of a number. What is left to the callers is not to pass the number of a patient for that of an order.
"""

import errno
import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final

OURS: Final = "interop"
PACKAGE: Final = Path(__file__).resolve().parents[1]

WITHHELD: Final = "(withheld)"
"""Stands where a value did not have the form of its field."""

MAX_EVENT: Final = 200
MAX_FRAMES: Final = 8
MAX_CAUSES: Final = 4

ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:/@#+-]{0,78}[A-Za-z0-9])?", re.ASCII)
NUMBERED = re.compile(rf"(?=[^0-9]*[0-9]){ID.pattern}", re.ASCII)
"""An id that holds a digit; a name does not."""
CHANNEL = re.compile(rf"[A-Za-z]|(?=[^0-9]*[0-9]){ID.pattern}", re.ASCII)
WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)
MESSAGE_TYPE = re.compile(r"[A-Z][A-Z0-9]{2}(?:\^[A-Z][A-Z0-9]{2}(?:\^[A-Z0-9_]{3,7})?)?", re.ASCII)
RESOURCE_TYPE = re.compile(
    "Bundle|CapabilityStatement|Device|Medication(?:Administration|Request)?|Observation|OperationOutcome|Patient|Subscription|Task"
)
PLACE = re.compile(r"[A-Z][A-Z0-9]{2}(?:\[\d{1,3}\])?(?:-\d{1,2}(?:\(\d{1,2}\))?(?:\.\d{1,2}){0,2})?", re.ASCII)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", re.ASCII)
HOST = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:%-]{0,252}", re.ASCII)
PEER = re.compile(
    r"(?=.{1,400}\Z)(?:(?:(?:DNS|URI|CN|demo):[!-~]+(?:, (?:DNS|URI|CN):[!-~]+)*|no name)(?: at [0-9A-Fa-f.:%]+)?|[0-9A-Fa-f.:%]+)",
    re.ASCII,
)
"""As ``doors/mllp_peer`` writes one: the names of its certificate, its address, or both."""
ROUTE = re.compile(r"/[A-Za-z0-9_/{}$.-]{0,120}", re.ASCII)
VERSION = re.compile(r"\d{1,4}(?:\.\d{1,4}){1,3}", re.ASCII)
KEY_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what it says, and the form of its text; without a form it is a whole number, or true or false."""

    sentence: str
    form: re.Pattern[str] | None = None


FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "order": Field("placer order number, ORC-2.1", NUMBERED),
        "control_id": Field("MSH-10 of the message", NUMBERED),
        "message_type": Field("MSH-9", MESSAGE_TYPE),
        "resource_type": Field("type of a FHIR resource", RESOURCE_TYPE),
        "entry": Field("id of the message in the journal", NUMBERED),
        "request_id": Field("X-Request-Id (SEC-34)", NUMBERED),
        "offer": Field("id of an offer", NUMBERED),
        "programme": Field("id of a programme", NUMBERED),
        "infusion": Field("id of an infusion", NUMBERED),
        "pump": Field("pump id", NUMBERED),
        "channel": Field("channel of the pump", CHANNEL),
        "actor": Field("id of the person or client that acts", ID),
        "peer": Field("name in the peer's certificate, or demo:loopback", PEER),
        "address": Field("IP address of the peer", HOST),
        "sender": Field("name of the sender profile", WORD),
        "destination": Field("name of the destination", WORD),
        "listener": Field("mllp, fhir, pages or pumps", WORD),
        "host": Field("address of a listener of ours or of a partner", HOST),
        "port": Field("its port"),
        "method": Field("HTTP method", WORD),
        "route": Field("pattern of the route, never the URL", ROUTE),
        "status": Field("HTTP status"),
        "code": Field("code of a finding or of an answer: 9024, AE, CE", ID),
        "reason": Field("word for why, from a closed list in the code", WORD),
        "state": Field("name of a state", WORD),
        "event_type": Field("type of a recorded event", WORD),
        "check": Field("name of a check", WORD),
        "place": Field("place in a message, RXG-16 or OBX[2]-5", PLACE),
        "queue": Field("name of a queue", WORD),
        "timer": Field("kind of a timer", WORD),
        "intent": Field("kind of an intent", WORD),
        "node": Field("name of a node", WORD),
        "library": Field("hash of a library", ID),
        "mapping": Field("hash of a mapping", ID),
        "release": Field("name or version of a release", ID),
        "schema": Field("version of the store's schema", ID),
        "sqlite": Field("version of SQLite", VERSION),
        "projection": Field("table of a projection", WORD),
        "partition": Field("name of a partition", WORD),
        "incident": Field("kind of an incident at a door", WORD),
        "signal": Field("name of a signal", WORD),
        "error_type": Field("class of an error", WORD),
        "since": Field("instant from which on", INSTANT),
        "until": Field("instant up to which", INSTANT),
        "errno": Field("symbol of an error of the operating system: ENOSPC", WORD),
        "count": Field("how many"),
        "limit": Field("the bound that was reached"),
        "size_bytes": Field("size"),
        "duration_ms": Field("how long it took"),
        "wait_s": Field("how long until the next attempt"),
        "age_s": Field("how old"),
        "lane": Field("number of a lane"),
        "attempt": Field("number of an attempt"),
        "epoch": Field("epoch of a lease or a pump link"),
        "version": Field("version of a stream"),
        "position": Field("position in the record"),
        "is_resend": Field("whether the message was seen before"),
    }
)
"""Name of every field that a log line may have. A new one is added here, with its form, or it does not appear."""

_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


@dataclass(frozen=True, slots=True)
class Entry:
    """What is left of a log record: nothing in it came from outside but values that have their field's form."""

    level: str
    logger: str
    event: str
    fields: Mapping[str, str | int | bool | None]
    refused: tuple[str, ...]
    error: Mapping[str, Any] | None


def entry_of(record: logging.LogRecord) -> Entry:
    """The record without all that has no place in a log; ``refused`` names what was left out, ``args`` for values without a field's name.

    A sentence is filled in with fields only: ``log.info("store is %(state)s", {"state": "open"})``.
    """
    is_ours = record.name == OURS or record.name.startswith(f"{OURS}.")
    fields: dict[str, str | int | bool | None] = {}
    refused: list[str] = []
    given = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    filled = record.args if isinstance(record.args, Mapping) else {}
    for name, value in (*filled.items(), *given.items()):
        if is_ours and name in FIELDS:  # by the same name others may mean something else
            fields[name] = _in_form(FIELDS[name], value)
        else:
            refused.append(name if KEY_NAME.fullmatch(name) else "a key")
    if record.args and not filled:
        refused.append("args")
    if is_ours and isinstance(record.msg, str):
        event = _filled(record.msg.partition("\n")[0][:MAX_EVENT], fields if filled else {})
    else:  # what others write into their messages is not ours to know
        event = f"a record of another library, at {Path(record.pathname).name}:{record.lineno}"
        refused.append("message")
    logger = record.name if re.fullmatch(r"[A-Za-z0-9_.]{1,80}", record.name) else WITHHELD
    error = error_of(record.exc_info[1]) if record.exc_info and record.exc_info[1] is not None else None
    return Entry(record.levelname.lower(), logger, event, fields, tuple(refused), error)


def _filled(sentence: str, fields: Mapping[str, Any]) -> str:
    try:
        return sentence % defaultdict(lambda: WITHHELD, fields) if fields else sentence
    except (TypeError, ValueError):
        return sentence


def error_of(error: BaseException) -> dict[str, Any]:
    """An exception's type, the places in our own code that it came through, the last first, and its causes; never its text, which may quote a message."""
    described = _error(error)
    innermost, cause = described, _cause(error)
    for _ in range(MAX_CAUSES):
        if cause is None:
            break
        innermost["because"] = _error(cause)
        innermost, cause = innermost["because"], _cause(cause)
    return described


def _error(error: BaseException) -> dict[str, Any]:
    described: dict[str, Any] = {"type": _type_name(error), "at": list(_places(error.__traceback__))[: -MAX_FRAMES - 1 : -1]}
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        described["errno"] = errno.errorcode[error.errno]
    if isinstance(error, BaseExceptionGroup):
        described["group"] = [_error(each) for each in error.exceptions[:MAX_CAUSES]]
    return described


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _places(traceback: TracebackType | None) -> Iterator[str]:
    """``conduct/intake.py:120 accept`` for each frame of ours."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = Path(code.co_filename)
        if file.is_relative_to(PACKAGE):
            yield f"{file.relative_to(PACKAGE).as_posix()}:{traceback.tb_lineno} {code.co_name}"
        traceback = traceback.tb_next


def _in_form(field: Field, value: object) -> str | int | bool | None:
    """``value`` if it has the field's form. A member of an enumeration, a class and an instant are told by name: they are ours, not a sender's."""
    if value is None:
        return None
    if isinstance(value, Enum):
        value = value.name.lower()
    elif isinstance(value, type):
        value = value.__name__
    elif isinstance(value, datetime):
        value = value.isoformat(timespec="seconds")
    if field.form is None:
        return value if isinstance(value, int) else WITHHELD
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and field.form.fullmatch(value) else WITHHELD
