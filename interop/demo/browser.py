"""A browser without a screen, for the nurse's part: pages over HTTPS, their text and forms, cookies; it does what its person could do, and no more.

A form is submitted with what stands in it, the token against forged ones too, and what the person types.
"""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from interop.demo.processes import Missing

ANSWER_S: Final = 15
MOST_REDIRECTS: Final = 5
UNSEEN: Final = frozenset({"script", "style", "head", "template"})
WITHIN_A_LINE: Final = frozenset({"a", "b", "span", "strong", "em", "small", "abbr", "time", "button", "input"})


@dataclass(frozen=True, slots=True)
class Button:
    """What submits a form, by its words; ``name`` and ``value`` go with it, where it has them. ``is_locked``: disabled."""

    label: str
    name: str = ""
    value: str = ""
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a page. ``fields``: what is sent as it stands; ``names``: all that may be said, choices that nobody made yet too."""

    action: str
    method: str
    fields: Mapping[str, str]
    names: frozenset[str]
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """An answer as its reader sees it: ``text`` with single spaces, one line a block."""

    status: int
    path: str
    text: str
    forms: tuple[Form, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)

    def form(self, button: str, holding: str = "") -> tuple[Form, Button]:
        """The form with that button; ``holding``: one of its fields, where several have it. Raises: Missing: there is none, or not exactly one."""
        found = [
            (form, each) for form in self.forms for each in form.buttons if each.label == button and (not holding or holding in form.names)
        ]
        if len(found) != 1:
            there = ", ".join(each.label for form in self.forms for each in form.buttons)
            raise Missing(f"{self.path} has {len(found)} buttons {button!r}; it has: {there or 'none'}")
        return found[0]


class Browser:
    """One window: it keeps cookies and follows redirects on the same server."""

    def __init__(self, base: str, context: ssl.SSLContext) -> None:
        """``base``: ``https://127.0.0.1:8444/``."""
        self._base, self._context = base, context
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> Page:
        """Raises: Missing: no answer."""
        return self._follow("GET", path, "")

    def press(self, page: Page, button: str, holding: str = "", **typed: str) -> Page:
        """Fill in the form with that button and press it. Raises: Missing: no such button or field, it is locked, or no answer."""
        form, pressed = page.form(button, holding)
        if pressed.is_locked:
            raise Missing(f"{page.path}: the button {button!r} is locked")
        if unknown := sorted(set(typed) - form.names):
            raise Missing(f"{page.path}: the form of {button!r} has no field {unknown[0]!r}; it has: {', '.join(sorted(form.names))}")
        said = {**form.fields, **typed, **({pressed.name: pressed.value} if pressed.name else {})}
        path = urljoin(page.path, form.action) if form.action else page.path
        if form.method == "get":
            return self._follow("GET", f"{urlsplit(path).path}?{urlencode(said)}", "")
        return self._follow("POST", path, urlencode(said))

    def _follow(self, method: str, path: str, body: str) -> Page:
        for _ in range(MOST_REDIRECTS):
            status, location, content = self._ask(method, path, body)
            if status not in (302, 303) or not location:
                return read_page(status, path, content)
            method, path, body = "GET", urljoin(path, location), ""
        raise Missing(f"{path}: redirected without an end")

    def _ask(self, method: str, path: str, body: str) -> tuple[int, str, str]:
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPSConnection(urlsplit(self._base).netloc, timeout=ANSWER_S, context=self._context)
        try:
            connection.request(method, path, body if method == "POST" else None, headers)
            response = connection.getresponse()
            content = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as fault:
            raise Missing(f"{method} {path} of the pages: no answer: {type(fault).__name__}") from None
        finally:
            connection.close()
        for given in response.headers.get_all("Set-Cookie", []):
            name, _, rest = given.partition("=")
            value, _, attributes = rest.partition(";")
            if not value or "max-age=0" in attributes.casefold():
                self._cookies.pop(name, None)
            else:
                self._cookies[name] = value.strip('"')
        return response.status, response.headers.get("Location", ""), content


