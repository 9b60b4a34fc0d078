"""What is asked."""

from bench.peers.pages import far_page, first_page, search
from bench.peers.question import Question
from bench.peers.sums import by_model, series, top, totals


def questions(*, page: int = 500) -> list[Question]:
    """In the order in which they are asked. ``page``: which one is far down."""
    return [
        totals("totals, 24 hours", 1, more=1.0),
        totals("totals, 7 days", 7),
        totals("totals, 30 days", 30, more=1.5),
        series("series by day, 30 days", "DAY", more=2.0),
        series("series by hour, 30 days", "HOUR"),
        by_model(),
        top("top 10 conversations", "conversation", faster=10.0),
        top("top 10 agents", "agent", faster=9.0, more=5.0),
        first_page(),
        far_page(page, by_offset=True),
        far_page(page, by_offset=False),
        search(),
    ]
