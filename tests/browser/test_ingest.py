"""Usage that came and is in no sum is told of where one looks first, and what to do where one is led."""

import httpx
from playwright.sync_api import expect

from tests.browser.calls import send
from tests.browser.conftest import Open
from tests.browser.page import card, panel
from tests.otlp import PROTOBUF, attributes, call, request
from tests.serving import Server, eventually

ASKED = "{ ingestHealth { accepted } }"


def strange(server: Server, project: str) -> None:
    """Token counts in words that nobody knows, twice, and a call without a trace id."""
    spans = [call(101), call(102), call(103)]
    for span in spans[:2]:
        del span.attributes[:]
        span.attributes.extend(attributes({"acme.input_tokens": 100, "acme.output_tokens": 20}))
    spans[2].trace_id = b""
    message = request(spans)
    message.resource_spans[0].scope_spans[0].scope.name = "acme.tracing"
    headers = {**PROTOBUF, "x-usage-graph-project": project}
    httpx.post(f"{server.http}/v1/traces", content=message.SerializeToString(), headers=headers).raise_for_status()


def written(server: Server, project: str, number: int) -> None:
    """Servers write down what they received every few seconds, and tell nobody."""
    eventually(lambda: int(server.query(ASKED, project=project)["ingestHealth"]["accepted"]) >= number)


def test_nothing_is_told_where_nothing_is_lost(server: Server, seeded: str, visit: Open) -> None:
    written(server, seeded, 60)
    page = visit(server, project=seeded, window="7d")
    expect(panel(page, "What was sent").locator("tbody tr").first).to_be_visible()
    expect(page.locator(".lost")).to_have_count(0)


def test_usage_that_is_in_no_sum(server: Server, visit: Open) -> None:
    project = server.project()
    send(server, project, 1)
    page = visit(server)
    page.clock.install()
    page.goto(f"{server.http}/?project={project}&window=7d")
    expect(card(page, "API calls").locator(".figure")).to_have_text("1")
    strange(server, project)
    written(server, project, 4)
    page.clock.run_for(30_000)
    line = page.locator(".lost")
    expect(line).to_contain_text("2 spans with token counts were not recognised, 1 span was rejected, last ")
    link = line.get_by_role("link", name="What was sent")
    link.click()
    place = panel(page, "What was sent")
    expect(place).to_be_in_viewport()
    expect(place.get_by_text("Token counts of acme.tracing (2, last ")).to_contain_text("gen_ai.usage.input_tokens")
    expect(place.get_by_text("Rejected 1 ×, last ")).to_contain_text("span has no trace id")
    # What is long ago is history.
    page.clock.fast_forward(2 * 86_400_000)
    expect(line).to_have_count(0)
