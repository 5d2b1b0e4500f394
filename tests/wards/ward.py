"""A ward to tell stories on: the demo site's release, an order as sent, an idle channel that fits it, and the plan of the two.

plan = planned(an_order(dose_rate="100"))
plan = planned(an_order(), a_case(channel=a_channel(care_area="")))
plan = planned(a_change(rate="12.5"), a_running_case())
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from interop.domain.case import Association, Case
from interop.domain.channel import Channel, ChannelState, Running
from interop.domain.delivery import Mode
from interop.domain.patient import PatientId
from interop.domain.plan import Plan
from interop.domain.quantity import Quantity
from interop.domain.release import Release
from interop.domain.request import (
    AmountAsSent,
    AsSent,
    CodeAsSent,
    GiveAsSent,
    IdentifierAsSent,
    OrderRequest,
    PatientAsSent,
    PumpAsSent,
    Purpose,
    UnitAsSent,
    UnitClaim,
    VerificationAsSent,
    VerificationPolicy,
)
from interop.pathway import plan
from interop.site.load import load_site
from interop.site.places import demo_site

NOW = datetime(2026, 3, 2, 8, 0, 0, tzinfo=UTC)
ASKED = NOW - timedelta(seconds=10)
PATIENT = PatientId("4711001", "DEMO")
ORDER_NUMBER = "ORD-1001"
LOCAL = "urn:interop:demo:orderable"


@cache
def demo_release() -> Release:
    loaded = load_site(demo_site())
    assert loaded.release is not None, "\n".join(str(fault) for fault in loaded.faults)
    return loaded.release


def dtm(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S%z")


def a_unit(spelling: str, field: str, system: str = "UCUM") -> UnitAsSent:
    """One coding of a unit; an empty spelling is no unit at all."""
    return UnitAsSent((UnitClaim(spelling, system, field, spelling),) if spelling else (), field)


def an_amount(number: str, unit: str, field: str, unit_field: str = "", system: str = "UCUM") -> AmountAsSent:
    """``an_amount("", "", "RXG-5")`` is absent."""
    return AmountAsSent(AsSent(number, field), a_unit(unit, unit_field or field, system))


def a_give(**changes: Any) -> GiveAsSent:
    """Dopamine 400 mg / 250 mL at 10 ug/kg/min, 250 mL to be infused, on an LVP, intravenously.

    Texts as sent: ``code, system, rate, unit, strength, strength_unit, volume, vtbi, duration, duration_unit, route, device, method``; ``rate`` may be
    a rate, dose rate or dose. Anything else is a field of ``GiveAsSent``.
    """
    text = {
        "code": "LOC-00501",
        "system": LOCAL,
        "rate": "10",
        "unit": "ug/kg/min",
        "strength": "400",
        "strength_unit": "mg",
        "volume": "250",
        "vtbi": "250",
        "duration": "",
        "duration_unit": "min",
        "route": "IV",
        "device": "IVP",
        "method": "IV",
    }
    text.update({key: changes.pop(key) for key in list(changes) if key in text})
    give = GiveAsSent(
        sub_id=AsSent("1", "RXG-1"),
        codes=(CodeAsSent(text["code"], text["system"], "", "RXG-4"),) if text["code"] else (),
        vtbi=an_amount(text["vtbi"], "mL" if text["vtbi"] else "", "RXG-5", "RXG-7"),
        amounts=(an_amount(text["rate"], text["unit"], "RXG-15", "RXG-16"),),
        duration=(an_amount(text["duration"], text["duration_unit"], "TQ1-13"),) if text["duration"] else (),
        strength=an_amount(text["strength"], text["strength_unit"] if text["strength"] else "", "RXG-17", "RXG-18"),
        strength_volume=an_amount(text["volume"], "mL" if text["volume"] else "", "RXG-23", "RXG-24"),
        routes=(CodeAsSent(text["route"], "HL70162", "", "RXR-1"),),
        device=AsSent(text["device"], "RXR-3"),
        method=AsSent(text["method"], "RXR-4"),
    )
    return replace(give, **changes)


GIVE_TEXTS = frozenset(
    {
        "code",
        "system",
        "rate",
        "unit",
        "strength",
        "strength_unit",
        "volume",
        "vtbi",
        "duration",
        "duration_unit",
        "route",
        "device",
        "method",
        "ingredients",
        "ratios",
        "amounts",
        "rate_range",
        "text",
        "parameters",
        "as_needed",
    }
)


def an_order(**changes: Any) -> OrderRequest:
    """A PCD-03 order for dopamine of an 80 kg patient, asked for ten seconds ago. Texts of ``a_give`` as well as fields of ``OrderRequest``.

    ``weight`` and ``weight_unit`` are texts; ``weight=""`` leaves it out; ``asked`` is the time of ORC-9; ``patient`` a ``PatientId``.
    """
    give = a_give(**{key: changes.pop(key) for key in list(changes) if key in GIVE_TEXTS})
    weight, weight_unit = changes.pop("weight", "80"), changes.pop("weight_unit", "kg")
    weight_at = changes.pop("weighed", NOW - timedelta(hours=2))
    asked = changes.pop("asked", ASKED)
    patient: PatientId = changes.pop("patient", PATIENT)
    location = changes.pop("location", "")
    request = OrderRequest(
        sender="pcd03-demo",
        system_group="EHR1",
        message_kind="RGV^O15",
        message_id=AsSent("MSG-1", "MSH-10"),
        sent_at=AsSent(dtm(asked + timedelta(seconds=2)) if asked else "", "MSH-7"),
        purpose=Purpose.START,
        order_control=AsSent("RE", "ORC-1"),
        placer_order_number=IdentifierAsSent(AsSent(ORDER_NUMBER, "ORC-2"), "EHR1"),
        requested_at=AsSent(dtm(asked) if asked else "", "ORC-9"),
        requested_by=AsSent("N0001", "ORC-19"),
        patient=PatientAsSent(
            ids=(IdentifierAsSent(AsSent(patient.value, "PID-3"), patient.authority),),
            location=AsSent(location, "PV1-3"),
        ),
        verification=VerificationAsSent(VerificationPolicy.BY_CONTRACT),
        gives=(give,),
        pump=PumpAsSent(AsSent("LVP-0001", "OBX-18"), AsSent("A", "OBX-18")),
        weight=an_amount(weight, weight_unit if weight else "", "OBX[2]-5", "OBX[2]-6"),
        weight_at=AsSent(dtm(weight_at) if weight_at else "", "OBX[2]-14"),
    )
    return replace(request, **changes)


def a_channel(**changes: Any) -> Channel:
    """An idle LVP channel set to ICU, with the release's own library, that reported just now."""
    release = demo_release()
    mode = changes.get("mode", Mode.LVP)
    model = next(model.key for model in release.pump_models.values() if mode in model.channels)
    channel = Channel(
        pump_id="LVP-0001",
        channel_id="A",
        model=model,
        mode=mode,
        state=ChannelState.IDLE,
        library=release.library.ref,
        care_area="ICU",
        reported_at=NOW - timedelta(seconds=3),
        patient=PATIENT,
    )
    return replace(channel, **changes)


