"""Stage 2: the order as sent → the order as understood. Reads meaning, judges no dose; what cannot be read is a finding and stays unread.

IHE DEV TF-2, 3.3.4.4; fhir-infusion.md section 2.
"""

from collections.abc import Callable
from datetime import date, datetime
from fractions import Fraction

from interop.domain.finding import Finding, PivError
from interop.domain.order import Component, Container, Given, Order, Reading
from interop.domain.patient import PatientId, Weight
from interop.domain.quantity import NotANumber, Quantity, exact
from interop.domain.release import Release
from interop.domain.request import AmountAsSent, AsSent, GiveAsSent, IngredientAsSent, OrderRequest, RatioAsSent
from interop.domain.sender import Orc2Is, SenderProfile
from interop.domain.ucum import AREA, UCUM, Unit
from interop.stages.naming import drug_for_spellings
from interop.stages.prescribed import read_bounds, read_caps
from interop.stages.regimen import Amounts, regimen_of
from interop.stages.routes import read_mode, read_route
from interop.stages.times import NotATime, read_date, read_date_time, read_dtm
from interop.stages.units import Spellings, read_unit

WEIGHT_UNITS = frozenset({"kg", "g", "[lb_av]"})
"""SR-34: coded kg or g; pounds only if coded as such, and confirmed."""
HEIGHT_UNITS = frozenset({"cm", "m", "[in_i]"})


class Reader:
    """Collects, for one order, the readings for the explanation and the findings against what could not be read."""

    def __init__(self, spellings: Spellings) -> None:
        self.spellings = spellings
        self.readings: list[Reading] = []
        self.findings: list[Finding] = []
        self.unread: set[str] = set()

    def against(self, code: PivError, field: str, sentence: str) -> None:
        self.findings.append(Finding.against(code, field, sentence))

    def number(self, value: AsSent, *, zero: bool = False) -> Fraction | None:
        """A plain decimal; zero only where ``zero`` says that it is legal (SR-31, D-16)."""
        try:
            number = exact(value.text)
        except NotANumber:
            self.against(PivError.INVALID_PARAMETER, value.field, f"{value.text!r} is not a plain decimal number")
            return None
        if not number and not zero:
            self.against(PivError.INVALID_PARAMETER, value.field, f"{value.field} is zero: that orders nothing")
            return None
        return number

    def amount(self, what: str, amount: AmountAsSent, fits: Callable[[Unit], bool], wanted: str, *, zero: bool = False) -> Given | None:
        """The amount if it is there and can be read, else None with the reason as a finding (none if it is absent).

        ``fits`` tells whether the unit measures the right thing, which is called ``wanted`` in the refusal (9008).
        """
        if not amount:
            return None
        given = self._amount(what, amount, fits, wanted, zero)
        if given is None:
            self.unread.add(what)
        return given

    def _amount(self, what: str, amount: AmountAsSent, fits: Callable[[Unit], bool], wanted: str, zero: bool) -> Given | None:
        if not amount.number:
            self.against(PivError.MISSING_PARAMETER, amount.number.field, f"a unit without a number: {what}")
            return None
        if amount.comparator:
            self.against(PivError.INVALID_PARAMETER, amount.number.field, f"{amount.comparator} {amount.number.text} is not one value")
            return None
        number = self.number(amount.number, zero=zero)
        unit = read_unit(amount.unit, self.spellings)
        if isinstance(unit, Finding):
            self.findings.append(unit)
            return None
        if not fits(UCUM[unit.code]):
            self.against(PivError.INVALID_UNITS, amount.unit.field, f"{unit.code} is not a unit of {wanted}")
            return None
        if number is None:
            return None
        given = Given(Quantity(number, unit.code), amount.number.field, amount.number.text)
        as_sent = f"{amount.number.text} {amount.unit.claims[0].as_sent}"
        self.readings.append(Reading(what, amount.number.field, as_sent, given, unit.how))
        return given

    def instant(self, what: str, value: AsSent, hl7: bool, zone: str) -> datetime | None:
        if not value:
            return None
        try:
            instant = read_dtm(value.text, zone) if hl7 else read_date_time(value.text)
        except NotATime as fault:
            self.against(PivError.INVALID_PARAMETER, value.field, fault.reason)
            return None
        self.readings.append(Reading(what, value.field, value.text, instant))
        return instant

    def read(self, what: str, value: AsSent, understood: str = "") -> None:
        if value.text:
            self.readings.append(Reading(what, value.field, value.text, understood or value.text))


