"""What a clinician does at the pump, one class a key press, and what happens to a pump in the physical world.

Only ``Start`` and ``Resume`` begin delivery, and only a person at the pump presses them (SR-01). A panel sends ``key_named("confirm", {...})``.
A badge is the id on it; the pump reads it, and an empty one is nobody.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType


class BadKey(ValueError):
    """There is no such key, or a field of it is missing or unknown."""


@dataclass(frozen=True, slots=True)
class Key:
    """One press."""


@dataclass(frozen=True, slots=True)
class OnChannel(Key):
    channel: str


# ── a received program, and one made by hand ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class OpenOffer(OnChannel):
    """Open the received program, or the received change of what runs."""

    badge: str


@dataclass(frozen=True, slots=True)
class Edit(OnChannel):
    """Change one value under review. ``name`` as in the offer (``rate``, ``dose rate``, ``dose``, ``vtbi``, ``duration``, ``weight``); ``value`` in its unit."""

    name: str
    value: str
    badge: str


@dataclass(frozen=True, slots=True)
class Override(OnChannel):
    """Pass the soft limit of one value on purpose; ``reason`` is one of ``OVERRIDE_REASONS`` (SR-24)."""

    name: str
    reason: str
    badge: str


@dataclass(frozen=True, slots=True)
class SecondCheck(OnChannel):
    """Another person has checked the values as they stand now (D-13, SR-44)."""

    badge: str


@dataclass(frozen=True, slots=True)
class Confirm(OnChannel):
    """Confirm the values. A change of what runs is in force with it; a new program still waits for start (SR-63)."""

    badge: str


@dataclass(frozen=True, slots=True)
class Start(OnChannel):
    badge: str


@dataclass(frozen=True, slots=True)
class Reject(OnChannel):
    """Reject a received program, or a received change, before it runs. ``cause``: ``by_clinician``, ``other_drug`` or ``other_patient``."""

    badge: str
    cause: str = "by_clinician"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Program(OnChannel):
    """Begin to program by hand with one entry of the library (its key), or without the library (empty): rate and volume only."""

    badge: str
    entry_key: str = ""


@dataclass(frozen=True, slots=True)
class Enter(OnChannel):
    """Enter one value of a program made by hand. For a drug of any strength also ``concentration``, whose ``unit`` is then said too."""

    name: str
    value: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Review(OnChannel):
    """Every value is entered: show them for review."""


@dataclass(frozen=True, slots=True)
class Cancel(OnChannel):
    """Leave a program made by hand, or a change begun by hand, before it runs."""


# ── what runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Pause(OnChannel):
    badge: str = ""


@dataclass(frozen=True, slots=True)
class Resume(OnChannel):
    """The start key, on an infusion that stands still."""

    badge: str


@dataclass(frozen=True, slots=True)
class Change(OnChannel):
    """First of the two steps of changing what runs: another ``rate``, ``dose rate`` or ``vtbi``; nothing changes until ``Confirm`` (SR-66)."""

    name: str
    value: str
    badge: str


@dataclass(frozen=True, slots=True)
class Clear(OnChannel):
    """End the infusion that stands still."""

    badge: str = ""


@dataclass(frozen=True, slots=True)
class Silence(OnChannel):
    """Pause the sound of the alarms for two minutes; a new alarm breaks it (SR-95)."""


# ── the whole pump ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SetCareArea(Key):
    care_area: str


@dataclass(frozen=True, slots=True)
class SetPatient(Key):
    """Whose pump this is: the wristband's number and who issued it."""

    patient: str
    authority: str
    badge: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SetWeight(Key):
    """The patient's weight as entered at the pump."""

    value: str
    unit: str
    badge: str


@dataclass(frozen=True, slots=True)
class NewPatient(Key):
    """Another patient, or none yet: every channel is cleared and nothing of the last one is kept (SEC-29). Refused while a channel delivers."""

    badge: str


@dataclass(frozen=True, slots=True)
class Plug(Key):
    """Mains power is there."""


@dataclass(frozen=True, slots=True)
class Unplug(Key):
    """Mains power is gone: the battery carries on (SR-91)."""


