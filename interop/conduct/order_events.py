"""What a new version of a pharmacy order means for its Order stream: received or changed, held or released, verified, ended (SR-07, D-06, D-14). Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from interop.conduct import naming
from interop.conduct.kept import canonical, digest_of, write_request
from interop.conduct.streams import OrderNow
from interop.domain.events.nouns import OrderedAmount, PatientNumber
from interop.domain.events.order import (
    EndReason,
    OrderChanged,
    OrderEnded,
    OrderEvent,
    OrderHeld,
    OrderReceived,
    OrderReleased,
    OrderVerified,
    VerificationBasis,
)
from interop.domain.lifecycle import order as orders
from interop.domain.lifecycle.order import State
from interop.domain.order import Given, Order
from interop.domain.request import AsSent, OrderRequest, VerificationAsSent, VerificationPolicy
from interop.stages.checks.live_order import ACTIONABLE_INTENTS

ENDED = {
    "stopped": EndReason.STOPPED,
    "cancelled": EndReason.CANCELLED,
    "completed": EndReason.COMPLETED,
    "entered-in-error": EndReason.ENTERED_IN_ERROR,
}
"""MedicationRequest.status → why the order is over."""

ACTIVE, ON_HOLD = "active", "on-hold"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an order as it came. ``number`` is the resource's; ``order`` None: it could not be understood."""

    number: int
    request: OrderRequest
    order: Order | None
    message_id: str


def content_digest(request: OrderRequest) -> str:
    """What the order asks for, whatever its state, its version or its verification: equal means that nothing ordered has changed."""
    nothing = AsSent()
    verification = VerificationAsSent(request.verification.policy)
    bare = replace(request, message_id=nothing, sent_at=nothing, status=nothing, version=nothing, verification=verification, findings=())
    return digest_of(canonical(write_request(bare)))


def decide(known: OrderNow, version: Version, now: datetime) -> tuple[OrderEvent, ...]:
    """The events of this version, none where it says nothing new.

    Whatever is neither active nor ended is held, and so is an order whose verification is taken back: only what is plainly active and verified is
    programmed. An order that has ended takes no further word but a graver end.
    """
    story = _Story(known.today, version, now)
    status = version.request.status.text
    digest = content_digest(version.request)
    if story.state is State.ENDED:
        if status == "entered-in-error" and known.today is not None and known.today.ended_because is not EndReason.ENTERED_IN_ERROR:
            story.tell(OrderEnded(at=now, message_id=version.message_id, reason=EndReason.ENTERED_IN_ERROR))
        return tuple(story.events)
    if story.today is None:
        story.tell(_received(version, digest, now))
    elif digest != story.today.content_digest:
        story.tell(_changed(version, digest, now))
    if status in ENDED:
        story.tell(OrderEnded(at=now, message_id=version.message_id, reason=ENDED[status]))
        return tuple(story.events)
    is_verified = _is_verified(version.request)
    if status != ACTIVE:
        story.hold("on hold" if status == ON_HOLD else "its status is not active")
    elif story.state is State.ACTIVE and not is_verified:
        story.hold("its verification was taken back")
    elif is_verified:
        story.verify()
    elif story.state is State.HELD:
        story.tell(OrderReleased(at=now, message_id=version.message_id))
    return tuple(story.events)


class _Story:
    """The stream while this version is told."""

    def __init__(self, today: orders.Stream | None, version: Version, now: datetime) -> None:
        self.today, self._version, self._now = today, version, now
        self.events: list[OrderEvent] = []

    @property
    def state(self) -> State | None:
        return None if self.today is None else self.today.state

    def tell(self, event: OrderEvent) -> None:
        """Raises: NoRow."""
        self.today = orders.apply(self.today, event)
        self.events.append(event)

    def hold(self, why: str) -> None:
        if self.state is not State.HELD:
            self.tell(OrderHeld(at=self._now, message_id=self._version.message_id, reason=why))

    def verify(self) -> None:
        """Once a version; and again after a hold, as its release asks which verification stands."""
        if self.state is State.HELD:
            self.tell(OrderReleased(at=self._now, message_id=self._version.message_id))
        if self.today is not None and self.state is State.WAITING:
            basis = _BASIS[self._version.request.verification.policy]
            told = OrderVerified(
                at=self._now, message_id=self._version.message_id, order_version=self.today.order_version, basis=basis, by=""
            )
            self.tell(told)


_BASIS = {VerificationPolicy.BY_CONTRACT: VerificationBasis.BY_CONTRACT, VerificationPolicy.FIELD: VerificationBasis.EXTENSION}


def _is_verified(request: OrderRequest) -> bool:
    """A pharmacist has verified it, and it is an order that is meant to be carried out."""
    if request.do_not_perform.text.lower() == "true" or (request.intent and request.intent.text not in ACTIONABLE_INTENTS):
        return False
    said = request.verification
    return said.policy is VerificationPolicy.BY_CONTRACT or (said.policy is VerificationPolicy.FIELD and said.verified is True)


def _received(version: Version, digest: str, now: datetime) -> OrderReceived:
    request, order = version.request, version.order
    patient = order.patient_ids[0] if order is not None and order.patient_ids else None
    number = request.placer_order_number.value.text
    drug, code, system = _drug(request)
    return OrderReceived(
        at=now,
        message_id=version.message_id,
        order_version=version.number,
        content_digest=digest,
        drug=drug,
        drug_code=code,
        drug_code_system=system,
        amounts=_amounts(order),
        order_id=naming.order_id(request.system_group, number),
        sender=request.sender,
        system_group=request.system_group,
        placer_order_number=number,
        parent_order_number=request.parent_order.value.text,
        patient=None if patient is None else PatientNumber(patient.value, patient.authority),
    )


def _changed(version: Version, digest: str, now: datetime) -> OrderChanged:
    drug, code, system = _drug(version.request)
    return OrderChanged(
        at=now,
        message_id=version.message_id,
        order_version=version.number,
        content_digest=digest,
        drug=drug,
        drug_code=code,
        drug_code_system=system,
        amounts=_amounts(version.order),
    )


def _drug(request: OrderRequest) -> tuple[str, str, str]:
    codes = request.gives[0].codes if request.gives else ()
    return (codes[0].text, codes[0].code, codes[0].system) if codes else ("", "", "")


def _amounts(order: Order | None) -> tuple[OrderedAmount, ...]:
    """Every amount that was read, as sent and as understood."""
    readings = order.readings if order is not None else ()
    return tuple(OrderedAmount(each.what, each.as_sent, each.meaning.quantity) for each in readings if isinstance(each.meaning, Given))
