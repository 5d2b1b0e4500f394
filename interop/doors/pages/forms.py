"""Forms as browsers send them: ``application/x-www-form-urlencoded``, bounded, one value a field; nothing else is read."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Message, Receive

from interop.domain.errors import SenderError

MOST_FIELDS: Final = 64
TYPE: Final = "application/x-www-form-urlencoded"


class BadForm(SenderError):
    """The body is too large, or no form: answered with ``status``."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Raises: BadForm: larger than ``most_bytes``; ClientDisconnect."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise BadForm(413, "this form is too large")
    return bytes(body)


def fields_of(content_type: str, body: bytes) -> Mapping[str, str]:
    """The fields of a form. Raises: BadForm: it is none, or a field comes twice."""
    if content_type.partition(";")[0].strip().casefold() != TYPE:
        raise BadForm(415, "a form is expected")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise BadForm(400, "this form cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadForm(400, "this form has a field twice")
    return fields


def replaying(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives a body which was read already, and then what comes after it."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def form_of(request: Request) -> Mapping[str, str]:
    """The fields of the form that the guard read, without which it let nothing unsafe through; empty where there was none."""
    fields: Mapping[str, str] = getattr(request.state, "form", {})
    return fields
