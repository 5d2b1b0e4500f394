"""Search parameters of MedicationAdministration (FHIR R4, 3.1.1): read strictly into what is asked; nothing is guessed from a value that is not one.

``patient`` and ``subject``, ``request``, ``_id`` and ``identifier`` find; ``status``, ``effective-time``, ``_lastUpdated`` and ``device`` narrow. Patients and
orders that came by HL7 v2 have identifiers and no references: they are found by the modifier ``:identifier``. Values joined by commas are alternatives.
"""

import re
from collections.abc import Iterable
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

STATUSES: Final = frozenset({"in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"})


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
    PATIENT = "patient"  # by number
    SUBJECT = "subject"  # by reference
    ORDER = "order"  # by number
    REQUEST = "request"  # by reference
    STATUS = "status"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter: any of its values."""

    by: By
    any_of: tuple[Token, ...]

    @property
    def can_find(self) -> bool:
        """One value by which the record is looked up."""
        return self.by not in (By.STATUS, By.DEVICE) and len(self.any_of) == 1


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
_REFERENCES: Final = {"patient": (By.SUBJECT, "Patient"), "subject": (By.SUBJECT, "Patient"), "request": (By.REQUEST, "MedicationRequest")}
_NUMBERS: Final = {
    "patient:identifier": By.PATIENT,
    "subject:identifier": By.PATIENT,
    "request:identifier": By.ORDER,
    "device:identifier": By.DEVICE,
}
PARAMETERS: Final = (
    "_id",
    "identifier",
    "patient",
    "subject",
    "request",
    "status",
    "effective-time",
    "device",
    "_lastUpdated",
    "_count",
)
"""The names without modifiers, for the CapabilityStatement."""


def read_search(parameters: Iterable[tuple[str, str]]) -> Search:
    """Raises: NotASearch: a value is none of its parameter's."""
    criteria: list[Criterion] = []
    effective: list[Span] = []
    updated: list[Span] = []
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
            case "effective-time":
                effective.append(_span(name, value))
            case "_lastUpdated":
                updated.append(_span(name, value))
            case _:
                criterion = _criterion(name, value)
                if criterion is None:
                    unknown.append(name)
                    continue
                criteria.append(criterion)
        used.append((name, value))
    return Search(tuple(criteria), tuple(effective), tuple(updated), count, after, tuple(used), tuple(unknown))


def _criterion(name: str, value: str) -> Criterion | None:
    values = [_unescaped(each) for each in _split(value, ",")]
    if not all(values) or len(values) > MOST_VALUES:
        raise NotASearch(name, f"it has from 1 to {MOST_VALUES} values, none of them empty")
    if name in ("_id", "identifier"):
        tokens = [_token(each) for each in _split(value, ",")]
        if name == "_id" and not all(token.system is None and _ID.fullmatch(token.value) for token in tokens):
            raise NotASearch(name, "it is the id of a resource")
        return Criterion(By.ID, tuple(Token(None, token.value) for token in tokens))
    if name == "status":
        if not set(values) <= STATUSES:
            raise NotASearch(name, "it is a status of MedicationAdministration")
        return Criterion(By.STATUS, tuple(Token(None, each) for each in values))
    if name in _NUMBERS:
        return Criterion(_NUMBERS[name], tuple(_token(each) for each in _split(value, ",")))
    if name in _REFERENCES:
        by, kind = _REFERENCES[name]
        return Criterion(by, tuple(Token(None, _reference(name, each, kind)) for each in values))
    if name.partition(":")[0] in PARAMETERS:
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


def _token(value: str) -> Token:
    parts = _split(value, "|")
    if len(parts) > 2 or not parts[-1]:
        raise NotASearch("identifier", "it is a value, or system|value")
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
