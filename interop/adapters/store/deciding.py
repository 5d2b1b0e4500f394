"""Whether each commit of a group may be written, and what it writes: pure, the same for every database, under its write lock.

Every check of a commit is made before anything of it counts, so a refused commit leaves nothing behind and the next one is judged as if it had
never been there: the savepoint of each unit, without the round trips.
"""

from hashlib import sha256

from interop.adapters.store import rows
from interop.adapters.store.chain import audit_digest, event_digest
from interop.adapters.store.facts import LONG_AGO, Facts
from interop.adapters.store.values import effect_key
from interop.ports import (
    CheckpointMoved,
    Claim,
    Commit,
    Committed,
    Gone,
    IdTaken,
    IntentDone,
    KeyTaken,
    LeaseLost,
    MessageSeen,
    MessageState,
    MessageStep,
    Refused,
    Renew,
    StreamMoved,
    Timer,
    TimerEnd,
)


def decide(commit: Commit, facts: Facts, node: str) -> Committed | Refused:
    """Judge one commit by the facts; if it stands, change them to what it leaves."""
    try:
        _check(commit, facts)
    except Refused as refused:
        return refused.with_traceback(None)
    return _apply(commit, facts, node)


def _check(commit: Commit, facts: Facts) -> None:
    """Raises: Refused: the first reason found; the order puts the most telling one first."""
    for lane_step in commit.lane_steps:
        _check_lane(lane_step, facts)
    for message_step in commit.message_steps:
        _check_message(message_step, facts)
    for entry in commit.journal:
        if entry.key is not None:
            first = facts.seen.get((entry.key.sender, entry.key.control_id, entry.key.content_hash))
            if first is not None:
                raise MessageSeen(first.entry_id, first.at)
        if entry.entry_id in facts.entry_ids:
            raise IdTaken("journal entry", entry.entry_id)
    _check_keys(commit, facts)
    for expect in commit.expects:
        stream = facts.streams.get(expect.stream)
        actual = 0 if stream is None else stream.version
        if expect.version is not None and expect.version != actual:
            raise StreamMoved(expect.stream, expect.version, actual)
    _check_rest(commit, facts)


def _check_keys(commit: Commit, facts: Facts) -> None:
    freed = set()
    for release in commit.key_releases:
        held = facts.effects.get(release.key)
        if held is None or held.reference != release.reference:
            raise Gone("effect key", release.key)
        freed.add(release.key)
    for key in commit.keys:
        taken = facts.effects.get(key.key)
        if taken is not None and key.key not in freed:
            raise KeyTaken(effect_key(taken))


def _check_rest(commit: Commit, facts: Facts) -> None:
    for intent in commit.intents:
        if facts.intents.get(intent.intent_id) is not None:
            raise IdTaken("intent", intent.intent_id)
    for step in commit.intent_steps:
        there = facts.intents.get(step.intent_id)
        if there is None or (not isinstance(step, IntentDone) and there.held_until != step.seen):
            raise Gone("intent", step.intent_id)
    for end in commit.timers:
        if isinstance(end, TimerEnd) and end.due_at is not None:
            timer = facts.timers.get(end.kind, end.subject)
            if timer is None or timer.due_at != end.due_at:
                raise Gone("timer", f"{end.kind} {end.subject}")
    for message in commit.messages:
        if (message.destination, message.control_id) in facts.control_ids:
            raise IdTaken("control id", message.control_id)
    for checkpoint in commit.checkpoints:
        row = facts.checkpoints.get(checkpoint.name)
        stands = 0 if row is None else row.position
        if stands != checkpoint.expected:
            raise CheckpointMoved(checkpoint.name, checkpoint.expected, stands)
    put = set()
    for release in commit.releases:
        stored = facts.releases.get(release.library_hash, release.mapping_hash)
        if stored is not None and stored.content != release.content:
            raise IdTaken("release", f"{release.library_hash} {release.mapping_hash}")
        put.add((release.library_hash, release.mapping_hash))
    for active in commit.activations:
        pair = (active.library_hash, active.mapping_hash)
        if pair not in put and facts.releases.get(*pair) is None:
            raise Gone("release", " ".join(pair))


