"""Writes docs/page-light.png and docs/page-dark.png: the usage page of the demo. ``make screenshot`` runs it."""

import tempfile
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable

from tests.browser.chromium import chromium
from tests.documents import ROOT
from tests.serving import Server

SIZE = {"width": 1360, "height": 1000}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = Server(data_dir=Path(folder))
        # The demo says where it is when the month is there: more lines than one that serves.
        process = Popen([executable, "-m", "usage_graph.cli", "demo"], env=demo.environment, stdout=PIPE, text=True)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("GraphiQL"):
                    break
            for scheme in ("light", "dark"):
                _shoot(f"{demo.http}/?window=30d", scheme)
        finally:
            process.terminate()
            process.communicate(timeout=60)


def _shoot(address: str, scheme: str) -> None:
    with chromium() as browser:
        page = browser.new_page(
            viewport=SIZE,  # type: ignore[arg-type]
            color_scheme=scheme,  # type: ignore[arg-type]
            timezone_id="Europe/Berlin",
            locale="en-GB",
            device_scale_factor=1.5,
        )
        page.goto(address)
        page.locator(".live.on").wait_for()
        page.locator(".ring tbody tr").first.wait_for()
        page.screenshot(path=ROOT / "docs" / f"page-{scheme}.png")


if __name__ == "__main__":
    main()
