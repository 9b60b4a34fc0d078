"""Asks usage-graph one operation, and answers with its type."""

from pathlib import Path
from typing import NamedTuple, TypeVar

import httpx
from pydantic import BaseModel

OPERATIONS = Path(__file__).parent / "operations"

Answer = TypeVar("Answer", bound=BaseModel)


class Server(NamedTuple):
    """``key``: one of the server's, where it wants one. ``project``: a key of one project knows it."""

    url: str
    key: str | None = None
    project: str | None = None


class Refused(Exception):
    """``code`` is the ``extensions.code`` of the first error, such as ``BAD_WINDOW``.

    ``retry_after``: seconds after which the same may be asked again, where it was too much for now.
    """

    def __init__(self, message: str, *, code: str, retry_after: int | None) -> None:
        self.code = code
        self.retry_after = retry_after
        super().__init__(message)


def ask(server: Server, operation: type[Answer], **variables: BaseModel | str | int | list[str] | None) -> Answer:
    """The answer to the operation whose type is called as it is, such as ``UsagePage``.

    Raises:
        Refused: the server does not answer it.
    """
    headers = {"accept": "application/json"}
    if server.key is not None:
        headers["authorization"] = f"Bearer {server.key}"
    if server.project is not None:
        headers["x-usage-graph-project"] = server.project
    document = (OPERATIONS / f"{operation.__name__}.graphql").read_text(encoding="utf-8")
    sent = {name: _json(value) for name, value in variables.items()}
    body = httpx.post(
        f"{server.url}/graphql", json={"query": document, "variables": sent}, headers=headers, timeout=60
    ).json()
    if errors := body.get("errors"):
        cost = body.get("extensions", {}).get("cost", {})
        raise Refused(
            "\n".join(error["message"] for error in errors),
            code=errors[0]["extensions"]["code"],
            retry_after=cost.get("retryAfter"),
        )
    return operation.model_validate(body["data"])


def _json(value: object) -> object:
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True) if isinstance(value, BaseModel) else value
