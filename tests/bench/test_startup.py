"""What ``bench.startup`` measures is there to be measured, and has the names that targets know."""

from bench import startup
from bench.figures import figures
from bench.report import to_json
from bench.targets import TARGETS


def test_every_target_of_starting_is_measured() -> None:
    told: list[str] = []
    found = startup.measure(told.append, rounds=1)
    assert told
    assert all(value >= 0 for value, _, _ in found.values())
    assert found["serve to ready"][0] > found["--version"][0] > 0
    wanted = {target.figure for target in TARGETS if target.figure.startswith("startup: ")}
    assert wanted
    assert wanted <= figures({"startup": to_json(dict(found))}).keys()
