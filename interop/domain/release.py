"""A release: one drug library and one mapping onto it, immutable, with what the checks need of the site around it.

A site's files are only the editing form (``interop.site``); the server checks every order against a release (design: A site).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from interop.domain.delivery import InfusionType, Mode, Route
from interop.domain.library import CareArea, Library
from interop.domain.quantity import Quantity
from interop.domain.sender import SenderProfile


class CodeKind(Enum):
    """What a code names (drug_library.md section 2): an ingredient names the drug only; a product or local code also strength and container."""

    INGREDIENT = "ingredient"
    PRODUCT = "product"  # a clinical drug code such as an RxNorm SCD, or a fluid's product code
    LOCAL = "local"  # an EHR orderable; carries the therapy too


@dataclass(frozen=True, slots=True)
class FormularyRow:
    """(system, code) → one library drug, with what else the code says. ``therapy`` empty: the code names none."""

    system: str
    code: str
    kind: CodeKind
    drug: str
    therapy: str
    infusion_type: InfusionType | None
    amount: Quantity | None
    volume: Quantity | None
    place: str  # formulary.csv:17, for the explanation


@dataclass(frozen=True, slots=True)
class Mixture:
    """A base fluid and its additives → the library drug that the whole is (mixtures.csv)."""

    base: str
    additives: frozenset[str]
    drug: str
    place: str


@dataclass(frozen=True, slots=True)
class RateStep:
    """Below or at ``up_to`` mL/h the pump counts in steps of ``step`` mL/h."""

    up_to: Fraction
    step: Fraction


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """What one kind of channel of a pump model can run: ranges, steps, routes and abilities. Rates in mL/h, volumes in mL."""

    mode: Mode
    routes: frozenset[Route]
    rate_min: Quantity
    rate_max: Quantity
    rate_steps: tuple[RateStep, ...]
    vtbi_min: Quantity
    vtbi_max: Quantity
    vtbi_step: Quantity
    duration_max: Quantity
    needs_vtbi: bool
    bolus: bool
    multistep: bool


@dataclass(frozen=True, slots=True)
class PumpModel:
    """A pump model's file: its kinds of channel by mode.

    ``channel_ids`` are the names of its channels; a pump id alone names a channel only where there is one (D-08).
    """

    key: str
    title: str
    maker: str
    channels: Mapping[Mode, ChannelKind]
    channel_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EmergencyRule:
    """D-14: drugs that may be programmed before pharmacy verified them, in these care areas; signed by pharmacy."""

    drug: str
    care_area: str
    signed_by: str


@dataclass(frozen=True, slots=True)
class SiteRules:
    """Tolerances and time-outs of ``site.toml``; the defaults of decisions.md, each with its unit in its name."""

    request_max_age_s: int = 300  # SR-09
    skew_reported_s: int = 30  # SR-11, D-24
    skew_blocks_s: int = 300  # SR-11, D-24
    report_stale_s: int = 30  # SR-45
    agreement: Fraction = Fraction(1, 100)  # SR-26, D-15
    agreement_most: Fraction = Fraction(5, 100)  # D-15: half the last printed digit counts up to here; half of "1" would be 50 %
    rounding: Fraction = Fraction(2, 100)  # SR-30, D-15
    weight_difference: Fraction = Fraction(5, 100)  # SR-35
    surface_difference: Fraction = Fraction(10, 100)  # SR-26, SR-33: sent body surface against height and weight
    weight_history_difference: Fraction = Fraction(50, 100)  # SR-34: 154 "kg" for a patient charted at 70 kg
    overfill: Fraction = Fraction(10, 100)  # SR-32
    offer_untouched_s: int = 300  # SR-10, D-09
    offer_idle_s: int = 180  # SR-10, SR-67, D-09
    offer_total_s: int = 900  # SR-10, D-09
    association_idle_h: int = 12  # SR-04, D-12
    silent_feed_blocks: bool = False  # D-27


@dataclass(frozen=True, slots=True)
class AgeBand:
    """SR-34: what a patient younger than ``under_days`` may plausibly weigh; the bands of a site stand in rising order, the last one open (0)."""

    under_days: int
    min_weight: Quantity
    max_weight: Quantity


class LocationRule(Enum):
    """D-03: what the site's table says about a patient's location on a pump set to a care area."""

    ALLOWED = "allowed"
    CAUTION = "caution"


@dataclass(frozen=True, slots=True)
class Release:
    """One library and one mapping with their hashes. The values are indexed for the lookups a plan makes; nothing here is mutable."""

    site: str
    library: Library
    mapping_hash: str
    spellings: Mapping[str, str]  # this site's spelling → UCUM, exact and case-sensitive (SR-19)
    drug_spellings: Mapping[tuple[str, str], str]  # (drug, spelling) → UCUM where "units" means one thing for one drug only
    formulary: Mapping[tuple[str, str], FormularyRow]
    mixtures: Mapping[tuple[str, frozenset[str]], Mixture]
    pump_models: Mapping[str, PumpModel]
    senders: Mapping[str, SenderProfile]
    care_areas: Mapping[str, CareArea]
    locations: Mapping[tuple[str, str], LocationRule]  # (patient location's unit, care area)
    emergency: tuple[EmergencyRule, ...]
    rules: SiteRules
    weight_by_age: tuple[AgeBand, ...] = ()