def a_change(**changes: Any) -> OrderRequest:
    """XO: the dopamine of the running case to 12.5 ug/kg/min; no volume, no time. Words as in ``an_order``."""
    words = {"rate": "12.5", "vtbi": "", "purpose": Purpose.CHANGE, "order_control": AsSent("XO", "ORC-1")}
    return an_order(**{**words, **changes})


def a_run(**changes: Any) -> Running:
    """Dopamine 1.6 mg/mL for ORD-1001 at 10 ug/kg/min of 80 kg, which is 30 mL/h."""
    run = Running(
        placer_order_number=ORDER_NUMBER,
        entry_key="DL-010",
        drug="dopamine",
        concentration=Quantity.of("1.6", "mg/mL"),
        rate=Quantity.of("30", "mL/h"),
        dose_rate=Quantity.of("10", "ug/kg/min"),
        dosing_weight=Quantity.of("80", "kg"),
        infusion_id="INF-1",
        system_group="EHR1",
    )
    return replace(run, **changes)


def a_running_case(**changes: Any) -> Case:
    """The ward's channel infusing ``a_run``. Fields of ``Running`` change the run, ``state`` to ``patient`` the channel; all else as in ``a_case``."""
    run = a_run(**{key: changes.pop(key) for key in list(changes) if key in Running.__slots__})
    on_channel = {key: changes.pop(key) for key in ("state", "patient", "weight", "mode", "care_area") if key in changes}
    channel = a_channel(**{"state": ChannelState.INFUSING, "running": run, **on_channel})
    return a_case(channel=channel, **changes)


def an_association(**changes: Any) -> Association:
    return replace(Association(PATIENT, ORDER_NUMBER, "LVP-0001", "A", ASKED, system_group="EHR1"), **changes)


def a_case(**changes: Any) -> Case:
    """The channel above, associated by the scan. ``care_area``, ``mode`` and ``pump_weight`` change the channel; anything else is a field of ``Case``."""
    on_channel = {key: changes.pop(key) for key in ("care_area", "mode") if key in changes}
    if "pump_weight" in changes:
        on_channel["weight"] = Quantity.of(changes.pop("pump_weight"), "kg")
    case = Case(release=demo_release(), channel=a_channel(**on_channel), association=an_association())
    return replace(case, **changes)


def planned(request: OrderRequest | None = None, case: Case | None = None, now: datetime = NOW) -> Plan:
    return plan(request if request is not None else an_order(), case if case is not None else a_case(), now)


def codes_of(result: Plan) -> set[str]:
    """``{"9024", "9016.conflict"}`` of all refusals."""
    return {finding.code_text for finding in result.refusals}


def rate_of(result: Plan) -> str:
    """What the pump would run, for people; "" when nothing is offered."""
    return str(result.offer.program.rate.set) if result.offer is not None else ""
