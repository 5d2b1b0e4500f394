"""The drug library as one document for pumps (docs/pump-link.md, section 5)."""

import hashlib
import json
from collections.abc import Iterable

from interop.domain.library import BodyBasis, CareArea, Library, LibraryEntry, Limits
from interop.domain.quantity import Quantity
from interop.wire.link.writer import decimal

FORM = "interop pump library 1"

Json = str | bool | dict[str, "Json"] | list["Json"]


def library_document(library: Library, care_areas: Iterable[CareArea]) -> bytes:
    """UTF-8 JSON with its own digest, the same bytes for the same library; the pump reports id, version and hash as they stand in it (SR-22)."""
    areas: list[Json] = [{"name": area.name, "title": area.title} for area in sorted(care_areas, key=lambda area: area.name)]
    entries: list[Json] = [_entry(entry) for entry in sorted(library.entries, key=lambda entry: entry.key)]
    ref = library.ref
    top: dict[str, Json] = {"form": FORM, "id": ref.id, "version": ref.version, "hash": ref.hash, "care_areas": areas, "entries": entries}
    top["sha256"] = hashlib.sha256(_canonical(top).encode()).hexdigest()
    return (_canonical(top) + "\n").encode()


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _entry(entry: LibraryEntry) -> Json:
    """Columns that a pump acts on; what the library leaves open is left out, as it is not zero."""
    row: dict[str, Json] = {
        "key": entry.key,
        "drug": entry.drug,
        "tallman": entry.tallman,
        "care_area": entry.care_area,
        "therapy": entry.therapy,
        "mode": entry.mode.value,
        "infusion_type": entry.infusion_type.value,
        "route": entry.route.value,
        "dosing_unit": entry.dosing_unit,
        "second_check": entry.second_check.value,
        "high_alert": entry.high_alert,
        "weight_based": entry.body_basis is BodyBasis.WEIGHT,
    }
    amounts = {
        "amount": entry.amount,
        "volume": entry.volume,
        "concentration": entry.concentration,
        "vtbi_hard_high": entry.vtbi_hard_high,
        "total_dose_hard_high": entry.total_dose_hard_high,
        "min_weight": entry.min_weight,
        "max_weight": entry.max_weight,
    }
    row |= {name: _amount(amount) for name, amount in amounts.items() if amount is not None}
    limits = {"limits": entry.limits, "duration_limits": entry.duration_limits, "concentration_limits": entry.concentration_limits}
    row |= {name: _limits(limit) for name, limit in limits.items() if not limit.is_empty}
    if entry.advisory:
        row["advisory"] = entry.advisory
    return row


def _limits(limits: Limits) -> Json:
    named = (("hard_low", limits.hard_low), ("soft_low", limits.soft_low), ("soft_high", limits.soft_high), ("hard_high", limits.hard_high))
    return {name: _amount(limit) for name, limit in named if limit is not None}


def _amount(amount: Quantity) -> Json:
    return {"value": decimal(amount, exact=False), "unit": amount.unit}