def _check_lane(step: Claim | Renew, facts: Facts) -> None:
    """Raises: LeaseLost: a claim of a lane that is not free or not as seen; a renewal under an old epoch."""
    if isinstance(step, Claim):
        lane = facts.lanes.get(step.destination, step.lane)
        epoch, leased_until = (0, LONG_AGO) if lane is None else (lane.epoch, lane.leased_until)
        if epoch != step.seen_epoch or (leased_until > step.at and not step.seize):
            raise LeaseLost(step.destination, step.lane, step.seen_epoch)
    else:
        lease = step.lease
        lane = facts.lanes.get(lease.destination, lease.lane)
        if lane is None or lane.epoch != lease.epoch:
            raise LeaseLost(lease.destination, lease.lane, lease.epoch)


def _check_message(step: MessageStep, facts: Facts) -> None:
    """Raises: LeaseLost: the worker's epoch is not the lane's. Gone: the message is settled, or parked and not this worker's to touch."""
    message = facts.open.get(step.seq)
    if step.lease is not None:
        lane = facts.lanes.get(step.lease.destination, step.lease.lane)
        if lane is None or lane.epoch != step.lease.epoch:
            raise LeaseLost(step.lease.destination, step.lease.lane, step.lease.epoch)
        elsewhere = message is not None and (message.destination, message.lane) != (lane.destination, lane.lane)
        parked = message is not None and message.state == MessageState.PARKED.value
        if elsewhere or (parked and step.to is not MessageState.SENT):  # it may have been parked while on the wire: sent is sent
            raise Gone("message", str(step.seq))
    if message is None:
        raise Gone("message", str(step.seq))


def _apply(commit: Commit, facts: Facts, node: str) -> Committed:
    versions = _apply_events(commit, facts) if commit.events else {}
    _apply_journal(commit, facts)
    for release in commit.key_releases:
        facts.effects.drop(release.key)
    for key in commit.keys:
        facts.effects.add(rows.EffectKeyRow(key.key, key.content_hash, key.reference, key.at))
    seqs = _apply_messages(commit, facts) if commit.messages or commit.message_steps else ()
    if commit.lane_steps:
        _apply_lanes(commit, facts)
    for intent in commit.intents:
        facts.intents.add(rows.IntentRow(intent.intent_id, intent.kind, intent.subject, intent.body, intent.held_until))
    for step in commit.intent_steps:
        held = facts.intents.get(step.intent_id)
        if isinstance(step, IntentDone):
            facts.intents.drop(step.intent_id)
        elif held is not None:
            facts.intents.put(held._replace(held_until=step.until))
    for timer in commit.timers:
        if isinstance(timer, Timer):
            facts.timers.put(rows.TimerRow(timer.kind, timer.subject, timer.due_at, timer.body))
        else:
            facts.timers.drop(timer.kind, timer.subject)
    for projected in commit.projections:
        if projected.document is None:
            facts.projections.drop(projected.name, projected.key)
        else:
            facts.projections.put(rows.ProjectionRow(projected.name, projected.key, projected.document))
    for checkpoint in commit.checkpoints:
        facts.checkpoints.put(rows.CheckpointRow(checkpoint.name, checkpoint.position))
    _apply_audit(commit, facts, node)
    if commit.releases or commit.activations:
        _apply_releases(commit, facts)
    return Committed(facts.position, versions, seqs)


def _apply_events(commit: Commit, facts: Facts) -> dict[str, int]:
    versions: dict[str, int] = {}
    for event in commit.events:
        position = facts.position + 1
        stream = facts.streams.get(event.stream)
        version = 1 if stream is None else stream.version + 1
        chain = event_digest(facts.chain, position, event.stream, version, event.type, event.type_version, event.at, event.body)
        facts.add(rows.EVENTS, rows.EventRow(position, event.stream, version, event.type, event.type_version, event.at, event.body, chain))
        facts.streams.put(rows.StreamRow(event.stream, version))
        versions[event.stream] = version
        facts.position, facts.chain = position, chain
    return versions


