from collections.abc import Iterator

import grpc
import httpx
import pytest

from tests.receiver.running import Receiver


@pytest.fixture(scope="session")
def _receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def receiver(_receiver: Receiver) -> Receiver:
    """A receiver whose store is empty and healthy."""
    _receiver.reset()
    return _receiver


@pytest.fixture
def client(receiver: Receiver) -> httpx.Client:
    """An HTTP client whose addresses are relative to the receiver."""
    return receiver.client


@pytest.fixture
def channel(receiver: Receiver) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{receiver.grpc_port}") as made:
        yield made
