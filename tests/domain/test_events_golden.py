"""The rows of version 1, one file an event: written once, read for ever. A change of a field fails here and asks for a new version and an upcast."""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from interop.domain.events import association, infusion, order, programme
from interop.domain.events.codec import EVENTS, decode, encode
from interop.domain.events.event import Event, PumpSaid, meaning
from interop.domain.events.nouns import Edit, Library, OrderedAmount, Override, PatientNumber, Reason, Setting
from interop.domain.finding import Finding, PivError
from interop.domain.quantity import Quantity

GOLDEN = Path(__file__).parent.parent / "golden" / "events"
AT = datetime(2026, 3, 2, 8, 15, 0, 250000, tzinfo=UTC)
PUMP = PumpSaid(
    datetime(2026, 3, 2, 9, 14, 18, tzinfo=timezone(timedelta(hours=1))), timedelta(seconds=41, milliseconds=500), "LOG-7", 1204
)
PATIENT = PatientNumber("MRN-0042", "WARD")
AMOUNTS = (
    OrderedAmount("dose rate", "5.0", Quantity.of("5", "ug/kg/min")),
    OrderedAmount("range high", "twenty", None),
)
SETTINGS = (
    Setting("rate", Quantity.of("14.1", "mL/h"), Quantity(Fraction(225, 16), "mL/h")),
    Setting("dose rate", Quantity(Fraction(376, 75), "ug/kg/min"), Quantity.of("5", "ug/kg/min")),
    Setting("weight", Quantity.of("75", "kg")),
)
REASON = Reason.of(Finding.against(PivError.HARD_LIMIT, "RXG-15", "60 ug/kg/min is above the hard limit of 50 ug/kg/min"))
CAUTION = Reason.of(Finding.caution("RXG-15", "21 ug/kg/min is above the soft limit of 20 ug/kg/min", must_confirm=True))
EDIT = Edit("vtbi", Quantity.of("250", "mL"), Quantity.of("200", "mL"))
OVERRIDE = Override(
    "dose rate",
    attempted=Quantity.of("21", "ug/kg/min"),
    limit=Quantity.of("20", "ug/kg/min"),
    final=Quantity.of("20.5", "ug/kg/min"),
    reason="prescriber present",
    by="RN-17",
)
MESSAGE: dict[str, Any] = {"at": AT, "message_id": "J-88"}
VERSION: dict[str, Any] = {
    "content_digest": "c0ffee",
    "drug": "DOPamine 400 mg/250 mL",
    "drug_code": "DOP-400-250",
    "drug_code_system": "WARD",
    "amounts": AMOUNTS,
}
SAID: dict[str, Any] = {"at": AT, "pump": PUMP}
CHANNEL: dict[str, Any] = {**SAID, "delivered": Quantity.of("12.5", "mL")}
OPENING: dict[str, Any] = {
    **CHANNEL,
    "infusion_id": "INF-9",
    "pump_id": "PUMP-3",
    "channel_id": "A",
    "source": infusion.Source.PRIMARY,
    "programme_id": "PRG-5",
    "entry_key": "DOP-400-250",
    "drug": "dopamine",
    "concentration": Quantity.of("1.6", "mg/mL"),
    "rate": Quantity.of("14.1", "mL/h"),
    "dose_rate": Quantity(Fraction(376, 75), "ug/kg/min"),
    "vtbi": Quantity.of("250", "mL"),
    "dosing_weight": Quantity.of("75", "kg"),
}
OWNED: dict[str, Any] = {"at": AT, "association_id": "ASC-2"}
VOUCHED: dict[str, Any] = {**OWNED, "patient": PATIENT, "placer_order_number": "ORD-123", "by": "RN-17"}

