"""A site's order sentences, planned: each must come out as pharmacy wrote it down. The site's own regression test (design: A site)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from interop.domain.case import Association, Case
from interop.domain.channel import Channel, ChannelState
from interop.domain.delivery import Mode, Route
from interop.domain.finding import Code, PivError, Sub
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
from interop.domain.sender import Orc2Is
from interop.pathway import plan
from interop.site.sentences import OrderSentence
from interop.stages.normalise import normalise
from interop.workbench.running import infusing, run_before

AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)  # any instant: a sentence is not about time
PATIENT = PatientId("SENTENCE", "(sentence)")
PUMP, CHANNEL, ORDER = "(sentence)", "A", "SENTENCE"
DEVICES = {Mode.LVP: "IVP", Mode.SYRINGE: "SYR", Mode.PCA: "PCA"}
ROUTES = {
    Route.IV: "IV",
    Route.EPIDURAL: "EP",
    Route.SUBCUTANEOUS: "SC",
    Route.INTRATHECAL: "IT",
    Route.NASOGASTRIC: "NG",
    Route.GASTROSTOMY: "GTT",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A sentence that did not come out as written, and how: a sentence for people."""

    sentence: OrderSentence
    what: str


def differences(release: Release, sentences: tuple[OrderSentence, ...]) -> tuple[Difference, ...]:
    """Plans every sentence; empty when all come out as written."""
    return tuple(Difference(sentence, what) for sentence in sentences if (what := difference(sentence, planned(release, sentence))))


def planned(release: Release, sentence: OrderSentence) -> Plan:
    """The sentence as a PCD-03 order of a verified sender, on a channel of its pump model that is idle or runs what it says, with the release's library."""
    any_sender = next(iter(release.senders.values()), None)
    plain = replace(any_sender, zone="", shared_identities=frozenset(), orc2_is=Orc2Is.ORDER) if any_sender is not None else None
    senders = {"(sentence)": plain} if plain is not None else {}
    channel = Channel(
        pump_id=PUMP,
        channel_id=CHANNEL,
        model=sentence.pump_model,
        mode=sentence.mode,
        state=ChannelState.IDLE,
        library=release.library.ref,
        care_area=sentence.care_area,
        reported_at=AT,
        patient=PATIENT,
        is_epidural=sentence.route is Route.EPIDURAL,
    )
    case = Case(replace(release, senders=senders), channel, Association(PATIENT, ORDER, PUMP, CHANNEL, AT, system_group="(sentence)"))
    request = _request(sentence)
    if sentence.runs is not None:
        running = run_before(normalise(request, case.release), case, sentence.runs, sentence.runs_weight)
        case = replace(case, channel=infusing(channel, running))
    return plan(request, case, AT)


def difference(sentence: OrderSentence, came: Plan) -> str:
    """How the plan differs from what the sentence expects; "" if it does not."""
    if came.offer is None:
        codes = ", ".join(sorted({finding.code_text for finding in came.refusals}))
        why = came.refusals[0].sentence if came.refusals else ""
        if sentence.offered:
            return f"expected to be offered, but refused with {codes}: {why}"
        missing = [code_text(code) for code in sentence.codes if code not in came.codes]
        return f"expected {', '.join(missing)}, but refused with {codes}: {why}" if missing else ""
    program = came.offer.program
    if not sentence.offered:
        expected = ", ".join(code_text(code) for code in sentence.codes)
        return f"expected to be refused with {expected}, but offered: {program.entry.key} at {program.rate.set}"
    if program.entry.key != sentence.entry:
        return f"expected entry {sentence.entry}, but {program.entry.key} was chosen"
    if sentence.rate_ml_per_h is not None and program.rate.set.value != sentence.rate_ml_per_h:
        return f"expected {Quantity(sentence.rate_ml_per_h, 'mL/h')}, but the pump would run {program.rate.set}"
    asks = any(caution.must_confirm for caution in came.offer.cautions)
    if sentence.must_confirm is not None and asks is not sentence.must_confirm:
        said = "; ".join(caution.sentence for caution in came.offer.cautions if caution.must_confirm)
        return f"expected no caution to answer, but: {said}" if asks else "expected a caution to answer at the pump, but there is none"
    return ""


def code_text(code: Code) -> str:
    return str(code.number) if isinstance(code, PivError) else f"{code.parent.number}.{code.key}" if isinstance(code, Sub) else ""


def _request(sentence: OrderSentence) -> OrderRequest:
    stamp = AT.strftime("%Y%m%d%H%M%S%z")
    give = GiveAsSent(
        sub_id=AsSent("1", "id"),
        codes=(CodeAsSent(sentence.code, sentence.system, "", "code"),),
        vtbi=_amount(sentence.vtbi, sentence.vtbi_unit, "vtbi"),
        amounts=(_amount(sentence.rate, sentence.rate_unit, "rate"),) if sentence.rate or sentence.rate_unit else (),
        duration=(_amount(sentence.duration, sentence.duration_unit, "duration"),) if sentence.duration else (),
        strength=_amount(sentence.strength, sentence.strength_unit, "strength"),
        strength_volume=_amount(sentence.volume, sentence.volume_unit, "volume"),
        routes=(CodeAsSent(ROUTES.get(sentence.route, sentence.route.value), "HL70162", "", "route"),),
        device=AsSent(DEVICES[sentence.mode], "mode"),
    )
    return OrderRequest(
        sender="(sentence)",
        system_group="(sentence)",
        message_kind="RGV^O15",
        message_id=AsSent(sentence.id, "id"),
        sent_at=AsSent(stamp, "id"),
        purpose=Purpose.CHANGE if sentence.changes else Purpose.START,
        order_control=AsSent("XO" if sentence.changes else "RE", "control" if sentence.changes else "id"),
        placer_order_number=IdentifierAsSent(AsSent(ORDER, "id")),
        requested_at=AsSent(stamp, "id"),
        requested_by=AsSent("(sentence)", "id"),
        patient=PatientAsSent((IdentifierAsSent(AsSent(PATIENT.value, "id"), PATIENT.authority),)),
        verification=VerificationAsSent(VerificationPolicy.BY_CONTRACT),
        gives=(give,),
        pump=PumpAsSent(AsSent(PUMP, "pump_model"), AsSent(CHANNEL, "pump_model")),
        weight=_amount(sentence.weight, sentence.weight_unit, "weight"),
        weight_is_dosing_weight=True,
        height=_amount(sentence.height, sentence.height_unit, "height"),
        body_surface_area=_amount(sentence.surface, sentence.surface_unit, "surface"),
        therapy=AsSent(sentence.therapy, "therapy"),
    )


def _amount(number: str, unit: str, column: str) -> AmountAsSent:
    claims = (UnitClaim(unit, "UCUM", f"{column}_unit", unit),) if unit else ()
    return AmountAsSent(AsSent(number, column), UnitAsSent(claims, f"{column}_unit"))
