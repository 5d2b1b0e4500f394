"""Messages of the demo hospital's EHR: infusion orders (PCD-03) as bytes, built from a few words.

    a_dopamine_rgv()                                    dopamine 400 mg / 250 mL at 10 ug/kg/min for an 80 kg patient, on LVP-0001/A
    a_dopamine_rgv(rate="100")                          the same, with another rate
    a_dopamine_rgv(order="ORD-2", pump="LVP-0002")      another order, another pump
    a_dopamine_rgv(weight="")                           without the weight's OBX
    a_dopamine_rgv(fields={"RXG-16": "mcg/kg/min"})     any field, as raw HL7 text
    a_dopamine_rgv(without=["RXR"])                     without a segment
    a_dopamine_rgv(after={"RXR": ["NTE|1||see chart"]}) with further segments, raw

Every word is text and may be any keyword of ``Words``; an empty word leaves its field (or its OBX, or TQ1) out. Words are raw HL7: delimiters in
them delimit. A unit is a UCUM code and is written as this EHR writes it, in MDC and UCUM; a unit that is not in ``UNITS`` is written as it is.
Amounts, drug and parameters may be given per step: ``steps=[{...}, {...}]``, each a mapping of words, makes a multistep order.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

PCD_03 = "IHE_PCD_RGV_O15^IHE PCD^1.3.6.1.4.1.19376.1.6.1.3.1^ISO"

UNITS: Mapping[str, str] = {
    "mL": "263762^MDC_DIM_MILLI_L",
    "mL/h": "265266^MDC_DIM_MILLI_L_PER_HR",
    "g": "263872^MDC_DIM_X_G",
    "kg": "263875^MDC_DIM_KILO_G",
    "mg": "263890^MDC_DIM_MILLI_G",
    "ug": "263891^MDC_DIM_MICRO_G",
    "mg/h": "265522^MDC_DIM_MILLI_G_PER_HR",
    "ug/min": "265491^MDC_DIM_MICRO_G_PER_MIN",
    "ug/kg": "262995^MDC_DIM_MICRO_G_PER_KG",
    "ug/kg/min": "265619^MDC_DIM_MICRO_G_PER_KG_PER_MIN",
    "[iU]": "267616^MDC_DIM_X_INTL_UNIT",
    "[iU]/h": "267840^MDC_DIM_X_INTL_UNIT_PER_HR",
    "[iU]/kg": "269824^MDC_DIM_X_INTL_UNIT_PER_KG",
    "[iU]/kg/h": "267968^MDC_DIM_X_INTL_UNIT_PER_KG_PER_HR",
    "cm": "263441^MDC_DIM_CENTI_M",
    "m2": "263616^MDC_DIM_SQ_X_M",
    "s": "264320^MDC_DIM_X_SEC",
    "min": "264352^MDC_DIM_MIN",
    "h": "264384^MDC_DIM_HR",
    "/h": "264704^MDC_DIM_PER_HR",
}
"""UCUM → the MDC triplet's code and name, as the framework prints them (ihe-pcd.md 9.5)."""

Parameter = tuple[str, str, str] | tuple[str, str, str, str]
"""A coded parameter (OBX): MDC number, name, value, and its unit if it has one."""

DEMAND_DOSE = ("158017", "MDC_DOSE_PCA_PATIENT")
LOCKOUT = ("157989", "MDC_TIME_PCA_LOCKOUT")
DOSE_LIMIT = ("157985", "MDC_DOSE_PCA_LIMIT")
LIMIT_PERIOD = ("157987", "MDC_TIME_PD_PCA_DOSE_LIMIT")
INTERMITTENT_DOSE = ("158023", "MDC_DOSE_INTERMITTENT")
DOSE_INTERVAL = ("157998", "MDC_TIME_PD_DOSE_START_INTERVAL")
ORDER_TYPE = ("158038", "MDC_INFUS_ORDER_TYPE")
STEP_TYPE = ("158037", "MDC_INFUS_ORDER_STEP_TYPE")
NUMBER_OF_STEPS = ("158033", "MDC_INFUS_TOTAL_NUM_STEPS")
BOLUS_RATE = ("157784", "MDC_FLOW_FLUID_PUMP")


