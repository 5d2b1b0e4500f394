"""The structural validator that others wrote: fhir.resources for R4B, asked about a copy and believed only when it objects (fhir-infusion.md section 3).

It turns decimals into floats, converts types and knows no value set, so no value ever comes from it, and ``validate`` judges all of that itself.
"""

import re
from decimal import Decimal

from interop.wire.fhir.issue import Issue, IssueCode
from interop.wire.fhir.json import Json, Number, Resource
from interop.wire.fhir.primitives import is_plain

_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}", re.ASCII)


def structural_issues(resource: Resource) -> tuple[Issue, ...]:
    """What fhir.resources objects to in a MedicationRequest. It is imported at the first call, which costs about half a second and 30 MB."""
    from fhir.resources.R4B.medicationrequest import MedicationRequest
    from pydantic import ValidationError

    try:
        MedicationRequest.model_validate({name: _plain(value) for name, value in resource.items()})
    except ValidationError as refused:
        errors = refused.errors(include_url=False, include_context=False, include_input=False)
        return tuple(_issue(error["type"], error["loc"], error["msg"]) for error in errors)
    except RecursionError:
        return (Issue(IssueCode.TOO_COSTLY, "MedicationRequest", "nested too deeply for the structural validator"),)
    except Exception as failed:  # it raises KeyError and more on hostile input: whatever it is, the body is refused and the server lives on
        return (Issue(IssueCode.STRUCTURE, "MedicationRequest", f"the structural validator could not read this ({type(failed).__name__})"),)
    return ()


def _plain(value: Json) -> object:
    match value:
        case dict():
            return {name: _plain(member) for name, member in value.items()}
        case list():
            return [_plain(item) for item in value]
        case Number():
            if not is_plain(value):
                return Decimal(0)  # refused for its form by `validate`; an exponent must not reach code that writes the number out
            return int(value.text) if "." not in value.text else Decimal(value.text)
        case _:
            return value


def _issue(kind: str, location: tuple[int | str, ...], message: str) -> Issue:
    """Its own messages may quote the body, so that only the kind of fault is taken from them."""
    place = "MedicationRequest"
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
        elif _NAME.fullmatch(part):
            place += f".{part}"
    if kind == "model_field_validation.missing":
        return Issue(IssueCode.REQUIRED, place, "this element must be there")
    if kind == "extra_forbidden":
        return Issue(IssueCode.STRUCTURE, place, "R4 has no such element here")
    if "but got multiple" in message:
        return Issue(IssueCode.STRUCTURE, place, "more than one of a choice of elements")
    if "Expect any of field value" in message:
        return Issue(IssueCode.REQUIRED, place, "one of a choice of elements must be there")
    return Issue(IssueCode.VALUE, place, "the structural validator does not accept this value")
