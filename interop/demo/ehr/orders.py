"""The orders of the stand-in EHR, as PCD-03 (IHE DEV TF-2, 3.3) and as MedicationRequest (FHIR R4), from a few words.

Patients and drugs are invented for the demonstration; the codes are those of the demo site's formulary. Amounts are text and stay as they were said.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from interop.demo.ehr.hl7 import dtm

APPLICATION: Final = "EHR1^2.16.840.1.113883.3.9999.1^ISO"
FACILITY: Final = "DEMO"
PROFILE_ID: Final = "IHE_PCD_RGV_O15^IHE PCD^1.3.6.1.4.1.19376.1.6.1.3.1^ISO"
NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
WORD = re.compile(r"[A-Za-z0-9./-]{1,64}", re.ASCII)
UCUM: Final = "http://unitsofmeasure.org"


class NoSuchOrder(ValueError):
    """What was asked for cannot be ordered here; the text says what to say instead."""


@dataclass(frozen=True, slots=True)
class Patient:
    """Who does not exist. ``weight_kg``: measured ten hours ago."""

    id: str
    family: str
    given: str
    born: str
    sex: str
    weight_kg: str


@dataclass(frozen=True, slots=True)
class Drug:
    """One container of the demo site's formulary, and how this EHR says its dose rate: the UCUM code and its MDC twin."""

    code: str
    text: str
    ingredient: tuple[str, str]
    amount: str
    volume_ml: str
    dose_unit: str
    dose_unit_mdc: str


PATIENTS: Final[Mapping[str, Patient]] = {
    "rivera": Patient("4711001", "Rivera", "Ana", "19660101", "F", "80"),
    "okafor": Patient("4711002", "Okafor", "Chidi", "19580412", "M", "72"),
    "lindqvist": Patient("4711003", "Lindqvist", "Maja", "19790923", "F", "64"),
}