@dataclass(frozen=True)
class Words:
    """All that a test may say about an order. The first part belongs to the message, the second to each give."""

    message_id: str = "MSG-0001"
    sent_at: str = "20260302015952-0600"
    application: str = "EHR1^2.16.840.1.113883.3.9999.1^ISO"
    facility: str = "DEMO"
    profile_id: str = PCD_03
    patient: str = "4711001"
    authority: str = "DEMO"
    name: str = "Rivera^Ana^^^^^L"
    birth_date: str = "19660101"
    sex: str = "F"
    location: str = "ICU"
    order_control: str = "RE"
    order: str = "ORD-1001"
    parent_order: str = ""
    requested_at: str = "20260302015950-0600"
    requested_by: str = "N0001"
    pump: str = "LVP-0001"
    channel: str = "A"  # this EHR writes the scanned label, LVP-0001/A
    manufacturer: str = "001A010000000001"
    weight: str = ""
    weight_unit: str = "kg"
    weight_at: str = "20260302000000-0600"
    height_cm: str = ""
    bsa_m2: str = ""
    therapy: str = ""  # this EHR's own segment ZRX

    drug: str = "LOC-05303^sodium chloride 0.9% 1000 mL^LOC"
    vtbi: str = "1000"
    rate: str = "125"  # RXG-15: the rate, the dose rate or the dose
    rate_unit: str = "mL/h"
    strength: str = ""
    strength_unit: str = "mg"
    strength_volume: str = ""
    minutes: str = ""
    route: str = "IV"
    device: str = "IVP"
    method: str = "IV"
    parameters: Sequence[Parameter] = ()

    steps: Sequence[Mapping[str, Any]] = field(default=())


def an_rgv(
    *,
    fields: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
    after: Mapping[str, Sequence[str]] | None = None,
    **words: Any,
) -> bytes:
    """An RGV^O15 of the demo EHR: without words, sodium chloride at 125 mL/h. See the module for what may be said.

    ``fields`` ({"RXG-16": "mcg"}), ``without`` (["OBX[2]"]) and ``after`` name segments as findings do: ``RXG``, or ``RXG[2]`` for the second.

    Raises: TypeError: there is no such word. KeyError: the message has no such segment.
    """
    lines = _lines(replace(Words(), **words))
    for place, text in (fields or {}).items():
        segment, _, number = place.partition("-")
        position = _position(lines, segment)
        lines[position] = _with_field(lines[position], int(number), text)
    for segment, more in (after or {}).items():
        position = _position(lines, segment)
        lines[position : position + 1] = [lines[position], *more]
    gone = {_position(lines, segment) for segment in without}
    return message_of(line for position, line in enumerate(lines) if position not in gone)


def message_of(lines: Iterable[str]) -> bytes:
    """The bytes of a message from its segments."""
    return "".join(f"{line}\r" for line in lines).encode("ascii")


def a_fluid_rgv(**words: Any) -> bytes:
    """LVP by rate: sodium chloride 0.9 % 1000 mL at 125 mL/h (DL-081)."""
    return an_rgv(**words)


def a_dopamine_rgv(**words: Any) -> bytes:
    """LVP by dose rate: dopamine 400 mg / 250 mL at 10 ug/kg/min for 80 kg (DL-010)."""
    return an_rgv(**{**DOPAMINE, **words})


def a_heparin_rgv(**words: Any) -> bytes:
    """LVP by dose rate: heparin 25,000 [iU] / 250 mL at 12 [iU]/kg/h for 80 kg, VTE protocol (DL-025)."""
    return an_rgv(**{**HEPARIN, **words})


def a_cefazolin_rgv(**words: Any) -> bytes:
    """LVP, dose over time: cefazolin 2 g in 100 mL over 30 min (DL-066)."""
    return an_rgv(**{**CEFAZOLIN, **words})


def a_piggyback_rgv(**words: Any) -> bytes:
    """Piggyback: vancomycin 1000 mg in 200 mL over 60 min as a secondary infusion (DL-064)."""
    return an_rgv(**{**VANCOMYCIN, **words})


def a_syringe_rgv(**words: Any) -> bytes:
    """Syringe: midazolam 50 mg / 50 mL at 1 ug/kg/min for 20 kg (DL-038)."""
    return an_rgv(**{**MIDAZOLAM, **words})


def a_pca_rgv(**words: Any) -> bytes:
    """PCA without a basal rate: morphine 30 mg / 30 mL, 1 mg on demand, lockout 10 min, at most 6 mg in 1 h (DL-048)."""
    return an_rgv(**{**MORPHINE_PCA, **words})


def an_intermittent_rgv(**words: Any) -> bytes:
    """Intermittent: ceftriaxone 1 g in 50 mL over 30 min, every 12 h (DL-067)."""
    return an_rgv(**{**CEFTRIAXONE, **words})


def a_titration_rgv(**words: Any) -> bytes:
    """Rate change (XO) of the running dopamine to 12.5 ug/kg/min: no VTBI."""
    return an_rgv(**{**DOPAMINE, "order_control": "XO", "rate": "12.5", "vtbi": "", **words})


