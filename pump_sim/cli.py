"""``pump-sim``: a simulated fleet of infusion pumps (docs/pump-link.md). Everything it says is marked as simulated."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """The commands; 0: done, 1: something is wrong with what was given."""
    parser = argparse.ArgumentParser(prog="pump-sim", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    library = commands.add_parser("library", help="check a drug library document")
    library.add_argument("file", type=Path)
    args = parser.parse_args(argv)
    return _library(args.file)


def _library(file: Path) -> int:
    from pump_sim.library import NoLibrary, read_library

    try:
        read = read_library(file.read_bytes())
    except (OSError, NoLibrary) as error:
        print(f"pump-sim: {file}: {error}", file=sys.stderr)
        return 1
    print(f"{read.ref.id} {read.ref.version} ({read.ref.hash[:12]}): {len(read.entries)} entries in {len(read.care_areas)} care areas")
    return 0