UG_KG_MIN: Final = ("ug/kg/min", "265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN")
DRUGS: Final[Mapping[str, Drug]] = {
    "dopamine": Drug("LOC-00501", "DOPamine 400 mg / 250 mL", ("3628", "dopamine"), "400", "250", *UG_KG_MIN),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What may be said about an order. ``control`` is ORC-1; ``vtbi_ml`` may be empty, and is for XO; ``pump``: the scanned label of a channel."""

    order: str
    drug: str = "dopamine"
    patient: str = "rivera"
    dose_rate: str = "10"
    vtbi_ml: str = "250"
    control: str = "RE"
    pump: str = "LVP-0001/A"
    nurse: str = "N0001"

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Words":
        """Raises: NoSuchOrder."""
        known = {each.name for each in fields(cls)}
        if wrong := sorted(set(said) - known):
            raise NoSuchOrder(f"an order has no {', '.join(wrong)}; it has {', '.join(sorted(known))}")
        if not all(isinstance(each, str) for each in said.values()) or not said.get("order"):
            raise NoSuchOrder("every word of an order is text, and its number is among them")
        words = cls(**said)
        if words.drug not in DRUGS or words.patient not in PATIENTS:
            raise NoSuchOrder(f"drugs here: {', '.join(DRUGS)}; patients: {', '.join(PATIENTS)}")
        if words.control not in ("RE", "XO"):
            raise NoSuchOrder("ORC-1 is RE or XO here")
        amounts = (words.dose_rate, words.vtbi_ml) if words.vtbi_ml else (words.dose_rate,)
        if not all(map(NUMBER.fullmatch, amounts)) or not all(map(WORD.fullmatch, (words.order, words.pump, words.nurse))):
            raise NoSuchOrder("amounts are plain decimals; order, pump and nurse are letters, digits, dots, slashes and hyphens")
        return words


def pcd_03(words: Words, control_id: str, now: datetime) -> bytes:
    """The bedside request: the clinician asked a second ago, the order is sent now."""
    drug, patient = DRUGS[words.drug], PATIENTS[words.patient]
    ml, mg, kg = "263762^MDC_DIM_MILLI_L^MDC^mL^mL^UCUM", "263890^MDC_DIM_MILLI_G^MDC^mg^mg^UCUM", "263875^MDC_DIM_KILO_G^MDC^kg^kg^UCUM"
    dose_unit = f"{drug.dose_unit_mdc}^MDC^{drug.dose_unit}^{drug.dose_unit}^UCUM"
    vtbi = words.vtbi_ml if words.control == "RE" else ""  # PCD-03 leaves it out of a rate change
    rxg = {1: "1", 4: f"{drug.code}^{drug.text}^LOC^{'^'.join(drug.ingredient)}^RXNORM", 5: vtbi, 7: ml if vtbi else ""}
    rxg |= {15: words.dose_rate, 16: dose_unit, 17: drug.amount, 18: mg, 23: drug.volume_ml, 24: ml}
    asked, weighed = dtm(now - timedelta(seconds=1)), dtm(now - timedelta(hours=10))
    lines = [
        f"MSH|^~\\&|{APPLICATION}|{FACILITY}|INTEROP|{FACILITY}|{dtm(now)}||RGV^O15^RGV_O15|{control_id}|P|2.6|||AL|AL||ASCII|en^English^ISO639||{PROFILE_ID}",
        f"PID|||{patient.id}^^^DEMO^PI||{patient.family}^{patient.given}^^^^^L||{patient.born}|{patient.sex}",
        "PV1||I|ICU",
        f"ORC|{words.control}|{words.order}^EHR1|||||||{asked}" + "|" * 10 + words.nurse,
        "RXG|" + "|".join(rxg.get(number, "") for number in range(1, 25)),
        "RXR|^IV^HL70162||^IVP^HL70164|^IV^HL70165",
        f"OBX|1||69986^MDC_DEV_PUMP_INFUS_VMD^MDC||||||||X|||||||{words.pump}^^001A010000000001^EUI-64",
        f"OBX|2|NM|68063^MDC_ATTR_PT_WEIGHT^MDC||{patient.weight_kg}|{kg}|||||F|||{weighed}",
    ]
    return "".join(f"{line}\r" for line in lines).encode("ascii")


def medication_request(words: Words, now: datetime) -> bytes:
    """The order as a resource; it names no pump, and the EHR's numbers keep their digits."""
    drug, patient = DRUGS[words.drug], PATIENTS[words.patient]
    rxnorm, snomed, loinc = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://snomed.info/sct", "http://loinc.org"
    bag = {
        "resourceType": "Medication",
        "id": "bag",
        "code": _coded("urn:interop:demo:orderable", drug.code, drug.text),
        "ingredient": [
            {
                "itemCodeableConcept": _coded(rxnorm, *drug.ingredient),
                "strength": {"numerator": _quantity(drug.amount, "mg"), "denominator": _quantity(drug.volume_ml, "mL")},
            }
        ],
    }
    weight = {
        "resourceType": "Observation",
        "id": "weight",
        "status": "final",
        "code": _coded(loinc, "29463-7", "Body weight"),
        "valueQuantity": _quantity(patient.weight_kg, "kg"),
        "effectiveDateTime": _instant(now - timedelta(hours=10)),
    }
    person = {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": [{"system": "urn:interop:demo:patients", "value": patient.id}],
        "name": [{"use": "official", "family": patient.family, "given": [patient.given]}],
        "birthDate": f"{patient.born[:4]}-{patient.born[4:6]}-{patient.born[6:]}",
        "gender": {"F": "female", "M": "male"}[patient.sex],
    }
    resource = {
        "resourceType": "MedicationRequest",
        "contained": [bag, weight, person],
        "identifier": [{"use": "official", "system": "urn:interop:demo:orders", "value": words.order}],
        "status": "active",
        "intent": "order",
        "medicationReference": {"reference": "#bag"},
        "subject": {"reference": "#patient", "identifier": {"system": "urn:interop:demo:patients", "value": patient.id}},
        "supportingInformation": [{"reference": "#weight"}],
        "authoredOn": _instant(now - timedelta(minutes=5)),
        "requester": {"display": "the prescriber"},
        "dosageInstruction": [
            {
                "text": f"{drug.text} at {words.dose_rate} {drug.dose_unit}",
                "route": _coded(snomed, "47625008", "Intravenous route"),
                "doseAndRate": [{"rateQuantity": _quantity(words.dose_rate, drug.dose_unit)}],
            }
        ],
    }
    return _with_numbers(json.dumps(resource, indent=1)).encode("ascii")


def _coded(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _quantity(value: str, unit: str) -> dict[str, str]:
    return {"value": f"#{value}#", "unit": unit, "system": UCUM, "code": unit}


def _with_numbers(text: str) -> str:
    """JSON's writer would write a decimal anew: ``10.0`` stays ``10.0`` when it never was a number here."""
    return re.sub(r'"#([0-9.]+)#"', r"\1", text)


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
