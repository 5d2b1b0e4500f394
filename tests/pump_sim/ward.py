"""A pump on a ward without a server: its library, a clock that the test moves, the server's side of the link, and a nurse with a badge.

The library's figures are invented for these tests. Nothing here imports interop.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pump_sim import keys
from pump_sim.clock import MICROSECONDS, Now
from pump_sim.config import Config
from pump_sim.keys import Key
from pump_sim.library import Library, digest, read_library
from pump_sim.machine import Output
from pump_sim.pump import Connected, Disconnected, Input, Pump, Received, Tick
from pump_sim.state import Channel
from pump_sim.view import ChannelView

NURSE, SECOND, DOCTOR = "N-17", "N-42", "D-3"
EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PATIENT = {"id": "MRN-1", "authority": "HOSP"}


def amount(text: str) -> dict[str, str]:
    """``amount("9.6 mL/h")`` as the link writes it."""
    value, _, unit = text.partition(" ")
    return {"value": value, "unit": unit}


def limits(unit: str, hard_low: str, soft_low: str, soft_high: str, hard_high: str) -> dict[str, Any]:
    names = ("hard_low", "soft_low", "soft_high", "hard_high")
    return {name: amount(f"{text} {unit}") for name, text in zip(names, (hard_low, soft_low, soft_high, hard_high), strict=True)}


def entry(key: str, drug: str, **fields: Any) -> dict[str, Any]:
    common = {
        "therapy": "Standard",
        "care_area": "ICU",
        "mode": "LVP",
        "infusion_type": "continuous",
        "route": "IV",
        "second_check": "none",
    }
    return {"key": key, "drug": drug, "tallman": drug, "high_alert": True, "weight_based": False, **common, **fields}


ENTRIES = [
    entry(
        "DOP",
        "dopamine",
        tallman="DOPamine",
        dosing_unit="ug/kg/min",
        weight_based=True,
        amount=amount("400 mg"),
        volume=amount("250 mL"),
        concentration=amount("1.6 mg/mL"),
        limits=limits("ug/kg/min", "1", "2", "20", "50"),
        vtbi_hard_high=amount("275 mL"),
        min_weight=amount("40 kg"),
        max_weight=amount("300 kg"),
        advisory="Central line preferred.",
    ),
    entry(
        "HEP",
        "heparin",
        dosing_unit="[iU]/kg/h",
        weight_based=True,
        amount=amount("25000 [iU]"),
        volume=amount("250 mL"),
        concentration=amount("100 [iU]/mL"),
        limits=limits("[iU]/kg/h", "2", "5", "20", "30"),
        second_check="at_pump",
    ),
    entry(
        "VAN",
        "vancomycin",
        dosing_unit="mg",
        infusion_type="intermittent",
        limits=limits("mg", "250", "500", "2000", "3000"),
        duration_limits={"hard_low": amount("30 min"), "soft_low": amount("60 min")},
        concentration_limits={"hard_high": amount("10 mg/mL"), "soft_high": amount("5 mg/mL")},
        high_alert=False,
    ),
    entry(
        "NS",
        "sodium chloride 0.9 %",
        dosing_unit="mL/h",
        infusion_type="fluid",
        volume=amount("1000 mL"),
        limits=limits("mL/h", "1", "5", "250", "500"),
        high_alert=False,
    ),
    entry("NS-PEDS", "sodium chloride 0.9 %", dosing_unit="mL/h", infusion_type="fluid", care_area="PEDS", high_alert=False),
    entry(
        "MORS",
        "morphine",
        mode="SYRINGE",
        dosing_unit="mg/h",
        amount=amount("50 mg"),
        volume=amount("50 mL"),
        concentration=amount("1 mg/mL"),
        limits=limits("mg/h", "0.1", "0.5", "8", "15"),
    ),
]


def document(version: str = "42", entries: list[dict[str, Any]] | None = None, hash_: str = "ab" * 32) -> bytes:
    """A library document as `interop release library` would write it."""
    top: dict[str, Any] = {
        "form": "interop pump library 1",
        "id": "WARD",
        "version": version,
        "hash": hash_,
        "care_areas": [{"name": "ICU", "title": "Intensive care"}, {"name": "PEDS", "title": "Children"}],
        "entries": ENTRIES if entries is None else entries,
    }
    return json.dumps(top | {"sha256": digest(top)}, ensure_ascii=False).encode()


@cache
def library(version: str = "42") -> Library:
    return read_library(document(version))


def dopamine_offer(offer_id: str = "O-1", **changed: Any) -> dict[str, Any]:
    """400 mg / 250 mL, 10 ug/kg/min for 80 kg: 30 mL/h, 250 mL to be infused."""
    offer = {
        "frame": "offer",
        "offer_id": offer_id,
        "channel_id": "A",
        "attempt": "start",
        "expires_at": "2026-03-02T08:15:00+00:00",
        "confirmable_for_s": {"untouched": 300, "idle": 180, "total": 900},
        "answer_within_s": 5,
        "patient": {**PATIENT, "name": "Ada Example"},
        "order": "ORD-7",
        "requested_by": "N-99",
        "library": {"id": "WARD", "version": "42", "hash": "ab" * 32},
        "entry_key": "DOP",
        "drug": "dopamine",
        "tallman": "DOPamine",
        "therapy": "Standard",
        "care_area": "ICU",
        "concentration": amount("1.6 mg/mL"),
        "container": {"amount": amount("400 mg"), "volume": amount("250 mL")},
        "settings": settings({"dose rate": "10 ug/kg/min", "rate": "30 mL/h", "vtbi": "250 mL", "duration": "500 min", "weight": "80 kg"}),
        "second_check": "none",
        "weight_source": "order",
        "cautions": [],
    }
    return offer | changed


def heparin_offer(offer_id: str = "O-H", **changed: Any) -> dict[str, Any]:
    """12 [iU]/kg/h for 80 kg: 9.6 mL/h; a second check at the pump."""
    values = {"dose rate": "12 [iU]/kg/h", "rate": "9.6 mL/h", "vtbi": "240 mL", "weight": "80 kg"}
    heparin = {"entry_key": "HEP", "drug": "heparin", "tallman": "heparin", "second_check": "at_pump", "settings": settings(values)}
    container = {"amount": amount("25000 [iU]"), "volume": amount("250 mL")}
    return dopamine_offer(offer_id, **heparin, concentration=amount("100 [iU]/mL"), container=container) | changed


def titration_offer(ward: "Ward", offer_id: str = "O-2", rate: str = "45", dose: str = "15", **changed: Any) -> dict[str, Any]:
    """From what channel A runs now to another rate."""
    run = ward.channel("A").run
    assert run is not None
    now = {name: f"{run.programme.settings[name].digits} {run.programme.settings[name].unit}" for name in ("rate", "dose rate")}
    values = settings({"dose rate": f"{dose} ug/kg/min", "rate": f"{rate} mL/h", "weight": "80 kg"})
    changes = {"infusion_id": run.infusion_id, "settings": settings(now)}
    return dopamine_offer(offer_id, attempt="titration", settings=values, changes=changes) | changed


def settings(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "set": amount(text)} for name, text in values.items()]


WATCH: list[Callable[[dict[str, Any]], object]] = []
"""Called with every frame that any pump of these tests says (conftest.py: the server reads each)."""


class Ward:
    """One pump, the moment, and everything it has said since the last look."""

    def __init__(self, *, connected: bool = True, lib: Library | None = None, seed: int = 0, **config: Any) -> None:
        settings_ = {"care_area": "ICU", "faults": True, **config}
        self.pump = Pump(Config("PUMP-1", **settings_), library() if lib is None else lib, seed)
        self.now = Now.at(EIGHT, 0)
        self.said: list[dict[str, Any]] = []
        self.kept: list[dict[str, Any]] = []
        self.out = Output()
        self.press(keys.PowerOn())
        if connected:
            self.connect()

    def give(self, what: Input) -> Output:
        self.out = self.pump.handle(what, self.now)
        self.kept += self.out.keep
        self.said += self.out.say
        for frame in (*self.out.keep, *self.out.say):
            for watch in WATCH:
                watch(frame)
        return self.out

    def press(self, key: Key) -> str:
        """The words why it did nothing; empty: it did."""
        return self.give(key).refused

    def connect(self, up_to: int = 0) -> None:
        self.give(Connected())
        self.ack(up_to)

    def disconnect(self) -> None:
        self.give(Disconnected())

    def hear(self, frame: dict[str, Any]) -> Output:
        return self.give(Received(json.dumps(frame)))

    def ack(self, up_to: int, log_id: str = "") -> None:
        clock = "2026-03-02T08:00:00+00:00"
        self.hear({"frame": "ack", "log_id": log_id or self.pump.log_id, "up_to": up_to, "clock": clock, "heartbeat_s": 10})

    def wait(self, seconds: float, *, in_steps_of: float | None = None) -> None:
        """Time passes; the pump is asked as often as a fleet would ask it, or in one go."""
        left = int(seconds * MICROSECONDS)
        step = int((in_steps_of or seconds) * MICROSECONDS)
        while left > 0:
            self.now = self.now.later(min(step, left))
            left -= step
            self.give(Tick())

    def channel(self, channel_id: str) -> Channel:
        return self.pump.channels[channel_id]

    def screen(self, channel_id: str = "A") -> ChannelView:
        return next(each for each in self.pump.view(self.now).channels if each.channel_id == channel_id)

    def state(self, channel_id: str = "A") -> str:
        return self.channel(channel_id).state.name

    def frames(self, kind: str) -> list[dict[str, Any]]:
        """What the pump logged of this kind: a frame, or an event."""
        return [frame for frame in self.kept if frame["frame"] == kind or frame.get("kind") == kind]

    def last(self, kind: str) -> dict[str, Any]:
        return self.frames(kind)[-1]

    def codes(self) -> set[str]:
        """The reasons of the last refused offer."""
        return {reason["code"] for reason in self.last("offer_refused")["reasons"]}

    # ── the usual ways ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def running(self, offer: dict[str, Any] | None = None) -> "Ward":
        """An offer that was opened, confirmed and started."""
        offer = dopamine_offer() if offer is None else offer
        self.hear(offer)
        channel = offer["channel_id"]
        for key in (keys.OpenOffer(channel, NURSE), keys.Confirm(channel, NURSE), keys.Start(channel, NURSE)):
            assert self.press(key) == "", (key, self.out.refused)
        return self

    def by_hand(self, channel: str = "A", entry_key: str = "NS", rate: str = "100", vtbi: str = "500") -> "Ward":
        for key in (
            keys.Program(channel, NURSE, entry_key),
            keys.Enter(channel, "rate", rate),
            keys.Enter(channel, "vtbi", vtbi),
            keys.Review(channel),
            keys.Confirm(channel, NURSE),
            keys.Start(channel, NURSE),
        ):
            assert self.press(key) == "", (key, self.out.refused)
        return self


def at(ward: Ward, seconds: float) -> Now:
    return replace(ward.now, mono_us=ward.now.mono_us + int(seconds * MICROSECONDS))
