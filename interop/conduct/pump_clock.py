"""A pump's clock beside ours (SR-11, D-24): what is added to the pump's time to tell it in ours, and how far it has been told so. Pure.

Beyond the limit a pump's time is corrected by the error of its clock; it stays so until the error falls under half of the limit or the pump begins a
new log, so that an error about the limit does not turn the correction on and off. And whatever becomes of the error, what a pump says later is never
told earlier: a change of the correction stops the told time for a while, and does not turn it back. Only what was told while our own clock was ahead
of the truth counts for nothing: what happens now is told now.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

AS_IT_IS: Final = timedelta(0)
"""Within the limit the error may be the way that a frame took: nothing is moved."""


@dataclass(frozen=True, slots=True)
class PumpClock:
    """``correction``: what is added to the pump's time. ``word_at``: our time of the last word of its log, as told.

    ``report_clock`` and ``report_at``: the pump's time and ours of the report that was documented last, as told.
    """

    correction: timedelta = AS_IT_IS
    word_at: datetime | None = None
    report_clock: datetime | None = None
    report_at: datetime | None = None

    def measured(self, skew: timedelta, limit: timedelta) -> "PumpClock":
        """After its clock was found to be ahead of ours by ``skew``."""
        is_wrong = abs(skew) >= limit / 2 if self.correction else abs(skew) > limit
        return replace(self, correction=-skew if is_wrong else AS_IT_IS)

    def of_new_log(self) -> "PumpClock":
        """It begins a new log: whether it is corrected is found anew; what was told stays told."""
        return replace(self, correction=AS_IT_IS)

    def word(self, said_at: datetime, arrived_at: datetime, limit: timedelta, *, is_new: bool) -> tuple[timedelta, "PumpClock"]:
        """What to add to the time of the log's next word, and the clock after it. Nothing happens later than it is told, but for the limit.

        ``is_new``: the pump said it since it connected, so after all reports. What is told again after a cut may be older, and keeps its time (SR-46).
        """
        latest = arrived_at + limit
        is_after_report = is_new or (self.report_clock is not None and self.report_clock <= said_at)
        earlier = _possible(latest, self.word_at, self.report_at if is_after_report else None)
        at = max([min(said_at + self.correction, latest), *earlier])
        return at - said_at, replace(self, word_at=at)

    def documented(self, clock: datetime, heard_at: datetime, limit: timedelta) -> tuple[datetime, "PumpClock"]:
        """Our time of a report that is documented, given when the pump's clock was ``clock`` and ours ``heard_at``; and the clock after it."""
        at = max([clock + self.correction, *_possible(heard_at + limit, self.word_at, self.report_at)])
        return at, replace(self, report_clock=clock, report_at=at)


def _possible(latest: datetime, *told: datetime | None) -> list[datetime]:
    """What was told before, but not what lies ahead of us: our own clock was wrong then, and what happens now must not be told at that time."""
    return [each for each in told if each is not None and each <= latest]