def a_bolus_rgv(**words: Any) -> bytes:
    """Bolus (CH) from the running heparin: 40 [iU]/kg at 300 mL/h; its own order, and the parent that runs."""
    return an_rgv(**{**HEPARIN, **HEPARIN_BOLUS, **words})


def a_multistep_rgv(**words: Any) -> bytes:
    """Multistep: milrinone 20 mg / 100 mL, 50 ug/kg over 10 min as the loading dose, then 0.375 ug/kg/min, for 80 kg (DL-014)."""
    return an_rgv(**{**MILRINONE, **words})


DOPAMINE: Mapping[str, Any] = {
    "drug": "LOC-00501^DOPamine 400 mg / 250 mL^LOC",
    "vtbi": "250",
    "rate": "10",
    "rate_unit": "ug/kg/min",
    "strength": "400",
    "strength_volume": "250",
    "weight": "80",
}
HEPARIN: Mapping[str, Any] = {
    "drug": "LOC-01701^heparin 25,000 units / 250 mL^LOC",
    "vtbi": "250",
    "rate": "12",
    "rate_unit": "[iU]/kg/h",
    "strength": "25000",
    "strength_unit": "[iU]",
    "strength_volume": "250",
    "weight": "80",
}
HEPARIN_BOLUS: Mapping[str, Any] = {
    "order_control": "CH",
    "order": "ORD-1002",
    "parent_order": "ORD-1001&EHR1",
    "vtbi": "",
    "rate": "40",
    "rate_unit": "[iU]/kg",
    "parameters": ((*ORDER_TYPE, "clinician-dose"), (*BOLUS_RATE, "300", "mL/h")),
}
CEFAZOLIN: Mapping[str, Any] = {
    "drug": "LOC-04501^ceFAZolin 2 g / 100 mL^LOC",
    "location": "OR",
    "vtbi": "100",
    "rate": "2",
    "rate_unit": "g",
    "strength": "2",
    "strength_unit": "g",
    "strength_volume": "100",
    "minutes": "30",
}
VANCOMYCIN: Mapping[str, Any] = {
    "drug": "LOC-04301^vancomycin 1000 mg / 200 mL^LOC",
    "location": "MEDSURG",
    "vtbi": "200",
    "rate": "1000",
    "rate_unit": "mg",
    "strength": "1000",
    "strength_volume": "200",
    "minutes": "60",
    "method": "IVPB",
}
MIDAZOLAM: Mapping[str, Any] = {
    "drug": "LOC-02502^midazolam 50 mg / 50 mL^LOC",
    "location": "PEDS",
    "pump": "SYR-0001",
    "device": "SYR",
    "vtbi": "",
    "rate": "1",
    "rate_unit": "ug/kg/min",
    "strength": "50",
    "strength_volume": "50",
    "weight": "20",
}
MORPHINE_PCA: Mapping[str, Any] = {
    "drug": "LOC-02903^morphine 30 mg / 30 mL^LOC",
    "location": "MEDSURG",
    "pump": "PCA-0001",
    "device": "PCA",
    "method": "",
    "vtbi": "30",
    "rate": "",
    "rate_unit": "",
    "strength": "30",
    "strength_volume": "30",
    "parameters": (
        (*DEMAND_DOSE, "1", "mg"),
        (*LOCKOUT, "10", "min"),
        (*DOSE_LIMIT, "6", "mg"),
        (*LIMIT_PERIOD, "1", "h"),
    ),
}
CEFTRIAXONE: Mapping[str, Any] = {
    "drug": "LOC-04601^cefTRIAXone 1 g / 50 mL^LOC",
    "location": "ED",
    "vtbi": "50",
    "rate": "1",
    "rate_unit": "g",
    "strength": "1",
    "strength_unit": "g",
    "strength_volume": "50",
    "minutes": "30",
    "parameters": ((*INTERMITTENT_DOSE, "1", "g"), (*DOSE_INTERVAL, "12", "h")),
}
MILRINONE: Mapping[str, Any] = {
    "drug": "LOC-00701^milrinone 20 mg / 100 mL^LOC",
    "strength": "20",
    "strength_volume": "100",
    "weight": "80",
    "steps": (
        {
            "vtbi": "20",
            "rate": "50",
            "rate_unit": "ug/kg",
            "minutes": "10",
            "parameters": ((*NUMBER_OF_STEPS, "2"), (*STEP_TYPE, "loading-dose")),
        },
        {
            "vtbi": "80",
            "rate": "0.375",
            "rate_unit": "ug/kg/min",
            "parameters": ((*NUMBER_OF_STEPS, "2"), (*STEP_TYPE, "continuous")),
        },
    ),
}


