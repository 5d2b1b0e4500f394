"""The ``interop.toml`` that ``interop init`` writes: what was chosen, every other key with its default behind a ``#``, and what each section is."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from interop.service.settings import SECTIONS
from interop.service.settings_keys import Key, keys_of
from interop.service.settings_text import default_of, title_of

HEAD = """\
The settings of interop. `interop settings` tells what every key is; a line that begins with # is a default, and shows what could stand
there. A variable of the environment goes over a value: INTEROP_MLLP_PORT over port of [mllp]. Relative paths count from this folder.
"""

TABLES: Mapping[str, str] = {
    "mllp.peers": """\
Each client by the name in its certificate (DNS:, URI:, or CN: where it has neither), the sender profile that its messages are
read by, and the names it may send under (MSH-3, MSH-4). To revoke a client, delete its table.
""",
    "lanes.destinations": """\
Where the answers to a sender's orders go (RRG^O16), and what documents them (PCD-10, PCD-01): a listener of the sender for each, on
connections of their own.
[lanes.destinations.ehr]
sender = "NAME"  # of the sender profile
purpose = "rrg"  # or "documents", in a table of its own
host = "ehr.hospital.example"
port = 2576
ca_file = "certificates/ehr-ca.pem"
certificate_file = "certificates/to-ehr.pem"
key_file = "certificates/to-ehr.key"
""",
}


def write_settings(chosen: Mapping[str, Mapping[str, Any]], peers: Mapping[str, tuple[str, Sequence[tuple[str, str]]]]) -> str:
    """The text of the file. ``chosen``: section → key → value; ``peers``: name → (sender profile, pairs of application and facility).

    Raises: KeyError: a section or key that is not declared is chosen.
    """
    lines = [*_comment(HEAD)]
    for section, declared in SECTIONS.items():
        values = dict(chosen.get(section, {}))
        lines += ["", *_comment(title_of(section)), f"[{section}]"]
        tables: list[str] = []
        for key in keys_of(declared, (section,)):
            if key.is_plain:
                lines.append(_line(key, values))
            else:
                tables += ["", *_comment(TABLES[".".join(key.path)])]
                tables += _peers(peers) if key.path == ("mllp", "peers") else []
        lines += tables
        if values:
            raise KeyError(f"{section}.{next(iter(values))}")
    if unknown := chosen.keys() - SECTIONS.keys():
        raise KeyError(min(unknown))
    return "\n".join(lines) + "\n"


def _line(key: Key, values: dict[str, Any]) -> str:
    if key.name in values:
        return f"{key.name} = {_toml(values.pop(key.name))}"
    return f"# {key.name} = {default_of(key)}"


def _peers(peers: Mapping[str, tuple[str, Sequence[tuple[str, str]]]]) -> Iterator[str]:
    for name, (sender, names) in peers.items():
        yield f"[mllp.peers.{_toml(name)}]"
        yield f"sender = {_toml(sender)}"
        yield "names = ["
        yield from (f"    {{ application = {_toml(application)}, facility = {_toml(facility)} }}," for application, facility in names)
        yield "]"


def _toml(value: Any) -> str:
    """A flag, a whole number or a text as TOML; JSON's texts are TOML's basic strings but for U+007F."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else json.dumps(str(value)).replace("\x7f", "\\u007f")


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in text.splitlines())
