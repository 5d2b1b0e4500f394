"""What one client, and all together, may take of the FHIR door (SEC-42)."""

from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import Final

from interop.doors.mllp_limits import SECOND_NS, Rate

MAX_KNOWN: Final = 4_096
"""Clients whose pace is remembered; beyond it the one that was heard longest ago is forgotten."""


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Bounds of the door.

    Attributes:
        body_bytes: the largest body.
        values: members and items of a body.
        body_s: how long a body may take to come in.
        in_flight: requests worked on at once; more are told to come back.
        reading: bodies judged at once, each in a thread.
        requests_per_s: of one client in the long run.
        burst: how many of one client at once, after a pause.
        connections: open at once, of all; one more is cut off.
        connections_per_address: of these, of one address.
        head_bytes: the longest head of a request; one that goes on is cut off.
        head_s: how long a head may take, from the connection or its first byte on.
        idle_s: how long a connection may be idle between requests.
    """

    body_bytes: int = 1_048_576
    values: int = 4_000
    body_s: int = 30
    in_flight: int = 256
    reading: int = 2
    requests_per_s: int = 100
    burst: int = 200
    connections: int = 512
    connections_per_address: int = 128
    head_bytes: int = 65_536
    head_s: int = 10
    idle_s: int = 15

    def __post_init__(self) -> None:
        """Raises: ValueError: a bound is not above 0."""
        for each in fields(self):
            if getattr(self, each.name) <= 0:
                raise ValueError(f"{each.name} is above 0")


class Paces:
    """How fast each client may go on; bounded, whoever asks."""

    def __init__(self, limits: DoorLimits) -> None:
        self._limits = limits
        self._rates: OrderedDict[str, Rate] = OrderedDict()

    def wait_s(self, client: str, now_ns: int) -> int:
        """0: the request counts and may be served; otherwise whole seconds until one may."""
        rate = self._rates.pop(client, None) or Rate(self._limits.requests_per_s, self._limits.burst)
        self._rates[client] = rate
        if len(self._rates) > MAX_KNOWN:
            self._rates.popitem(last=False)
        wait_ns = rate.wait_ns(now_ns)
        if wait_ns:
            return -(-wait_ns // SECOND_NS)
        rate.take(now_ns)
        return 0
