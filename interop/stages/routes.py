"""Reads route and device as sent: HL7 tables 0162 and 0164 as PCD-03 uses them, and the SNOMED CT and EDQM codes seen in FHIR orders."""

from interop.domain.delivery import HL7_0164_DEVICE, Mode, Route
from interop.domain.finding import Finding, PivError
from interop.domain.request import AsSent, CodeAsSent

SNOMED = "http://snomed.info/sct"
EDQM = "http://standardterms.edqm.eu"

HL7_0162 = {
    "IV": Route.IV,
    "EP": Route.EPIDURAL,
    "SC": Route.SUBCUTANEOUS,
    "NG": Route.NASOGASTRIC,
    "GTT": Route.GASTROSTOMY,
    "IT": Route.INTRATHECAL,
}
"""RXR-1 as PCD-03 uses it (IHE DEV TF-2, 3.3.4.4.8). The table has no value for a nerve-block catheter."""

CODES: dict[tuple[str, str], Route] = {
    (SNOMED, "47625008"): Route.IV,  # Intravenous route
    (SNOMED, "255560000"): Route.IV,  # Intravenous (qualifier), seen in HL7's own examples
    (SNOMED, "404820008"): Route.EPIDURAL,
    (SNOMED, "34206005"): Route.SUBCUTANEOUS,
    (SNOMED, "72607000"): Route.INTRATHECAL,
    (SNOMED, "127492001"): Route.NASOGASTRIC,
    (SNOMED, "127490009"): Route.GASTROSTOMY,
    (SNOMED, "420287000"): Route.PERINEURAL,
    (EDQM, "20045000"): Route.IV,  # Intravenous use
    (EDQM, "20042000"): Route.INTRATHECAL,
    (EDQM, "20018000"): Route.EPIDURAL,
    (EDQM, "20066000"): Route.SUBCUTANEOUS,
}
V2_SYSTEMS = frozenset({"HL70162", "http://terminology.hl7.org/CodeSystem/v2-0162", "http://hl7.org/fhir/v2/0162", ""})


JUDGED = V2_SYSTEMS | {SNOMED, EDQM}
"""Systems whose routes are known here: a code of one that is not in the tables is another route, not a text to be passed over."""


def _route_of(code: CodeAsSent) -> Route | None:
    return HL7_0162.get(code.code) if code.system in V2_SYSTEMS else CODES.get((code.system, code.code))


def read_route(codes: tuple[CodeAsSent, ...], findings: list[Finding]) -> Route | None:
    """All codings that are known must name one route; a route that nobody here knows is refused, not taken for intravenous (SR-20)."""
    sent = [code for code in codes if code.code]
    if not sent:
        field = codes[0].field if codes else "route"
        findings.append(Finding.against(PivError.MISSING_PARAMETER, field, "the order names no route"))
        return None
    known = {}
    for code in sent:
        route = _route_of(code)
        if route is not None:
            known[route] = code
    unknown = [code for code in sent if code.system in JUDGED and _route_of(code) is None]
    if len(known) == 1 and not unknown:
        return next(iter(known))
    names = ", ".join(f"{code.code} ({code.system or 'no system'})" for code in sent)
    if known:
        findings.append(Finding.against(PivError.INVALID_PARAMETER, sent[0].field, f"the route was sent twice and differs: {names}"))
    else:
        findings.append(Finding.against(PivError.INVALID_PARAMETER, sent[0].field, f"{names} is not a route that a pump is programmed for"))
    return None


def read_mode(device: AsSent, findings: list[Finding]) -> Mode | None:
    """RXR-3: which kind of channel was asked for; empty says nothing."""
    if not device:
        return None
    mode = HL7_0164_DEVICE.get(device.text)
    if mode is None:
        findings.append(Finding.against(PivError.INVALID_PARAMETER, device.field, f"{device.text!r} is not IVP, PCA or SYR"))
    return mode
