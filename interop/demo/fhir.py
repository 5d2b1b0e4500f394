"""The chart as a FHIR client reads it: one of the three witnesses."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from interop.demo.processes import Missing

ANSWER_S: Final = 15
BASE: Final = "/fhir/r4"


@dataclass(frozen=True, slots=True)
class Chart:
    """Reads at /fhir/r4 of a server of this machine, with the EHR's token, which is read when it is used."""

    at: tuple[str, int]
    context: ssl.SSLContext
    token_file: Path

    def read(self, path: str) -> Mapping[str, Any] | None:
        """A resource below the base; None: it is not there. Numbers keep their digits. Raises: Missing: no answer, or another than 200 and 404."""
        token = self.token_file.read_text(encoding="ascii").strip()
        connection = http.client.HTTPSConnection(*self.at, timeout=ANSWER_S, context=self.context)
        try:
            connection.request("GET", f"{BASE}/{path}", headers={"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as fault:
            raise Missing(f"GET {BASE}/{path}: no answer: {type(fault).__name__}") from None
        finally:
            connection.close()
        if response.status == 404:
            return None
        if response.status != 200:
            raise Missing(f"GET {BASE}/{path}: {response.status}")
        resource: Mapping[str, Any] = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        return resource

    def administrations(self, order: str) -> list[dict[str, Any]]:
        """Every MedicationAdministration of an order by its number: the infusion and its intervals. Raises: Missing: no answer, or not all of them."""
        bundle = self.read(f"MedicationAdministration?request:identifier={quote(order)}&_count=200")
        if bundle is None or any(link["relation"] == "next" for link in bundle.get("link", [])):
            raise Missing(f"the search for the administrations of {order} did not give all of them")
        return [dict(entry["resource"]) for entry in bundle.get("entry", [])]