def unit(ucum: str) -> str:
    """A unit as this EHR writes it (CWE): the MDC triplet, then the UCUM one."""
    return f"{UNITS[ucum]}^MDC^{ucum}^{ucum}^UCUM" if ucum in UNITS else ucum


def _lines(words: Words) -> list[str]:
    said = {word.name: getattr(words, word.name) for word in fields(Words)}
    hospital = f"{words.application}|{words.facility}|INTEROP|{words.facility}"
    sent = f"{words.sent_at}||RGV^O15^RGV_O15|{words.message_id}|P|2.6|||AL|AL||ASCII|en^English^ISO639||{words.profile_id}"
    lines = [
        f"MSH|^~\\&|{hospital}|{sent}",
        f"PID|||{words.patient}^^^{words.authority}^PI||{words.name}||{words.birth_date}|{words.sex}",
        f"PV1||I|{words.location}" if words.location else "",
        f"ORC|{words.order_control}|{words.order}^EHR1||||||{words.parent_order}|{words.requested_at}" + "|" * 10 + words.requested_by,
    ]
    observed = 0
    for number, step in enumerate(words.steps or ({},), 1):
        give = Words(**{**said, "steps": (), **step})
        lines += _give(number, give)
        for code, value, value_type, its_unit, rest in _observations(give, first=number == 1):
            observed += 1
            written = unit(its_unit) if its_unit else ""
            lines.append(f"OBX|{observed}|{value_type}|{code}^MDC||{value}|{written}{rest}")
    lines.append(f"ZRX|1|{words.therapy}" if words.therapy else "")
    return [line for line in lines if line]


def _give(number: int, give: Words) -> list[str]:
    rxg = {
        1: str(number),
        4: give.drug,
        5: give.vtbi,
        7: unit("mL") if give.vtbi else "",
        15: give.rate,
        16: unit(give.rate_unit) if give.rate_unit else "",
        17: give.strength,
        18: unit(give.strength_unit) if give.strength else "",
        23: give.strength_volume,
        24: unit("mL") if give.strength_volume else "",
    }
    tq1 = "TQ1|1" + "|" * 12 + f"{give.minutes}^264352&MDC_DIM_MIN&MDC" if give.minutes else ""
    device, method = (f"^{value}^{table}" if value else "" for value, table in ((give.device, "HL70164"), (give.method, "HL70165")))
    return [
        "RXG|" + "|".join(rxg.get(n, "") for n in range(1, 25)).rstrip("|"),
        tq1,
        f"RXR|^{give.route}^HL70162||{device}|{method}".rstrip("|"),
    ]


def _observations(give: Words, *, first: bool) -> Iterable[tuple[str, str, str, str, str]]:
    """Code and name, value, type, unit, and what follows OBX-6. Pump and patient stand in the first give only."""
    if first and give.pump:
        label = f"{give.pump}/{give.channel}" if give.channel else give.pump
        yield "69986^MDC_DEV_PUMP_INFUS_VMD", "", "", "", f"|||||X|||||||{label}^^{give.manufacturer}^EUI-64"
    if first and give.weight:
        taken = f"{'|' * 8}{give.weight_at}" if give.weight_at else ""
        yield "68063^MDC_ATTR_PT_WEIGHT", give.weight, "NM", give.weight_unit, taken
    if first and give.height_cm:
        yield "68060^MDC_ATTR_PT_HEIGHT", give.height_cm, "NM", "cm", ""
    if first and give.bsa_m2:
        yield "188744^MDC_AREA_BODY_SURF_ACTUAL", give.bsa_m2, "NM", "m2", ""
    for code, name, value, *units in give.parameters:
        its_unit = units[0] if units else ""
        yield f"{code}^{name}", value, "NM" if its_unit or value.isdigit() else "ST", its_unit, ""


def _position(lines: Sequence[str], segment: str) -> int:
    match = re.fullmatch(r"([A-Z][A-Z0-9]{2})(?:\[([1-9][0-9]*)\])?", segment)
    if match is None:
        raise KeyError(segment)
    found = [position for position, line in enumerate(lines) if line.startswith(match[1])]
    occurrence = int(match[2] or 1)
    if occurrence > len(found):
        raise KeyError(segment)
    return found[occurrence - 1]


def _with_field(line: str, number: int, text: str) -> str:
    """MSH-1 is the delimiter itself, so MSH's fields stand one place earlier."""
    parts = line.split("|")
    position = number - 1 if line.startswith("MSH") else number
    parts += [""] * (position + 1 - len(parts))
    parts[position] = text
    return "|".join(parts)
