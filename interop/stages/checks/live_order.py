"""Is it an order that may be given now: active, meant, verified by a pharmacist, not on hold? (SR-07, D-14, D-25)"""

from collections.abc import Iterator

from interop.domain.case import PriorEffect
from interop.domain.finding import Finding, Sub
from interop.domain.request import VerificationPolicy
from interop.stages.checks.facts import Facts

ACTIONABLE_INTENTS = frozenset({"order", "original-order", "filler-order", "instance-order"})
"""fhir-infusion.md 2.1: proposals, plans, options and reflex orders are not orders to act on."""


def an_active_order(facts: Facts) -> Iterator[Finding]:
    """SR-07: only an active order of an actionable intent; what the record knows of the order counts as well as what the message says."""
    order = facts.order
    if order.do_not_perform.lower() == "true":
        yield Finding.against(Sub.ORDER_NOT_ACTIVE, "MedicationRequest.doNotPerform", "the order says that this must not be given")
    if order.status and order.status != "active":
        yield Finding.against(Sub.ORDER_NOT_ACTIVE, order.status_field or "status", f"the order is {order.status}, not active")
    if order.intent and order.intent not in ACTIONABLE_INTENTS:
        yield Finding.against(Sub.ORDER_NOT_ACTIVE, "MedicationRequest.intent", f"intent {order.intent} is not an order to act on")
    if facts.case.order_state not in ("", "active"):
        yield Finding.against(Sub.ORDER_NOT_ACTIVE, "order", f"the order is {facts.case.order_state} in the record")


def a_verified_order(facts: Facts) -> Iterator[Finding]:
    """D-14: verified by the field the sender's profile names, or by contract; else it waits, but for the signed emergency list."""
    verification = facts.order.verification
    if verification.policy is VerificationPolicy.BY_CONTRACT:
        return
    if verification.policy is VerificationPolicy.FIELD and verification.verified:
        return
    entry = facts.entry
    emergency = facts.case.release.emergency
    waits = verification.policy is VerificationPolicy.NONE or verification.verified is False
    if waits and entry is not None and any(rule.drug == entry.drug and rule.care_area == entry.care_area for rule in emergency):
        text = f"not verified by a pharmacist: {entry.tallman} is on the emergency list of {entry.care_area}"
        yield Finding.caution(
            "verification", text, action="Have pharmacy verify it as soon as possible.", code=Sub.NOT_VERIFIED, must_confirm=True
        )
        return
    field = verification.value.field or "verification"
    profile = facts.case.release.senders.get(facts.order.sender)
    if profile is not None and verification.value.text in profile.verification.rejected:
        text = f"a pharmacist has rejected this order ({verification.value.text})"
    elif verification.policy is VerificationPolicy.NONE:
        text = "this sender's orders carry no verification"
    elif verification.verified is None and verification.value:
        text = f"{verification.value.text!r} is not in the profile's table of verification states"
    else:
        text = "waiting for pharmacist"
    yield Finding.against(Sub.NOT_VERIFIED, field, text)


def nothing_on_hold(facts: Facts) -> Iterator[Finding]:
    """D-25: pharmacy may hold an entry or a code on all versions at once."""
    if facts.entry is not None and facts.entry.key in facts.case.held_entries:
        yield Finding.against(Sub.HELD, facts.entry.key, f"pharmacy holds {facts.entry.title}")
    for code in (*facts.order.codes, *(code for component in facts.order.components for code in component.codes)):
        if (code.system, code.code) in facts.case.held_codes:
            yield Finding.against(Sub.HELD, code.field, f"pharmacy holds code {code.code}")


def asked_for_once(facts: Facts) -> Iterator[Finding]:
    """D-04: the same key with other content is a conflict; with the same content the first answer is given again, outside of here."""
    if facts.case.prior_effect is PriorEffect.OTHER_CONTENT:
        text = "the same request was already made with other content"
        yield Finding.against(Sub.CONFLICT, "ORC-2", text)


def live_on_one_channel(facts: Facts) -> Iterator[Finding]:
    """D-05: one open offer per channel; an order that is live elsewhere is said (and refused for kinds that must not run twice)."""
    if facts.case.open_offer_on_channel:
        text = f"a program for order {facts.case.open_offer_on_channel} already waits on this channel"
        yield Finding.against(Sub.OFFER_OPEN, "channel", text)
    if facts.case.live_on:
        text = f"this order is already live on {facts.case.live_on}"
        if facts.program is not None and facts.program.dose is not None:
            yield Finding.against(Sub.LIVE_ELSEWHERE, "order", text)
        else:
            yield Finding.caution("order", text, action="Look there first.", code=Sub.LIVE_ELSEWHERE, must_confirm=True)


def as_needed_is_said(facts: Facts) -> Iterator[Finding]:
    """An as-needed order is given on a person's judgement: that is said, never hidden."""
    if facts.order.as_needed and facts.order.as_needed.lower() != "false":
        action = "Give it only if the patient needs it now."
        yield Finding.caution("asNeeded", f"to be given as needed: {facts.order.as_needed}", action=action)
