"""The values of declared attributes, from whatever they were sent with."""

from collections.abc import Collection, Mapping

from usage_graph.observation import Observation
from usage_graph.processor.values import MAX_TEXT, AttributeValue, text
from usage_graph.usage import UsageRecord

Pairs = tuple[tuple[str, str], ...]


class DeclaredAttributes:
    """Reads those that are declared, and no others. False where none is."""

    def __init__(self, keys: Collection[str]) -> None:
        self._keys = tuple(sorted(keys))

    def __bool__(self) -> bool:
        return bool(self._keys)

    def read(self, *places: Mapping[str, AttributeValue]) -> Pairs:
        """Key and value, by key; each from the first of ``places`` where it has a value."""
        return tuple((key, value) for key in self._keys if (value := _first(key, places)) is not None)

    def added_to(self, observation: Observation, *places: Mapping[str, AttributeValue]) -> Observation:
        """``observation`` with what ``places`` say."""
        return observation._replace(record=self.kept_in(observation.record, *places))

    def kept_in(self, record: UsageRecord, *places: Mapping[str, AttributeValue]) -> UsageRecord:
        """``record`` with what ``places`` say."""
        return record._replace(attributes=self.read(*places))


def _first(key: str, places: tuple[Mapping[str, AttributeValue], ...]) -> str | None:
    for place in places:
        if key in place and (value := value_text(place[key])) is not None:
            return value
    return None


def value_text(value: AttributeValue) -> str | None:
    """A text, number or truth value as a storable text; ``None`` for anything else.

    A longer text than ``MAX_TEXT`` is none rather than cut: it names no group, and what is long may be content.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return None
    if isinstance(value, float) and not value.is_integer():
        return repr(value) if value - value == 0 else None
    return text(value)
