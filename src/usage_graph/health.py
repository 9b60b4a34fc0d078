"""What becomes of everything that is sent here, counted: for the server's own metrics and for whoever wonders."""

from collections.abc import Callable
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a span, a log record or a data point. The detail that is counted with it is given in brackets."""

    ACCEPTED = "accepted"
    """Received, whatever became of it then. [signal]"""
    STORED = "stored"
    """A call of its own."""
    REPEATED = "repeated"
    """Known already."""
    MERGED = "merged"
    """Told of a call that is known. [reason]"""
    COMPLETED = "completed"
    """A call that learned from a span above it whom it was for."""
    NOT_LLM = "not_llm"
    """No LLM call."""
    REJECTED = "rejected"
    """[reason]"""
    UNRECOGNISED = "unrecognised"
    """Has token counts, and no rule says what it is. [scope]"""


Tell = Callable[[str, Outcome, str, int], None]
"""Takes project, outcome, detail (empty where there is none) and how many; never raises, and never waits."""
