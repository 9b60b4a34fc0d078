"""Errors as clients see them: a message for whoever made the mistake, and ``extensions.code``.

GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED     the document
OPERATION_RESOLUTION_FAILURE                        which operation of it
BAD_USER_INPUT                                      a variable or argument
the codes of ``QueryError``                         what the question asks for
INTERNAL                                            our mistake: masked, logged under the id in the message
"""

import logging
from collections.abc import Sequence
from secrets import token_hex
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from usage_graph.errors import OverBudget, QueryError

logger = logging.getLogger(__name__)


def _cause(error: GraphQLError) -> Exception | None:
    """What a resolver raised; ``None`` where GraphQL itself refused."""
    inner: Exception | None = error
    while isinstance(inner, GraphQLError):
        inner = inner.original_error
    return inner


def _code(error: GraphQLError, *, executed: bool) -> str:
    if isinstance(code := (error.extensions or {}).get("code"), str):
        return code
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    return "BAD_USER_INPUT" if executed else "GRAPHQL_VALIDATION_FAILED"


def refusal(message: str, code: str) -> dict[str, Any]:
    """One error that has no place in a document."""
    return {"message": message, "extensions": {"code": code}}


def internal(error: Exception, where: str) -> dict[str, Any]:
    """A masked error; what it hides is logged under the id in its message."""
    id = token_hex(6)
    logger.error("Internal error %s at %s", id, where, exc_info=error)
    return refusal(f"Internal error, id {id}: it is logged on the server under this id.", "INTERNAL")


def formatted(errors: Sequence[GraphQLError], *, executed: bool) -> list[dict[str, Any]]:
    """``errors`` for the answer; ``executed`` says that the document itself was fine."""
    answers = []
    for error in errors:
        cause = _cause(error)
        if isinstance(cause, QueryError):
            answer = refusal(str(cause), cause.code)
            if isinstance(cause, OverBudget):
                answer["extensions"]["cost"] = dict(cause.cost)
        elif cause is not None:
            answer = internal(cause, ".".join(map(str, error.path or ())) or "the operation")
        else:
            answer = refusal(error.message, _code(error, executed=executed))
        if error.locations:
            answer["locations"] = [location.formatted for location in error.locations]
        if error.path:
            answer["path"] = error.path
        answers.append(answer)
    return answers
