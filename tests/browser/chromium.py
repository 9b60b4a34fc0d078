"""Chromium for tests, as ``make test`` brings it: no display, no libraries or fonts of the machine's.

It is for Linux on x86-64. ``USAGE_GRAPH_TEST_CHROMIUM`` names another one, with what it finds on its machine.
"""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
_UNPACKED = HERE / "node_modules" / ".chromium"
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own; each of its contexts is a profile of its own."""
    program, environment = installed()
    with sync_playwright() as playwright:
        # Without a sandbox: containers allow none, and it opens our own pages alone.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--font-render-hinting=none"], env=environment
        )
        try:
            yield browser
        finally:
            browser.close()


def installed() -> tuple[Path, dict[str, str | float | bool]]:
    """The program, whether it is there or not, and the environment that it needs.

    Raises:
        RuntimeError: none is for this machine.
    """
    if own := os.environ.get("USAGE_GRAPH_TEST_CHROMIUM"):
        return Path(own), {**os.environ}
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise RuntimeError(
            "The Chromium that `make test` brings is for Linux on x86-64: name the program of a Chrome or Chromium of "
            "this machine, USAGE_GRAPH_TEST_CHROMIUM=PATH."
        )
    return _UNPACKED / "chromium", {
        "FONTCONFIG_FILE": str(_UNPACKED / "fonts.conf"),
        "HOME": str(_UNPACKED),
        "LD_LIBRARY_PATH": str(_UNPACKED / "lib"),
        "PATH": os.environ["PATH"],
    }
