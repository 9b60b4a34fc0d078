"""Writes docs/page-light.png and docs/page-dark.png: the usage page of the demo. ``make screenshot`` runs it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable

from playwright.sync_api import Browser, expect

from tests.browser.chromium import chromium
from tests.browser.page import calls, card, panel
from tests.documents import ROOT
from tests.serving import Server

SIZE = {"width": 1360, "height": 1400}
BELOW = 14
SCALE = 1.5
SEEN = "Usage page "
"""The last line of the demo begins so: all of its calls are there."""


def main() -> None:
    with _demo() as address, chromium() as browser:
        for scheme in ("light", "dark"):
            _shoot(browser, address, scheme)


@contextmanager
def _demo() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(data_dir=Path(folder))
        process = Popen([executable, "-m", "usage_graph.cli", "demo"], env=server.environment, stdout=PIPE, text=True)
        try:
            assert process.stdout is not None
            if not any(line.startswith(SEEN) for line in process.stdout):
                raise SystemExit("The demo did not come so far; the lines above say why.")
            yield server.http
        finally:
            process.terminate()
            process.communicate(timeout=60)


def _shoot(browser: Browser, address: str, scheme: str) -> None:
    # A visitor who has never been here, with nothing that moves: what fades in would be half there.
    visitor = browser.new_context(
        viewport=SIZE,  # type: ignore[arg-type]
        device_scale_factor=SCALE,
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        timezone_id="Europe/Berlin",
        locale="en-GB",
    )
    page = visitor.new_page()
    page.goto(f"{address}/?window=30d")
    expect(page.locator(".live")).to_have_text("live")
    expect(card(page, "Total cost")).to_contain_text("%")
    expect(calls(page).locator("tbody tr").first).to_be_visible()
    expect(panel(page, "Latency").locator("tbody tr").first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    # Down to the end of a panel, so that none is cut.
    box = panel(page, "Cost by model").bounding_box()
    assert box is not None
    page.screenshot(
        path=ROOT / "docs" / f"page-{scheme}.png",
        clip={"x": 0, "y": 0, "width": SIZE["width"], "height": box["y"] + box["height"] + BELOW},
        animations="disabled",
    )
    visitor.close()


if __name__ == "__main__":
    main()
