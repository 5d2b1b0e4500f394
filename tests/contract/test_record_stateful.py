"""Whatever is committed in whatever order, a database answers as the memory record does, and both hold the same in the end."""

import asyncio
import atexit
import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from places import EARLY, MemoryPlace, SqlitePlace, sqlite_template
from samples import a_message, an_audit, an_effect, an_event, to_ehr

from interop.adapters.store.chain import verify_audit, verify_events
from interop.ports import (
    Checkpoint,
    Claim,
    Commit,
    Committed,
    Expect,
    Intent,
    IntentDone,
    IntentHeld,
    KeyRelease,
    Lease,
    MessageState,
    MessageStep,
    Projected,
    Refused,
    Renew,
    Retention,
    Timer,
    TimerEnd,
)

FOLDER = tempfile.TemporaryDirectory(prefix="interop-stateful-")
atexit.register(FOLDER.cleanup)


@cache
def template() -> Path:
    return sqlite_template(Path(FOLDER.name))


instants = st.integers(0, 5).map(lambda minutes: EARLY + timedelta(minutes=minutes))
streams = st.sampled_from(["order/1", "order/2", "channel/A"])
mostly = st.sampled_from([True, True, True, False])  # commits that fit what is recorded, and now and then one that does not
TO = [MessageState.SENT, MessageState.PARKED, MessageState.WAITING, MessageState.EXPIRED, MessageState.DISCARDED]


class Drawing:
    """Draws the parts of a commit to fit what one record holds by now."""

    def __init__(self, data: Any, records: "Records") -> None:
        self.draw, self.records = data.draw, records

    def read(self, asked: Any) -> Any:
        return self.records.runner.run(asked)

    def events(self) -> dict[str, Any]:
        stream = self.draw(streams)
        version = self.read(self.records.records[0].version(stream))
        expect = Expect(stream, self.draw(st.sampled_from([None, version, version, version, version + 1])))
        return {
            "expects": (expect,),
            "events": tuple(an_event(stream, at=self.draw(instants)) for _ in range(self.draw(st.integers(0, 2)))),
        }

    def journal(self) -> dict[str, Any]:
        return {"journal": (a_message(self.draw(st.integers(1, 9)), self.draw(st.sampled_from([b"a", b"b"])), self.draw(instants)),)}

    def effects(self) -> dict[str, Any]:
        key = an_effect(self.draw(st.sampled_from("xyz")), self.draw(st.sampled_from(["programme/1", "programme/2"])))
        if self.draw(mostly):
            return {"keys": (key,)}
        return {"key_releases": (KeyRelease(key.key, key.reference),), "keys": (key,) if self.draw(mostly) else ()}

    def intents(self) -> dict[str, Any]:
        name = self.draw(st.sampled_from("ijkl"))
        if self.draw(mostly):
            return {"intents": (Intent(name, "alert", "P1", "{}", self.draw(instants)),)}
        held = IntentHeld(name, self.draw(instants), self.draw(instants))
        return {"intent_steps": (self.draw(st.sampled_from([IntentDone(name), held])),)}

    def timers(self) -> dict[str, Any]:
        timer = Timer("offer", self.draw(st.sampled_from("pq")), self.draw(instants))
        return {"timers": (timer if self.draw(mostly) else TimerEnd("offer", timer.subject, self.draw(st.none() | instants)),)}

    def messages(self) -> dict[str, Any]:
        infusion, lane = self.draw(st.sampled_from([("infusion/1", 0), ("infusion/2", 0), ("infusion/3", 1)]))
        return {
            "messages": (
                to_ehr(self.draw(st.integers(1, 40)), infusion, lane, at=self.draw(instants), urgency=self.draw(st.integers(0, 1))),
            )
        }

    def message_steps(self) -> dict[str, Any]:
        waiting = [message for lane in (0, 1) for message in self.read(self.records.records[0].open_messages("ehr", lane))]
        if not waiting:
            return self.messages()
        message = self.draw(st.sampled_from(waiting))
        lease = self.records.leases.get(message.lane) if self.draw(mostly) else None
        to = self.draw(st.sampled_from(TO if lease is not None else [MessageState.PARKED, MessageState.WAITING, MessageState.DISCARDED]))
        return {"message_steps": (MessageStep(message.seq, to, self.draw(instants), lease, self.draw(instants), "AE"),)}

    def lane_steps(self) -> dict[str, Any]:
        lease = self.records.leases.get(self.draw(st.integers(0, 1)))
        if lease is None or not self.draw(mostly):
            epoch = self.draw(st.integers(0, 3))
            return {"lane_steps": (Claim("ehr", 0, "other", epoch, self.draw(instants), self.draw(instants), self.draw(st.booleans())),)}
        return {
            "lane_steps": (Renew(lease, self.draw(instants), self.draw(st.none() | instants), self.draw(st.sampled_from(["", "refused"]))),)
        }

    def state(self) -> dict[str, Any]:
        projected = Projected("t", self.draw(st.sampled_from("ab")), self.draw(st.sampled_from(["1", "2", None])))
        stands = self.read(self.records.records[0].checkpoint("t"))
        return {"projections": (projected,), "checkpoints": (Checkpoint("t", stands if self.draw(mostly) else 9, stands + 1),)}

    def audit(self) -> dict[str, Any]:
        return {"audit": (an_audit(self.draw(st.sampled_from(["read", "sent"])), self.draw(instants)),)}

    def commit(self) -> Commit:
        every = [self.events, self.journal, self.effects, self.intents, self.timers, self.messages, self.message_steps, self.lane_steps]
        parts = self.draw(st.lists(st.sampled_from([*every, self.state, self.audit]), min_size=1, max_size=2, unique=True))
        return Commit(**{name: part for draw in parts for name, part in draw().items()})