class Nurse(Browser):
    """A browser whose person logs in when she is asked to, also when her session has ended meanwhile."""

    def __init__(self, base: str, context: ssl.SSLContext, user: str, password: str) -> None:
        super().__init__(base, context)
        self._user, self._password = user, password

    def get(self, path: str) -> Page:
        """Raises: Missing: no answer, or the log-in is refused."""
        page = super().get(path)
        if urlsplit(page.path).path != "/login":
            return page
        entered = self.press(page, "Log in with password", user=self._user, password=self._password)
        if entered.status != 200 or urlsplit(entered.path).path == "/login":
            raise Missing(f"the log-in of {self._user} was not accepted")
        return super().get(path)


def read_page(status: int, path: str, content: str) -> Page:
    """What a person reads and can press on it."""
    reader = _Reader()
    reader.feed(content)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.text).splitlines())
    return Page(status, path, "\n".join(line for line in lines if line), tuple(reader.forms), reader.links)


class _Reader(HTMLParser):
    """Collects text, links and forms."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.links: dict[str, str] = {}
        self.forms: list[Form] = []
        self._unseen: list[str] = []
        self._form: tuple[str, str, dict[str, str], list[Button]] | None = None
        self._names: set[str] = set()
        self._button: tuple[dict[str, str], list[str]] | None = None
        self._link: tuple[str, list[str]] | None = None
        self._area: tuple[str, list[str]] | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag in UNSEEN:
            self._unseen.append(tag)
        if tag == "form":
            self._form = (said.get("action", ""), said.get("method", "get").casefold(), {}, [])
            self._names = set()
        elif tag == "a":
            self._link = (said.get("href", ""), [])
        elif tag == "button":
            self._button = (said, [])
        elif self._form is not None:
            self._field(tag, said)
        if tag not in WITHIN_A_LINE:
            self.text.append("\n")

    def _field(self, tag: str, said: dict[str, str]) -> None:
        assert self._form is not None
        fields = self._form[2]
        if tag in ("input", "select", "textarea") and said.get("name") and "disabled" not in said:
            self._names.add(said["name"])
        if tag == "select":
            self._select = said.get("name", "")
        elif tag == "option" and self._select:
            if "selected" in said or self._select not in fields:
                fields[self._select] = said.get("value", "")
        elif tag == "textarea":
            self._area = (said.get("name", ""), [])
        elif tag == "input" and said.get("name") and "disabled" not in said:
            is_choice = said.get("type") in ("radio", "checkbox")
            if not is_choice:
                fields[said["name"]] = said.get("value", "")
            elif "checked" in said:
                fields[said["name"]] = said.get("value", "on")

    def handle_endtag(self, tag: str) -> None:
        if self._unseen and self._unseen[-1] == tag:
            self._unseen.pop()
        if tag == "form" and self._form is not None:
            action, method, fields, buttons = self._form
            self.forms.append(Form(action, method, fields, frozenset(self._names), tuple(buttons)))
            self._form = None
        elif tag == "button" and self._button is not None:
            said, words = self._button
            if self._form is not None and said.get("type", "submit") == "submit":
                self._form[3].append(
                    Button(" ".join("".join(words).split()), said.get("name", ""), said.get("value", ""), "disabled" in said)
                )
            self._button = None
        elif tag == "a" and self._link is not None:
            self.links[" ".join("".join(self._link[1]).split())] = self._link[0]
            self._link = None
        elif tag == "textarea" and self._area is not None and self._form is not None:
            self._form[2][self._area[0]] = "".join(self._area[1])
            self._area = None
        elif tag == "select":
            self._select = ""
        if tag not in WITHIN_A_LINE:
            self.text.append("\n")

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        self.text.append(" ".join(data.splitlines()) if data.strip() else " ")
        for open_ in (self._button, self._link, self._area):
            if open_ is not None:
                open_[1].append(data)
