"""Which pages reach a server that wants no key: by the name they call it by, and by what browsers say of them."""

from datetime import UTC, datetime

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from usage_graph.guard import HostGuard, LoopbackGuard
from usage_graph.keys import Keys

HERE = "http://127.0.0.1:8000"
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "accept": "text/html,*/*;q=0.8"}
IMAGE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "accept": "image/*,*/*;q=0.8"}


async def asked(
    app: ASGIApp, path: str = "/graphql", *, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, str]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE) as client:
        answer = await client.request(method, path, headers=headers)
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", IMAGE, 403),
        ("/graphql", IMAGE, 403),
        ("/graphql?query={a}", IMAGE, 403),
        ("/export/records", IMAGE, 403),
        ("/graphql/static/graphiql.js", IMAGE, 403),
        ("/export/records", IMAGE | {"sec-fetch-mode": "cors", "origin": "https://app.example"}, 200),
        ("/export/records", IMAGE | {"sec-fetch-mode": "cors", "origin": "https://evil.example"}, 403),
        ("/export/records", IMAGE | {"sec-fetch-site": "same-origin"}, 200),
        ("/export/records", IMAGE | {"sec-fetch-site": "none"}, 200),
        ("/export/records", {}, 200),
        ("/", LINK, 200),
        ("/graphql", LINK, 200),
        ("/graphql?query={a}", LINK, 403),
        ("/graphql", LINK | {"accept": "text/event-stream"}, 403),
        ("/export/records", LINK, 403),
        ("/metrics", LINK, 403),
    ],
    ids=str,
)
async def test_pages_of_other_sites_fetch_nothing_blindly(path: str, headers: dict[str, str], status: int) -> None:
    app = LoopbackGuard(PlainTextResponse("in"), allowed_hosts=[], allowed_origins=["https://app.example"])
    found, said = await asked(app, path, headers=headers)
    assert found == status
    assert said == "in" if status == 200 else "USAGE_GRAPH_CORS_ORIGINS" in said


async def test_only_links_open_a_page() -> None:
    app = LoopbackGuard(PlainTextResponse("in"), allowed_hosts=[], allowed_origins=[])
    assert (await asked(app, method="POST", headers=LINK))[0] == 403
    assert (await asked(app, "/", method="POST", headers=LINK))[0] == 403


async def test_all_origins_may_be_allowed() -> None:
    app = LoopbackGuard(PlainTextResponse("in"), allowed_hosts=[], allowed_origins=["*"])
    assert await asked(app, "/export/records", headers=IMAGE) == (200, "in")


@pytest.mark.parametrize(
    ("host", "gets_in"),
    [
        ("192.0.2.1:8000", True),
        ("127.1", True),
        ("[2001:db8::1]:8000", True),
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("usage.internal:4318", True),
        ("Usage.Internal", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("usage.internal.evil.example", False),
        ("[", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("key", [None, "0123456789abcdef"])
async def test_names_matter_as_long_as_no_key_is_wanted(host: str, gets_in: bool, key: str | None) -> None:
    keys = Keys(dsn="", api_key=key, clock=lambda: datetime.now(UTC))
    app = HostGuard(PlainTextResponse("in"), allowed_hosts=["Usage.internal"], keys=keys)
    status, said = await asked(app, method="POST", headers={"host": host})
    if gets_in or key:
        assert (status, said) == (200, "in")
    else:
        assert (status, "USAGE_GRAPH_ALLOWED_HOSTS" in said) == (421, True)
