"""The machine's zone."""

from pathlib import Path

import pytest

from usage_graph.report.zone import local_zone

NOWHERE = Path("/nowhere/localtime")


@pytest.mark.parametrize(
    ("tz", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Asia/Kolkata", "Asia/Kolkata"),
        ("/usr/share/zoneinfo/America/New_York", "America/New_York"),
        ("/usr/share/zoneinfo/posix/Asia/Tokyo", "Asia/Tokyo"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "UTC"),
        ("../../etc/passwd", "UTC"),
        ("", "UTC"),
    ],
)
def test_tz_goes_first(tz: str, zone: str) -> None:
    assert local_zone({"TZ": tz}, NOWHERE) == zone


@pytest.mark.parametrize("root", ["zoneinfo", "zoneinfo.default"])
def test_localtime_is_followed(tmp_path: Path, root: str) -> None:
    target = tmp_path / root / "Australia" / "Lord_Howe"
    target.parent.mkdir(parents=True)
    target.touch()
    link = tmp_path / "localtime"
    link.symlink_to(target)

    assert local_zone({}, link) == "Australia/Lord_Howe"


def test_a_copied_localtime_has_no_name(tmp_path: Path) -> None:
    copied = tmp_path / "localtime"
    copied.write_bytes(b"TZif2")

    assert local_zone({}, copied) == "UTC"
