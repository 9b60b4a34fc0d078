"""What the page asks by itself: nothing that nobody sees, and what changes slowly not often."""

import json

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.calls import send
from tests.browser.conftest import Open
from tests.browser.page import card, counted, listen, panel
from tests.serving import Server


def asked(page: Page) -> list[str]:
    """The names of what it asks from now on."""
    found: list[str] = []

    def note(post_data: str) -> None:
        found.append(json.loads(post_data)["query"].split()[1].split("(")[0])

    page.on("request", lambda request: note(request.post_data or "") if "graphql" in request.url else None)
    return found


def turn(page: Page, hidden: bool) -> None:
    """As where another tab is brought to the front, and back."""
    page.evaluate(
        "(hidden) => Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}) && undefined",
        hidden,
    )


def test_a_tab_that_nobody_sees_asks_nothing(server: Server, visit: Open) -> None:
    project = server.project()
    send(server, project, 1)
    page = visit(server)
    lines = listen(page, server, project)
    expect(panel(page, "What was sent")).to_have_attribute("aria-busy", "false")
    found = asked(page)
    turn(page, hidden=True)
    with lines[-1].expect_event("framereceived", lambda frame: '"calls":2' in frame):
        send(server, project, 2, now=True)
    expect(card(page, "API calls").locator(".figure")).to_have_text("1")
    assert found == []
    turn(page, hidden=False)
    counted(page, "1–2 of 2 calls")
    assert found.count("Overview") == 1
    turn(page, hidden=True)
    turn(page, hidden=False)
    page.wait_for_timeout(1_500)  # the page looks each second whether somebody can see it
    assert found.count("Overview") == 1


def test_what_changes_slowly_is_not_asked_at_each_call(server: Server, visit: Open) -> None:
    project = server.project()
    send(server, project, 1)
    page = visit(server)
    page.clock.install()
    page.goto(f"{server.http}/?project={project}&window=7d")
    counted(page, "1–1 of 1 calls")
    expect(page.locator(".live")).to_have_text("live")
    latency = panel(page, "Latency").locator("tbody tr").first.locator("td").first
    expect(latency).to_contain_text("1")
    found = asked(page)
    for count in (2, 3):
        send(server, project, count, now=True)
        counted(page, f"1–{count} of {count} calls")
    assert found.count("Health") == 0
    page.clock.fast_forward(10_000)
    expect(latency).to_contain_text("3")
    assert found.count("Health") == 1


def test_a_subscription_that_is_refused_is_asked_again(server: Server, seeded: str, visit: Open) -> None:
    page = visit(server)
    asked: list[str] = []

    def refuse(line: WebSocketRoute) -> None:
        upstream = line.connect_to_server()

        def hear(message: str | bytes) -> None:
            if '"subscribe"' in str(message) and not asked:
                asked.append("refused")
                error = {"message": "slow down", "extensions": {"code": "RATE_LIMITED"}}
                line.send(json.dumps({"type": "error", "id": "1", "payload": [error]}))
            else:
                upstream.send(message)

        line.on_message(hear)

    page.route_web_socket("**/graphql", refuse)
    page.goto(f"{server.http}/?project={seeded}&window=7d")
    counted(page, "1–20 of 60 calls")
    expect(page.locator(".live")).to_have_text("not live")
    # After a pause, on a line of its own.
    expect(page.locator(".live")).to_have_text("live")
    assert asked == ["refused"]
