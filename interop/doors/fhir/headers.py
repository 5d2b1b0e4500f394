"""The headers and parameters of a FHIR request that the door heeds (R4, 3.1.0.1.2 to 3.1.0.1.12; RFC 9110): read strictly, and nothing raised but ``Refusal``."""

import re
from collections.abc import Iterator, Mapping
from email.message import Message
from enum import Enum

from interop.doors.fhir.refusal import refusal
from interop.wire.fhir.outcomes import Kind
from interop.wire.fhir.version import READ

FHIR_JSON = "application/fhir+json"
TAKEN = frozenset({FHIR_JSON, "application/json"})
"""Media types of a body; some clients post plain JSON."""

_GIVEN = TAKEN | {"text/json", "application/*", "*/*"}
_FORMATS = frozenset({"json", "text/json"}) | TAKEN

_ETAG = re.compile(r'(?:W/)?"([!#-~]*)"', re.ASCII)
_VERSION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?", re.ASCII)


class Return(Enum):
    """``Prefer: return=`` (R4, 3.1.0.5.1): what the answer to a create or update carries."""

    MINIMAL = "minimal"
    REPRESENTATION = "representation"
    OUTCOME = "OperationOutcome"


def check_content(content_type: str, content_encoding: str) -> str:
    """The ``fhirVersion`` parameter of a body that may be read, "" if there is none.

    Raises: Refusal: 415, the body is of another type, encoding, character set or version of FHIR.
    """
    media_type, parameters = _media_type(content_type)
    if media_type not in TAKEN:
        what = "no Content-Type was sent" if not content_type else "a body of this type is not read here"
        if media_type.endswith("xml"):
            what = "XML is not read here"
        if "patch" in media_type:
            what = "a patch is not taken here: send the whole resource by PUT"
        raise refusal(415, Kind.NOT_SUPPORTED, f"{what}; send {FHIR_JSON}", headers={"Accept": FHIR_JSON})
    if content_encoding.strip().lower() not in ("", "identity"):
        raise refusal(415, Kind.NOT_SUPPORTED, "a compressed body is not read here", headers={"Accept-Encoding": "identity"})
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise refusal(415, Kind.NOT_SUPPORTED, "FHIR JSON is UTF-8; another character set is not read", headers={"Accept": FHIR_JSON})
    version = parameters.get("fhirversion", "")
    if version and not _is_read(version):
        sentence = "the body is declared to be of a version of FHIR that is not read here; send R4 (fhirVersion=4.0)"
        raise refusal(415, Kind.NOT_SUPPORTED, sentence, headers={"Accept": f"{FHIR_JSON}; fhirVersion=4.0"})
    return version


def check_accept(accept: str, wanted_format: str | None) -> None:
    """That JSON of R4 may be answered. ``wanted_format`` is ``_format``, which goes over ``Accept``; ``None``: it was not given.

    Raises: Refusal: 406.
    """
    if wanted_format is not None:
        # a plus sign that was not escaped arrives as a blank
        media_type, parameters = _media_type(wanted_format.replace("fhir json", "fhir+json"))
        acceptable = media_type in _FORMATS and _is_read(parameters.get("fhirversion", "4.0"))
    else:
        acceptable = not accept.strip() or _accepts(accept)
    if not acceptable:
        raise refusal(406, Kind.NOT_SUPPORTED, f"only JSON of FHIR R4 is answered here: accept {FHIR_JSON}")


def _accepts(accept: str) -> bool:
    """Whether a range that is not ruled out by ``q=0`` covers FHIR JSON of R4. The most specific word on a type counts (RFC 9110, 12.5.1)."""
    for media_type, parameters in map(_media_type, accept.split(",")):
        quality = parameters.get("q", "1")
        nothing = _QUALITY.fullmatch(quality) is None or not any(digit in "123456789" for digit in quality)
        if media_type == FHIR_JSON and nothing and "fhirversion" not in parameters:
            return False
        if media_type in _GIVEN and not nothing and _is_read(parameters.get("fhirversion", "4.0")):
            return True
    return False


def _is_read(version: str) -> bool:
    """``4.0`` as the standard has it, and ``4.0.1`` as clients also send it."""
    return ".".join(version.split(".")[:2]) in {each.value for each in READ}


def _media_type(text: str) -> tuple[str, Mapping[str, str]]:
    """``application/fhir+json; fhirVersion=4.0`` in its parts, names in small letters."""
    message = Message()
    message["Content-Type"] = text
    found = message.get_params(failobj=[])
    if not found:
        return "", {}
    parameters = {name.lower(): value if isinstance(value, str) else "" for name, value in found[1:]}
    return found[0][0].strip().lower(), parameters


def preferred_return(values: list[str]) -> Return:
    """What ``Prefer`` asks for; representation where it does not say, or says what nobody knows (a preference is no demand: RFC 7240)."""
    for value in values:
        for preference in value.split(","):
            name, _, wanted = preference.partition(";")[0].partition("=")
            if name.strip().lower() == "return":
                return next((each for each in Return if each.value.lower() == wanted.strip().strip('"').lower()), Return.REPRESENTATION)
    return Return.REPRESENTATION


def etag(version: int) -> str:
    """``W/"3"``."""
    return f'W/"{version}"'


def expected_version(if_match: list[str]) -> int:
    """The version that an update is based on.

    Raises:
        Refusal: 428, none is named (``*`` names none: whoever sends it has not read what they replace); 400, it is no entity tag,
            or more than one; 412, no version of ours has such a tag.
    """
    text = ", ".join(if_match).strip()
    if text in ("", "*"):
        sentence = "an update must say which version it is based on: send its ETag in If-Match"
        raise refusal(428, Kind.REQUIRED, sentence)
    match = _ETAG.fullmatch(text)
    if match is None:
        raise refusal(400, Kind.INVALID, 'If-Match holds one entity tag, such as W/"1"')
    if not _VERSION.fullmatch(match[1]):
        raise refusal(412, Kind.CONFLICT, "no version of this order has the entity tag in If-Match: read it again")
    return int(match[1])


def is_unchanged(if_none_match: list[str], version: int) -> bool:
    """Whether the client holds this version already (weak comparison: RFC 9110, 13.1.2)."""
    text = ", ".join(if_none_match).strip()
    return text == "*" or any(tag == str(version) for tag in _tags(text))


def _tags(text: str) -> Iterator[str]:
    yield from (match[1] for match in _ETAG.finditer(text))
