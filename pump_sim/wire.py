"""Frames of the pump link by the pump's own reading of docs/pump-link.md: what the server says as plain nouns, and what the pump says as JSON.

An offer's amounts stay as they were told; whether they can be read is one of the pump's checks (9004, 9008) and no fault of the frame.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pump_sim.amounts import Amount
from pump_sim.library import LibraryRef
from pump_sim.state import Caution, Edit, Override, Patient

MAX_BYTES: Final = 65_536
ID: Final = re.compile(r"[!-~]{1,64}")
Frame = dict[str, Any]


class BadFrame(ValueError):
    """The text is no frame of the link: the connection closes with 1008."""


@dataclass(frozen=True, slots=True)
class Told:
    """An amount as it was told."""

    value: str
    unit: str


@dataclass(frozen=True, slots=True)
class ToldSetting:
    name: str
    set: Told
    asked: Told | None


@dataclass(frozen=True, slots=True)
class Ack:
    log_id: str
    up_to: int
    clock: datetime
    heartbeat_s: int


@dataclass(frozen=True, slots=True)
class Offer:
    offer_id: str
    channel_id: str
    attempt: str
    untouched_s: int
    idle_s: int
    total_s: int
    patient: Patient
    patient_name: str
    order: str
    requested_by: str
    library: LibraryRef
    entry_key: str
    drug: str
    tallman: str
    therapy: str
    care_area: str
    concentration: Told | None
    container: tuple[Told | None, Told | None]
    settings: tuple[ToldSetting, ...]
    second_check: str
    weight_source: str
    cautions: tuple[Caution, ...]
    changes: tuple[str, tuple[ToldSetting, ...]] | None


@dataclass(frozen=True, slots=True)
class Withdraw:
    offer_id: str
    channel_id: str


@dataclass(frozen=True, slots=True)
class ReadBack:
    request_id: str


@dataclass(frozen=True, slots=True)
class Associate:
    association_id: str
    channel_id: str
    patient: Patient
    order: str


@dataclass(frozen=True, slots=True)
class Dissociate:
    association_id: str
    channel_id: str


@dataclass(frozen=True, slots=True)
class LibraryAvailable:
    library: LibraryRef


FromServer = Ack | Offer | Withdraw | ReadBack | Associate | Dissociate | LibraryAvailable


def read(text: str) -> FromServer:
    """One frame of the server. A field that the contract does not have is ignored.

    Raises: BadFrame.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise BadFrame("longer than 65,536 bytes")
    try:
        frame = json.loads(text, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError) as error:
        raise BadFrame(f"no JSON: {error}") from None
    if not isinstance(frame, dict):
        raise BadFrame("not an object")
    kind = frame.get("frame")
    if not isinstance(kind, str) or kind not in _READERS:
        raise BadFrame("unknown frame")
    return _READERS[kind](frame)


def _no_float(text: str) -> Any:
    raise ValueError(f"{text} is no whole number")


