"""Reads the chart that the server holds: MedicationAdministrations by id and by search, for one system group alone (SEC-16)."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from interop.conduct.chart_index import Found, Wanted, page_of
from interop.conduct.documenting import ADMINISTRATIONS, FOUND_BY
from interop.ports import Record

MOST_READ: Final = 5_000
"""Rows that one search looks at; a search that would look at more says so instead of being slow."""


@dataclass(frozen=True, slots=True)
class Administered:
    """One resource at its newest version. ``body`` is the resource as written; ``patients`` and ``order`` are number and authority."""

    id: str
    version: int
    at: datetime
    status: str
    start: datetime
    end: datetime | None
    patients: tuple[tuple[str, str], ...]
    subject: str
    order: tuple[str, str]
    request: str
    pump: str
    body: bytes


class Administrations:
    """Reads only. Every method may raise StoreUnavailable and Busy."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def read(self, id: str, group: str) -> Administered | None:
        """None: there is none, or it is another group's; which of the two is not told."""
        document = await self._record.projection(ADMINISTRATIONS, id)
        if document is None:
            return None
        said = json.loads(document)
        return _read(said) if group and said["group"] == group else None

    async def search(self, wanted: Wanted[Administered], group: str, after: str, count: int) -> Found[Administered]:
        """Those of the group that fit, with ids beyond ``after``, at most ``count``. Raises: TooMany."""
        return await page_of(self._record, FOUND_BY, wanted, group, after, count, self.read, MOST_READ)


def _read(document: dict[str, object]) -> Administered:
    end = document["end"]
    return Administered(
        id=str(document["id"]),
        version=int(str(document["version"])),
        at=datetime.fromisoformat(str(document["at"])),
        status=str(document["status"]),
        start=datetime.fromisoformat(str(document["start"])),
        end=None if end is None else datetime.fromisoformat(str(end)),
        patients=tuple((str(value), str(authority)) for value, authority in _pairs(document["patients"])),
        subject=str(document["subject"]),
        order=_pairs([document["order"]])[0],
        request=str(document["request"]),
        pump=str(document["pump"]),
        body=str(document["body"]).encode(),
    )


def _pairs(rows: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(rows, list):
        raise TypeError("not what was kept by this version")
    return tuple((str(first), str(second)) for first, second in rows)
