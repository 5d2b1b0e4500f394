"""When: is the request fresh, are the clocks together, is the channel's report live? (SR-09, SR-11, SR-45, D-24)"""

from collections.abc import Iterator
from datetime import timedelta

from interop.domain.finding import Finding, PivError, Sub
from interop.stages.checks.facts import Facts

TELL_IT = "Nothing to do here; the engineer on call sees it."


def a_fresh_request(facts: Facts) -> Iterator[Finding]:
    """SR-09: counted from when the clinician asked (ORC-9), never from when the message was sent (MSH-7)."""
    asked = facts.asked_at
    if asked is None:
        return  # said by whoever found it missing
    age = facts.now - asked
    if age > timedelta(seconds=facts.rules.request_max_age_s):
        limit = facts.rules.request_max_age_s
        field = "ORC-9" if facts.order.requested_at is not None else "scan"
        yield Finding.against(PivError.STALE, field, f"asked for {_ago(age)} ago; a request is good for {limit // 60} min")


def clocks_together(facts: Facts) -> Iterator[Finding]:
    """SR-11, D-24: an EHR's skew shows as a time in the future; a pump's is reported by the pump. Small skew is said, large or unknown blocks."""
    rules = facts.rules
    reported, blocks = timedelta(seconds=rules.skew_reported_s), timedelta(seconds=rules.skew_blocks_s)
    asked = "ORC-9" if facts.order.requested_at is not None else "scan"
    for field, instant in ((asked, facts.asked_at), ("MSH-7", facts.order.sent_at)):
        if instant is None:
            continue
        ahead = instant - facts.now
        if ahead > blocks:
            yield Finding.against(Sub.SKEW, field, f"{field} is {_ago(ahead)} in the future: the sender's clock or ours is wrong")
        elif ahead > reported:
            yield Finding.caution(field, f"the sender's clock is {_ago(ahead)} ahead", action=TELL_IT, code=Sub.SKEW)
    channel = facts.channel
    if channel is None:
        return
    if channel.clock_skew is None:
        yield Finding.against(Sub.SKEW, "pump clock", f"the clock of {channel.name} is not known")
    elif abs(channel.clock_skew) > blocks:
        yield Finding.against(Sub.SKEW, "pump clock", f"the clock of {channel.name} is off by {_ago(abs(channel.clock_skew))}")
    elif abs(channel.clock_skew) > reported:
        yield Finding.caution(
            "pump clock",
            f"the clock of {channel.name} is off by {_ago(abs(channel.clock_skew))}; times are corrected",
            action=TELL_IT,
            code=Sub.SKEW,
        )


def a_live_report(facts: Facts) -> Iterator[Finding]:
    """SR-45: what the channel said too long ago is not what it does now."""
    channel = facts.channel
    if channel is None:
        return
    age = facts.now - channel.reported_at
    if age > timedelta(seconds=facts.rules.report_stale_s):
        yield Finding.against(PivError.OFFLINE, "channel", f"{channel.name} was last heard of {_ago(age)} ago")
    elif age < -timedelta(seconds=facts.rules.skew_blocks_s):
        yield Finding.against(Sub.SKEW, "channel", f"{channel.name} reported {_ago(-age)} in the future")


def _ago(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} days"
