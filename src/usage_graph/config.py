"""Settings: read once from the environment and the command line, checked together, immutable afterwards."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from usage_graph.declared import read_keys
from usage_graph.errors import ConfigError, QueryError
from usage_graph.window import Duration, parse_duration

PREFIX = "USAGE_GRAPH_"
SERVICE = "usage-graph"
"""What the server calls itself in answers about its health."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

MIB = 2**20
QUERY_COST = 40_000
"""Ten times what both usage pages cost together."""
EXPORT_TIMEOUT = 600.0
"""Seconds: long for a download, and as long as one client may keep TimescaleDB from compressing what it reads."""

Engine = Literal["postgresql", "timescaledb"]
EngineChoice = Literal["auto", "postgresql", "timescaledb"]
WriteMode = Literal["copy", "unnest"]


def is_loopback(name: str) -> bool:
    """Whether ``name`` is a name or address of this machine that no other can reach: all of 127.0.0.0/8 is."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name in LOOPBACK


def default_data_dir() -> Path:
    """The platform's directory for a user's application data (XDG base directories; macOS Application Support)."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "usage-graph"
    root = os.environ.get("XDG_DATA_HOME", "")
    return (Path(root) if Path(root).is_absolute() else Path.home() / ".local" / "share") / "usage-graph"


def _text(value: str) -> str:
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")
    return value


def _path(value: str) -> Path:
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise ValueError("begins with the home directory of a user that there is not") from None


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        number = int(value)
        if not low <= number <= high:
            raise ValueError
        return number

    parse.__doc__ = f"a whole number from {low} to {high}"
    return parse


def _seconds(most: int) -> Callable[[str], float]:
    def parse(value: str) -> float:
        number = float(value)
        if not 0 < number <= most:
            raise ValueError
        return number

    parse.__doc__ = f"a number of seconds above 0, at most {most}"
    return parse


def _key(value: str) -> str:
    """at least 16 visible ASCII characters without a space"""
    if not (len(value) >= 16 and value.isascii() and value.isprintable() and " " not in value):
        raise ValueError
    return value


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for part in value.split(",") if (name := part.strip()))


def _attributes(value: str) -> tuple[str, ...]:
    return read_keys(value)


def _origins(value: str) -> tuple[str, ...]:
    """origins such as https://app.example.com, separated by commas, or *"""
    names = tuple(name.rstrip("/") for name in _names(value))
    for name in names:
        parts = urlsplit(name)
        if name != "*" and not (parts.scheme in ("http", "https") and parts.netloc and not parts.path):
            raise ValueError
    return names


def _choice(literal: object) -> Callable[[str], str]:
    names = get_args(literal)

    def parse(value: str) -> str:
        if value not in names:
            raise ValueError
        return value

    parse.__doc__ = f"{', '.join(names[:-1])} or {names[-1]}"
    return parse


def _switch(value: str) -> bool:
    """on or off"""
    if value.lower() not in ("on", "off"):
        raise ValueError
    return value.lower() == "on"


def _retention(value: str) -> Duration:
    """a number of days, weeks, months or years as ISO 8601 writes it, such as P400D or P2Y"""
    try:
        duration = parse_duration(value)
    except QueryError:
        raise ValueError from None
    if duration.seconds:
        raise ValueError
    return duration


@dataclass(frozen=True, slots=True)
class Setting:
    """One documented setting: ``USAGE_GRAPH_<NAME>`` in the environment, ``--<name>`` on the command line."""

    name: str
    parse: Callable[[str], Any]
    help: str

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        return self.parse is _switch


SETTINGS = (
    Setting("database_url", _url, "PostgreSQL >= 15 to use; unset: an embedded one in the data directory"),
    Setting("engine", _choice(EngineChoice), "auto, or what to run the database as: postgresql or timescaledb"),
    Setting("retention", _retention, "how long records are kept, such as P400D (rollups stay); unset: for ever"),
    Setting("prices", _path, "TOML file with your own prices, over those of the price list"),
    Setting("data_dir", _path, "data directory of the embedded database"),
    Setting("host", _text, "bind address of HTTP and gRPC"),
    Setting("port", _number(0, 65535), "port of the usage page, GraphQL, GraphiQL and OTLP/HTTP; 0 = any free one"),
    Setting("otlp_http_port", _number(0, 65535), "OTLP/HTTP also on this port; 0 = off"),
    Setting("otlp_grpc_port", _number(0, 65535), "port of OTLP/gRPC; 0 = off"),
    Setting("api_key", _key, "an operator's key, besides those of `usage-graph keys`: it opens every project"),
    Setting("insecure", _switch, "on: listen beyond loopback even without any key, so that anyone may call"),
    Setting("tls_cert", _path, "PEM file of the certificate, for HTTP and gRPC; unset: no TLS"),
    Setting("tls_key", _path, "PEM file of the certificate's key"),
    Setting("cors_origins", _origins, "browser origins that may call GraphQL and OTLP/HTTP, separated by commas"),
    Setting("allowed_hosts", _names, "Host names to accept besides loopback's own, separated by commas"),
    Setting("max_body_bytes", _number(1024, 1024 * MIB), "largest OTLP body, before and after decompression"),
    Setting("queue_spans", _number(1, 10**8), "spans that may wait for the database before senders get 503"),
    Setting("queue_bytes", _number(1024, 64 * 1024 * MIB), "the same in bytes of request bodies"),
    Setting("batch_spans", _number(1, 10**6), "spans that make a batch full; up to four that wait are written as one"),
    Setting("batch_timeout", _seconds(3600), "seconds a batch waits for more spans before it is written"),
    Setting("pool_size", _number(1, 1000), "connections for queries"),
    Setting("statement_timeout", _seconds(3600), "seconds a query may take"),
    Setting("export_timeout", _seconds(86_400), "seconds an export may take, until its client has read it"),
    Setting("query_cost", _number(1, 10**9), "points that one GraphQL operation may cost, as estimated before it runs"),
    Setting("rate_limit", _number(0, 10**9), "points that one key, or one address, may spend in a minute; 0 = off"),
    Setting("write_mode", _choice(WriteMode), "copy, or unnest for servers and proxies without COPY"),
    Setting("metric_sources", _names, "service.name of those whose metrics count, separated by commas"),
    Setting("attributes", _attributes, "attributes to keep of calls, to filter and split by, such as team,feature"),
    Setting("merge_by_fingerprint", _switch, "on: one call seen by two instrumentations that share no id is one call"),
)

