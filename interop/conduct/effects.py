"""D-04: the effect that a request's key stands for already, its answer if one was given, and who else waits for that answer."""

import json
from dataclasses import dataclass

from interop.conduct import naming
from interop.conduct.answers import Answer
from interop.conduct.asked import Asked, asked_of
from interop.domain.finding import Finding, Owner, PivError, Severity, Sub
from interop.ports import KeyRelease, Projected, Record

PAGE = 200

ANSWERS = "programme-answer"
"""Programme → the first answer to it; kept for what left and so has used its key up."""

WAITING = "programme-waiting"
"""(Programme, repeating request) → the body of the request's intent: it gets the answer when it is there. One row a request, so that none is lost."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The first use of the key. ``answer`` None: it is not known yet. ``version`` is its programme's, so that no answer can slip in between."""

    programme_id: str
    content_hash: str
    stream: str
    version: int
    answer: Answer | None

    def also_waits(self, asked: Asked) -> Projected:
        """One more request that gets the answer when it is there."""
        return Projected(WAITING, f"{self.programme_id}/{asked.id}", asked.body())


async def earlier_effect(record: Record, key: str) -> Earlier | None:
    """Raises: StoreUnavailable."""
    used = await record.effect_key(key)
    if used is None:
        return None
    stream = naming.programme_stream(used.reference)
    version = await record.version(stream)
    answer = await record.projection(ANSWERS, used.reference)
    return Earlier(used.reference, used.content_hash.hex(), stream, version, None if answer is None else read_answer(answer))


async def waiting_for(record: Record, programme_id: str) -> tuple[Asked, ...]:
    """Who repeated the request and has had no answer yet; read after the programme's version was, and answered in a commit that expects it.

    Raises: StoreUnavailable, BadIntent.
    """
    prefix = f"{programme_id}/"
    found: list[Asked] = []
    after = prefix
    while page := await record.projections(WAITING, after, PAGE):
        for key, body in page:
            if not key.startswith(prefix):
                return tuple(found)
            found.append(await asked_of(key.removeprefix(prefix), body, record))
        after = page[-1][0]
    return tuple(found)


def no_longer_waits(programme_id: str, asked: Asked) -> Projected:
    """It has its answer now."""
    return Projected(WAITING, f"{programme_id}/{asked.id}", None)


async def release_channel(record: Record, pump_id: str, channel_id: str, programme_id: str) -> tuple[KeyRelease, ...]:
    """The channel is free for another offer, if this programme held it (D-05). Raises: StoreUnavailable."""
    key = naming.channel_key(pump_id, channel_id)
    held = await record.effect_key(key)
    return (KeyRelease(key, programme_id),) if held is not None and held.reference == programme_id else ()


def keep_answer(programme_id: str, answer: Answer) -> Projected:
    """The first answer, for repeats; to be written in the commit that gives it, with an event of the programme."""
    reasons = [
        [reason.code.name if reason.code is not None else "", reason.field, reason.sentence, reason.action, reason.owner.name]
        for reason in answer.reasons
    ]
    return Projected(ANSWERS, programme_id, json.dumps({"code": answer.code, "reasons": reasons}))


def read_answer(document: str) -> Answer:
    """Raises: ValueError, LookupError: not what ``keep_answer`` wrote."""
    said = json.loads(document)
    return Answer(said["code"], tuple(_reason(*row) for row in said["reasons"]))


def _reason(code: str, field: str, sentence: str, action: str, owner: str) -> Finding:
    found = PivError[code] if code in PivError.__members__ else Sub[code]
    return Finding(Severity.REFUSE, found, field, sentence, action, Owner[owner])
