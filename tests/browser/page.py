"""Where things stand on the usage page, and what stands there."""

from playwright.sync_api import Locator, Page, WebSocket, expect

from tests.serving import Server


def panel(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def card(page: Page, title: str) -> Locator:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title, exact=True))


def exact(place: Locator) -> str:
    """What screen readers say, and a pointer shows."""
    return place.locator(".figure .exact").get_attribute("title") or ""


def calls(page: Page) -> Locator:
    return panel(page, "Calls")


def choose_source(page: Page, source: str) -> None:
    """Shows the calls of one source in the table alone."""
    calls(page).get_by_role("combobox", name="Source").select_option(source)


def names(page: Page) -> list[str]:
    return calls(page).locator("tbody button.link").all_inner_texts()


def accessible(page: Page) -> None:
    # What is on its way is paler until it is there.
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []


def counted(page: Page, text: str) -> None:
    expect(calls(page).locator(".pager [role=status]")).to_have_text(text)


def rows(place: Locator) -> list[list[str]]:
    """What the cells of a table say; `1.8K = 1,800` where a short value has the exact one at hand."""
    found: list[list[str]] = place.locator("tbody tr:not(.waiting)").evaluate_all(
        """(rows) => rows.map((row) => [...row.cells].map((cell) => {
          const exact = cell.querySelector('.exact, time');
          return exact ? `${exact.firstChild.textContent} = ${exact.title}` : cell.innerText;
        }))"""
    )
    return found


def listen(page: Page, server: Server, project: str) -> list[WebSocket]:
    """Opens a project of one call, and waits until the page hears of more; its connections, the lasting one last."""
    lines: list[WebSocket] = []
    page.on("websocket", lambda line: lines.append(line))
    page.goto(f"{server.http}/?project={project}&window=7d")
    counted(page, "1–1 of 1 calls")
    expect(page.locator(".live")).to_have_text("live")
    return lines
