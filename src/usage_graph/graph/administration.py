"""What the graph needs of the store where an admin sees or changes something."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from usage_graph.credits import CreditPlan, CreditRule
from usage_graph.grant import Access, StoredKey
from usage_graph.price import OwnPrice


class Administration(Protocol):
    """The prices, credit plans, credit rules and keys of a project: see ``store.administration``."""

    async def prices(self, project: str) -> Sequence[OwnPrice]: ...

    async def set_price(self, price: OwnPrice) -> None: ...

    async def remove_price(
        self, project: str | None, model: str, provider: str | None, since: datetime | None
    ) -> OwnPrice | None: ...

    async def credit_plans(self, project: str) -> Sequence[CreditPlan]: ...

    async def set_credit_plan(self, plan: CreditPlan) -> None: ...

    async def remove_credit_plan(self, project: str, since: datetime | None) -> CreditPlan | None: ...

    async def credit_rules(self, project: str) -> Sequence[CreditRule]: ...

    async def set_credit_rule(self, rule: CreditRule) -> None: ...

    async def remove_credit_rule(
        self, project: str, model: str | None, channel: str | None, since: datetime | None
    ) -> CreditRule | None: ...

    async def keys(self, project: str | None) -> Sequence[StoredKey]: ...

    async def create_key(
        self,
        *,
        access: Access,
        project: str | None,
        user: str | None,
        agent: str | None,
        label: str | None,
        expires_at: datetime | None,
    ) -> tuple[StoredKey, str]: ...

    async def revoke_key(self, id: str, project: str | None) -> StoredKey | None: ...
