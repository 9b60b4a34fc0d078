"""Ids that only a provider gives."""

from typing import Any

import pytest

from usage_graph.processor.identifiers import request_id, response_id


@pytest.mark.parametrize(
    "value",
    [
        "chatcmpl-fake0001",
        "chatcmpl-67c6f3c9-c155-4a3d-aad1-7a148a0dd6a4",
        "cmpl-0123456789",
        "resp_0123456789",
        "msg_0123456789",
        "msg_bdrk_0123456789",
        "gen-1712345678-abcdef",
    ],
)
def test_what_a_provider_made(value: str) -> None:
    assert response_id(value) == value
    assert request_id(value) is None


@pytest.mark.parametrize(
    "value",
    [
        # local servers
        "chatcmpl-842",
        "chatcmpl-1234567",
        "resp_",
        # what LiteLLM writes on failures, and other frameworks
        "11ac2170-a614-42ed-adbb-978ec6287b1e",
        "xchatcmpl-0123456789",
        "req_0123456789",
        "0123456789",
        "",
        None,
        842,
        ["chatcmpl-0123456789"],
        b"chatcmpl-0123456789",
    ],
)
def test_what_nobody_or_somebody_else_made(value: Any) -> None:
    assert response_id(value) is None


def test_requests() -> None:
    assert request_id("req_011CXYZ0123") == "req_011CXYZ0123"
    assert request_id("req_842") is None
    assert request_id(7) is None


def test_ids_are_storable() -> None:
    assert response_id("chatcmpl-01\x00234567\ud800") == "chatcmpl-01234567\ufffd"
