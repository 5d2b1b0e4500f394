"""``interop mappings check``: every fault of a site's files, and every order sentence that does not come out as written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.domain.release import Release
from interop.site.fault import Fault
from interop.site.load import load_site
from interop.workbench.sentences import Difference, differences


@dataclass(frozen=True, slots=True)
class Report:
    """What the check found. ``differences`` is empty while the files are unsound: nothing can be planned then."""

    folder: str
    release: Release | None
    faults: tuple[Fault, ...]
    differences: tuple[Difference, ...]
    sentences: int

    @property
    def is_sound(self) -> bool:
        """Warnings do not make a site unsound; an error or a sentence that came out differently does."""
        return self.release is not None and not self.differences and not any(fault.is_error for fault in self.faults)

    def as_text(self) -> str:
        lines = [str(fault) for fault in self.faults]
        lines += [
            f"{each.sentence.place}: order sentence {each.sentence.id} {each.what} — do: correct the site, or the expectation with its reason"
            for each in self.differences
        ]
        errors = sum(fault.is_error for fault in self.faults)
        warnings = len(self.faults) - errors
        counted = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"
        if self.release is None:
            return "\n".join([*lines, f"{self.folder}: unsound ({counted}); {_count(self.sentences, 'order sentence')} not planned"])
        library = self.release.library
        summary = (
            f"{self.folder}: {'sound' if self.is_sound else 'unsound'} ({counted}); {len(library.entries)} entries, "
            f"{len(self.release.formulary)} codes; {self.sentences - len(self.differences)} of {_count(self.sentences, 'order sentence')} as written"
        )
        return "\n".join(
            [*lines, summary, f"library {library.ref.id} {library.ref.version} {library.ref.hash}", f"mapping {self.release.mapping_hash}"]
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "folder": self.folder,
            "sound": self.is_sound,
            "faults": [
                {
                    "file": each.file,
                    "line": each.line,
                    "column": each.column,
                    "severity": each.severity.value,
                    "what": each.what,
                    "do": each.action,
                }
                for each in self.faults
            ],
            "sentences": self.sentences,
            "differences": [{"id": each.sentence.id, "place": each.sentence.place, "what": each.what} for each in self.differences],
            "library": self.release.library.ref.hash if self.release is not None else None,
            "mapping": self.release.mapping_hash if self.release is not None else None,
        }


def check(folder: Path) -> Report:
    """Never raises for what is in the folder."""
    loaded = load_site(folder)
    different = differences(loaded.release, loaded.sentences) if loaded.release is not None else ()
    return Report(folder.name or str(folder), loaded.release, loaded.faults, different, len(loaded.sentences))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
