"""Applies a sender's profile to a message: who sent it, and where this sender puts what the standard leaves open (D-28).

The rules are ``domain.sender``'s closed grammar. Each thing has one rule and no fall-back: where a rule finds nothing, nothing was said.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from interop.domain.finding import Finding, PivError
from interop.domain.request import AsSent, VerificationAsSent, VerificationPolicy
from interop.domain.sender import FieldRule, Format, Hl7Path, SenderProfile
from interop.wire.hl7v2.er7 import Message, Segment
from interop.wire.hl7v2.escapes import NULL_AS_SENT

ANY_FACILITY = "*"


def find_sender(message: Message, profiles: Iterable[SenderProfile]) -> SenderProfile | None:
    """The profile that names the sending application and facility (MSH-3.1, MSH-4.1); ``*`` as its facility is any.

    A profile that names the facility goes before one that takes any. None: nobody, or more than one profile with the same claim.
    """
    header = message.first("MSH")
    application, facility = header.text(3, 1) or "", header.text(4, 1) or ""
    if not application:
        return None
    known = [profile for profile in profiles if profile.format is Format.HL7V2]
    for pair in ((application, facility), (application, ANY_FACILITY)):
        claimants = [profile for profile in known if pair in profile.names]
        if claimants:
            return claimants[0] if len(claimants) == 1 else None
    return None


@dataclass(frozen=True, slots=True)
class Placed:
    """What a rule read, and why it may not be used (values that contradict each other)."""

    value: AsSent
    findings: tuple[Finding, ...] = ()


def read_place(message: Message, profile: SenderProfile, name: str) -> Placed | None:
    """What the profile's rule for ``name`` (one of ``HL7_PLACES``) reads; None: the profile has none, and the standard's own place counts.

    Raises: NotAPath: the rule is outside the grammar, which a site's check refuses before any message is read.
    """
    rule = profile.places.get(name)
    return None if rule is None else read_rule(message, profile, rule)


def read_rule(message: Message, profile: SenderProfile, rule: FieldRule) -> Placed:
    """The constant or the text at the rule's path, split and spelled as the rule says. Null and absent say nothing.

    A path that leads to several segments must find one value in them; otherwise none is taken.

    Raises: NotAPath.
    """
    if not rule.path:
        return Placed(AsSent(_spelled(rule, rule.constant), f"sender profile {profile.name}"))
    path = _path(rule.path)
    found = [_at(segment, path) for segment in _selected(message, path)]
    texts = {value.text for value in found if value}
    if len(texts) > 1:
        place = next(value.field for value in found if value)
        sentence = f"{rule.path} stands {len(found)} times in the message, with different values: none is taken"
        return Placed(AsSent("", rule.path), (Finding.against(PivError.INVALID_PARAMETER, place, sentence),))
    value = next((value for value in found if value), found[0] if found else AsSent("", rule.path))
    return Placed(AsSent(_spelled(rule, value.text), value.field))


def read_text(message: Message, profile: SenderProfile, rule: FieldRule) -> str:
    """The text that ``read_rule`` gives, without its place. Raises: NotAPath."""
    path = _path(rule.path) if rule.path else None
    if path is not None:
        segments = _selected(message, path)
        if len(segments) == 1:
            return _spelled(rule, _text_at(segments[0], path))
    return read_rule(message, profile, rule).value.text


def read_verification(message: Message, profile: SenderProfile) -> tuple[VerificationAsSent, tuple[Finding, ...]]:
    """D-14: the sender's policy, and for ``field`` what stood there and whether the profile takes it as verified (None: it does not know it).

    Raises: NotAPath.
    """
    rule = profile.verification
    if rule.policy is not VerificationPolicy.FIELD or rule.place is None:
        return VerificationAsSent(rule.policy), ()
    placed = read_rule(message, profile, rule.place)
    text = placed.value.text
    # a value on both lists is not verified
    verified = False if text in rule.unverified else True if text in rule.verified else None
    return VerificationAsSent(rule.policy, placed.value, verified), placed.findings


def takes_the_only_value(profile: SenderProfile, name: str, segment: str, field: int) -> bool:
    """Whether ``name`` is read from this field without saying which of its repetitions, so that there may be only one.

    Raises: NotAPath.
    """
    rule = profile.places.get(name)
    if rule is None:
        return True
    path = _path(rule.path) if rule.path else None
    return path is not None and (path.segment, path.field, path.repetition) == (segment, field, 0)


def is_placed_outside(profile: SenderProfile, name: str, segment: str) -> bool:
    """Whether the profile reads ``name``, and from anything but ``segment``.

    Raises: NotAPath.
    """
    rule = profile.places.get(name)
    return rule is not None and (not rule.path or _path(rule.path).segment != segment)


def placed_segments(message: Message, profile: SenderProfile) -> frozenset[int]:
    """The numbers of the segments that the profile's rules pick by a selector (``OBX[3.2=VERIFIED]-5``): they are not programming parameters.

    Raises: NotAPath.
    """
    paths = (path for path in _paths(profile) if path.select_field)
    return frozenset(segment.number for path in paths for segment in _selected(message, path))


def placed_names(profile: SenderProfile) -> frozenset[str]:
    """The names of the segments that the profile reads.

    Raises: NotAPath.
    """
    return frozenset(path.segment for path in _paths(profile))


def _paths(profile: SenderProfile) -> Iterator[Hl7Path]:
    rules = [*profile.places.values(), *([profile.verification.place] if profile.verification.place else [])]
    return (_path(rule.path) for rule in rules if rule.path)


@lru_cache(maxsize=1024)
def _path(text: str) -> Hl7Path:
    return Hl7Path.parse(text)


def _selected(message: Message, path: Hl7Path) -> Sequence[Segment]:
    if not path.select_field:
        return message.all(path.segment)
    component = path.select_component or None
    holding = message.that_may_hold(path.segment, path.select_value)
    return [segment for segment in holding if segment.text(path.select_field, component) == path.select_value]


def _at(segment: Segment, path: Hl7Path) -> AsSent:
    place = segment.place(path.field, path.component or None, path.subcomponent or None, repetition=path.repetition or 1)
    return AsSent(_text_at(segment, path), place)


def _text_at(segment: Segment, path: Hl7Path) -> str:
    text = segment.text(path.field, path.component or None, path.subcomponent or None, repetition=path.repetition or 1)
    return "" if text is None or text == NULL_AS_SENT else text


def _spelled(rule: FieldRule, text: str) -> str:
    """One part of the split, then the table's value for it. A part that is not there is nothing; a value that is not in the table stays as it is."""
    if rule.separator and rule.part:
        parts = text.split(rule.separator)
        text = parts[rule.part - 1] if rule.part <= len(parts) else ""
    return rule.values.get(text, text)
