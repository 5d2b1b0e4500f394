"""Was the order checked against the very library that is active on that pump, in the care area selected there? (SR-21, SR-22, D-03)"""

from collections.abc import Iterator

from interop.domain.finding import Finding, Owner, PivError, Sub
from interop.domain.release import LocationRule
from interop.stages.checks.facts import Facts


def the_pumps_own_library(facts: Facts) -> Iterator[Finding]:
    """SR-22: id, version and hash are all equal; the same version with another hash is another library."""
    channel = facts.channel
    if channel is None:
        return
    ours = facts.case.release.library.ref
    if channel.library is None:
        yield Finding.against(Sub.LIBRARY_VERSION, "library", f"{channel.name} does not say which drug library it has")
    elif channel.library != ours:
        text = f"{channel.name} has library {channel.library}, the release is for {ours}"
        yield Finding.against(Sub.LIBRARY_VERSION, "library", text)


def a_known_model(facts: Facts) -> Iterator[Finding]:
    """Ranges and steps come from the model's file; a model without one, or a kind of channel it does not have, cannot be checked."""
    channel = facts.channel
    if channel is None or facts.channel_kind is not None:
        return
    text = f"pump model {channel.model!r} with a {channel.mode.value} channel is not among this site's pump models"
    yield Finding.against(PivError.UNKNOWN_CHANNEL, "pump model", text, owner=Owner.BIOMED, action="Add the model's file to pump_models.")


def the_care_area(facts: Facts) -> Iterator[Finding]:
    """D-03: the pump's selection decides; the patient's location only cross-checks it by the site's table."""
    channel = facts.channel
    if channel is None:
        return
    if not channel.care_area:
        yield Finding.against(PivError.NO_CARE_AREA, "care area", f"no care area is selected on {channel.name}")
        return
    if channel.care_area not in facts.case.release.care_areas:
        text = f"{channel.name} is set to {channel.care_area}, which this site does not know"
        yield Finding.against(PivError.CARE_AREA_MISMATCH, "care area", text)
        return
    location = facts.order.location or (facts.case.patient.location if facts.case.patient is not None else "")
    if not location:
        return
    match facts.case.release.locations.get((location, channel.care_area)):
        case LocationRule.ALLOWED:
            return
        case LocationRule.CAUTION:
            text = f"the patient is in {location}, the pump is set to {channel.care_area}"
            yield Finding.caution("care area", text, action="Check that the care area on the pump is meant.", must_confirm=True)
        case None:
            text = f"the patient is in {location}, where care area {channel.care_area} is not used"
            yield Finding.against(PivError.CARE_AREA_MISMATCH, "care area", text)
