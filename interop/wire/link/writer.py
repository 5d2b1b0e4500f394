"""What the server says to a pump → a frame (docs/pump-link.md, section 4). What would not be in the contract is not written."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from interop.domain import pump as said
from interop.domain.errors import OurError
from interop.domain.events.nouns import Setting
from interop.domain.library import LibraryRef as Library
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from interop.wire.link import to_pump as frames
from interop.wire.link import values

A = TypeVar("A", values.Amount, values.Volume, values.Concentration)

EXACT: Final = frozenset({"rate", "vtbi", "weight"})
"""The settings that the pump counts by; the others follow from them, and are told to nine decimals."""

_SCALE: Final = 10**said.DECIMALS
_WHOLE: Final = 10**9


class Unwritable(OurError):
    """The frame would break the contract, so that the pump would end the connection: a text without its form, an amount that cannot be said exactly."""


def write(frame: said.ToPump) -> str:
    """The text of the frame. Raises: Unwritable."""
    text = msgspec.json.encode(_FRAMES[type(frame)](frame))
    if type(frame) is not said.Ack:  # whose fields came through the reader
        _check(text)
    return text.decode()


def _check(text: bytes) -> None:
    try:
        _DECODER.decode(text)
    except msgspec.ValidationError as fault:
        raise Unwritable(str(fault)) from None
    if len(text) > values.MAX_BYTES:
        raise Unwritable(f"{len(text)} bytes are more than a frame holds")


_DECODER: Final = msgspec.json.Decoder(frames.ToPump)


def decimal(amount: Quantity, *, exact: bool) -> str:
    """``9.6``: no zero too many. ``exact``: an amount that nine decimals cannot say is refused; otherwise it is told as ``as_told`` has it.

    Raises: Unwritable.
    """
    if exact and _SCALE % amount.value.denominator:
        raise Unwritable(f"an amount in {amount.unit} needs more than {said.DECIMALS} decimals")
    scaled = said.as_told(amount).value * _SCALE
    whole, rest = divmod(scaled.numerator, _SCALE)
    if not 0 <= whole < _WHOLE or (amount.value and not scaled):
        raise Unwritable(f"an amount in {amount.unit} is out of the range of what can be said")
    return f"{whole}.{rest:0{said.DECIMALS}d}".rstrip("0") if rest else f"{whole}"


def _as(kind: type[A], amount: Quantity, *, exact: bool = True) -> A:
    return kind(decimal(amount, exact=exact), amount.unit)  # type: ignore[arg-type]  # the unit is looked at with the whole frame


def _setting(setting: Setting) -> frames.SettingAsked:
    is_exact = setting.name in EXACT
    asked = None if setting.asked is None else _as(values.Amount, setting.asked, exact=False)
    return frames.SettingAsked(setting.name, _as(values.Amount, setting.set, exact=is_exact), asked)  # type: ignore[arg-type]  # as the unit


def _patient(patient: PatientId, name: str = "") -> frames.PatientShown:
    return frames.PatientShown(patient.value, patient.authority or None, name or None)


def _library(library: Library) -> values.LibraryRef:
    return values.LibraryRef(library.id, library.version, library.hash)


def _container(offer: said.OfferToShow) -> frames.Container | None:
    amount, volume = offer.container_amount, offer.container_volume
    if amount is None and volume is None:
        return None
    return frames.Container(None if amount is None else _as(values.Amount, amount), None if volume is None else _as(values.Volume, volume))


def _ack(ack: said.Ack) -> frames.AckFrame:
    return frames.AckFrame(log_id=ack.log_id, up_to=ack.up_to, clock=ack.clock, heartbeat_s=ack.heartbeat_s)


def _offer(offer: said.OfferToShow) -> frames.OfferFrame:
    changes = offer.changes
    return frames.OfferFrame(
        offer_id=offer.offer_id,
        channel_id=offer.channel_id,
        attempt=offer.attempt,
        expires_at=offer.expires_at,
        confirmable_for_s=frames.ConfirmableFor(offer.untouched_s, offer.idle_s, offer.total_s),
        answer_within_s=offer.answer_within_s,
        patient=_patient(offer.patient, offer.patient_name),
        order=offer.placer_order_number,
        requested_by=offer.requested_by,
        library=_library(offer.library),
        entry_key=offer.entry_key,
        drug=offer.drug,
        tallman=offer.tallman,
        therapy=offer.therapy,
        care_area=offer.care_area,
        concentration=None if offer.concentration is None else _as(values.Concentration, offer.concentration, exact=False),
        container=_container(offer),
        settings=[_setting(setting) for setting in offer.settings],
        second_check=offer.second_check,
        weight_source=offer.weight_source or None,  # type: ignore[arg-type]  # looked at with the whole frame
        cautions=[frames.CautionShown(caution.text, caution.action) for caution in offer.cautions],
        changes=None if changes is None else frames.ChangesShown(changes.infusion_id, [_setting(setting) for setting in changes.settings]),
    )


def _withdraw(frame: said.Withdraw) -> frames.WithdrawFrame:
    return frames.WithdrawFrame(offer_id=frame.offer_id, channel_id=frame.channel_id)


def _read_back(frame: said.ReadBack) -> frames.ReadBackFrame:
    return frames.ReadBackFrame(request_id=frame.request_id)


def _associate(frame: said.Associate) -> frames.AssociateFrame:
    return frames.AssociateFrame(
        association_id=frame.association_id,
        channel_id=frame.channel_id,
        patient=_patient(frame.patient),
        order=frame.placer_order_number,
    )


def _dissociate(frame: said.Dissociate) -> frames.DissociateFrame:
    return frames.DissociateFrame(association_id=frame.association_id, channel_id=frame.channel_id)


def _library_available(frame: said.LibraryAvailable) -> frames.LibraryAvailableFrame:
    return frames.LibraryAvailableFrame(library=_library(frame.library))


_FRAMES: Final[Mapping[type, Callable[[Any], frames.ToPump]]] = {
    said.Ack: _ack,
    said.OfferToShow: _offer,
    said.Withdraw: _withdraw,
    said.ReadBack: _read_back,
    said.Associate: _associate,
    said.Dissociate: _dissociate,
    said.LibraryAvailable: _library_available,
}
