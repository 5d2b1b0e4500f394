"""What a person does at a panel in the browser, by keyboard and scanner."""

from collections.abc import Iterator
from typing import Any

from tests.browser import wait_until
from tests.pump_sim.panel.panel_ward import PanelWard
from tests.pump_sim.ward import NURSE


def opened(browser: Any, ward: PanelWard) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, reduced_motion="reduce")
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    at_the_pump(page, ward)
    yield page
    context.close()
    assert faults == []


def at_the_pump(page: Any, ward: PanelWard, pump_id: str = "PUMP-1") -> None:
    """The page is there, and ready for the scanner."""
    page.goto(f"{ward.panel}pumps/{pump_id}")
    wait_until(page, "document.hasFocus() && document.activeElement.id === 'scan'")


def scan(page: Any, badge: str) -> None:
    page.keyboard.type(f"{badge}\n")
    page.get_by_text(f"At the pump: {badge}").wait_for()


def state(page: Any, words: str, channel: str = "A") -> None:
    page.locator(f"#{channel} .head .state", has_text=words).wait_for()


def in_review(page: Any, ward: PanelWard, offer: dict[str, Any]) -> None:
    """The nurse has scanned her badge and opened what was offered to channel A."""
    scan(page, NURSE)
    ward.hear(offer)
    state(page, "program received")
    page.keyboard.press("Alt+o")
    state(page, "review")


def programs_by_hand(page: Any) -> None:
    """Channel B asks for the rate of a plain fluid."""
    scan(page, NURSE)
    page.keyboard.press("Alt+2")
    page.keyboard.press("Alt+g")
    wait_until(page, "document.activeElement.id === 'B-program-find'")
    page.keyboard.type("sodium", delay=60)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    state(page, "programming", "B")


def typed(page: Any, field: str) -> str:
    return str(page.locator(f"#{field}").input_value())
