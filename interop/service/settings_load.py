"""Reads the settings: one TOML file, the environment over it. Every fault is told at once, with its line or its variable and what to do."""

import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from interop.domain.errors import OurError
from interop.domain.quantity import NotANumber, exact_as_typed
from interop.service.settings import SECTIONS, Settings, all_keys
from interop.service.settings_checks import with_password
from interop.service.settings_keys import PREFIX, Key, keys_of, variable_of
from interop.service.settings_whole import check_whole
from interop.site.fault import Faults
from interop.site.toml_file import Node, read_toml

MAX_SECRET_BYTES = 16_384


class SettingsUnsound(OurError):
    """The server cannot run with these settings; ``faults`` are sentences, ``file:line:column: what — do: action``."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class SecretUnreadable(OurError):
    """The file of a secret is not there, empty, or no text."""


def load_settings(file: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in ``file``, with the variables of ``environment`` (default: the process's) over them.

    Relative paths, of both, count from the folder of ``file``. Files are looked at, not read.

    Raises: SettingsUnsound: with every fault.
    """
    try:
        data = file.read_bytes()
    except OSError as fault:
        action = "make one with `interop init DIR`, or name another" if isinstance(fault, FileNotFoundError) else "correct its rights"
        raise SettingsUnsound((f"{file}:1:1: the settings cannot be read: {fault.strerror} — do: {action}",)) from None
    return settings_of(data, file, environment)