def _text(row: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    told = row.get(name)
    if told is None and not required:
        return ""
    if not isinstance(told, str) or (required and not told):
        raise BadFrame(f"{name} is missing or no text")
    return told


def _id(row: Mapping[str, Any], name: str) -> str:
    told = _text(row, name)
    if not ID.fullmatch(told):
        raise BadFrame(f"{name} is no id")
    return told


def _word(row: Mapping[str, Any], name: str, among: tuple[str, ...]) -> str:
    told = _text(row, name)
    if told not in among:
        raise BadFrame(f"{name} is none of {', '.join(among)}")
    return told


def _whole(row: Mapping[str, Any], name: str) -> int:
    told = row.get(name)
    if not isinstance(told, int) or isinstance(told, bool) or told < 0:
        raise BadFrame(f"{name} is no whole number")
    return told


def _object(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    told = row.get(name)
    if not isinstance(told, dict):
        raise BadFrame(f"{name} is no object")
    return told


def _objects(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    told = row.get(name)
    if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
        raise BadFrame(f"{name} is no list of objects")
    return told


def _instant(row: Mapping[str, Any], name: str) -> datetime:
    try:
        told = datetime.fromisoformat(_text(row, name))
    except ValueError:
        raise BadFrame(f"{name} is no instant") from None
    if told.tzinfo is None:
        raise BadFrame(f"{name} has no offset")
    return told


def _told(row: Mapping[str, Any], name: str) -> Told:
    amount = _object(row, name)
    return Told(_text(amount, "value"), _text(amount, "unit"))


def _told_or_none(row: Mapping[str, Any], name: str) -> Told | None:
    return _told(row, name) if row.get(name) is not None else None


def _settings(row: Mapping[str, Any], name: str) -> tuple[ToldSetting, ...]:
    return tuple(ToldSetting(_text(each, "name"), _told(each, "set"), _told_or_none(each, "asked")) for each in _objects(row, name))


def _patient(row: Mapping[str, Any]) -> Patient:
    told = _object(row, "patient")
    return Patient(_text(told, "id", required=False), _text(told, "authority", required=False))


def _library(row: Mapping[str, Any]) -> LibraryRef:
    told = _object(row, "library")
    return LibraryRef(_text(told, "id"), _text(told, "version"), _text(told, "hash"))


def _ack(row: Mapping[str, Any]) -> Ack:
    return Ack(_id(row, "log_id"), _whole(row, "up_to"), _instant(row, "clock"), _whole(row, "heartbeat_s") or 10)


def _offer(row: Mapping[str, Any]) -> Offer:
    _instant(row, "expires_at")
    _whole(row, "answer_within_s")
    lives = _object(row, "confirmable_for_s")
    container, changes = row.get("container"), row.get("changes")
    return Offer(
        offer_id=_id(row, "offer_id"),
        channel_id=_id(row, "channel_id"),
        attempt=_word(row, "attempt", ("start", "titration")),
        untouched_s=_whole(lives, "untouched"),
        idle_s=_whole(lives, "idle"),
        total_s=_whole(lives, "total"),
        patient=_patient(row),
        patient_name=_text(_object(row, "patient"), "name", required=False),
        order=_text(row, "order"),
        requested_by=_text(row, "requested_by"),
        library=_library(row),
        entry_key=_text(row, "entry_key"),
        drug=_text(row, "drug"),
        tallman=_text(row, "tallman"),
        therapy=_text(row, "therapy"),
        care_area=_text(row, "care_area"),
        concentration=_told_or_none(row, "concentration"),
        container=(_told_or_none(container, "amount"), _told_or_none(container, "volume")) if isinstance(container, dict) else (None, None),
        settings=_settings(row, "settings"),
        second_check=_word(row, "second_check", ("none", "at_pump", "asserted_by_sender")),
        weight_source=_text(row, "weight_source", required=False),
        cautions=tuple(Caution(_text(each, "text"), _text(each, "action", required=False)) for each in _objects(row, "cautions")),
        changes=(_id(changes, "infusion_id"), _settings(changes, "settings")) if isinstance(changes, dict) else None,
    )


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], FromServer]]] = {
    "ack": _ack,
    "offer": _offer,
    "withdraw": lambda row: Withdraw(_id(row, "offer_id"), _id(row, "channel_id")),
    "read_back": lambda row: ReadBack(_id(row, "request_id")),
    "associate": lambda row: Associate(_id(row, "association_id"), _id(row, "channel_id"), _patient(row), _text(row, "order")),
    "dissociate": lambda row: Dissociate(_id(row, "association_id"), _id(row, "channel_id")),
    "library_available": lambda row: LibraryAvailable(_library(row)),
}


# ── what the pump says ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def text_of(frame: Frame) -> str:
    """One frame as it goes out."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def frame_of(kind: str, **fields: Any) -> Frame:
    """A frame without the fields that are not known: what is not known is left out."""
    return {"frame": kind, **{name: value for name, value in fields.items() if value is not None and value != ""}}


def instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def amount(told: Amount) -> dict[str, str]:
    return {"value": told.digits, "unit": told.unit}


def library(ref: LibraryRef | None) -> dict[str, str] | None:
    return {"id": ref.id, "version": ref.version, "hash": ref.hash} if ref is not None else None


def patient(told: Patient | None) -> dict[str, str] | None:
    return {"id": told.id, "authority": told.authority} if told is not None else None


def settings(values: Mapping[str, Amount]) -> list[dict[str, Any]]:
    return [{"name": name, "set": amount(value)} for name, value in values.items()]


def edits(told: Iterable[Edit]) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "was": amount(each.was) if each.was else None, "now": amount(each.now) if each.now else None} for each in told
    ]


def overrides(told: Iterable[Override]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "attempted": amount(each.attempted),
            "limit": amount(each.limit),
            "final": amount(each.final),
            "reason": each.reason,
            "by": each.by,
        }
        for each in told
    ]
