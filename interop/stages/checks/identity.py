"""Who, on what: are patient, order, pump, channel and clinician all there, and all those of one live association? (SR-02, SR-03, SR-06)"""

from collections.abc import Iterator

from interop.domain.finding import Finding, PivError, Sub
from interop.domain.patient import PatientId
from interop.stages.checks.facts import Facts


def a_bedside_request(facts: Facts) -> Iterator[Finding]:
    """D-06: only a request from the bedside makes an offer; an order that has no bedside moment needs a scan."""
    if not facts.order.bedside and facts.case.scan is None:
        yield Finding.against(Sub.NO_BEDSIDE_REQUEST, "scan", "nobody has asked for this at the bedside yet")


def a_known_channel(facts: Facts) -> Iterator[Finding]:
    """9001: the channel that was named is the channel of the case; a pump id without a channel is not enough on a pump with several (D-08)."""
    channel = facts.channel
    if channel is None:
        named = f"pump {facts.order.pump_id!r}" if facts.order.pump_id else "no pump"
        yield Finding.against(PivError.UNKNOWN_CHANNEL, "pump id", f"the request names {named}, which is no known channel")
        return
    if facts.order.pump_id:
        pump_id, channel_id = facts.order.pump_id, facts.order.channel_id
    elif facts.case.scan is not None:
        pump_id, channel_id = facts.case.scan.pump_id, facts.case.scan.channel_id
    else:
        if facts.order.bedside:
            yield Finding.against(PivError.UNKNOWN_CHANNEL, "pump id", "the request names no pump")
        return
    model = facts.case.release.pump_models.get(channel.model)
    if not channel_id and model is not None and len(model.channel_ids) == 1:
        channel_id = channel.channel_id  # a pump of one channel is named by its own id
    if (pump_id, channel_id) != (channel.pump_id, channel.channel_id):
        said = f"{pump_id} channel {channel_id}" if channel_id else f"{pump_id} without a channel"
        yield Finding.against(PivError.UNKNOWN_CHANNEL, "pump id", f"the request names {said}, the channel at hand is {channel.name}")
    if facts.order.manufacturer and channel.manufacturer and facts.order.manufacturer != channel.manufacturer:
        yield Finding.against(PivError.UNKNOWN_CHANNEL, "pump id", "the request names another manufacturer's pump of the same id")


def one_live_association(facts: Facts) -> Iterator[Finding]:
    """SR-02: patient, order, pump and channel are all equal to one association made by a bedside scan."""
    association, order = facts.case.association, facts.order
    if association is None:
        yield Finding.against(Sub.NO_ASSOCIATION, "association", "no bedside scan ties this patient and order to this channel")
        return
    patients = _patients(facts)
    if patients and association.patient not in patients:
        said = f"the scan was for {_short(association.patient)}, the order is for another patient"
        yield Finding.against(PivError.PATIENT_DIFFERS, "patient id", said)
    if order.placer_order_number and association.placer_order_number != order.placer_order_number:
        yield Finding.against(Sub.NO_ASSOCIATION, "order number", f"the scan was for order {association.placer_order_number}")
    elif association.system_group != order.system_group:
        text = f"the scan was for an order of {association.system_group or 'another system'}, this one is of {order.system_group}"
        yield Finding.against(Sub.NO_ASSOCIATION, "order number", text)
    channel = facts.channel
    if channel is not None and (association.pump_id, association.channel_id) != (channel.pump_id, channel.channel_id):
        yield Finding.against(PivError.UNKNOWN_CHANNEL, "channel", "the scan was for another channel")


def one_patient_per_pump(facts: Facts) -> Iterator[Finding]:
    """SR-03: all channels of a pump have one patient; another one live on it refuses (9012, D-11)."""
    if facts.channel is None or facts.channel.patient is None:
        return
    patients = _patients(facts)
    if patients and facts.channel.patient not in patients:
        yield Finding.against(PivError.PATIENT_DIFFERS, "patient id", "another patient is live on this pump")


def nobody_doubts_it(facts: Facts) -> Iterator[Finding]:
    """D-12, SR-05: a transfer, discharge or merge blocks new programming until one bedside confirmation."""
    if facts.case.in_doubt:
        yield Finding.against(Sub.IN_DOUBT, "association", f"whose pump this is was put in doubt by a {facts.case.in_doubt}")


def a_scanned_wristband(facts: Facts) -> Iterator[Finding]:
    """For an order with a scan of its own: the wristband's patient is the order's."""
    if facts.case.scan is not None and facts.order.patient_ids and facts.case.scan.patient not in facts.order.patient_ids:
        yield Finding.against(PivError.PATIENT_DIFFERS, "wristband", "the scanned wristband is not the order's patient")


def a_named_clinician(facts: Facts) -> Iterator[Finding]:
    """SR-06: the clinician who asked is known by an identity of their own."""
    asked_by, field = facts.asked_by, "ORC-19" if facts.order.bedside else "scan"
    if not asked_by:
        if facts.order.bedside or facts.case.scan is not None:
            yield Finding.against(PivError.MISSING_PARAMETER, field, "the request does not say which clinician asked")
        return
    profile = facts.case.release.senders.get(facts.order.sender)
    if profile is not None and asked_by in profile.shared_identities:
        yield Finding.against(Sub.SHARED_IDENTITY, field, f"{asked_by} is an identity that several people use")


def _patients(facts: Facts) -> frozenset[PatientId]:
    """The order's ids and those the record knows for the same person."""
    ids = frozenset(facts.order.patient_ids)
    known = facts.case.patient
    return ids | known.ids if known is not None and ids & known.ids else ids


def _short(patient: PatientId) -> str:
    return f"id …{patient.value[-4:]}" if len(patient.value) > 4 else "another id"
