"""D-27: a sender that has been silent for longer than its profile allows is marked, once, and the mark goes when it speaks again."""

from datetime import datetime, timedelta
from typing import Final

from interop.domain.finding import Finding, Sub
from interop.domain.release import SiteRules
from interop.domain.sender import SenderProfile
from interop.ports import AuditRow, Commit, Priority, Projected, Record, Timer, TimerEnd

SILENT: Final = "feed-silent"
"""The kind of timer, its subject the sender's profile; and the table that names the senders that are silent, with the time since when."""


async def silent_feed(record: Record, sender: str, rules: SiteRules) -> Finding | None:
    """Why nothing is programmed from this sender's orders, where the site's rule says so. Raises: StoreUnavailable."""
    if not rules.silent_feed_blocks or not sender:
        return None
    since = await record.projection(SILENT, sender)
    return None if since is None else Finding.against(Sub.SILENT_FEED, "order feed", f"nothing was heard from {sender} since {since}")


def watch_feed(profile: SenderProfile, heard_at: datetime) -> tuple[Timer, ...]:
    """The timer that every message of this sender sets anew; none where the profile sets no limit."""
    if not profile.silent_after_s:
        return ()
    return (Timer(SILENT, profile.name, heard_at + timedelta(seconds=profile.silent_after_s), heard_at.isoformat()),)


def heard(profile: SenderProfile) -> tuple[Projected, ...]:
    """It speaks: the mark, if there is one, goes."""
    return (Projected(SILENT, profile.name, None),) if profile.silent_after_s else ()


def fell_silent(timer: Timer, now: datetime) -> Commit:
    """The timer fires: nothing came since. ``timer.body`` is when it was last heard."""
    return Commit(
        timers=(TimerEnd(timer.kind, timer.subject, timer.due_at),),
        projections=(Projected(SILENT, timer.subject, timer.body),),
        audit=(AuditRow(now, timer.subject, "feed.silent", f"last heard {timer.body}"),),
        priority=Priority.ORDERS,
    )
