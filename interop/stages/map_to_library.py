"""Stage 3: the order → exactly one entry of the library on that pump, and what it would program there, rounded to the pump's step.

drug_library.md section 2, D-01 to D-03, D-25. No fuzzy match, no first of many, no default: when one entry is not left, the reason is told.
"""

from collections.abc import Callable

from interop.domain.case import Case
from interop.domain.delivery import InfusionType, Mode
from interop.domain.finding import Code, Finding, PivError, Sub
from interop.domain.library import LibraryEntry, concentration_of
from interop.domain.order import ByDoseRate, ByRate, Container, DoseOverTime, Kind, Order, Piggyback, Regimen
from interop.domain.plan import Candidate, Match
from interop.domain.quantity import Quantity
from interop.domain.release import ChannelKind, FormularyRow, Release
from interop.domain.ucum import same_but_for_scale
from interop.stages.derive import derive
from interop.stages.naming import Naming, active_components, name_drug, products


def map_to_library(order: Order, case: Case) -> Match:
    """The entry, if exactly one is left; every entry of the drug with the reason it stayed or fell; the program and its arithmetic."""
    release = case.release
    naming = name_drug(order.codes, order.components, release)
    therapy, therapy_findings = _therapy(order, naming)
    findings = [*naming.findings, *therapy_findings]
    if not naming.drug:
        return Match(codes=naming.rows, findings=tuple(findings))
    concentration, volume, container_findings = _container(order, naming, release)
    findings += container_findings
    questions = _questions(order, case, naming, therapy, concentration)
    candidates = tuple(_weigh(entry, questions) for entry in release.library.by_drug.get(naming.drug, ()))
    left = [candidate.entry for candidate in candidates if candidate.stayed]
    fixed = [entry for entry in left if not entry.is_wildcard]
    if len(fixed) == 1 and len(left) > 1:
        candidates = tuple(
            Candidate(each.entry, False, "a fixed strength fits, so no wildcard is used")
            if each.stayed and each.entry.is_wildcard
            else each
            for each in candidates
        )
        left = fixed
    match = Match(naming.rows, naming.drug, therapy, candidates)
    if len(left) != 1:
        if not left and not _care_area_is_known(case):  # 9001, 9029 or 9021 is the cause; that no entry fits follows from it
            return _replace(match, findings=tuple(findings))
        reason = _none_left(order, naming, candidates, questions) if not left else _several_left(order, left)
        return _replace(match, findings=(*findings, reason))
    entry = left[0]
    channel = _channel_kind(case, entry.mode)
    if channel is None:  # the checks say why: no channel, unknown model, or a kind that this model does not have
        return _replace(match, entry=entry, findings=tuple(findings))
    program, lines, derive_findings = derive(order, entry, case, channel, concentration if not entry.is_plain_fluid else None, volume)
    return _replace(match, entry=entry, program=program, derivation=lines, findings=(*findings, *derive_findings))


def _replace(match: Match, **changes: object) -> Match:
    """``dataclasses.replace`` for the one type that needs it here, without its reflection (a plan has a budget of 200 µs)."""
    values = {name: getattr(match, name) for name in Match.__slots__}
    values.update(changes)
    return Match(**values)


def _care_area_is_known(case: Case) -> bool:
    return case.channel is not None and case.channel.care_area in case.release.care_areas


def _channel_kind(case: Case, mode: Mode) -> ChannelKind | None:
    if case.channel is None:
        return None
    model = case.release.pump_models.get(case.channel.model)
    return model.channels.get(mode) if model is not None and case.channel.mode is mode else None


def _therapy(order: Order, naming: Naming) -> tuple[str, list[Finding]]:
    """The therapy key of the order itself and of its codes; if both say one, they must say the same."""
    if order.therapy and naming.therapy and order.therapy != naming.therapy:
        said = f"the order says therapy {order.therapy}, its code says {naming.therapy}"
        return "", [Finding.against(Sub.THERAPY, "therapy", said)]
    return order.therapy or naming.therapy, []


