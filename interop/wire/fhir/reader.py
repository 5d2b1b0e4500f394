"""Stored MedicationRequests → orders as sent, for whoever plans them later than they came (conduct's port ``ResourceReader``)."""

from collections.abc import Collection

from interop.domain.envelope import CannotBe, NotAccepted
from interop.domain.request import OrderRequest
from interop.domain.sender import SenderProfile
from interop.wire.fhir.json import Unreadable, read
from interop.wire.fhir.medication_request import read_medication_request
from interop.wire.fhir.validate import validate


class MedicationRequestReader:
    """Reads what the FHIR door has stored, byte for byte, by the newest profile of its sender."""

    def order(self, body: bytes, profile: SenderProfile, spellings: Collection[str]) -> OrderRequest:
        """Raises: NotAccepted: it is no JSON that the door takes."""
        try:
            resource = read(body)
        except Unreadable as fault:
            raise NotAccepted(CannotBe.UNREADABLE, "the stored resource cannot be read") from fault
        issues = validate(resource, unit_text=profile.unit_text, spellings=spellings)
        return read_medication_request(resource, profile, issues=issues)
