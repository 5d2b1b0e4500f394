"""The pump's numbered log: every frame is kept until the server has acknowledged it, and is told in order, once (SR-96)."""

from collections import OrderedDict
from collections.abc import Iterator

from pump_sim.wire import Frame


class PumpLog:
    """The log frames that are still kept, by number. Numbers count from 1 without a gap in one ``log_id``."""

    def __init__(self, log_id: str = "", first: int = 1, frames: Iterator[Frame] | tuple[Frame, ...] = ()) -> None:
        self.log_id = log_id
        self.kept: OrderedDict[int, Frame] = OrderedDict((frame["number"], frame) for frame in frames)
        self.next = max(self.kept, default=first - 1) + 1

    @property
    def first(self) -> int:
        """The oldest number that is still kept; the next one where nothing is."""
        return next(iter(self.kept), self.next)

    def add(self, frame: Frame) -> None:
        assert frame["number"] == self.next
        self.kept[self.next] = frame
        self.next += 1

    def forget(self, up_to: int) -> None:
        while self.kept and self.first <= up_to:
            self.kept.popitem(last=False)

    def after(self, number: int) -> Iterator[Frame]:
        """What is kept with a higher number, in order."""
        return (frame for each, frame in self.kept.items() if each > number)
