"""What is asked, and what is said when there is no answer."""

from typing import Any

import pytest

from tests.report.answer import usage
from tests.report.canned import canned
from tests.serving import free_port
from usage_graph.errors import ReportError
from usage_graph.report.client import Question, fetch, graphql_url
from usage_graph.window import Bucket, CalendarPeriod


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/graphql"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/graphql"),
        ("https://usage.example.com/llm/", "https://usage.example.com/llm/graphql"),
        ("http://[::1]:8000/graphql", "http://[::1]:8000/graphql"),
    ],
)
def test_the_url_of_an_endpoint(endpoint: str, url: str) -> None:
    assert graphql_url(endpoint) == url


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:8000", "file:///etc/passwd", "http://", "", "http://[::1", "http://h:x", "http://h:0"]
)
def test_other_urls_are_refused(endpoint: str) -> None:
    with pytest.raises(ReportError, match="--endpoint"):
        fetch(Question(endpoint=endpoint, timezone="UTC"))


def test_one_operation_with_the_window_the_zone_and_the_project() -> None:
    with canned({"data": {"usage": usage()}}) as there:
        question = Question(endpoint=there.url, timezone="Asia/Tokyo", last="P7D", bucket=Bucket.HOUR, project="blue")
        assert fetch(question) == {"usage": usage()}
        fetch(Question(endpoint=there.url, timezone="UTC", period=CalendarPeriod.LAST_WEEK))

    (path, headers, body), (_, bare, second) = there.requests
    assert path == "/graphql"
    assert headers["content-type"] == "application/json"
    assert headers["x-usage-graph-project"] == "blue"
    assert body["variables"] == {"window": {"last": "P7D"}, "timezone": "Asia/Tokyo", "bucket": "HOUR", "records": 10}
    assert body["query"].startswith("query Report(")
    assert second["variables"]["window"] == {"period": "LAST_WEEK"}
    assert "x-usage-graph-project" not in bare


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with canned({"data": {"usage": usage()}}) as there:
        assert fetch(Question(endpoint=there.url, timezone="UTC"))


def test_no_server_says_how_to_start_one() -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ReportError, match="usage-graph serve") as caught:
        fetch(Question(endpoint=endpoint, timezone="UTC"))

    assert endpoint in str(caught.value)
    assert "Connection refused" in str(caught.value)


@pytest.mark.parametrize("status", [200, 400, 500])
def test_errors_of_the_server_are_passed_on(status: int) -> None:
    errors: list[dict[str, Any]] = [
        {"message": "The window is \x1b[31mempty.", "extensions": {"code": "BAD_WINDOW"}},
        {"message": "And so on."},
    ]
    with canned({"data": None, "errors": errors}, status=status) as there, pytest.raises(ReportError) as caught:
        fetch(Question(endpoint=there.url, timezone="UTC"))

    assert str(caught.value) == "The window is empty. [BAD_WINDOW]\nAnd so on."


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[]", b'{"status": "ok"}', b"\xff", b"null", b'{"data": null}', b'{"errors": []}']
)
def test_another_server_is_recognised(body: bytes) -> None:
    with canned(body) as there, pytest.raises(ReportError, match="not a usage-graph server"):
        fetch(Question(endpoint=there.url, timezone="UTC"))


def test_header_injection_is_refused() -> None:
    with canned({"data": {}}) as there, pytest.raises(ReportError, match="cannot be made"):
        fetch(Question(endpoint=there.url, timezone="UTC", project="a\r\nx-other: b"))

    assert there.requests == []
