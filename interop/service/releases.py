"""A site's files → rows of releases in the store, and back: the server reads releases only from there (design: A site; D-25).

The files are kept byte for byte. A build puts the new mapping on every library the store knows, since the newest mapping always applies, in the
library version that a pump reports (D-25); such a row holds the files of both. Order sentences are no part of a release.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from interop.conduct.world import Releases
from interop.domain.errors import OurError
from interop.domain.library import Library
from interop.domain.release import Release
from interop.ports import Activation, AuditRow, Commit, IdTaken, Priority, Projected, Record, StoredRelease
from interop.service.init import SiteUnsound
from interop.site.fault import Faults
from interop.site.folder import ORDERS, read_folder
from interop.site.load import load_files
from interop.workbench.sentences import differences

IN_FORCE: Final = "release-in-force"
NEWEST: Final = "newest"
"""The document that names the release last made active."""

MAPPING, LIBRARY = "mapping/", "library/"
EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the same files give the same bytes, whenever they are built


class NoRelease(OurError):
    """The store holds no release that is in force."""

    def __init__(self) -> None:
        super().__init__("the store holds no release: build one with `interop release build`")


class DamagedRelease(OurError):
    """What the store holds under two hashes does not have them."""

    def __init__(self, library_hash: str, mapping_hash: str) -> None:
        super().__init__(f"the release {library_hash[:12]} {mapping_hash[:12]} in the store is damaged: restore the store from its backup")


@dataclass(frozen=True, slots=True)
class Named:
    """The release in force, by its two hashes."""

    library_hash: str
    mapping_hash: str


@dataclass(frozen=True, slots=True)
class Built:
    """What a build came to. ``is_new``: it was not in force before. ``carried``: so many older libraries got the mapping too."""

    release: Release
    is_new: bool
    carried: int
    warnings: tuple[str, ...]


async def build(record: Record, folder: Path, now: datetime, by: str) -> Built:
    """Put the site in ``folder`` into the store and make it active; the same again changes nothing.

    Raises: SiteUnsound. StoreUnavailable, Busy. DamagedRelease: an older one, onto whose library the mapping goes too.
    """
    release, files, warnings = _sound(folder)
    wanted = Named(release.library.ref.hash, release.mapping_hash)
    libraries = {wanted.library_hash: _packed({MAPPING: files})}
    for library_hash in await _libraries(record):
        if library_hash != wanted.library_hash:
            older = await _active(record, library_hash)
            libraries[library_hash] = _packed({MAPPING: files, LIBRARY: _library_files(_unpacked(older.content))})
    if await in_force(record) == wanted and await _all_active(record, libraries, wanted.mapping_hash):
        return Built(release, False, 0, warnings)
    await _put(record, libraries, wanted, now, by)
    return Built(release, True, len(libraries) - 1, warnings)


def _sound(folder: Path) -> tuple[Release, dict[str, bytes], tuple[str, ...]]:
    """The site's release, the files that make it, and what is warned about. Raises: SiteUnsound: also where an order sentence comes out otherwise."""
    faults = Faults()
    files = read_folder(folder, faults)
    loaded = load_files(files)
    said = (*faults.in_order(), *loaded.faults)
    errors = [str(fault) for fault in said if fault.is_error]
    if loaded.release is not None:
        errors += [
            f"{each.sentence.place}: order sentence {each.sentence.id} {each.what} — do: correct the site, or the expectation with its reason"
            for each in differences(loaded.release, loaded.sentences)
        ]
    if loaded.release is None or errors:
        raise SiteUnsound(tuple(errors))
    kept = {name: data for name, data in files.items() if not name.startswith(f"{ORDERS}/")}
    return loaded.release, kept, tuple(str(fault) for fault in said)


async def in_force(record: Record) -> Named | None:
    """The release last made active; ``None``: none was. Raises: StoreUnavailable."""
    document = await record.projection(IN_FORCE, NEWEST)
    if document is None:
        return None
    said = json.loads(document)
    return Named(said["library"], said["mapping"])


async def load_releases(record: Record) -> Releases:
    """The release in force and, for each other library that the store knows, the mapping that is active on it.

    Raises: NoRelease, DamagedRelease. StoreUnavailable.
    """
    named = await in_force(record)
    if named is None:
        raise NoRelease
    rows = [await _active(record, library_hash) for library_hash in await _libraries(record)]
    releases = [_release_of(row) for row in rows]
    active = next((each for each in releases if each.library.ref.hash == named.library_hash), None)
    if active is None:
        raise NoRelease
    return Releases(active, tuple(each for each in releases if each is not active))


async def _libraries(record: Record) -> list[str]:
    return list(dict.fromkeys(library_hash for library_hash, _, _ in await record.releases()))


async def _active(record: Record, library_hash: str) -> StoredRelease:
    row = await record.active_release(library_hash)
    if row is None:
        raise NoRelease
    return row


async def _all_active(record: Record, libraries: Mapping[str, bytes], mapping_hash: str) -> bool:
    return all([(await _active(record, library_hash)).mapping_hash == mapping_hash for library_hash in libraries])


async def _put(record: Record, libraries: Mapping[str, bytes], wanted: Named, now: datetime, by: str) -> None:
    """In one commit: what the store lacks of the rows, that they are active, and who made them so."""
    missing = [each for each in libraries if await record.release(each, wanted.mapping_hash) is None]
    rows = tuple(StoredRelease(each, wanted.mapping_hash, now, libraries[each]) for each in missing)
    document = json.dumps({"library": wanted.library_hash, "mapping": wanted.mapping_hash})
    commit = Commit(
        releases=rows,
        activations=tuple(Activation(each, wanted.mapping_hash, now, by) for each in libraries),
        projections=(Projected(IN_FORCE, NEWEST, document),),
        audit=(AuditRow(now, by, "release.build", "made active", subject=f"{wanted.library_hash[:12]} {wanted.mapping_hash[:12]}"),),
        priority=Priority.BULK,
    )
    try:
        await record.commit(commit)
    except IdTaken:  # somebody built the same at the same moment
        if await in_force(record) != wanted:
            raise


def _release_of(row: StoredRelease) -> Release:
    parts = _unpacked(row.content)
    library: Library | None = None
    if parts[LIBRARY]:
        older = load_files(parts[LIBRARY]).release
        if older is None:
            raise DamagedRelease(row.library_hash, row.mapping_hash)
        library = older.library
    release = load_files(parts[MAPPING], library=library).release
    if release is None or (release.library.ref.hash, release.mapping_hash) != (row.library_hash, row.mapping_hash):
        raise DamagedRelease(row.library_hash, row.mapping_hash)
    return release


def _library_files(parts: Mapping[str, dict[str, bytes]]) -> dict[str, bytes]:
    """The site whose library it is, whole: its name and version stand in its site.toml."""
    return parts[LIBRARY] or parts[MAPPING]


def _packed(parts: Mapping[str, Mapping[str, bytes]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for prefix, name, data in _in_order(parts):
            entry = zipfile.ZipInfo(prefix + name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return packed.getvalue()


def _in_order(parts: Mapping[str, Mapping[str, bytes]]) -> Iterator[tuple[str, str, bytes]]:
    for prefix, files in sorted(parts.items()):
        for name, data in sorted(files.items()):
            yield prefix, name, data


def _unpacked(content: bytes) -> dict[str, dict[str, bytes]]:
    parts: dict[str, dict[str, bytes]] = {MAPPING: {}, LIBRARY: {}}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            prefix, _, file = name.partition("/")
            parts[f"{prefix}/"][file] = archive.read(name)
    return parts
