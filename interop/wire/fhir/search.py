"""Search parameters of MedicationAdministration and Task (FHIR R4, 3.1.1): read strictly into what is asked; nothing is guessed from a value that is none.

Patients, orders, ``_id`` and ``identifier`` find; status, times and devices narrow. Patients and orders that came by HL7 v2 have identifiers and no
references: they are found by the modifier ``:identifier``. Values joined by commas are alternatives. What each resource is asked by is its ``Grammar``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from interop.domain.errors import SenderError
from interop.wire.fhir.primitives import is_a

MOST: Final = 200
USUALLY: Final = 50
MOST_VALUES: Final = 50
LONGEST: Final = 1_000


class NotASearch(SenderError):
    """``parameter`` cannot be asked so; ``sentence`` says why and does not repeat the value."""

    def __init__(self, parameter: str, sentence: str) -> None:
        super().__init__(parameter, sentence)
        self.parameter, self.sentence = parameter, sentence


class Prefix(Enum):
    """How a time is compared (R4, 3.1.1.4.8); ``ne`` and ``ap`` are not asked for here."""

    EQ = "eq"
    GT = "gt"
    LT = "lt"
    GE = "ge"
    LE = "le"
    SA = "sa"
    EB = "eb"


@dataclass(frozen=True, slots=True)
class Span:
    """A time as precise as it was given: from ``low`` up to, not including, ``high``."""

    prefix: Prefix
    low: datetime
    high: datetime

    def fits(self, start: datetime, end: datetime | None) -> bool:
        """Whether a period fits; ``end`` None: it goes on. A moment is a period from itself to itself."""
        after = end is None or end >= self.high
        match self.prefix:
            case Prefix.EQ:
                return self._holds(start, end)
            case Prefix.GT:
                return after
            case Prefix.LT:
                return start < self.low
            case Prefix.GE:
                return after or self._holds(start, end)
            case Prefix.LE:
                return start < self.low or self._holds(start, end)
            case Prefix.SA:
                return start >= self.high
            case Prefix.EB:
                return end is not None and end < self.low

    def _holds(self, start: datetime, end: datetime | None) -> bool:
        return self.low <= start and end is not None and end < self.high


@dataclass(frozen=True, slots=True)
class Token:
    """``system|value``; ``system`` None: any, "": none."""

    system: str | None
    value: str

    def fits(self, value: str, authority: str) -> bool:
        return self.value == value and (self.system is None or self.system in (authority, f"urn:oid:{authority}"))


class By(Enum):
    """What one parameter asks of a resource."""

    ID = "id"
    IDENTIFIER = "identifier"  # of ours: its value is the id
    PATIENT = "patient"  # by number
    SUBJECT = "subject"  # by reference
    ORDER = "order"  # by number
    REQUEST = "request"  # by reference
    STATUS = "status"
    BUSINESS_STATUS = "business-status"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter: any of its values."""

    by: By
    any_of: tuple[Token, ...]

    @property
    def can_find(self) -> bool:
        """One value by which the record is looked up."""
        return self.by not in (By.STATUS, By.BUSINESS_STATUS, By.DEVICE) and len(self.any_of) == 1


@dataclass(frozen=True, slots=True)
class Search:
    """What was asked. ``used`` is what the self link tells, ``unknown`` the names of parameters that nobody here knows."""

    criteria: tuple[Criterion, ...]
    effective: tuple[Span, ...]
    updated: tuple[Span, ...]
    count: int
    after: str
    used: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]


AFTER: Final = "_after"
"""Our own: the page begins after this id; only a next link says it."""

