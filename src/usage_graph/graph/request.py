"""What a GraphQL request asks for, however it was sent."""

from typing import Any

import msgspec


class Asked(msgspec.Struct, rename="camel"):
    """The parameters of a GraphQL request."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