NOT_IN_DEMO = ("database_url", "engine", "retention", "prices", "tls_cert", "tls_key")
"""Settings of the user's database: the demo has its own, keeps all of its calls, and knows what its calls cost. Its
senders know no certificate of the user's."""

COPY_TO = Setting("copy_to", _url, "database to copy to")
"""Read by `usage-graph copy` alone, as ``copy_target`` says; it may be there when others run."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force; ``explicit`` names those that somebody set."""

    database_url: str | None = None
    engine: EngineChoice = "auto"
    retention: Duration | None = None
    prices: Path | None = None
    data_dir: Path = Path()
    host: str = "127.0.0.1"
    port: int = 8000
    otlp_http_port: int = 4318
    otlp_grpc_port: int = 4317
    api_key: str | None = field(default=None, repr=False)
    insecure: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    max_body_bytes: int = 20 * MIB
    queue_spans: int = 50_000
    queue_bytes: int = 32 * MIB
    batch_spans: int = 1_024
    batch_timeout: float = 0.005
    pool_size: int = 8
    statement_timeout: float = 30.0
    export_timeout: float = EXPORT_TIMEOUT
    query_cost: int = QUERY_COST
    rate_limit: int = 0
    write_mode: WriteMode = "copy"
    metric_sources: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    merge_by_fingerprint: bool = False
    explicit: frozenset[str] = frozenset()

    @property
    def on_loopback(self) -> bool:
        return is_loopback(self.host)

    @property
    def http(self) -> str:
        """The address of the server with these settings."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.tls_cert is None else 'https'}://{host}:{self.port}"


def load(environ: Mapping[str, str], flags: Mapping[str, str | None] | None = None) -> Settings:
    """Settings from ``environ``, overridden by ``flags`` (by setting name; ``None`` and empty mean unset).

    Raises:
        ConfigError: with every problem found, one line each.
    """
    flags = flags or {}
    known = {setting.variable for setting in (*SETTINGS, COPY_TO)}
    problems = [
        f"{name} is not a setting; see `usage-graph serve --help` for those there are."
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not name.startswith(PREFIX + "TEST_")
    ]
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        flag = flags.get(setting.name)
        where, value = (setting.flag, flag) if flag else (setting.variable, environ.get(setting.variable, ""))
        if not value:
            continue
        try:
            values[setting.name] = setting.parse(value)
        except ValueError as error:
            # The value itself is not repeated where it may be or hold a secret.
            shown = "" if setting.name in ("database_url", "api_key") else f" {value!r}"
            what = f"is not {setting.parse.__doc__}" if setting.parse.__doc__ else str(error)
            problems.append(f"{where}:{shown} {what}.")
    if ("tls_cert" in values) != ("tls_key" in values) and not problems:
        problems.append("USAGE_GRAPH_TLS_CERT and USAGE_GRAPH_TLS_KEY: one is nothing without the other.")
    if problems:
        raise ConfigError(problems)
    explicit = frozenset(values)
    values.setdefault("data_dir", default_data_dir())
    return Settings(**values, explicit=explicit)


def copy_target(environ: Mapping[str, str], flag: str | None) -> str:
    """The address to copy to, from ``--to``, else the environment, which other users of the machine do not see.

    Raises:
        ConfigError: there is none, or it is no address.
    """
    where, value = ("--to", flag) if flag else (COPY_TO.variable, environ.get(COPY_TO.variable, ""))
    if not value:
        raise ConfigError([f"Which database to copy to? Say --to postgresql://..., or set {COPY_TO.variable}."])
    try:
        return str(COPY_TO.parse(value))
    except ValueError as error:
        raise ConfigError([f"{where}: {error}."]) from None


assert {field.name for field in fields(Settings)} == {s.name for s in SETTINGS} | {"explicit"}  # noqa: S101
