"""``interop release library``: the drug library of a release as the document that pumps hold (docs/pump-link.md, section 5)."""

import os
from pathlib import Path
from typing import TextIO

from interop.domain.release import Release
from interop.ports import Record
from interop.service.commands import with_record
from interop.service.releases import load_releases
from interop.service.settings import Settings
from interop.service.world import SystemClock
from interop.site.load import load_site
from interop.site.places import demo_site
from interop.wire.link.library import library_document

WRITTEN, NOT_WRITTEN = 0, 1


def write_library(config: Path | None, site: Path | None, to: Path, *, out: TextIO, err: TextIO) -> int:
    """Of the release in force at ``config``'s server, else of the site's folder. Returns 0, or 1 with a sentence in ``err``."""
    if config is not None:

        async def work(record: Record, settings: Settings, clock: SystemClock) -> int:
            return _write((await load_releases(record)).active, to, out=out, err=err)

        return with_record(config, work, err=err)
    loaded = load_site(site or demo_site())
    if loaded.release is None:
        for fault in loaded.faults:
            err.write(f"{fault}\n")
        return NOT_WRITTEN
    return _write(loaded.release, to, out=out, err=err)


def _write(release: Release, to: Path, *, out: TextIO, err: TextIO) -> int:
    """Whole or not at all: a pump must never read half a library."""
    beside = to.with_name(f".{to.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(library_document(release.library, release.care_areas.values()))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(to)
    except OSError as fault:
        err.write(f"{to}: {fault.strerror or type(fault).__name__}\n")
        return NOT_WRITTEN
    out.write(f"{to}: drug library {release.library.ref}, {len(release.library.entries)} entries\n")
    return WRITTEN