@dataclass(frozen=True, slots=True)
class PowerOff(Key):
    """Power is gone altogether, battery included."""


@dataclass(frozen=True, slots=True)
class PowerOn(Key):
    """Switched on: the self-tests run, and nothing delivers (SR-62, SR-69)."""


# ── set, door, syringe ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class LoadSet(OnChannel):
    """Load the set, or the syringe of ``syringe_volume`` mL. ``contents``: mL that are really in the container; empty: it never runs dry."""

    syringe_volume: str = ""
    contents: str = ""


@dataclass(frozen=True, slots=True)
class RemoveSet(OnChannel):
    pass


@dataclass(frozen=True, slots=True)
class OpenDoor(OnChannel):
    pass


@dataclass(frozen=True, slots=True)
class CloseDoor(OnChannel):
    pass


@dataclass(frozen=True, slots=True)
class ClearAir(OnChannel):
    """The air is out of the line."""


@dataclass(frozen=True, slots=True)
class ReleaseOcclusion(OnChannel):
    """The clamp on the patient's side is opened, or the kink is out."""


# ── faults of the world, only where fault injection is on (SR-98) ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Injected(Key):
    """Happens only where fault injection is on (SR-98)."""


@dataclass(frozen=True, slots=True)
class Occlude(Injected):
    """The patient's side is clamped or kinked."""

    channel: str


@dataclass(frozen=True, slots=True)
class Air(Injected):
    """An air bubble beyond the limit reaches the detector (SR-82)."""

    channel: str


@dataclass(frozen=True, slots=True)
class InternalFault(Injected):
    """Motor, watchdog, memory, stuck key, heat (SR-93)."""

    channel: str
    what: str


@dataclass(frozen=True, slots=True)
class FailSelfTest(Injected):
    """The next self-test of this name fails (SR-62); one of ``SELF_TESTS``."""

    what: str


@dataclass(frozen=True, slots=True)
class SetBattery(Injected):
    """The battery is at so many percent."""

    percent: str


OVERRIDE_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "patient-condition": "The patient's condition needs it",
        "prescriber-confirmed": "Confirmed with the prescriber",
        "pharmacist-confirmed": "Confirmed with the pharmacist",
        "titrated-to-effect": "Titrated to effect",
        "protocol": "Protocol of the ward",
        "end-of-life": "Comfort care",
    }
)
"""Coded reasons of a soft limit override (SR-24)."""

SELF_TESTS = ("memory", "motor", "watchdog", "pressure sensor", "air detector", "alarm sound", "battery")

_CLASSES: tuple[type[Key], ...] = (
    *(OpenOffer, Edit, Override, SecondCheck, Confirm, Start, Reject, Program, Enter, Review, Cancel),
    *(Pause, Resume, Change, Clear, Silence),
    *(SetCareArea, SetPatient, SetWeight, NewPatient, Plug, Unplug, PowerOff, PowerOn),
    *(LoadSet, RemoveSet, OpenDoor, CloseDoor, ClearAir, ReleaseOcclusion),
    *(Occlude, Air, InternalFault, FailSelfTest, SetBattery),
)


def name_of(key: type[Key]) -> str:
    """``open_offer`` of ``OpenOffer``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key.__name__).lstrip("_")


KEYS: Mapping[str, type[Key]] = MappingProxyType({name_of(key): key for key in _CLASSES})
"""Every key by the name that a panel sends."""


def key_named(name: str, values: Mapping[str, str]) -> Key:
    """The press that a panel's form tells, from text alone.

    Raises: BadKey.
    """
    if name not in KEYS:
        raise BadKey(f"there is no key {name!r}")
    key = KEYS[name]
    known = {each.name: each for each in fields(key)}
    if unknown := sorted(set(values) - set(known)):
        raise BadKey(f"key {name} has no field {unknown[0]!r}")
    missing = [each.name for each in fields(key) if each.default is MISSING and each.name not in values]
    if missing:
        raise BadKey(f"key {name} needs {missing[0]!r}")
    return key(**values)
