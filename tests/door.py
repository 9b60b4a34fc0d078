"""Instead of the guard, where keys do not matter: everyone who comes this way was granted the same."""

from starlette.types import ASGIApp, Receive, Scope, Send

from usage_graph.grant import OPEN, Grant, attach


class Door:
    """ASGI middleware that lets everyone in, with ``grant``."""

    def __init__(self, app: ASGIApp, grant: Grant = OPEN) -> None:
        self._app = app
        self.grant = grant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        attach(scope, self.grant)
        await self._app(scope, receive, send)