def _container(order: Order, naming: Naming, release: Release) -> tuple[Quantity | None, Quantity | None, list[Finding]]:
    """Concentration and volume of what hangs: as ordered, else as the product's code says; where both say it they must agree (SR-17)."""
    findings: list[Finding] = []
    container = order.container
    concentration = container.concentration
    volume = container.volume.quantity.to("mL") if container.volume is not None else None
    if order.components:
        active = active_components(order.components, naming.drug, release)
        if len(active) == 1:
            findings += active[0].findings
            if active[0].concentration is not None:
                concentration = active[0].concentration
        elif concentration is None:
            text = "the mixture has several additives, and no concentration of the whole was sent"
            findings.append(Finding.against(PivError.MISSING_PARAMETER, order.components[0].field, text))
    for row in (row for row in products(naming.rows) if row.drug == naming.drug):  # a base fluid's container is not the mixture's
        said, findings_of_row = _of_product(row, concentration, container)
        findings += findings_of_row
        if concentration is None:
            concentration = said
        if volume is None and row.volume is not None:
            volume = row.volume
    return concentration, volume, findings


def _of_product(row: FormularyRow, concentration: Quantity | None, container: Container) -> tuple[Quantity | None, list[Finding]]:
    """The concentration that a product's or local code says, and where the order says otherwise: strength or volume (drug_library.md 2.5)."""
    field = container.field or "strength"
    findings: list[Finding] = []
    said = concentration_of(row.amount, row.volume) if row.amount is not None and row.volume is not None else None
    if said is not None and concentration is not None and concentration != said:
        text = f"code {row.code} is {row.amount} / {row.volume} = {said}, but the order says {concentration}"
        findings.append(Finding.against(Sub.CONCENTRATION, field, text))
    elif row.volume is not None and container.volume is not None and container.volume.quantity != row.volume:
        text = f"code {row.code} is a container of {row.volume}, but the order says {container.volume}"
        findings.append(Finding.against(PivError.DIFFERS_FROM_LIBRARY, container.volume.field, text))
    return said, findings


Question = tuple[str, Callable[[LibraryEntry], str]]
"""What is asked of an entry, and the answer: "" if it stays, else why it falls."""


def _questions(order: Order, case: Case, naming: Naming, therapy: str, concentration: Quantity | None) -> tuple[Question, ...]:
    care_area = case.channel.care_area if case.channel is not None else ""
    mode = case.channel.mode if case.channel is not None else order.mode
    types = {row.infusion_type for row in products(naming.rows) if row.drug == naming.drug and row.infusion_type is not None}

    def in_care_area(entry: LibraryEntry) -> str:
        return "" if entry.care_area == care_area else f"for {entry.care_area}, the pump is set to {care_area or 'no care area'}"

    def for_mode(entry: LibraryEntry) -> str:
        return "" if mode is None or entry.mode is mode else f"for {entry.mode.value}, the channel is {mode.value}"

    def for_route(entry: LibraryEntry) -> str:
        return "" if order.route is None or entry.route is order.route else f"given {entry.route.value}, the order says {order.route.value}"

    def for_therapy(entry: LibraryEntry) -> str:
        if entry.therapy_key == therapy:
            return ""
        return f"needs therapy {entry.therapy_key or '(none)'}, the order says {therapy or 'none'}"

    def of_type(entry: LibraryEntry) -> str:
        if types and entry.infusion_type not in types:
            return f"is {entry.infusion_type.value}, the code is for {' and '.join(sorted(each.value for each in types))}"
        if entry.infusion_type is InfusionType.PCA and order.kind is not Kind.PCA:
            return "is for patient-controlled analgesia"
        return ""

    gives = order.gives.gives if isinstance(order.gives, Piggyback) else order.gives

    def in_unit(entry: LibraryEntry) -> str:
        return _unit_reason(gives, entry)

    def at_strength(entry: LibraryEntry) -> str:
        return _strength_reason(entry, concentration)

    return (
        ("care area", in_care_area),
        ("mode", for_mode),
        ("route", for_route),
        ("infusion type", of_type),
        ("therapy", for_therapy),
        ("unit", in_unit),
        ("concentration", at_strength),
    )