class Records(RuleBasedStateMachine):
    """The same commits go to a SQLite file and to memory."""

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="interop-record-")
        self.places: list[Any] = [MemoryPlace(), SqlitePlace(template(), Path(self.folder.name))]
        self.records = [self.runner.run(place.open()) for place in self.places]
        self.leases: dict[int, Lease] = {}

    def both(self, ask: Callable[[Any], Any]) -> Any:
        """The common answer of both records."""
        memory, file = (self.runner.run(ask(record)) for record in self.records)
        assert memory == file
        return file

    @rule(data=st.data(), size=st.integers(1, 4))
    def commit(self, data: Any, size: int) -> None:
        group = [Drawing(data, self).commit() for _ in range(size)]

        async def all_at_once(record: Any) -> list[Any]:
            told = await asyncio.gather(*map(record.commit, group), return_exceptions=True)
            return [(type(answer), str(answer)) if isinstance(answer, Refused) else answer for answer in told]

        told = self.both(all_at_once)
        assert not any(isinstance(answer, BaseException) for answer in told), told
        for answer in told:
            event("committed" if isinstance(answer, Committed) else f"refused: {answer[0].__name__}")

    @rule(now=instants)
    def claim(self, now: Any) -> None:
        lease = self.both(lambda record: record.claim_lane("ehr", "w", now, 60))
        if lease is not None:
            self.leases[lease.lane] = lease
            event("claimed")

    @rule(now=instants)
    def what_can_be_sent(self, now: Any) -> None:
        for lease in self.leases.values():
            if self.both(lambda record, lease=lease: record.lane_messages(lease, now)):
                event("sendable")

    @rule(now=instants)
    def claim_intents(self, now: Any) -> None:
        self.both(lambda record: record.claim_intents(now, 60))

    @rule(now=instants, limit=st.integers(1, 3))
    def prune(self, now: Any, limit: int) -> None:
        self.both(lambda record: record.prune(Retention(now, now, now, now, now), limit))

    @invariant()
    def the_same_is_read(self) -> None:
        if not hasattr(self, "records"):
            return
        late = EARLY + timedelta(days=1)
        for ask in (
            lambda record: record.feed(0),
            lambda record: record.events("order/1", 1),
            lambda record: record.journal(),
            lambda record: record.due_timers(late),
            lambda record: record.next_due(),
            lambda record: record.open_messages("ehr", 0),
            lambda record: record.open_messages("ehr", 1),
            lambda record: record.lane_views(),
            lambda record: record.projections("t"),
            lambda record: record.checkpoint("t"),
            lambda record: record.audit_rows("node-a"),
            lambda record: record.effect_key("x"),
            lambda record: record.message(1),
        ):
            self.both(ask)

    def teardown(self) -> None:
        if not hasattr(self, "records"):
            return
        for record in self.records:
            assert self.runner.run(verify_events(record)).sound
            assert self.runner.run(verify_audit(record, "node-a")).sound
        for place in self.places:
            self.runner.run(place.close())
        self.runner.close()
        self.folder.cleanup()


TestRecords = Records.TestCase
TestRecords.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
