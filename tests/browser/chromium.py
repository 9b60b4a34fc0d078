"""Chromium for tests, as ``make test`` brings it: no display, no libraries or fonts of the machine's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
_UNPACKED = HERE / "node_modules" / ".chromium"
PROGRAM = _UNPACKED / "chromium"
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own; each of its contexts is a profile of its own."""
    environment: dict[str, str | float | bool] = {
        "FONTCONFIG_FILE": str(_UNPACKED / "fonts.conf"),
        "HOME": str(_UNPACKED),
        "LD_LIBRARY_PATH": str(_UNPACKED / "lib"),
        "PATH": os.environ["PATH"],
    }
    with sync_playwright() as playwright:
        # Without a sandbox: containers allow none, and it opens our own pages alone.
        browser = playwright.chromium.launch(
            executable_path=PROGRAM, args=["--font-render-hinting=none"], env=environment
        )
        try:
            yield browser
        finally:
            browser.close()
