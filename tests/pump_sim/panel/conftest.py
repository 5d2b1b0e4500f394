"""One browser and one ward for each module of the panel, a page of its own for each test, and what axe finds."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.pump_sim.panel.hands import opened
from tests.pump_sim.panel.panel_ward import PanelWard

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]


def missing(what: str) -> None:
    """Where the build runs a browser must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def violations_of() -> Any:
    """What axe finds against WCAG 2.2 A and AA and its best practices. It is run past the page's policy, which lets no foreign script in."""
    try:
        from axe_playwright_python.base import AXE_SCRIPT
    except ImportError:
        missing("axe-playwright-python")

    def found(page: Any) -> list[str]:
        page.evaluate(AXE_SCRIPT)
        said = page.evaluate("() => axe.run(document)")
        assert len(said["passes"]) > 10
        return [f"{one['id']}: {node['html']}" for one in said["violations"] for node in one["nodes"]]

    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelWard]:
    ward = PanelWard(tmp_path_factory.mktemp("browser"))
    yield ward
    ward.close()


@pytest.fixture
def ward(served: PanelWard) -> PanelWard:
    served.anew()
    return served


@pytest.fixture
def page(browser: Any, ward: PanelWard) -> Iterator[Any]:
    yield from opened(browser, ward)
