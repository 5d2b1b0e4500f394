"""What is to be given (R4 Medication, 11.2): codes on the request itself, or a contained Medication with its code and ingredients."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from interop.domain.finding import Finding, PivError
from interop.domain.quantity import NotANumber, exact
from interop.domain.request import AmountAsSent, CodeAsSent, IngredientAsSent
from interop.domain.ucum import UCUM
from interop.wire.fhir.amounts import QuantityReader, codes
from interop.wire.fhir.issue import quoted
from interop.wire.fhir.node import Node
from interop.wire.fhir.references import target_of


@dataclass(frozen=True, slots=True)
class MedicationAsSent:
    """The drug as sent. ``volume`` is Medication.amount where that is the volume of one container."""

    codes: tuple[CodeAsSent, ...] = ()
    ingredients: tuple[IngredientAsSent, ...] = ()
    volume: AmountAsSent = field(default_factory=AmountAsSent)


@dataclass(slots=True)
class MedicationReader:
    """Reads the medication of one request; what cannot be resolved or used becomes a finding."""

    contained: Mapping[str, Node]
    code_systems: Mapping[str, str]
    quantities: QuantityReader
    findings: list[Finding]

    def read(self, request: Node) -> MedicationAsSent:
        concept = request.child("medicationCodeableConcept")
        if concept.exists:
            return MedicationAsSent(codes(concept, self.code_systems))
        reference = request.child("medicationReference")
        medication = self._resolve(reference, "Medication") if reference.exists else None
        if medication is None:
            return MedicationAsSent()
        self._judge_status(medication)
        if medication.child("form").exists:
            # no reference lists the codes of forms that cannot be infused, and a list made up here would be believed
            sentence = "the order says which form the drug has; forms are not judged here, compare it with what hangs"
            self.findings.append(Finding.note(medication.child("form").path, sentence))
        ingredients = tuple(self._ingredient(node) for node in medication.each("ingredient"))
        return MedicationAsSent(codes(medication.child("code"), self.code_systems), ingredients, self._volume(medication.child("amount")))

    def _resolve(self, reference: Node, *kinds: str) -> Node | None:
        """The contained resource that is meant. One that would have to be fetched is not: an order is read from what was sent with it."""
        text = reference.text("reference")
        target = target_of(text.text)
        if target is None or not target.is_contained:
            elsewhere = f"{target.type}/{target.id}" if target is not None and target.type else "a resource elsewhere"
            sentence = f"the drug is described in {elsewhere}, which was not sent with the order"
            action = f"The sending system must contain the {kinds[0]} in the order, or send its code."
            self.findings.append(Finding.against(PivError.DRUG_NOT_MATCHED, text.field, sentence, action=action))
            return None
        node = self.contained.get(target.id)
        if node is None or node.text("resourceType").text not in kinds:
            sentence = f"no contained {kinds[0]} has this id"
            self.findings.append(Finding.against(PivError.DRUG_NOT_MATCHED, text.field, sentence))
            return None
        return node

    def _judge_status(self, medication: Node) -> None:
        """Medication.status changes its meaning (a modifier element): what is not active is not given."""
        status = medication.text("status")
        if status and status.text != "active":
            sentence = f"the drug's description is {quoted(status.text)}, not active"
            self.findings.append(Finding.against(PivError.INVALID_PARAMETER, status.field, sentence))

    def _ingredient(self, node: Node) -> IngredientAsSent:
        """By its codes and strength only: ``isActive`` does not tell drug from fluid reliably (fhir-infusion.md 2.3), so no role is claimed."""
        concept = node.child("itemCodeableConcept")
        found = codes(concept, self.code_systems)
        reference = node.child("itemReference")
        if not concept.exists and reference.exists:
            item = self._resolve(reference, "Substance", "Medication")
            if item is not None:
                self._judge_status(item)
                found = codes(item.child("code"), self.code_systems)
                if not found:
                    sentence = "an ingredient that is itself a mixture without a code cannot be matched"
                    self.findings.append(Finding.against(PivError.DRUG_NOT_MATCHED, item.path, sentence))
        return IngredientAsSent(found, self.quantities.ratio(node.child("strength"), self.findings), "", node.path)

    def _volume(self, amount: Node) -> AmountAsSent:
        """Medication.amount as the volume of the container: only if it says a volume per one piece (``40 mL / 1``), else it is noted and not used."""
        if not amount.exists:
            return AmountAsSent()
        volume = self.quantities.amount(amount.child("numerator"))
        each = amount.child("denominator")
        measure = UCUM.get(volume.unit.claims[0].spelling) if volume.unit.claims else None
        per_one = not each.exists or (each.text("code").text in ("", "1") and _is_one(each))
        if measure is not None and measure.is_volume and per_one:
            return volume
        self.findings.append(Finding.note(amount.path, "the amount is not the volume of one container and is not used"))
        return AmountAsSent()


def _is_one(quantity: Node) -> bool:
    number = quantity.number("value")
    try:
        return not number or exact(number.text) == 1
    except NotANumber:
        return False
