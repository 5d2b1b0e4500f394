"""How streams and keys are named: the same thing has the same name on every node and for ever."""

import json
from datetime import UTC, datetime

from interop.domain.case import BedsideScan
from interop.domain.order import Order
from interop.domain.request import OrderRequest


def order_id(system_group: str, placer_order_number: str) -> str:
    """One order of one group of sending systems (D-04): ``EHR1/ORD-1001``; a slash or percent sign of a part is written as in a URL."""
    return "/".join(_part(each) for each in (system_group, placer_order_number))


def order_stream(order: str) -> str:
    """The Order stream of an ``order_id``."""
    return f"order/{order}"


def programme_stream(programme_id: str) -> str:
    """The Programme stream; a programme has the id of the request that it answers, so that one request can never make two."""
    return f"programme/{programme_id}"


def infusion_id(pump_id: str, own_id: str) -> str:
    """The infusion that a pump calls ``own_id``; no other pump's, and never used twice (docs/pump-link.md)."""
    return "/".join(_part(each) for each in (pump_id, own_id))


def infusion_stream(infusion: str) -> str:
    """The Infusion stream of an ``infusion_id``."""
    return f"infusion/{infusion}"


def channel_of(pump_id: str, channel_id: str) -> str:
    """One channel, as a key and for prefixes: ``P1/A``."""
    return "/".join(_part(each) for each in (pump_id, channel_id))


def channel_key(pump_id: str, channel_id: str) -> str:
    """Held by the one open offer of a channel (D-05), as an effect key: unique in the store, so that two offers cannot both be committed."""
    return f"channel {channel_of(pump_id, channel_id)}"


def patient_key(value: str, authority: str) -> str:
    """One patient number of one authority, as a key and for prefixes: ``DEMO/4711001``."""
    return "/".join(_part(each) for each in (authority, value))


def group_of(order: str) -> str:
    """The group of sending systems of an ``order_id``."""
    return order.partition("/")[0].replace("%2F", "/").replace("%25", "%")


def number_of(order: str) -> str:
    """The placer order number of an ``order_id``; ``#`` and a resource's id for an order that has none."""
    return order.partition("/")[2].replace("%2F", "/").replace("%25", "%")


def effect_key(request: OrderRequest, order: Order, scan: BedsideScan | None = None) -> str:
    """The key of an effect (D-04): sending system group, ORC-2, ORC-1, ORC-9, pump, channel. ORC-9 as an instant, so that its zone does not matter.

    For an order that names no pump, the id of the scan stands for ORC-1 and ORC-9.
    """
    if scan is not None:
        number = request.placer_order_number.value.text
        return json.dumps([request.system_group, number, "scan", scan.id, scan.pump_id, scan.channel_id])
    at = _instant(order.requested_at) if order.requested_at is not None else request.requested_at.text
    number = request.placer_order_number.value.text
    return json.dumps([request.system_group, number, request.order_control.text, at, request.pump.id.text, request.pump.channel.text])


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _part(text: str) -> str:
    return text.replace("%", "%25").replace("/", "%2F")