def normalise(request: OrderRequest, release: Release) -> Order:
    """What the order says, exactly. Only the sender's zone and the site's spellings are taken from the release; no entry is looked at."""
    profile = release.senders.get(request.sender)
    zone = profile.zone if profile is not None else ""
    hl7 = request.message_kind != "MedicationRequest"
    give = request.gives[0] if request.gives else GiveAsSent()
    reader = Reader(Spellings.of(release, drug_for_spellings(give.codes, release)))

    reader.read("message", request.message_id)
    reader.read("order control", request.order_control, request.purpose.name.lower() if request.purpose else "")
    reader.read("order", request.placer_order_number.value)
    if not request.placer_order_number.value:
        field = request.placer_order_number.value.field or "placer order number"
        reader.against(PivError.MISSING_PARAMETER, field, "the order has no order number")
    order_number = _order_number(request, profile, reader)
    if hl7 and request.purpose is None:
        fault = PivError.INVALID_PARAMETER if request.order_control else PivError.MISSING_PARAMETER
        sent = repr(request.order_control.text) if request.order_control else "nothing"
        reader.against(fault, request.order_control.field or "ORC-1", f"order control is {sent}; PCD-03 knows RE, XO and CH only")
    if hl7 and len(request.gives) == 1 and give.sub_id.text != "1":
        text = f"the only step sent is numbered {give.sub_id.text or 'nothing'}: a first step may be lost"
        reader.against(PivError.MULTISTEP_UNREADABLE, give.sub_id.field or "RXG-1", text)
    sent_at = reader.instant("sent", request.sent_at, hl7, zone)
    requested_at = reader.instant("asked for", request.requested_at, hl7, zone)
    if request.bedside and not request.requested_at:
        reader.against(
            PivError.MISSING_PARAMETER, request.requested_at.field or "ORC-9", "the request does not say when the clinician asked"
        )
    reader.read("asked for by", request.requested_by)
    reader.read("patient's location", request.patient.location)
    reader.read("pump", request.pump.id)
    reader.read("channel", request.pump.channel)
    reader.read("therapy", request.therapy)
    for code in give.codes:
        reader.readings.append(Reading("drug code", code.field, f"{code.code} ({code.system or 'no system'})", code.text))

    route = read_route(give.routes, reader.findings)
    if route is not None:
        reader.readings.append(Reading("route", give.routes[0].field, give.routes[0].code, route.value))
    mode = read_mode(give.device, reader.findings)
    if mode is not None:
        reader.read("device", give.device, mode.value)
    amounts = _amounts(give, reader)
    container = _container(give, reader)
    vtbi = reader.amount("volume to be infused", give.vtbi, lambda unit: unit.is_volume, "volume")
    duration = _duration(give, reader)
    weight = reader.amount("weight", request.weight, lambda unit: unit.code in WEIGHT_UNITS, "body weight (kg or g)")
    weight_at = _weighed_at(request.weight_at, hl7, zone, reader)
    height = reader.amount("height", request.height, lambda unit: unit.code in HEIGHT_UNITS, "body height (cm)")
    surface = reader.amount("body surface", request.body_surface_area, lambda unit: unit.dimension == AREA, "body surface (m2)")
    components = tuple(_component(ingredient, reader) for ingredient in give.ingredients)
    caps, bounds = read_caps(give, reader), read_bounds(give, reader)
    reader.read("dosage text (shown, never read)", give.text)

    kind, regimen, used_duration, also = regimen_of(request, give, amounts, duration, mode, reader)
    if vtbi is not None and amounts.volume is not None:
        also = (*also, amounts.volume)
    return Order(
        sender=request.sender,
        system_group=request.system_group,
        message_kind=request.message_kind,
        kind=kind,
        purpose=request.purpose,
        placer_order_number=request.placer_order_number.value.text,
        order_number=order_number.text,
        order_number_field=order_number.field,
        patient_ids=_patient_ids(request, profile, reader),
        birth_date=_birth_date(request, reader),
        location=request.patient.location.text,
        pump_id=request.pump.id.text,
        channel_id=request.pump.channel.text,
        manufacturer=request.pump.manufacturer.text,
        requested_by=request.requested_by.text,
        requested_at=requested_at,
        sent_at=sent_at,
        bedside=request.bedside,
        codes=give.codes,
        components=components,
        therapy=request.therapy.text,
        route=route,
        mode=mode,
        regimen=regimen,
        container=container,
        vtbi=vtbi or amounts.volume,
        duration=used_duration,
        also=also,
        weight=Weight(weight.quantity, weight_at, request.weight_is_dosing_weight) if weight is not None else None,
        weight_field=request.weight.number.field,
        height=height,
        body_surface_area=surface,
        status=request.status.text,
        status_field=request.status.field,
        intent=request.intent.text,
        do_not_perform=request.do_not_perform.text,
        verification=request.verification,
        as_needed=give.as_needed.text,
        window=amounts.window,
        caps=caps,
        bounds=bounds,
        unread=frozenset(reader.unread),
        readings=tuple(reader.readings),
        findings=(*request.findings, *reader.findings),
    )


