"""One browser for each module of the panel, and what axe finds."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

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
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


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
