from collections.abc import Iterator

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from usage_graph import errors
from usage_graph.receiver.status import encode_json, encode_protobuf, failure


def _kinds(root: type[errors.ExportError]) -> Iterator[type[errors.ExportError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)


@pytest.mark.parametrize("kind", [*_kinds(errors.ExportError)])
def test_only_what_may_be_sent_again_says_when(kind: type[errors.ExportError]) -> None:
    failed = failure(kind("what, where, what to do"))
    permanent = issubclass(kind, errors.PermanentError)
    assert (failed.retry_after is None) == permanent
    assert (failed.code is StatusCode.UNAVAILABLE) == (failed.http_status == 503) == (not permanent)


@pytest.mark.parametrize(
    ("error", "code", "http_status"),
    [
        (errors.MalformedRequest("x"), StatusCode.INVALID_ARGUMENT, 400),
        (errors.RequestTooLarge("x"), StatusCode.RESOURCE_EXHAUSTED, 413),
        (errors.UnsupportedContent("x"), StatusCode.INVALID_ARGUMENT, 415),
        (errors.QueueFull("x"), StatusCode.UNAVAILABLE, 503),
        (errors.ShuttingDown("x"), StatusCode.UNAVAILABLE, 503),
    ],
    ids=lambda case: type(case).__name__,
)
def test_table(error: errors.ExportError, code: StatusCode, http_status: int) -> None:
    assert failure(error)[:3] == (code, http_status, "x")


@pytest.mark.parametrize(("asked", "told"), [(0.2, 1), (1.0, 1), (1.1, 2), (30, 30)])
def test_retry_after_is_in_whole_seconds(asked: float, told: int) -> None:
    assert failure(errors.StoreUnavailable("x", retry_after=asked)).retry_after == told


def test_an_unknown_error_is_retryable_and_keeps_its_secrets() -> None:
    failed = failure(KeyError("password"))
    assert (failed.code, failed.http_status, failed.retry_after) == (StatusCode.UNAVAILABLE, 503, 1)
    assert "password" not in failed.message


def test_status_bodies() -> None:
    failed = failure(errors.QueueFull("full", retry_after=4))
    status = Status.FromString(encode_protobuf(failed))
    retry = RetryInfo()
    assert (status.code, status.message) == (14, "full")
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 4
    assert encode_json(failed) == (
        b'{"code":14,"message":"full",'
        b'"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"4s"}]}'
    )