def _order_number(request: OrderRequest, profile: SenderProfile | None, reader: Reader) -> AsSent:
    """D-20: ORC-2 itself, or, where it is an administration's, what the profile reads for its order; empty: the two cannot be tied together."""
    if profile is None or profile.orc2_is is Orc2Is.ORDER:
        return request.placer_order_number.value
    reader.read("order of this administration", request.running_order)
    return request.running_order


def _patient_ids(request: OrderRequest, profile: SenderProfile | None, reader: Reader) -> tuple[PatientId, ...]:
    """PID-3 or the subject: ids with their authority, of those that the sender's profile counts. An identity marked unknown names nobody (9031).

    An HL7 id without its authority names nobody either (IHE DEV TF-2, B.5), unless the profile says whose it is; a FHIR id is of its own server.
    """
    authorities = profile.patient_authorities if profile is not None else frozenset()
    needs_authority = request.message_kind != "MedicationRequest"
    unknown = request.patient.identity_unknown
    if unknown.text.upper() in ("Y", "TRUE"):
        reader.against(PivError.PATIENT_ID_INVALID, unknown.field, "the sender marks the patient's identity as unknown")
        return ()
    ids, passed_over = [], 0
    for identifier in request.patient.ids:
        if identifier.value and not identifier.authority and needs_authority:
            passed_over += 1
        elif identifier.value and (not authorities or identifier.authority in authorities):
            ids.append(PatientId(identifier.value.text, identifier.authority))
            reader.read("patient", identifier.value, str(ids[-1]))
        elif identifier.value:
            passed_over += 1
    if not ids:
        field = request.patient.ids[0].value.field if request.patient.ids else "patient id"
        text = (
            "no patient id is of an authority that counts for this sender: a number without its authority names nobody"
            if passed_over
            else "the order names no patient id"
        )
        reader.against(PivError.PATIENT_ID_INVALID, field, text)
    return tuple(ids)


