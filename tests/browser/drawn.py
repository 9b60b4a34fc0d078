"""What charts show: numbers read off their lines, bars and rings, as an eye does with the help of the scale."""

import math
import re
from collections.abc import Callable

from playwright.sync_api import Locator

_UNITS = {"": 1, "K": 1e3, "M": 1e6, "B": 1e9}
_NUMBER = r"(-?[\d.]+(?:e-?\d+)?)"


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(_NUMBER, text)]


def attributes(places: Locator, name: str) -> list[str]:
    """An attribute of all of them."""
    found: list[str] = places.evaluate_all("(places, name) => places.map(place => place.getAttribute(name))", name)
    return found


def paints(places: Locator, property_: str) -> list[str]:
    """A colour of all of them, as it is painted."""
    found: list[str] = places.evaluate_all(
        "(places, name) => places.map(place => getComputedStyle(place)[name])", property_
    )
    return found


def curves(chart: Locator, *, whole: bool = False) -> list[str]:
    """The lines of a chart: that of all together, or those of single names."""
    return attributes(chart.locator("g.line.whole > path" if whole else "g.line:not(.whole) > path"), "d")


def heights(path: str) -> list[float]:
    """How far from the top each point of a line is."""
    return numbers(path)[1::2]


def scale(chart: Locator) -> Callable[[float], float]:
    """What a height in a chart stands for, by the lowest and the highest number of its scale."""
    labels = chart.locator(".grid text").all_text_contents()
    places = [float(place) for place in attributes(chart.locator(".grid text"), "y")]
    parsed = [re.fullmatch(r"\$?([\d.]+)([KMB]?)", label) for label in labels]
    values = [float(label[1]) * _UNITS[label[2]] for label in parsed if label]
    assert len(values) == len(labels) > 1, labels
    assert values[0] == 0
    return lambda place: (places[0] - place) / (places[0] - places[-1]) * values[-1]


def turns(ring: Locator) -> list[float]:
    """What part of a ring each of its pieces is."""
    found = []
    for path in attributes(ring.locator("path"), "d"):
        begin = numbers(path.split("A")[0])
        _, _, _, large, _, *end = numbers(path.split("A")[1].split("L")[0])
        angle = (math.atan2(end[1], end[0]) - math.atan2(begin[1], begin[0])) % math.tau
        assert (angle > math.pi) == bool(large)
        found.append(angle / math.tau)
    return found
