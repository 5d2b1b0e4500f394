"""What ``interop settings`` prints: every key with its default, range, sentence and variable, from the declarations themselves."""

import textwrap
from enum import Enum
from typing import Any

from interop.service.settings import SECTIONS, all_keys
from interop.service.settings_keys import Key

WIDTH = 110

HEAD = """\
One TOML file, `interop serve --config FILE`; a variable of the environment goes over the file's value.
Relative paths count from the folder of the file. A secret stands in a file of its own, which the key names; only its owner may read it
(and a group, if the site gives it that right). An unknown key or variable is an error.
"""


def describe() -> str:
    """All keys as text for people, section by section."""
    lines = HEAD.splitlines()
    section = ""
    for key in all_keys():
        if key.section != section:
            section = key.section
            lines += ["", f"[{section.replace('.[]', '[]')}]  {title_of(section)}".rstrip()]
        lines += [f"  {key.name} = {_default_text(key)}{_facts(key)}"]
        lines += textwrap.wrap(key.rule.sentence, WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(lines) + "\n"


def as_json() -> list[dict[str, Any]]:
    """The same as plain values, one object a key."""
    return [
        {
            "key": ".".join(key.path),
            "type": _type(key),
            "wanted": key.wanted,
            "required": key.required,
            "default": _plain(key.default) if not key.required else None,
            "at_least": key.rule.at_least if key.type is int else None,
            "at_most": key.rule.at_most if key.type is int else None,
            "choices": list(key.choices) or None,
            "secret": key.rule.secret,
            "environment": key.environment or None,
            "sentence": key.rule.sentence,
        }
        for key in all_keys()
    ]


def default_of(key: Key) -> str:
    """The default as TOML; for a required key, and for a table, empty."""
    if key.required or not key.is_plain:
        return ""
    value = _plain(key.default)
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else f'"{value}"'


def _default_text(key: Key) -> str:
    return default_of(key) or ("(required)" if key.required else "(none)")


def _facts(key: Key) -> str:
    facts = [key.wanted] if key.type is int or key.choices else []
    facts += ["secret"] if key.rule.secret else []
    facts += [key.environment] if key.environment else ["in the file only"]
    return f"   ({'; '.join(facts)})"


def _type(key: Key) -> str:
    if key.is_path:
        return "file" if key.rule.is_file else "folder"
    if not key.is_plain:
        return "tables"
    return {str: "text", int: "whole number", bool: "flag"}.get(key.type, "choice")


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return "" if value is None else {} if isinstance(value, dict) else value


def title_of(section: str) -> str:
    """The section's first sentence, from its docstring."""
    declared = SECTIONS.get(section)
    return (declared.__doc__ or "").partition("] ")[2].partition("\n")[0] if declared is not None else ""