def _weighed_at(value: AsSent, hl7: bool, zone: str, reader: Reader) -> datetime | None:
    """When the weight was taken. A date without a time leaves its age unknown, to be confirmed (D-17); it is no reason to refuse the weight."""
    try:
        is_date_only = len(value.text) <= 10 and bool(value) and read_date(value.text) is not None
    except NotATime:
        is_date_only = False
    if is_date_only:
        reader.read("weight taken", value, f"{value.text}, without a time of day")
        return None
    return reader.instant("weight taken", value, hl7, zone)


def _birth_date(request: OrderRequest, reader: Reader) -> date | None:
    birth = request.patient.birth_date
    if not birth:
        return None
    try:
        return read_date(birth.text)
    except NotATime as fault:
        reader.findings.append(Finding.note(birth.field, f"birth date not read: {fault.reason}"))
        return None


def _amounts(give: GiveAsSent, reader: Reader) -> Amounts:
    """Sorts what was sent into rate, dose rate, dose, volume and time by dimension, never by the field it stood in."""
    amounts = Amounts(was_sent=bool(give.amounts or give.ratios))
    for amount in give.amounts:
        given = reader.amount("rate or dose", amount, _may_be_ordered, "a rate, dose rate, dose or volume")
        if given is not None:
            amounts.sort(given)
    for ratio in give.ratios:
        _sort_ratio(ratio, amounts, reader)
    if give.rate_range is not None:
        amounts.has_range = True
        low, high = (reader.amount("titration window", end, _may_be_ordered, "a rate or dose rate") for end in give.rate_range)
        amounts.window = (low, high)
    return amounts


def _may_be_ordered(unit: Unit) -> bool:
    return unit.is_flow or unit.is_dose_rate or unit.is_dose or unit.is_volume or unit.is_time


def _sort_ratio(ratio: RatioAsSent, amounts: Amounts, reader: Reader) -> None:
    """``102 mL / 1 h`` is a rate; ``1500 mg / 30 min`` is a dose over time; ``5 mg / 1 h`` is a rate, unless the dose itself is given beside it.

    A denominator that is no time (``30 mL per 1 kg``) has no place on a pump and is refused.
    """
    part = reader.amount("rate (numerator)", ratio.numerator, lambda u: u.is_dose or u.is_volume, "an amount or a volume")
    time = reader.amount("rate (denominator)", ratio.denominator, lambda u: u.is_time, "time")
    if part is None or time is None:
        if not ratio.numerator or not ratio.denominator:
            reader.against(PivError.INVALID_PARAMETER, ratio.field, "a ratio needs an amount and a time")
        return
    if part.quantity.measure.is_dose and (time.quantity.value != 1 or any(dose.quantity == part.quantity for dose in amounts.doses)):
        amounts.sort(part)
        amounts.times.append(time)
        return
    if part.quantity.measure.is_volume and time.quantity.value != 1:  # so much in that time, and then it ends
        amounts.sort(part)
        amounts.times.append(time)
    unit = f"{part.quantity.unit}/{time.quantity.unit}"
    if unit not in UCUM:  # such as kg/min: a dose unit that no rate is made of
        reader.against(PivError.INVALID_UNITS, ratio.field, f"{unit} is not a unit of a rate or dose rate")
        return
    amounts.sort(Given(Quantity(part.quantity.value / time.quantity.value, unit), ratio.field, part.digits))


def _duration(give: GiveAsSent, reader: Reader) -> Given | None:
    """TQ1-13: one to three repetitions that add up; timing.repeat.duration: one."""
    parts = [reader.amount("duration", part, lambda unit: unit.is_time, "time") for part in give.duration if part]
    if not parts or any(part is None for part in parts):
        return None
    read = [part for part in parts if part is not None]
    if len(read) == 1:
        return read[0]
    minutes = sum((part.quantity.to("min").value for part in read), Fraction(0))
    total = Given(Quantity(minutes, "min"), read[0].field, read[-1].digits)
    reader.readings.append(Reading("duration in all", read[0].field, " + ".join(str(part) for part in read), total))
    return total


