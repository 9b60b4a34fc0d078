"""What is shipped: a wheel that works without the checkout, locks that name no host, extras that pull what is due."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_sql_and_schema_ship_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for path in (ROOT / "sql").glob("*.sql"):
        assert f"usage_graph/store/migrations/{path.name}" in names
    assert "usage_graph/graph/documents/schema.graphql" in names
    for path in (ROOT / "schema" / "operations").glob("*.graphql"):
        assert f"usage_graph/graph/documents/operations/{path.name}" in names
    assert "usage_graph/py.typed" in names
    assert "usage_graph/report/report.graphql" in names
    assert any(name.startswith("usage_graph/graph/static/licenses/") for name in names)


def test_the_usage_page_ships_in_the_wheel_as_it_is_built(wheel: Path) -> None:
    """Every file, byte by byte: neither is one ignored, nor one left that is none of it any more."""
    static = ROOT / "src" / "usage_graph" / "page" / "static"
    built = {
        path.relative_to(ROOT / "src").as_posix(): path.read_bytes() for path in static.rglob("*") if path.is_file()
    }
    with zipfile.ZipFile(wheel) as packed:
        shipped = {name: packed.read(name) for name in packed.namelist() if name.startswith("usage_graph/page/static/")}
    assert shipped == built


def test_the_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    """Imported from the unpacked wheel, away from the checkout, it finds its SQL, its operations and its page."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = (
        "import usage_graph; from usage_graph.store import migrate;"
        "from usage_graph.graph.schema import example_operations;"
        "from usage_graph.page.app import missing;"
        "print(usage_graph.__file__, len(migrate.load()), len(example_operations()), len(missing()))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.split()
    assert printed[0].startswith(str(tmp_path))
    assert int(printed[1]) == len(list((ROOT / "sql").glob("*.sql")))
    assert int(printed[2]) == len(list((ROOT / "schema" / "operations").glob("*.graphql")))
    assert printed[3] == "0"


def test_an_application_pulls_opentelemetry_only() -> None:
    assert all(requirement.startswith("opentelemetry-") for requirement in PROJECT["dependencies"])


@pytest.mark.parametrize("lock", ["server.txt", "dev.txt"])
def test_locks_are_hashed_and_name_no_host(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    pins = re.findall(r"^([a-z0-9._-]+)==\S+.*?(?=^[a-z]|\Z)", text, re.M | re.S)
    assert len(pins) > 30
    for block in re.split(r"^(?=[a-z0-9])", text, flags=re.M)[1:]:
        assert "--hash=sha256:" in block, block[:50]


def test_the_server_lock_has_everything_that_the_server_names() -> None:
    locked = set(
        re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / "server.txt").read_text(encoding="utf-8"), re.M)
    )
    for requirement in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["server"]):
        match = re.match(r"[a-z0-9._-]+", requirement)
        assert match
        assert match[0] in locked
