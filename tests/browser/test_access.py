"""Nothing keeps anyone out: axe finds nothing, on any screen."""

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Open
from tests.browser.page import accessible, calls, panel
from tests.serving import Server


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 2200])
def test_nothing_keeps_anyone_out(
    server: Server, seeded: str, context: BrowserContext, visit: Open, scheme: str, width: int
) -> None:
    """axe finds nothing, and nothing is wider than the screen; on the full page, its details, and the empty one."""
    for state in ({"project": seeded, "window": "7d", "chart": "lines", "by": "agent"}, {"project": "nobody"}):
        page = visit(server, **state)
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        expect(panel(page, "Latency").locator("tbody tr").first).to_be_visible()
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if state["project"] == seeded:
            calls(page).locator("tbody button.link").first.click()
            expect(page.get_by_role("dialog").get_by_text("Model asked for")).to_be_visible()
            accessible(page)
        page.close()
