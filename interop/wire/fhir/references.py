"""What a FHIR reference points to (R4, 2.3.0.1): a resource of this server, another server's, a contained one, or something in a Bundle."""

import re
from dataclasses import dataclass

from interop.wire.fhir.elements import RESOURCE_TYPES

_RESTFUL = re.compile(
    r"(?:(?P<base>https?://[^\s#?]+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?",
    re.ASCII,
)
_ABSOLUTE = re.compile(r"(?:https?://|urn:uuid:|urn:oid:)[^\s#]+", re.ASCII)
_CONTAINED = re.compile(r"#(?P<id>[A-Za-z0-9\-.]{0,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a reference leads. ``type`` is empty where the text does not tell it (``#w``, ``urn:uuid:…``); ``base`` is empty for a relative one."""

    id: str = ""
    type: str = ""
    base: str = ""
    is_contained: bool = False


def target_of(reference: str) -> Target | None:
    """None: the text is no reference (``Device``, ``../Patient/1``, a type that R4 does not have). ``#`` alone is the container itself."""
    match = _CONTAINED.fullmatch(reference)
    if match is not None:
        return Target(id=match["id"], is_contained=True)
    match = _RESTFUL.fullmatch(reference)
    if match is not None and match["type"] in RESOURCE_TYPES:
        return Target(match["id"], match["type"], match["base"] or "")
    return Target(id=reference) if _ABSOLUTE.fullmatch(reference) else None
