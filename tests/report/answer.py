"""A canned answer to the report's operation, of the shapes that the schema promises."""

from typing import Any

Json = dict[str, Any]


def totals(**values: Any) -> Json:
    """A month of some calls."""
    return {
        "calls": 8214,
        "failedCalls": 123,
        "unpricedCalls": 486,
        "unmeasuredCalls": 123,
        "inputTokens": 61_234_567,
        "outputTokens": 7_890_123,
        "totalTokens": 69_124_690,
        "cacheReadTokens": 20_400_000,
        "cacheWriteTokens": 9_100_000,
        "reasoningTokens": 1_200_000,
        "cost": "263.782911935",
        "costs": {
            "input": "101.5",
            "cacheRead": "6.12",
            "cacheWrite": "0",
            "output": "156.160000001",
            "other": "0.002911934",
        },
        "avgCost": "0.034132108",
        "credits": "4120.5",
        "avgDurationMs": 5321.25,
    } | values


def part(key: str | None, cost: str | None, share: float | None, calls: int | str = 10) -> Json:
    return {"key": key, "share": share, "totals": {"cost": cost, "calls": calls}}


def point(start: str, cost: str | None, *, partial: bool = False) -> Json:
    return {"start": start, "partial": partial, "totals": {"cost": cost, "calls": 3}}


def record(**values: Any) -> Json:
    return {
        "source": "chat",
        "name": "Refund for the March invoice",
        "agent": None,
        "conversation": "conv_1",
        "requestModel": "claude-sonnet-4-6",
        "responseModel": "claude-sonnet-4-6",
        "status": "OK",
        "errorType": None,
        "inputTokens": 12_345,
        "outputTokens": 678,
        "cost": "0.0123456",
        "durationMs": 8123.4,
        "startedAt": "2026-11-22T01:00:00+00:00",
    } | values


def usage() -> Json:
    """A page with something in every place."""
    return {
        "range": {"from": "2026-10-23T02:00:00+00:00", "to": "2026-11-22T03:00:00+00:00", "timezone": "Europe/Berlin"},
        "totals": totals(),
        "unpricedModels": [
            {"model": "house-llm-7b", "provider": "in-house", "calls": 363},
            {"model": None, "provider": None, "calls": "123"},
        ],
        "series": {
            "bucket": "DAY",
            "points": [
                point("2026-11-19T23:00:00+00:00", "8.81", partial=True),
                point("2026-11-20T23:00:00+00:00", "50.51"),
                point("2026-11-21T23:00:00+00:00", "0.001", partial=True),
            ],
        },
        "bySource": {"groups": [part("agent", "215.75", 0.82, 4638), part("chat", "43.68", 0.16, 2807)], "other": None},
        "byModel": {
            "groups": [part("claude-opus-4-8", "66.37", 0.25), part(None, None, None)],
            "other": part(None, "1", 0.004),
        },
        "topConsumers": [
            {
                "key": "Market scan",
                "label": None,
                "source": "agent",
                "share": 0.31,
                "totals": {"cost": "80.65774", "totalTokens": 3_210_000, "calls": 163},
            },
            {
                "key": "conv_7",
                "label": "請求書の再発行について",
                "source": "chat",
                "share": 0.0004,
                "totals": {"cost": "1.2", "totalTokens": "90071992547409930", "calls": 12},
            },
        ],
        "records": {
            "totalCount": 8214,
            "nodes": [
                record(),
                record(
                    source="agent",
                    name=None,
                    agent="Inbox triage",
                    conversation=None,
                    cost=None,
                    status="ERROR",
                    errorType="timeout",
                    inputTokens=None,
                    outputTokens=None,
                    responseModel=None,
                    durationMs=60_021.0,
                ),
            ],
        },
    }
