"""The stand-in EHR as the story meets it: its control API, and its journal as a witness."""

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from interop.demo.ehr.hl7 import Message
from interop.demo.ehr.journal import RECEIVED, Entry
from interop.demo.processes import Missing

ASK_S: Final = 60
"""Longer than the EHR itself waits for an answer of interop."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order that left: the line of the journal, and what was answered at once (MSA-1, or the status of HTTP)."""

    sent: Entry
    answer: Entry
    verdict: str

    @property
    def control_id(self) -> str:
        """MSH-10, for an order by HL7."""
        return self.sent.about["control_id"]


class EhrDesk:
    """Asks by HTTP, on this machine."""

    def __init__(self, page: str, key_file: Path) -> None:
        """``page``: the address that the EHR printed. Raises: OSError."""
        self._at = page.removeprefix("http://").rstrip("/")
        self._key = key_file.read_text(encoding="ascii").strip()

    def order(self, how: str, **words: str) -> Order:
        """Send an order ``"pcd03"`` or ``"fhir"``. Raises: Missing: it did not leave, or no answer came."""
        return _order(self._ask("POST", f"/{how}", words))

    def again(self, order: Order) -> Order:
        """Send the same bytes once more. Raises: Missing."""
        return _order(self._ask("POST", "/again", {"number": order.sent.number}))

    def fault(self, fault: str, seconds: float = 0) -> None:
        """See ``ehr.listening.Fault``. Raises: Missing."""
        self._ask("POST", "/fault", {"fault": fault, "seconds": str(seconds)})

    def journal(self) -> list[Entry]:
        """Everything so far. Raises: Missing."""
        return [Entry(**each) for each in self._ask("GET", "/journal")["entries"]]

    def received(self, kind: str, matching: Callable[[Message], bool] = lambda message: True) -> list[Message]:
        """The messages of a kind (``RRG^O16``) that came in, in their order; what was sent again, byte for byte, counts once. Raises: Missing."""
        return [message for _, message in self._received(kind) if matching(message)]

    def _received(self, kind: str) -> Iterator[tuple[Entry, Message]]:
        seen: set[str] = set()
        for entry in self.journal():
            if entry.what == RECEIVED and entry.about.get("kind") == kind and entry.body not in seen:
                seen.add(entry.body)
                yield entry, Message.read(entry.content)

    def answers(self, order: Order) -> list[Message]:
        """The RRGs that answer an order (MSA-2 is its MSH-10). Raises: Missing."""
        return self.received("RRG^O16", lambda message: message.text("MSA", 2) == order.control_id)

    def _ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._at, timeout=ASK_S)
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, path, body, {"X-Demo-Key": self._key})
            response = connection.getresponse()
            said = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise Missing(f"the stand-in EHR at {self._at} does not answer: {type(fault).__name__}") from None
        finally:
            connection.close()
        if response.status != 200:
            raise Missing(f"the stand-in EHR: {said.get('error', response.status)}")
        return dict(said)


def _order(said: dict[str, Any]) -> Order:
    return Order(Entry(**said["sent"]), Entry(**said["answer"]), said["verdict"])
