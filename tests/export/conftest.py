"""A month's worth of calls."""

import pytest

from tests.graph.conftest import MONTH
from usage_graph.usage import UsageRecord


@pytest.fixture
def month() -> list[UsageRecord]:
    """100 calls in 29 days before ``NOW``; every field known in some and unknown in others."""
    return MONTH
