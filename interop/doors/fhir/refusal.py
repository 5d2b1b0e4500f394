"""What a request is refused with: a status of HTTP and the issues of its OperationOutcome."""

from collections.abc import Mapping, Sequence

from interop.domain.errors import SenderError
from interop.wire.fhir.outcomes import Kind, Said


class Refusal(SenderError):
    """The request is answered with ``status`` and an OperationOutcome of ``said``; nothing of it was stored."""

    def __init__(self, status: int, said: Sequence[Said], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.said, self.headers = status, tuple(said), dict(headers or {})


def refusal(status: int, kind: str, text: str, *, code: str = "", headers: Mapping[str, str] | None = None) -> Refusal:
    """A refusal with one reason. ``code`` is one of ours, or ""."""
    return Refusal(status, [Said(kind, text, code=code)], headers)


def not_there() -> Refusal:
    """404: no such order, or none of this client's; which of the two is not told (SEC-16)."""
    return refusal(404, Kind.NOT_FOUND, "there is no such order")
