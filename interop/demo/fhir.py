"""The chart as a FHIR client reads it: one of the three witnesses."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

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
