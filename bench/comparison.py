"""Two runs, figure by figure; and a run against the baseline that is kept with the source."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from bench.figures import Figure, Figures, Kind

MARGINS: dict[Kind, float] = {"ratio": 1.25, "cpu": 1.25, "clock": 1.5, "size": 1.05}
"""What two runs of the same program on a machine that others use may differ by, as a factor."""
CHECK_MARGIN = 1.5
"""How many times as bad as in the baseline a ratio or a processor time has to be for the check to fail."""
CHECKED: tuple[Kind, ...] = ("ratio", "cpu")
"""Never the clock: a machine that is busy must not matter."""
_TOO_SHORT = (": of its SQL", ": of SQL by hand")
"""Of less than a millisecond: nor are these checked. What is checked instead allows a request 1.5 ms."""
BASELINE = Path(__file__).parent / "baseline.json"

Verdict = Literal["better", "same", "WORSE"]


class Compared(NamedTuple):
    """``worse``: how many times as bad the figure has become; below 1, it is better."""

    name: str
    before: float
    now: float
    unit: str
    worse: float
    verdict: Verdict


def compare(before: Figures, now: Figures) -> list[Compared]:
    """Figures that both runs have, in the order of the second."""
    found = []
    for name, figure in now.items():
        if (old := before.get(name)) is not None and old.value > 0 and figure.value > 0:
            worse, margin = _worse(old.value, figure), MARGINS[figure.kind]
            verdict: Verdict = "WORSE" if worse > margin else "better" if worse < 1 / margin else "same"
            found.append(Compared(name, old.value, figure.value, figure.unit, worse, verdict))
    return found


def _worse(before: float, now: Figure) -> float:
    return before / now.value if now.more else now.value / before


class Baseline(NamedTuple):
    """``calibration``: processor seconds that the same work took on that machine."""

    calibration: float
    figures: Mapping[str, float]


def baseline_of(figures: Figures, calibration: float) -> Baseline:
    checked = {name: one for name, one in figures.items() if one.kind in CHECKED and not name.endswith(_TOO_SHORT)}
    return Baseline(
        round(calibration, 5), {name: round(one.value, 4) for name, one in checked.items() if one.value > 0}
    )


def read_baseline(path: Path = BASELINE) -> Baseline:
    """Raises ``FileNotFoundError`` where none is kept."""
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    return Baseline(found["calibration"], found["figures"])


def write_baseline(baseline: Baseline, path: Path = BASELINE) -> None:
    path.write_bytes(orjson.dumps(baseline._asdict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def accept(baseline: Baseline, path: Path = BASELINE) -> None:
    """What it has goes into the one that is kept, which keeps what was not measured now."""
    kept = read_baseline(path).figures if path.exists() else {}
    write_baseline(Baseline(baseline.calibration, {**kept, **baseline.figures}), path)


def fallen(baseline: Baseline, now: Figures, calibration: float) -> list[Compared]:
    """Ratios and processor times that are worse than the baseline by more than ``CHECK_MARGIN``.

    Processor times are scaled by how long the same work takes here.
    """
    found = []
    for name, before in baseline.figures.items():
        figure = now.get(name)
        if figure is None or figure.kind not in CHECKED or figure.value <= 0:
            continue
        slower = calibration / baseline.calibration
        scale = 1.0 if figure.kind == "ratio" else 1 / slower if figure.more else slower
        if (worse := _worse(before * scale, figure)) > CHECK_MARGIN:
            found.append(Compared(name, before * scale, figure.value, figure.unit, worse, "WORSE"))
    return found