EXAMPLES: tuple[Event, ...] = (
    order.OrderReceived(
        **MESSAGE,
        **VERSION,
        order_version=1,
        order_id="WARD/ORD-123",
        sender="EHR",
        system_group="WARD",
        placer_order_number="ORD-123",
        parent_order_number="ORD-100",
        patient=PATIENT,
    ),
    order.OrderChanged(**MESSAGE, **VERSION, order_version=2),
    order.OrderVerified(**MESSAGE, order_version=2, basis=order.VerificationBasis.RDE, by="RPH-4"),
    order.OrderHeld(**MESSAGE, reason="before theatre"),
    order.OrderReleased(**MESSAGE),
    order.OrderEnded(**MESSAGE, reason=order.EndReason.REPLACED, replaced_by="ORD-124"),
    programme.Planned(
        at=AT,
        programme_id="PRG-5",
        attempt=programme.Attempt.START,
        order_id="WARD/ORD-123",
        placer_order_number="ORD-123",
        order_version=2,
        pump_id="PUMP-3",
        channel_id="A",
        patient=PATIENT,
        requested_by="RN-17",
        requested_at=AT - timedelta(seconds=20),
        message_id="J-90",
        effect_key="5eed",
        plan_digest="b1ab",
        case_digest="ca5e",
        library=Library("ICU", "42", "11b1"),
        mapping_digest="3a9",
        drug="dopamine",
        entry_key="DOP-400-250",
        settings=SETTINGS,
        weight_source="order",
        cautions=(CAUTION,),
    ),
    programme.RefusedByChecks(at=AT, reasons=(REASON,)),
    programme.OfferNotSent(at=AT, reason=Reason.of(Finding.against(PivError.OFFLINE, "channel"))),
    programme.OfferSent(at=AT, offer_id="OFF-5", untouched_s=300, idle_s=180, total_s=900),
    programme.OfferShown(**SAID),
    programme.OfferOpened(**SAID, by="RN-17"),
    programme.RefusedByPump(**SAID, reasons=(Reason.of(Finding.against(PivError.SET_NOT_INSTALLED, "channel")),)),
    programme.Confirmed(
        **SAID,
        evidence=programme.Evidence.DECISION,
        by="RN-17",
        second_check_by="RN-21",
        settings=SETTINGS,
        edits=(EDIT,),
        overrides=(OVERRIDE,),
    ),
    programme.Rejected(**SAID, cause=programme.RejectCause.BY_CLINICIAN, by="RN-17", words="wrong line"),
    programme.Expired(**SAID),
    programme.AnswerLost(at=AT, waited_s=30),
    programme.Recalled(at=AT, cause=programme.RecallCause.ORDER_ENDED, by="J-95"),
    programme.Withdrawn(**SAID),
    programme.NeverSeen(at=AT, pump=None),
    programme.Attested(at=AT, by="RN-17", seen_at=AT - timedelta(minutes=2), saw=programme.Seen.NOTHING, words="channel is idle"),
    infusion.Started(**OPENING, by="RN-17"),
    infusion.Found(**{**OPENING, "programme_id": "", "vtbi": None, "dosing_weight": None, "dose_rate": None}),
    infusion.RateChanged(
        **CHANNEL,
        old=Quantity.of("14.1", "mL/h"),
        new=Quantity.of("16.9", "mL/h"),
        dose_rate=Quantity.of("6.01", "ug/kg/min"),
        cause=infusion.RateCause.CLINICIAN,
        programme_id="",
        by="RN-17",
    ),
    infusion.SegmentClosed(**CHANNEL),
    infusion.VolumeCompleted(**CHANNEL),
    infusion.KvoEntered(**CHANNEL, rate=Quantity.of("5", "mL/h")),
    infusion.Paused(**CHANNEL, reason=infusion.NotDelivering.ALARMING, by=""),
    infusion.Resumed(**CHANNEL, rate=Quantity.of("14.1", "mL/h"), dose_rate=None, by="RN-17"),
    infusion.BolusStarted(
        **CHANNEL,
        source=infusion.Source.CLINICIAN,
        rate=Quantity.of("999", "mL/h"),
        dose=Quantity.of("4", "mg"),
        vtbi=Quantity.of("2.5", "mL"),
        programme_id="PRG-6",
        by="RN-17",
    ),
    infusion.BolusStopped(
        **CHANNEL, volume=Quantity.of("2.5", "mL"), dose=Quantity.of("4", "mg"), in_cumulative=False, whole=True, rate_after=None
    ),
    infusion.ContainerChanged(**CHANNEL, container_id="BAG-2", vtbi=Quantity.of("250", "mL"), programme_id="PRG-7", by="RN-17"),
    infusion.EditedAtPump(**CHANNEL, edits=(EDIT,), by="RN-17"),
    infusion.CountersReset(**SAID, before=Quantity.of("212.4", "mL"), delivered=Quantity.of("0", "mL")),
    infusion.AlarmRaised(**SAID, alarm_id="AL-1", code="197360", priority="PH", text="Downstream occlusion"),
    infusion.AlarmCleared(**SAID, alarm_id="AL-1"),
    infusion.ContactLost(at=AT, last_heard_at=AT - timedelta(seconds=30)),
    infusion.ContactRegained(at=AT),
    infusion.Ended(**CHANNEL, cause=infusion.EndCause.CLEARED, by="RN-17"),
    association.AssociationMade(**VOUCHED, basis=association.AssociationBasis.OFFER_CONFIRMED),
    association.AssociationBackfilled(
        **VOUCHED, basis=association.AssociationBasis.REVIEW, since=AT - timedelta(hours=3), until=AT - timedelta(hours=1)
    ),
    association.AssociationSuspended(**OWNED, cause=association.SuspensionCause.TRANSFER, message_id="J-97"),
    association.AssociationRestored(**OWNED, cause=association.RestoreCause.BEDSIDE, lifts=("J-97",), by="RN-17", message_id=""),
    association.AssociationEnded(**OWNED, cause=association.AssociationEndCause.IDLE, by=""),
    association.AssociationVoided(**OWNED, by="RN-17", words="wristband of the next bed"),
)


