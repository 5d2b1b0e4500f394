"""FHIR R4 resources over HTTPS: created by POST, or updated by PUT under their id (R4, 3.1.0.4 and 3.1.0.8)."""

import json
import re
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from interop.service.sending import NoAnswer, Outcome, WrongUse, in_words

CONNECT_S: Final = 10
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
FHIR_JSON: Final = "application/fhir+json"

TYPE = re.compile(r"[A-Z][A-Za-z]{0,63}", re.ASCII)
ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""The characters of a bearer token (RFC 6750, 2.1)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a resource goes: ``POST MedicationRequest``, or ``PUT MedicationRequest/a1`` if the server still has the version it was made from."""

    method: str
    path: str
    if_match: str = ""


def target_of(content: bytes, *, update: bool) -> Target:
    """The server chooses the id of what is created; an update names the id, and in ``meta.versionId`` the version it replaces (If-Match).

    Raises: ValueError: the text says why it is no resource that can be sent, without quoting it.
    """
    try:
        resource: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(kind, str) or not TYPE.fullmatch(kind):
        raise ValueError("it has no resourceType, so it is no FHIR resource")
    if not update:
        return Target("POST", kind)
    id, meta = resource.get("id"), resource.get("meta")
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise ValueError("an update wants an id of 1 to 64 letters, digits, hyphens and points")
    version = meta.get("versionId", "") if isinstance(meta, dict) else ""
    if version and not (isinstance(version, str) and ID.fullmatch(version)):
        raise ValueError("its meta.versionId is not 1 to 64 letters, digits, hyphens and points")
    return Target("PUT", f"{kind}/{id}", f'W/"{version}"' if version else "")


class FhirLink:
    """A connection to a FHIR server at ``base``; no redirect is followed with the token, and no proxy of the environment is used."""

    def __init__(self, base: str, context: ssl.SSLContext, token: str, answer_s: int, *, update: bool = False) -> None:
        """Raises: WrongUse: the token cannot be one."""
        import httpx

        if token and not TOKEN.fullmatch(token):
            raise WrongUse("the token's file does not hold a bearer token")
        headers = {"Accept": FHIR_JSON, "Content-Type": FHIR_JSON, "Accept-Encoding": "identity", "User-Agent": "interop-send"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._base, self._update = base, update
        self._errors = httpx.HTTPError
        self._client = httpx.Client(
            verify=context,
            headers=headers,
            timeout=httpx.Timeout(answer_s, connect=CONNECT_S),
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._client.close()

    def ask(self, content: bytes) -> Outcome:
        """Send one resource, byte for byte, and read the answer. Raises: NoAnswer; ValueError as ``target_of``."""
        target = target_of(content, update=self._update)
        url, headers = f"{self._base}/{target.path}", {"If-Match": target.if_match} if target.if_match else {}
        try:
            with self._client.stream(target.method, url, content=content, headers=headers) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise NoAnswer(f"{self._base}: the answer is over {MAX_ANSWER_BYTES} bytes")
        except self._errors as fault:
            cause = _system_error(fault)
            raise NoAnswer(f"{self._base}: no answer: {in_words(cause) if cause is not None else type(fault).__name__}") from None
        status = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
        named = [f"{name}: {response.headers[name]}" for name in ("Location", "ETag") if name in response.headers]
        text = bytes(body).decode("utf-8", "backslashreplace")
        is_accepted = response.status_code in (200, 201)
        verdict = f"{'accepted' if is_accepted else 'refused'} ({response.status_code})"
        return Outcome(is_accepted, verdict, (status, *named, *text.splitlines()))


def _system_error(fault: BaseException) -> OSError | None:
    """The error of the operating system, or of TLS, that lies under one of the HTTP client's."""
    seen: BaseException | None = fault
    while seen is not None:
        if isinstance(seen, OSError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