def _container(give: GiveAsSent, reader: Reader) -> Container:
    """Strength over volume (RXG-17/18 over RXG-23/24), or a ratio. A strength may itself be a concentration; then no volume is needed."""
    strength = reader.amount("strength", give.strength, lambda u: u.is_dose or u.is_concentration, "an amount of drug")
    volume = reader.amount("volume of the container", give.strength_volume, lambda unit: unit.is_volume, "volume")
    field = give.strength.number.field or give.concentration.field
    concentration: Quantity | None = None
    amount: Given | None = None
    if strength is not None and strength.quantity.measure.is_concentration:
        concentration = per_ml(strength.quantity)
    elif strength is not None and strength.quantity.measure.dimension.per_body:
        reader.against(PivError.INVALID_UNITS, field, f"{strength.quantity.unit} is not the content of a container")
    elif strength is not None:
        amount = strength
        if volume is not None:
            concentration = Quantity(strength.quantity.value / volume.quantity.to("mL").value, f"{strength.quantity.unit}/mL")
        elif not give.strength_volume:
            where = give.strength_volume.number.field or "volume of the container"
            reader.against(PivError.MISSING_PARAMETER, where, "a strength without the volume it is in gives no concentration")
    if concentration is None and give.concentration:
        concentration = _ratio_concentration(give.concentration, reader)
        field = give.concentration.field
    return Container(amount, volume, concentration, field)


def _ratio_concentration(ratio: RatioAsSent, reader: Reader) -> Quantity | None:
    amount = reader.amount("strength", ratio.numerator, lambda u: u.is_dose and not u.dimension.per_body, "an amount of drug")
    volume = reader.amount("strength, per volume", ratio.denominator, lambda unit: unit.is_volume, "volume")
    if amount is None or volume is None:
        return None
    return Quantity(amount.quantity.value / volume.quantity.to("mL").value, f"{amount.quantity.unit}/mL")


def _component(ingredient: IngredientAsSent, reader: Reader) -> Component:
    """One ingredient. Its strength is only read if it can be one of a drug in a volume: a base fluid's may be in any form and is not needed."""
    probe = Reader(reader.spellings)
    concentration = _ratio_concentration(ingredient.strength, probe) if ingredient.strength else None
    for code in ingredient.codes:
        reader.readings.append(Reading("ingredient", code.field, f"{code.code} ({code.system or 'no system'})", code.text))
    reader.readings.extend(probe.readings)
    return Component(ingredient.codes, concentration, ingredient.role, ingredient.field, tuple(probe.findings))


def per_ml(concentration: Quantity) -> Quantity:
    """g/L and the like as an amount per mL, the form in which concentrations are compared and shown."""
    unit = concentration.measure
    return concentration.to(f"{unit.amount_code}/mL")


def not_understood(request: OrderRequest, reason: Finding) -> Order:
    """An order of which nothing is understood but who sent it, so that the plan can still say why (SR-29)."""
    return Order(
        sender=request.sender,
        system_group=request.system_group,
        message_kind=request.message_kind,
        kind=None,
        purpose=request.purpose,
        placer_order_number=request.placer_order_number.value.text,
        order_number="",
        order_number_field="",
        patient_ids=(),
        birth_date=None,
        location="",
        pump_id="",
        channel_id="",
        manufacturer="",
        requested_by="",
        requested_at=None,
        sent_at=None,
        bedside=request.bedside,
        codes=(),
        components=(),
        therapy="",
        route=None,
        mode=None,
        regimen=None,
        container=Container(),
        vtbi=None,
        duration=None,
        also=(),
        weight=None,
        weight_field="",
        height=None,
        body_surface_area=None,
        status=request.status.text,
        status_field=request.status.field,
        intent=request.intent.text,
        do_not_perform=request.do_not_perform.text,
        verification=request.verification,
        as_needed="",
        window=None,
        caps=(),
        bounds=(),
        unread=frozenset(),
        readings=(),
        findings=(*request.findings, reason),
    )
