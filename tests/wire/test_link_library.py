"""The drug library as pumps hold it: complete, damaged by any change, and read by the simulated pump with the very limits of the site."""

import json
from pathlib import Path

import pytest

from interop.cli import main
from interop.domain.quantity import Quantity
from interop.wire.link.library import library_document
from pump_sim.library import NoLibrary, read_library
from tests.wards.ward import demo_release


def the_document() -> bytes:
    release = demo_release()
    return library_document(release.library, release.care_areas.values())


@pytest.mark.requirement("SR-22")
def test_sr_22_the_simulated_pump_reads_every_entry_of_the_demo_site_and_reports_the_releases_own_hash() -> None:
    read, library = read_library(the_document()), demo_release().library
    assert (read.ref.id, read.ref.version, read.ref.hash) == (library.ref.id, library.ref.version, library.ref.hash)
    assert read.entries.keys() == {entry.key for entry in library.entries}


def test_sr_65_its_limits_are_the_sites_limits() -> None:
    read = read_library(the_document())
    seen = 0
    for entry in demo_release().library.entries:
        theirs = read.entries[entry.key]
        for name in ("hard_low", "soft_low", "soft_high", "hard_high"):
            ours = getattr(entry.limits, name)
            there = getattr(theirs.limits, name)
            assert (ours is None) is (there is None), (entry.key, name)
            if ours is not None:
                assert Quantity(there.value, there.unit) == ours
                seen += 1
    assert seen > 200


def test_sr_94_one_changed_limit_makes_it_damaged() -> None:
    document = json.loads(the_document())
    entry = next(each for each in document["entries"] if "hard_high" in each.get("limits", {}))
    entry["limits"]["hard_high"]["value"] = "9999"
    with pytest.raises(NoLibrary, match="damaged"):
        read_library(json.dumps(document).encode())


def test_the_command_writes_it_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "library.json"
    assert main(["release", "library", "--out", str(out)]) == 0
    assert out.read_bytes() == the_document()
    assert "DEMO-ADULT-PED 1.0.0" in capsys.readouterr().out
    assert main(["release", "library", "--out", str(tmp_path / "nowhere" / "library.json")]) == 1