_IGNORED: Final = frozenset({"_format", "_pretty"})
_TIME: Final = re.compile(r"(?P<prefix>[a-z]{2})?(?P<time>[0-9].*)", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


class When(Enum):
    """Which time of a resource a parameter compares."""

    EFFECTIVE = "effective"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class Grammar:
    """What one resource is asked by.

    Attributes:
        parameters: the names without modifiers, with the type of each, as the CapabilityStatement tells them; ``_count`` belongs to all.
        references: name → what it asks, and of which resource it is the id or address.
        tokens: name, with its modifier where it needs one → what it asks by ``system|value``.
        times: name → which time it compares.
        finds: in words, what a search must name one of.
    """

    resource: str
    parameters: Mapping[str, str]
    statuses: frozenset[str]
    references: Mapping[str, tuple[By, str]]
    tokens: Mapping[str, By]
    times: Mapping[str, When]
    finds: str
    narrows: str

    def knows(self, name: str) -> bool:
        """Whether it is a parameter here, with or without a modifier."""
        return name.partition(":")[0] in (*self.parameters, "_count")


ADMINISTRATION: Final = Grammar(
    resource="MedicationAdministration",
    parameters={
        "_id": "token",
        "identifier": "token",
        "patient": "reference",
        "subject": "reference",
        "request": "reference",
        "status": "token",
        "effective-time": "date",
        "device": "reference",
        "_lastUpdated": "date",
    },
    statuses=frozenset({"in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"}),
    references={"patient": (By.SUBJECT, "Patient"), "subject": (By.SUBJECT, "Patient"), "request": (By.REQUEST, "MedicationRequest")},
    tokens={
        "identifier": By.IDENTIFIER,
        "patient:identifier": By.PATIENT,
        "subject:identifier": By.PATIENT,
        "request:identifier": By.ORDER,
        "device:identifier": By.DEVICE,
    },
    times={"effective-time": When.EFFECTIVE, "_lastUpdated": When.UPDATED},
    finds="one patient, request, identifier or id",
    narrows="effective-time",
)

TASK: Final = Grammar(
    resource="Task",
    parameters={
        "_id": "token",
        "identifier": "token",
        "focus": "reference",
        "patient": "reference",
        "status": "token",
        "business-status": "token",
        "owner": "reference",
        "modified": "date",
        "_lastUpdated": "date",
    },
    statuses=frozenset(
        {
            "draft",
            "requested",
            "received",
            "accepted",
            "rejected",
            "ready",
            "cancelled",
            "in-progress",
            "on-hold",
            "failed",
            "completed",
            "entered-in-error",
        }
    ),
    references={"patient": (By.SUBJECT, "Patient"), "focus": (By.REQUEST, "MedicationRequest")},
    tokens={
        "identifier": By.IDENTIFIER,
        "patient:identifier": By.PATIENT,
        "focus:identifier": By.ORDER,
        "owner:identifier": By.DEVICE,
        "business-status": By.BUSINESS_STATUS,
    },
    times={"modified": When.UPDATED, "_lastUpdated": When.UPDATED},
    finds="one focus, patient, identifier or id",
    narrows="focus",
)


def read_search(parameters: Iterable[tuple[str, str]], grammar: Grammar) -> Search:
    """Raises: NotASearch: a value is none of its parameter's."""
    criteria: list[Criterion] = []
    spans: dict[When, list[Span]] = {When.EFFECTIVE: [], When.UPDATED: []}
    used: list[tuple[str, str]] = []
    unknown: list[str] = []
    count, after = USUALLY, ""
    for name, value in parameters:
        if name in _IGNORED:
            continue
        if len(value) > LONGEST:
            raise NotASearch(name, f"a value has at most {LONGEST} characters")
        match name:
            case "_count":
                count = _count(value)
            case "_after":
                after = _after(value)
                continue
            case _ if name in grammar.times:
                spans[grammar.times[name]].append(_span(name, value))
            case _:
                criterion = _criterion(name, value, grammar)
                if criterion is None:
                    unknown.append(name)
                    continue
                criteria.append(criterion)
        used.append((name, value))
    effective, updated = tuple(spans[When.EFFECTIVE]), tuple(spans[When.UPDATED])
    return Search(tuple(criteria), effective, updated, count, after, tuple(used), tuple(unknown))


def _criterion(name: str, value: str, grammar: Grammar) -> Criterion | None:
    values = [_unescaped(each) for each in _split(value, ",")]
    if not all(values) or len(values) > MOST_VALUES:
        raise NotASearch(name, f"it has from 1 to {MOST_VALUES} values, none of them empty")
    if name == "_id":
        if not all(_ID.fullmatch(each) for each in values):
            raise NotASearch(name, "it is the id of a resource")
        return Criterion(By.ID, tuple(Token(None, each) for each in values))
    if name == "status":
        if not set(values) <= grammar.statuses:
            raise NotASearch(name, f"it is a status of {grammar.resource}")
        return Criterion(By.STATUS, tuple(Token(None, each) for each in values))
    if name in grammar.tokens:
        return Criterion(grammar.tokens[name], tuple(_token(name, each) for each in _split(value, ",")))
    if name in grammar.references:
        by, kind = grammar.references[name]
        return Criterion(by, tuple(Token(None, _reference(name, each, kind)) for each in values))
    if grammar.knows(name):
        raise NotASearch(name, "it is not asked with this modifier here")
    return None


def _reference(name: str, value: str, kind: str) -> str:
    """``123`` is ``Patient/123``; a whole address stays as it is."""
    if _ID.fullmatch(value):
        return f"{kind}/{value}"
    if value.startswith(f"{kind}/") and _ID.fullmatch(value.removeprefix(f"{kind}/")):
        return value
    if "://" in value:
        return value
    raise NotASearch(name, f"it is the id or the address of a {kind}; a number of another kind is asked with :identifier")


def _token(name: str, value: str) -> Token:
    parts = _split(value, "|")
    if len(parts) > 2 or not parts[-1]:
        raise NotASearch(name, "it is a value, or system|value")
    texts = [_unescaped(part) for part in parts]
    return Token(texts[0] if len(texts) == 2 else None, texts[-1])


def _split(value: str, mark: str) -> list[str]:
    r"""At each mark that is not escaped: ``\,`` and ``\|`` are text (R4, 3.1.1.4.1)."""
    return re.split(rf"(?<!\\){re.escape(mark)}", value)


def _unescaped(value: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", value)


def _count(value: str) -> int:
    if not value.isascii() or not value.isdecimal() or len(value) > 9 or int(value) == 0:
        raise NotASearch("_count", "it is a whole number above 0")
    return min(int(value), MOST)


def _after(value: str) -> str:
    if not _ID.fullmatch(value):
        raise NotASearch(AFTER, "it is taken from a next link, and never made up")
    return value


def _span(name: str, value: str) -> Span:
    match = _TIME.fullmatch(value)
    if match is None or (match["prefix"] and match["prefix"] not in {each.value for each in Prefix}):
        raise NotASearch(name, "it is a time, behind eq, gt, lt, ge, le, sa, eb or nothing")
    text = match["time"].replace(" ", "+")  # a plus sign that was not escaped arrives as a blank
    if not is_a("dateTime", text):
        raise NotASearch(name, "it is a date, or a date and time with seconds and zone")
    try:
        low, high = _bounds(text)
    except (ValueError, OverflowError):  # a leap second, or beyond the last year
        raise NotASearch(name, "it is a moment that can be compared with others") from None
    return Span(Prefix(match["prefix"] or "eq"), low, high)


def _bounds(text: str) -> tuple[datetime, datetime]:
    """The first moment of what was named, and the first after it; a date without a zone is taken in UTC, in which all times are told here."""
    match text.count("-") if "T" not in text else -1:
        case 0:
            year = int(text)
            return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        case 1:
            year, month = map(int, text.split("-"))
            return datetime(year, month, 1, tzinfo=UTC), datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        case 2:
            day = datetime.fromisoformat(text).replace(tzinfo=UTC)
            return day, day + timedelta(days=1)
        case _:
            moment = datetime.fromisoformat(text)
            return moment, moment + (timedelta(milliseconds=1) if "." in text else timedelta(seconds=1))
