"""Where the keys of a TOML text stand: ``tomllib`` tells values but no places. Reads only text that ``tomllib`` has already accepted (TOML 1.0)."""

import re
import tomllib

from interop.site.text import LineColumn, line_column

KeyPath = tuple[str | int, ...]
"""``("channels", 0, "rate_max_mL_per_h")``: keys, and indexes into arrays."""

BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
SPACE = re.compile(r"[ \t]*")
KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|' + r"'''.*?'{3,5}(?!')|" + r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'", re.DOTALL)
SCALAR = re.compile(r"\d{4}-\d\d-\d\d[ Tt]\d\d:[^,\]}\s#]*|[^,\]}\s#]+")


class TomlPlaces:
    """Offsets of keys and of array elements, and the text of scalar values as typed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts: dict[KeyPath, int] = {(): 0}
        self.scalars: dict[KeyPath, str] = {}

    def of(self, path: KeyPath) -> LineColumn:
        """Where the key stands; for one that is not in the text, where the nearest table around it begins."""
        while path not in self.starts:
            path = path[:-1]
        return line_column(self.text, self.starts[path])

    def typed(self, path: KeyPath) -> str:
        """A scalar value as typed, such as ``0.10``; "" if there is none."""
        return self.scalars.get(path, "")


def find_places(text: str) -> TomlPlaces:
    """All places of a valid TOML text."""
    return _Scan(text).run()


class _Scan:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.places = TomlPlaces(text)
        self.arrays: dict[KeyPath, int] = {}

    def run(self) -> TomlPlaces:
        table: KeyPath = ()
        self.skip(BLANK)
        while self.at < len(self.text):
            start = self.at
            if self.text.startswith("[[", start):
                self.at += 2
                table = self.element(self.keys())
                self.at += 2
            elif self.text.startswith("[", start):
                self.at += 1
                table = self.inside(self.keys())
                self.at += 1
            else:
                self.pair(table)
                self.skip(BLANK)
                continue
            self.note(table, start)
            self.skip(BLANK)
        return self.places

    def skip(self, what: re.Pattern[str]) -> None:
        match = what.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def note(self, path: KeyPath, start: int) -> None:
        """The first place counts, also for the tables that a dotted name opens on the way."""
        for length in range(1, len(path) + 1):
            self.places.starts.setdefault(path[:length], start)

    def keys(self) -> tuple[str, ...]:
        """A dotted key; leaves the scan behind it."""
        parts: list[str] = []
        while True:
            self.skip(SPACE)
            match = KEY.match(self.text, self.at)
            if match is None:
                raise AssertionError(f"no key at {line_column(self.text, self.at)} of a text that is TOML")
            raw = match.group()
            parts.append(tomllib.loads(f"key = {raw}")["key"] if raw[0] in "\"'" else raw)
            self.at = match.end()
            self.skip(SPACE)
            if not self.text.startswith(".", self.at):
                return tuple(parts)
            self.at += 1

    def inside(self, keys: tuple[str, ...]) -> KeyPath:
        """The path of ``[a.b]``: through an array of tables it goes to the last element so far."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self.arrays:
                path = (*path, self.arrays[path] - 1)
        return path

    def element(self, keys: tuple[str, ...]) -> KeyPath:
        """The path of the new element that ``[[a.b]]`` opens."""
        array = (*self.inside(keys[:-1]), keys[-1])
        self.arrays[array] = self.arrays.get(array, 0) + 1
        return (*array, self.arrays[array] - 1)

    def pair(self, table: KeyPath) -> None:
        start = self.at
        path = (*table, *self.keys())
        self.note(path, start)
        self.at += 1  # the equals sign
        self.skip(SPACE)
        self.value(path)

    def value(self, path: KeyPath) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self.at += 1
            index = 0
            while self.more("]"):
                self.places.starts[(*path, index)] = self.at
                self.value((*path, index))
                index += 1
        elif opening == "{":
            self.at += 1
            while self.more("}"):
                self.pair(path)
        else:
            match = (STRING if opening in "\"'" else SCALAR).match(self.text, self.at)
            if match is None:
                raise AssertionError(f"no value at {line_column(self.text, self.at)} of a text that is TOML")
            self.places.scalars[path] = match.group()
            self.at = match.end()

    def more(self, closing: str) -> bool:
        """Goes to the next element; False, and behind ``closing``, where there is none."""
        self.skip(BLANK)
        if self.text.startswith(",", self.at):
            self.at += 1
            self.skip(BLANK)
        if self.text.startswith(closing, self.at):
            self.at += 1
            return False
        return True
