"""Waiting in a browser: pages whose Content-Security-Policy forbids eval forbid it to ``page.wait_for_function`` too, as soon as that has to wait."""

import time
from typing import Any

from playwright.sync_api import Error, Page


def wait_until(page: Page, expression: str, arg: Any = None, timeout: int = 15_000) -> None:
    """Until the expression, or the function of ``arg``, is true in the page; ``timeout`` in ms. Raises: AssertionError."""
    end = time.monotonic() + timeout / 1000
    while True:
        try:
            if page.evaluate(expression, arg):
                return
        except Error as error:
            if "context" not in str(error):  # the page is another one by now
                raise
        assert time.monotonic() < end, f"it does not become true: {expression}"
        page.wait_for_timeout(40)
