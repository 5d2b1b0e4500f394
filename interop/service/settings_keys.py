"""How a key of the settings is declared: beside the field of a frozen dataclass, once, for the loader, for ``interop settings`` and for the reader.

    port: Annotated[int, Rule("Port the listener binds to; 0: any free one.", 0, 65_535)] = 2575

The field's type is the value's type (``str``, ``int``, ``bool``, ``Path | None``, an Enum; a Mapping is named tables, a tuple an array of
tables); its unit stands in its name (``idle_s``, ``max_message_bytes``). A field without a default is required.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

PREFIX = "INTEROP_"
"""What every environment name begins with: ``INTEROP_MLLP_PORT`` goes over ``port`` of ``[mllp]``."""

Check = Callable[[str], str]
"""What is wrong with a text, in words that do not repeat it; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a key says and what its value must be beyond its type: a whole number within the two bounds, a text that passes ``check``."""

    sentence: str
    at_least: int = 0
    at_most: int = 0
    check: Check | None = None
    secret: bool = False
    """The file holds a secret: only its owner (and a group, for reading) may have rights on it."""
    is_file: bool = True
    """For a path: a file that must be there; otherwise a folder, which need not be."""


@dataclass(frozen=True, slots=True)
class Key:
    """One declared key. ``path`` is ``("mllp", "port")``; a name that the site chooses stands as ``NAME`` in it."""

    path: tuple[str, ...]
    name: str
    type: Any
    rule: Rule
    default: Any
    required: bool

    @property
    def section(self) -> str:
        return ".".join(self.path[:-1])

    @property
    def environment(self) -> str:
        """The variable that goes over it; empty for what only the file can say."""
        return variable_of(self.path) if len(self.path) == 2 and self.is_plain else ""

    @property
    def is_path(self) -> bool:
        return isinstance(self.type, UnionType) and Path in get_args(self.type)

    @property
    def table_of(self) -> type | None:
        """The dataclass of ``[section.key.NAME]``."""
        return get_args(self.type)[1] if get_origin(self.type) is Mapping else None

    @property
    def array_of(self) -> type | None:
        """The dataclass of each element of an array of tables."""
        return get_args(self.type)[0] if get_origin(self.type) is tuple else None

    @property
    def choices(self) -> tuple[str, ...]:
        """The texts it may be, if they are few."""
        return tuple(str(member.value) for member in self.type) if isinstance(self.type, type) and issubclass(self.type, Enum) else ()

    @property
    def is_plain(self) -> bool:
        """One value, not a table or an array."""
        return self.table_of is None and self.array_of is None

    @property
    def wanted(self) -> str:
        """What to write, in a few words."""
        if self.type is bool:
            return "true or false"
        if self.type is int:
            return f"a whole number from {self.rule.at_least} to {self.rule.at_most}"
        if self.choices:
            return " or ".join(f'"{choice}"' for choice in self.choices)
        if self.is_path:
            return "the path of a file, in quotes" if self.rule.is_file else "the path of a folder, in quotes"
        if self.table_of is not None:
            return "tables, one a name"
        return "an array of tables" if self.array_of is not None else "a text in quotes"


def variable_of(path: tuple[str, ...]) -> str:
    """``INTEROP_MLLP_PORT`` of ``("mllp", "port")``."""
    return PREFIX + "_".join(path).upper()


def keys_of(section: type, path: tuple[str, ...]) -> Iterator[Key]:
    """The keys of one section, in the order they are declared; those of its named tables and arrays are asked for apart."""
    for each in fields(section):
        yield _key(each, path)


def _key(each: "Field[Any]", path: tuple[str, ...]) -> Key:
    annotated: Any = each.type
    required = each.default is MISSING and each.default_factory is MISSING
    default = each.default_factory() if each.default_factory is not MISSING else None if required else each.default
    return Key((*path, each.name), each.name, annotated.__origin__, annotated.__metadata__[0], default, required)