def _weigh(entry: LibraryEntry, questions: tuple[Question, ...]) -> Candidate:
    for name, question in questions:
        reason = question(entry)
        if reason:
            return Candidate(entry, False, reason, name)
    return Candidate(entry, True, "fits")


def _unit_reason(regimen: Regimen | None, entry: LibraryEntry) -> str:
    """D-02 and the infusion type: a dose goes to an entry that is dosed in doses, a dose rate to one dosed in dose rates, mL/h to any."""
    match regimen:
        case ByDoseRate(dose_rate=given):
            unit = given.quantity.unit
        case DoseOverTime(dose=given):
            unit = given.quantity.unit
        case ByRate():
            return ""
        case _:
            return ""
    if entry.infusion_type is InfusionType.FLUID:
        return f"a plain fluid is ordered in mL/h, not in {unit}"
    if same_but_for_scale(unit, entry.dosing_unit):
        return ""
    if isinstance(regimen, DoseOverTime) and entry.infusion_type is InfusionType.CONTINUOUS:
        return f"runs continuously in {entry.dosing_unit}, the order is a dose of {regimen.dose} over {regimen.duration}"
    return f"dosed in {entry.dosing_unit}, the order in {unit}"


def _strength_reason(entry: LibraryEntry, concentration: Quantity | None) -> str:
    if entry.is_plain_fluid:
        return "" if concentration is None else f"is a plain fluid, and the order says {concentration} of something in it"
    if concentration is None:
        return ""  # several may be left then, and none can be programmed: the missing strength is told
    if entry.concentration is not None:
        return "" if entry.concentration == concentration else f"is {entry.concentration}, the container {concentration}"
    unit = concentration.measure
    if unit.dimension.amount is not Quantity(concentration.value, f"{entry.amount_unit}/mL").measure.dimension.amount:
        return f"strength in {entry.amount_unit}/mL, the container in {concentration.unit}"
    verdict, limit = entry.concentration_limits.judge(concentration)
    return f"{concentration} is outside its strengths (limit {limit})" if verdict.is_hard else ""


_FELL: dict[str, Code] = {
    "care area": Sub.NO_ENTRY,
    "mode": Sub.NO_ENTRY,
    "route": Sub.ROUTE,
    "infusion type": Sub.NO_ENTRY,
    "therapy": Sub.THERAPY,
    "unit": PivError.DOSE_UNITS_DIFFER,
    "concentration": Sub.CONCENTRATION,
}


def _none_left(order: Order, naming: Naming, candidates: tuple[Candidate, ...], questions: tuple[Question, ...]) -> Finding:
    """The question that felled those that came furthest: they alone were near, so theirs is the cause."""
    field = order.codes[0].field if order.codes else "give code"
    if not candidates:
        return Finding.against(Sub.NO_ENTRY, field, f"{naming.drug} is in no library entry")
    names = [name for name, _ in questions]
    furthest = max(names.index(candidate.question) for candidate in candidates)
    last = names[furthest]
    near = [candidate for candidate in candidates if candidate.question == last]
    where = {"unit": _dose_field(order), "concentration": order.container.field or "strength", "route": "route", "therapy": "therapy"}.get(
        last, field
    )
    said = "; ".join(f"{candidate.entry.key} {candidate.reason}" for candidate in near[:4])
    more = f"; and {len(near) - 4} more" if len(near) > 4 else ""
    return Finding.against(_FELL[last], where, f"no {naming.drug} entry fits: {said}{more}")


def _several_left(order: Order, left: list[LibraryEntry]) -> Finding:
    keys = ", ".join(entry.key for entry in left)
    field = order.codes[0].field if order.codes else "give code"
    if order.container.concentration is None and len({entry.concentration for entry in left}) > 1:
        place = order.container.field or "strength"
        return Finding.against(PivError.MISSING_PARAMETER, place, f"without a concentration {keys} all fit: the strength must be sent")
    return Finding.against(Sub.AMBIGUOUS, field, f"{keys} all fit: the order must say more")


def _dose_field(order: Order) -> str:
    match order.gives:
        case ByDoseRate(dose_rate=given) | DoseOverTime(dose=given) | ByRate(rate=given):
            return given.field
        case _:
            return "dose"
