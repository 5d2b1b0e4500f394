"""What every check is given: the order as understood, its match, the case and the time. Checks read; none changes anything."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from interop.domain.case import Case
from interop.domain.channel import Channel
from interop.domain.finding import Finding
from interop.domain.library import LibraryEntry
from interop.domain.order import Order
from interop.domain.plan import Match
from interop.domain.program import Program
from interop.domain.release import ChannelKind, SiteRules


@dataclass(frozen=True, slots=True)
class Facts:
    """``program`` is None while no single entry or no arithmetic was possible; the reason is then already a finding of the match."""

    order: Order
    match: Match
    case: Case
    now: datetime
    entry: LibraryEntry | None
    program: Program | None
    channel: Channel | None
    is_titration: bool

    @classmethod
    def of(cls, order: Order, match: Match, case: Case, now: datetime) -> "Facts":
        """What nearly every check looks at is looked up once."""
        return cls(order, match, case, now, match.entry, match.program, case.channel, order.is_titration)

    @property
    def rules(self) -> SiteRules:
        return self.case.release.rules

    @property
    def channel_kind(self) -> ChannelKind | None:
        """What this kind of channel of this pump model can run; None if the model or the kind is not in the release."""
        if self.case.channel is None:
            return None
        model = self.case.release.pump_models.get(self.case.channel.model)
        return model.channels.get(self.case.channel.mode) if model is not None else None

    @property
    def asked_at(self) -> datetime | None:
        """When the clinician asked: the request's own moment (ORC-9), or the scan's."""
        return self.order.requested_at or (self.case.scan.at if self.case.scan is not None else None)

    @property
    def asked_by(self) -> str:
        return self.order.requested_by or (self.case.scan.clinician if self.case.scan is not None else "")


Check = Callable[[Facts], Iterator[Finding]]
"""One question. It yields a finding for every reason against the order that it sees, and nothing when it sees none."""
