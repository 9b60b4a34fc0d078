"""The files of a deployment, read as the tools that run them read them."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
ENV_EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<how>:-|:\?)(?P<rest>[^}]*)\}")

COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


class Variable(NamedTuple):
    """A place in docker-compose.yml that .env fills in; ``default`` is ``None`` where it must."""

    name: str
    default: str | None
    complaint: str | None


VARIABLES = [
    Variable(found["name"], *((found["rest"], None) if found["how"] == ":-" else (None, found["rest"])))
    for found in _VARIABLE.finditer(COMPOSE_TEXT)
]


def filled(value: object, environ: Mapping[str, str]) -> str:
    """``value`` with its variables replaced, as docker compose does it."""

    def replacement(found: re.Match[str]) -> str:
        return environ.get(found["name"]) or (found["rest"] if found["how"] == ":-" else "")

    return _VARIABLE.sub(replacement, str(value))


class Instruction(NamedTuple):
    """One line of a Dockerfile, continuations joined."""

    name: str
    value: str


def stages() -> list[list[Instruction]]:
    """The Dockerfile's instructions, from each FROM to the next."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    found: list[list[Instruction]] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        name, _, value = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Instruction(name, value.strip()))
    return found


def values(stage: list[Instruction], name: str) -> list[str]:
    return [instruction.value for instruction in stage if instruction.name == name]


def environment(stage: list[Instruction]) -> dict[str, str]:
    """What ENV sets."""
    return {
        name: value
        for instruction in values(stage, "ENV")
        for name, _, value in (pair.partition("=") for pair in shlex.split(instruction))
    }
