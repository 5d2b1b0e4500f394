"""A pump's screen as JSON for a program that looks at it: the view as it stands, and beside it the amounts exactly, as the link writes them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pump_sim.amounts import Amount, ml, ml_per_h
from pump_sim.fleet import Unit
from pump_sim.state import Channel, Programme


def pump_document(unit: Unit) -> dict[str, Any]:
    """``PumpView`` with ``exact`` in each channel: ``{"value": "9.6", "unit": "mL/h"}`` by name, of ``program``, ``change`` and ``run``."""
    document = asdict(unit.view())
    document["log_id"] = unit.pump.log_id
    for channel in document["channels"]:
        channel["exact"] = _exact(unit, unit.pump.channels[channel["channel_id"]])
    return document


def pump_line(unit: Unit) -> dict[str, Any]:
    """The pump in a list: who it is, and what each channel does."""
    view = unit.view()
    return {
        "pump_id": view.pump_id,
        "model": view.model,
        "title": view.title,
        "power": view.power,
        "connected": view.connected,
        "care_area": view.care_area,
        "channels": [
            {"channel_id": each.channel_id, "mode": each.mode, "state": each.state, "alarms": [alarm.text for alarm in each.alarms]}
            for each in view.channels
        ],
    }


def _exact(unit: Unit, channel: Channel) -> dict[str, Any]:
    run = channel.run
    exact: dict[str, Any] = {"program": _settings(channel.programme), "change": _settings(channel.change), "run": None}
    if run is not None:
        counted = unit.pump.counted(channel.channel_id, unit.clock.now())
        exact["run"] = {
            **_amounts(run.programme.settings),
            "set rate": _amount(run.programme.settings["rate"]),
            "rate": _amount(ml_per_h(run.flow.rate)),
            "delivered": _amount(ml(counted)),
        }
    return exact


def _settings(programme: Programme | None) -> dict[str, Any] | None:
    return _amounts(programme.settings) if programme is not None else None


def _amounts(settings: Mapping[str, Amount]) -> dict[str, Any]:
    return {name: _amount(value) for name, value in settings.items()}


def _amount(amount: Amount) -> dict[str, str]:
    return {"value": amount.digits, "unit": amount.unit}
