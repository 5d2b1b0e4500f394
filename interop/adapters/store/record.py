"""The writing half of the Record port, the same for every store: all of it goes through one group committer as commits and chores."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from interop.adapters.store.commit import GroupCommitter, Unit
from interop.adapters.store.group import Outcome
from interop.adapters.store.steps import Clear, Prune
from interop.ports import (
    Claim,
    Commit,
    Committed,
    Gone,
    Intent,
    IntentHeld,
    Lease,
    LeaseLost,
    Priority,
    RecordError,
    Retention,
    StoredRelease,
    StoreHealth,
)

CANDIDATES = 8  # free lanes tried before a claimer gives up until its next turn


class CommittingRecord(ABC):
    """What writes; the docstrings of its methods are the port's. The three reads that a claim decides on are the store's."""

    _committer: GroupCommitter

    def __init__(self, node: str) -> None:
        self._node = node
        self._cautions: tuple[str, ...] = ()

    @property
    def node(self) -> str:
        return self._node

    @property
    def cautions(self) -> tuple[str, ...]:
        return self._cautions

    @abstractmethod
    async def _free_lanes(self, destination: str, now: datetime, limit: int) -> list[tuple[str, int, int]]:
        """(destination, lane, epoch) of lanes that nobody holds and that have something to send, the most urgent first, and of those the oldest."""

    @abstractmethod
    async def _lane_epoch(self, destination: str, lane: int) -> int:
        """The lane's epoch; 0: it was never used."""

    @abstractmethod
    async def _free_intents(self, now: datetime, limit: int) -> tuple[Intent, ...]:
        """Intents that nobody holds at ``now``."""

    async def commit(self, commit: Commit) -> Committed:
        outcome = await self._committer.submit(commit, commit.size(), commit.priority)
        if not isinstance(outcome, Committed):
            raise TypeError(f"a commit was answered with {type(outcome).__name__}")
        return outcome

    def queue(self, commit: Commit, told: Callable[[Committed | RecordError], None]) -> None:
        # only a chore is answered with a number
        self._committer.queue(Unit(commit, commit.size(), commit.priority, cast(Callable[[Outcome], None], told)))

    async def put_release(self, release: StoredRelease) -> None:
        await self.commit(Commit(releases=(release,), priority=Priority.BULK))

    async def clear_projection(self, name: str) -> None:
        while _count(await self._committer.submit(Clear(name, 500), 0, Priority.BULK)):
            pass

    async def prune(self, retention: Retention, limit: int = 500) -> int:
        return _count(await self._committer.submit(Prune(retention, limit), 0, Priority.BULK))

    async def claim_lane(self, destination: str, owner: str, now: datetime, lease_s: int) -> Lease | None:
        for found, lane, epoch in await self._free_lanes(destination, now, CANDIDATES):
            try:
                return await self._claim(Claim(found, lane, owner, epoch, now, now + timedelta(seconds=lease_s)))
            except LeaseLost:
                continue  # another worker was faster
        return None

    async def seize_lane(self, destination: str, lane: int, owner: str, now: datetime, lease_s: int) -> Lease:
        epoch = await self._lane_epoch(destination, lane)
        return await self._claim(Claim(destination, lane, owner, epoch, now, now + timedelta(seconds=lease_s), seize=True))

    async def _claim(self, claim: Claim) -> Lease:
        await self.commit(Commit(lane_steps=(claim,)))
        return Lease(claim.destination, claim.lane, claim.owner, claim.seen_epoch + 1, claim.until)

    async def claim_intents(self, now: datetime, lease_s: int, limit: int = 50) -> tuple[Intent, ...]:
        until = now + timedelta(seconds=lease_s)
        free = await self._free_intents(now, limit)
        claims = (self.commit(Commit(intent_steps=(IntentHeld(intent.intent_id, intent.held_until, until),))) for intent in free)
        told = await asyncio.gather(*claims, return_exceptions=True)
        for answer in told:
            if isinstance(answer, BaseException) and not isinstance(answer, Gone):
                raise answer
        return tuple(replace(intent, held_until=until) for intent, answer in zip(free, told, strict=True) if isinstance(answer, Committed))

    async def beyond(self, position: int, timeout_s: float) -> int:
        return await self._committer.beyond(position, timeout_s)

    def health(self) -> StoreHealth:
        return self._committer.health()

    def watch(self, listener: Callable[[StoreHealth], None]) -> Callable[[], None]:
        return self._committer.watch(listener)

    async def close(self) -> None:
        await self._committer.close()


def _count(outcome: Outcome) -> int:
    if isinstance(outcome, int):
        return outcome
    raise outcome if isinstance(outcome, RecordError) else TypeError("a chore was answered with a commit")