def _apply_journal(commit: Commit, facts: Facts) -> None:
    for entry in commit.journal:
        facts.entry = number = facts.entry + 1
        head = rows.JournalHeadRow(
            number,
            entry.entry_id,
            entry.direction.value,
            entry.peer,
            entry.message_type,
            entry.control_id,
            entry.at,
            len(entry.body),
            sha256(entry.body).digest(),
            entry.answers,
        )
        facts.add(rows.JOURNAL_HEADS, head)
        facts.add(rows.JOURNAL_BODIES, rows.JournalBodyRow(number, entry.at, entry.body))
        facts.entry_ids.add(entry.entry_id)
        if entry.key is not None:
            key = rows.MessageKeyRow(number, entry.entry_id, entry.key.sender, entry.key.control_id, entry.key.content_hash, entry.at)
            facts.add(rows.MESSAGE_KEYS, key)
            facts.seen[entry.key.sender, entry.key.control_id, entry.key.content_hash] = key


def _apply_messages(commit: Commit, facts: Facts) -> tuple[int, ...]:
    seqs = []
    for new in commit.messages:
        facts.outgoing = seq = facts.outgoing + 1
        row = rows.OutgoingRow(seq, new.destination, new.lane, new.order_key, new.control_id, new.body, new.at, new.not_after, new.urgency)
        facts.add(rows.OUTGOING, row)
        waiting = rows.OpenRow(seq, new.destination, new.lane, new.order_key, new.urgency, MessageState.WAITING.value, 0, new.at, "")
        facts.open.put(waiting)
        facts.control_ids.add((new.destination, new.control_id))
        if facts.lanes.get(new.destination, new.lane) is None:
            facts.lanes.put(rows.LaneRow(new.destination, new.lane, 0, "", LONG_AGO, LONG_AGO, ""))
        seqs.append(seq)
    for step in commit.message_steps:
        message = facts.open.get(step.seq)
        if message is None:  # checked above; and no message is named twice
            raise Gone("message", str(step.seq))
        attempts = message.attempts + (step.lease is not None and step.to in (MessageState.WAITING, MessageState.PARKED))
        if step.to in (MessageState.WAITING, MessageState.PARKED):
            due_at = step.due_at or message.due_at
            facts.open.put(message._replace(state=step.to.value, attempts=attempts, due_at=due_at, note=step.note))
        else:
            facts.open.drop(step.seq)
            facts.add(rows.OUTGOING_SETTLED, rows.SettledRow(step.seq, step.to.value, attempts, step.at, step.note))
    return tuple(seqs)


def _apply_lanes(commit: Commit, facts: Facts) -> None:
    for step in commit.lane_steps:
        if isinstance(step, Claim):
            lane = facts.lanes.get(step.destination, step.lane)
            held, note = (LONG_AGO, "") if lane is None or step.seize else (lane.held_until, lane.note)
            facts.lanes.put(rows.LaneRow(step.destination, step.lane, step.seen_epoch + 1, step.owner, step.until, held, note))
        else:
            lease = step.lease
            held = LONG_AGO if step.held_until is None else step.held_until
            facts.lanes.put(rows.LaneRow(lease.destination, lease.lane, lease.epoch, lease.owner, step.until, held, step.note))


def _apply_audit(commit: Commit, facts: Facts, node: str) -> None:
    for row in commit.audit:
        head = facts.audit_heads.get(node)
        seq, previous = (1, b"") if head is None else (head.seq + 1, head.digest)
        digest = audit_digest(previous, node, seq, row)
        stored = rows.AuditRowStored(
            node, seq, row.at, row.actor, row.action, row.outcome, row.patient, row.pump, row.subject, row.body, digest
        )
        facts.add(rows.AUDIT, stored)
        facts.audit_heads.put(rows.AuditHeadRow(node, seq, digest))


def _apply_releases(commit: Commit, facts: Facts) -> None:
    for release in commit.releases:
        if facts.releases.get(release.library_hash, release.mapping_hash) is None:
            facts.releases.add(rows.ReleaseRow(release.library_hash, release.mapping_hash, release.at, release.content))
    for active in commit.activations:
        facts.activation = seq = facts.activation + 1
        facts.add(rows.ACTIVATIONS, rows.ActivationRow(seq, active.library_hash, active.mapping_hash, active.at, active.by))