def golden(event: Event) -> Path:
    return GOLDEN / f"{event.type}.v1.json"


def every_event_class() -> set[type[Event]]:
    """By the modules themselves, so that a class that is left out of EVENTS is noticed."""
    modules = (order, programme, infusion, association)
    named = (value for module in modules for value in vars(module).values())
    return {value for value in named if isinstance(value, type) and issubclass(value, Event) and "type" in vars(value)}


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.type)
def test_a_row_of_version_1_still_reads_to_the_same_value(event: Event) -> None:
    row = golden(event).read_text(encoding="ascii").removesuffix("\n")
    assert decode(row) == event
    assert type(decode(row)) is type(event)
    assert encode(decode(row)) == row  # byte for byte: amounts that are equal in another unit would not be


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.type)
def test_an_event_is_written_today_as_it_was_at_version_1(event: Event) -> None:
    assert event.version == 1, "a new version keeps this golden row and needs one of its own"
    assert encode(event) + "\n" == golden(event).read_text(encoding="ascii")


def test_every_event_has_its_golden_row_and_no_row_is_without_an_event() -> None:
    assert every_event_class() == set(EVENTS)
    assert [type(example) for example in EXAMPLES] == list(EVENTS)
    assert {path.name for path in GOLDEN.iterdir()} == {golden(event).name for event in EXAMPLES}


def test_every_type_name_tells_its_stream_in_small_letters() -> None:
    names = [event.type for event in EVENTS]
    assert len(set(names)) == len(names)
    for event in EVENTS:
        stream, _, what = event.type.partition(".")
        assert stream == {"association": "infusion"}.get(module := event.__module__.rpartition(".")[2], module)
        assert what == what.lower()
        assert what.replace("-", "").isalpha()
        assert "type" not in {field.name for field in fields(event)}


def test_every_event_says_what_it_tells_in_one_sentence() -> None:
    for event in EVENTS:
        assert meaning(event).endswith("."), event


def test_no_golden_row_holds_a_float() -> None:
    def no_float(text: str) -> None:
        raise AssertionError(text)

    for path in GOLDEN.iterdir():
        json.loads(path.read_text(encoding="ascii"), parse_float=no_float)


def test_sr_11_the_pumps_time_and_ours_are_both_kept_with_the_correction() -> None:
    shown = decode(golden(programme.Expired(**SAID)).read_text(encoding="ascii"))
    assert isinstance(shown, programme.Expired)
    assert shown.pump == PUMP
    assert shown.at == AT
    assert shown.happened_at == datetime(2026, 3, 2, 8, 14, 59, 500000, tzinfo=UTC)


def test_what_we_do_ourselves_happened_by_our_own_clock() -> None:
    assert infusion.ContactRegained(at=AT).happened_at == AT


def test_d_24_with_an_unknown_correction_the_pumps_word_is_kept_as_it_is() -> None:
    said = PumpSaid(AT - timedelta(minutes=7), None)
    assert programme.Expired(at=AT, pump=said).happened_at == AT - timedelta(minutes=7)
    assert programme.Expired(at=AT, pump=None).happened_at == AT
