"""Shares: as a ring or as bars, of sources, agents, models and users; and the colours that names have in them."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.calls import post
from tests.browser.conftest import Open
from tests.browser.page import accessible, panel
from tests.otlp import call
from tests.serving import Server

KINDS = ("source", "agent", "model", "user")
SHARES = """query ($by: UsageDimension!) { usage(window: {last: "P7D"}) {
  breakdown(by: $by, first: 8) { groups { label share totals { cost } } other { share totals { cost } } }
} }"""


@pytest.fixture(scope="module")
def many(server: Server) -> str:
    """Four sources of eight agents each: more names than there are colours."""
    project = server.project()
    spans = [
        call(number, {"usage_graph.source": f"source {number // 8}", "usage_graph.agent": f"agent {number:02}"})
        for number in range(32)
    ]
    post(server, project, spans)
    return project


def _group(page: Page) -> Locator:
    return page.get_by_role("region", name="Shares", exact=True)


def _colours(swatches: Locator) -> list[str]:
    colours: list[str] = swatches.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
    return colours


def _shown(page: Page, kind: str) -> list[tuple[str, str]]:
    rows = panel(page, f"Cost by {kind}").locator("tbody tr")
    return [(row.locator("th").inner_text(), row.locator("td").last.inner_text()) for row in rows.all()]


@pytest.mark.parametrize("shape", ["donut", "bars"])
def test_shares_are_what_the_api_says(server: Server, seeded: str, visit: Open, shape: str) -> None:
    page = visit(server, project=seeded, window="7d", shares=shape)
    expect(panel(page, "Cost by user").locator("tbody tr")).to_have_count(3)
    for kind in KINDS:
        found = server.query(SHARES, {"by": kind.upper()}, project=seeded)["usage"]["breakdown"]
        assert found["other"] is None
        groups = found["groups"]
        assert _shown(page, kind) == [
            (group["label"] or f"no {kind}", f"{group['share'] * 100:.1f}%") for group in groups
        ]
        drawn = panel(page, f"Cost by {kind}").locator("svg.bar" if shape == "bars" else ".ring svg path")
        assert drawn.count() == len(groups)


def test_bars_are_as_long_as_what_they_show(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", shares="bars")
    bars = panel(page, "Cost by model").locator("svg.bar rect")
    expect(bars).to_have_count(2)
    costs = [
        float(group["totals"]["cost"])
        for group in server.query(SHARES, {"by": "MODEL"}, project=seeded)["usage"]["breakdown"]["groups"]
    ]
    full, part = (bar.evaluate("bar => bar.getBoundingClientRect().width") for bar in bars.all())
    assert part / full == pytest.approx(costs[1] / costs[0], abs=0.01)


def test_the_shape_is_chosen_and_remembered(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d")
    shares = _group(page)
    expect(shares.locator(".ring path").first).to_be_visible()
    of_rings = page.url
    shares.get_by_label("Bars").check()
    expect(shares.locator("svg.bar").first).to_be_visible()
    expect(shares.locator(".ring path")).to_have_count(0)
    assert "shares=bars" in page.url
    page.go_back()
    expect(shares.locator(".ring path").first).to_be_visible()
    page.go_forward()
    expect(shares.locator("svg.bar").first).to_be_visible()
    page.close()
    page = visit(server, project=seeded)
    expect(_group(page).get_by_label("Bars")).to_be_checked()
    # An address that somebody hands on is not what one has chosen oneself.
    page.goto(of_rings)
    expect(_group(page).get_by_label("Donut")).to_be_checked()


def test_a_name_of_the_legend_leads_to_its_calls(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server, project=seeded, window="7d", shares="bars")
    panel(page, "Cost by user").get_by_role("link", name="user-2").click()
    expect(page.get_by_role("button", name="Remove user: user-2")).to_be_visible()
    expect(panel(page, "Cost by user").locator("tbody tr")).to_have_count(1)


@pytest.mark.parametrize("shape", ["donut", "bars"])
def test_no_two_names_that_are_shown_together_share_a_colour(
    server: Server, many: str, visit: Open, shape: str
) -> None:
    """However many were shown before; and a name has one colour in the chart, its legend and the shares."""
    page = visit(server, project=many, window="7d", by="agent", shares=shape)
    legend = page.locator(".legend button")
    by_agent = panel(page, "Cost by agent")
    for number in range(4):
        panel(page, "Cost by source").get_by_role("link", name=f"source {number}").click()
        expect(page.get_by_role("button", name=f"Remove source: source {number}")).to_be_visible()
        expect(legend).to_have_text([f"agent {agent:02}" for agent in range(8 * number, 8 * number + 8)])
        assert len(set(_colours(legend.locator(".swatch")))) == 8
        names = by_agent.locator("tbody th").all_inner_texts()
        swatches = _colours(by_agent.locator(".swatch"))
        assert dict(zip(legend.all_inner_texts(), _colours(legend.locator(".swatch")), strict=True)) == dict(
            zip(names, swatches, strict=True)
        )
        drawn = by_agent.locator("svg.bar" if shape == "bars" else ".ring svg path")
        assert drawn.evaluate_all("all => all.map(one => getComputedStyle(one).fill)") == swatches
        page.go_back()
        expect(panel(page, "Cost by source").locator("tbody tr")).to_have_count(4)


@pytest.mark.parametrize(("width", "columns"), [(390, 1), (1280, 2), (2200, 4)])
def test_shares_stand_as_there_is_room(server: Server, seeded: str, visit: Open, width: int, columns: int) -> None:
    page = visit(server, project=seeded, window="7d", shares="bars")
    page.set_viewport_size({"width": width, "height": 900})
    expect(panel(page, "Cost by user").locator("tbody tr").first).to_be_visible()
    lefts = {panel(page, f"Cost by {kind}").evaluate("place => place.offsetLeft") for kind in KINDS}
    assert len(lefts) == columns
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    accessible(page)
