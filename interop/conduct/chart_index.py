"""How the chart is searched: rows that lead from a value to the ids that have it, always within one group of sending systems (SEC-16)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from interop.conduct.naming import order_id
from interop.ports import Record

PAGE: Final = 200


class TooMany(ValueError):
    """The search finds more than can be looked through; it must ask for less."""


class HasId(Protocol):
    """What is found has an id, by which pages follow each other."""

    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=HasId)


@dataclass(frozen=True, slots=True)
class Wanted(Generic[T]):
    """What a search asks for. ``what`` and ``value`` are one way to find (``patient``, ``order``, ``subject``, ``request``, ``id``); ``fits`` the rest."""

    what: str
    value: str
    fits: Callable[[T], bool]


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One page, by id; ``more``: there are others after its last."""

    found: tuple[T, ...]
    more: bool


def index_key(group: str, what: str, value: str) -> str:
    """What every key begins with that leads to resources of this group by this value; an id of a resource has no slash."""
    return f"{order_id(group, value)}/{what}/"


async def page_of(
    record: Record,
    table: str,
    wanted: Wanted[T],
    group: str,
    after: str,
    count: int,
    read: Callable[[str, str], Awaitable[T | None]],
    most_read: int,
) -> Found[T]:
    """Those of the group that fit, with ids beyond ``after``, at most ``count``; ``read`` gives one of the group by its id, or None.

    Raises: TooMany: ``most_read`` were looked at, and there are more; StoreUnavailable.
    """
    if not group:
        return Found((), more=False)
    if wanted.what == "id":
        one = await read(wanted.value, group) if wanted.value > after else None
        return Found((one,) if one is not None and wanted.fits(one) else (), more=False)
    prefix = index_key(group, wanted.what, wanted.value)
    at, looked = f"{prefix}{after}", 0
    found: list[T] = []
    while page := await record.projections(table, at, PAGE):
        for key, _ in page:
            if not key.startswith(prefix):
                return Found(tuple(found), more=False)
            looked += 1
            if looked > most_read:
                raise TooMany
            one = await read(key.removeprefix(prefix), group)
            if one is None or not wanted.fits(one):
                continue
            if len(found) == count:
                return Found(tuple(found), more=True)
            found.append(one)
        at = page[-1][0]
    return Found(tuple(found), more=False)