def settings_of(data: bytes, file: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """As ``load_settings``, from the bytes that ``file`` holds or will hold."""
    given = os.environ if environment is None else environment
    return _Loading(data, file, {name: text for name, text in given.items() if name.startswith(PREFIX)}).run()


def store_address(settings: Settings) -> str:
    """The record's address as its driver wants it, with the password from its file; for ``open_record``, never for a log.

    Raises: SecretUnreadable.
    """
    password_file = settings.store.password_file
    return settings.store.url if password_file is None else with_password(settings.store.url, read_secret(password_file))


def read_secret(file: Path) -> str:
    """The one line of text that a secret's file holds, without the line's end. Raises: SecretUnreadable: never with the content."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_SECRET_BYTES + 1)
    except OSError as fault:
        raise SecretUnreadable(f"{file}: {fault.strerror}") from None
    try:
        text = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretUnreadable(f"{file}: is not text") from None
    if len(data) > MAX_SECRET_BYTES or not text or not text.isprintable():
        raise SecretUnreadable(f"{file}: must hold one line of text")
    return text


class _Loading:
    def __init__(self, data: bytes, file: Path, environment: Mapping[str, str]) -> None:
        self.data, self.file, self.environment = data, file, environment
        self.folder = file.absolute().parent
        self.in_file = Faults()
        self.of_environment: list[str] = []

    def run(self) -> Settings:
        top = read_toml(str(self.file), self.data, self.in_file)
        if top is None:
            raise SettingsUnsound(self.told())
        sections = {name: self.section(section, top.table(name, required=False), (name,), top) for name, section in SECTIONS.items()}
        top.close()
        self.unknown_variables()
        settings = Settings(**sections)
        check_whole(settings, lambda path, what, action: self.tell(top, path, what, action))
        told = self.told()
        if told:
            raise SettingsUnsound(told)
        return replace(settings, store=replace(settings.store, url=self.placed(settings.store.url)))

    def told(self) -> tuple[str, ...]:
        return (*(str(fault) for fault in self.in_file.in_order() if fault.is_error), *self.of_environment)

    def tell(self, top: Node, path: tuple[str, ...], what: str, action: str) -> None:
        """A fault at the place that decided: the variable if there is one, else the line."""
        variable = variable_of(path)
        if variable in self.environment:
            self.of_environment.append(f"{variable} in the environment: {what} — do: {action}")
        else:
            self.in_file.error(top.place(*path), what, action)

    def section(self, section: type, node: Node | None, path: tuple[str, ...], top: Node) -> Any:
        values: dict[str, Any] = {}
        for key in keys_of(section, path):
            values[key.name] = self.value(key, node, top)
        if node is not None:
            node.close()
        return section(**values)

    def value(self, key: Key, node: Node | None, top: Node) -> Any:
        """The key's value; its default, or nothing of its type, where it is faulty."""
        if key.table_of is not None:
            return self.table(key, key.table_of, node, top)
        if key.array_of is not None:
            return self.array(key, key.array_of, node, top)
        fallback = key.default if not key.required else "" if key.type is str else 0
        found = fallback
        if node is not None and key.name in node:
            found = self.of_file(key, node, fallback)
        if key.environment in self.environment:
            found = self.of_variable(key, self.environment[key.environment], fallback)
        elif key.required and (node is None or key.name not in node):
            what, action = f"{key.name} of [{key.section}] is missing", f"write {key.name} = {key.wanted}"
            (top if node is None else node).error(key.name, what, action)
        return found

    def table(self, key: Key, of: type, node: Node | None, top: Node) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for name, each in node.named_tables(key.name, required=False) if node is not None else ():
            if key.rule.check is not None and (complaint := key.rule.check(name)):
                self.in_file.error(each.place(), f"the name in [{key.section}.{key.name}.…] {complaint}", "correct it")
            found[name] = self.section(of, each, (*key.path, name), top)
        return found

    def array(self, key: Key, of: type, node: Node | None, top: Node) -> tuple[Any, ...]:
        nodes = node.tables(key.name, required=True) if node is not None else ()
        return tuple(self.section(of, each, (*key.path, "[]"), top) for each in nodes)

    def of_file(self, key: Key, node: Node, fallback: Any) -> Any:
        raw = node.values[key.name]

        def complain(what: str, action: str) -> None:
            node.error(key.name, what, action)

        if key.type is int:
            number = node.whole(key.name, zero=True)
            return fallback if number is None else self.in_range(key, number, fallback, complain)
        node.skip(key.name)
        if key.type is bool:
            if isinstance(raw, bool):
                return raw
        elif isinstance(raw, str):
            return self.of_text(key, raw.strip(), fallback, complain)
        complain(f"{key.name} is not {key.wanted}", f"write {key.wanted}")
        return fallback

    def of_variable(self, key: Key, text: str, fallback: Any) -> Any:
        def complain(what: str, action: str) -> None:
            self.of_environment.append(f"{key.environment} in the environment: {what} — do: {action}")

        if key.type is int:
            try:
                number = exact_as_typed(text)
            except NotANumber:
                number = None
            if number is None or number.denominator != 1:
                complain(f"{key.name} is not a whole number", f"write {key.wanted}")
                return fallback
            return self.in_range(key, int(number), fallback, complain)
        if key.type is bool:
            if text not in ("true", "false"):
                complain(f"{key.name} is not true or false", "write true or false")
                return fallback
            return text == "true"
        return self.of_text(key, text.strip(), fallback, complain)

    def in_range(self, key: Key, number: int, fallback: Any, complain: Any) -> Any:
        if key.rule.at_least <= number <= key.rule.at_most:
            return number
        complain(f"{key.name} = {number} is out of its range", f"write {key.wanted}")
        return fallback

    def of_text(self, key: Key, text: str, fallback: Any, complain: Any) -> Any:
        if key.is_path:
            return self.path(key, text, complain) if text else None
        if key.choices:
            if text in key.choices:
                return key.type(text)
            complain(f"{key.name} is not {key.wanted}", f"write {key.wanted}")
            return fallback
        complaint = key.rule.check(text) if key.rule.check is not None else ""
        if complaint:
            complain(f"{key.name} {complaint}", "correct it; `interop settings` tells what it may be")
            return fallback
        return text

    def path(self, key: Key, text: str, complain: Any) -> Path:
        path = self.folder / text
        if key.rule.is_file:
            try:
                mode = path.stat().st_mode
            except OSError as fault:
                complain(f"{key.name}: {path} cannot be found: {fault.strerror}", "name a file that is there")
                return path
            except ValueError:  # a character that no path can have
                complain(f"{key.name} is no path", "name a file that is there")
                return path
            if not stat.S_ISREG(mode):
                complain(f"{key.name}: {path} is not a file", "name a file")
            elif not os.access(path, os.R_OK):
                complain(f"{key.name}: {path} may not be read by this process", "give its user the right to read it")
            elif key.rule.secret and os.name == "posix" and mode & 0o037:
                complain(f"{key.name}: others have rights on the secret {path} (mode {mode & 0o777:o})", f"chmod 600 {path}")
        return path

    def unknown_variables(self) -> None:
        known = {key.environment for key in all_keys()}
        for name in sorted(self.environment.keys() - known):
            what = "no key of the settings has this name"
            self.of_environment.append(
                f"{name} in the environment: {what} — do: unset it, or correct it; `interop settings` tells all names"
            )

    def placed(self, url: str) -> str:
        """A SQLite file that is relative counts from the folder of the settings."""
        parts = urlsplit(url)
        if parts.scheme != "sqlite":
            return url
        return f"sqlite:///{quote(str(self.folder / unquote(parts.path[1:])))}"
