"""Keys, as those who run a server, send to it and ask it meet them: made, known, refused, ended; and what needs one."""

import asyncio
import logging
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import httpx
import pytest
from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from tests.certificate import Pair, make, make_siblings
from tests.conftest import fresh
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server
from tests.store.database import connected
from usage_graph import cli, keyring
from usage_graph import keys as watching
from usage_graph.config import SETTINGS, Settings, load
from usage_graph.doctor import doctor
from usage_graph.errors import ConfigError, KeyRefused, StartupError, Unauthenticated
from usage_graph.grant import OPEN, Access, Grant, StoredKey
from usage_graph.keys import OPERATOR, Keys
from usage_graph.report.client import Question, fetch
from usage_graph.store.keys import carry_keys, create_key, list_keys, open_key_reader, revoke_key
from usage_graph.tls import Certificate, trusting

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
CALLS = '{ usage(window: {last: "P1D"}) { totals { calls } } }'
AWAY = "postgresql://nobody@127.0.0.1:1/none"
SOON = 10.0
"""Seconds within which a server must know; it looks every two."""
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def make_key(dsn: str, **what: Any) -> tuple[StoredKey, str]:
    async def work() -> tuple[StoredKey, str]:
        async with connected(dsn) as connection:
            return await create_key(connection, **what)

    return asyncio.run(work())


def end_key(dsn: str, id: str) -> bool:
    async def work() -> bool:
        async with connected(dsn) as connection:
            return await revoke_key(connection, id, None)

    return asyncio.run(work())


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def bearer(secret: str | None) -> dict[str, str]:
    return {} if secret is None else {"authorization": f"Bearer {secret}"}


# --- the store


async def test_keys_are_kept_listed_and_revoked(database: str) -> None:
    async with connected(database) as connection:
        end = NOW + timedelta(days=9_000)
        one, secret = await create_key(
            connection, access=Access.READ, project="a", user="ada", agent="bot", label="for Ada", expires_at=end
        )
        other, _ = await create_key(connection, access=Access.ADMIN, project=None)
        assert re.fullmatch(rf"ug_{one.id}_[0-9A-Za-z]{{43}}", secret)
        assert one[1:6] == (Access.READ, "a", "ada", "bot", "for Ada")
        assert (one.expires_at, one.revoked_at, other.project) == (end, None, None)
        # As they were made, those of one instant by their ids: a clock of milliseconds may have seen both at once.
        both = sorted([one, other], key=lambda key: (key.created_at, key.id))
        assert await list_keys(connection) == both
        assert await list_keys(connection, "a") == [one]
        assert await list_keys(connection, "b") == []

        assert not await revoke_key(connection, one.id, "b")
        assert not await revoke_key(connection, other.id, "a")
        assert not await revoke_key(connection, "no such key", None)
        assert await list_keys(connection) == both
        assert await revoke_key(connection, one.id, "a")
        (ended,) = await list_keys(connection, "a")
        assert ended.revoked_at is not None
        assert not await revoke_key(connection, one.id, None)
        assert await list_keys(connection, "a") == [ended]


async def test_the_database_cannot_tell_a_key(postgresql: str) -> None:
    async with connected(postgresql) as connection:
        _, secret = await create_key(connection, access=Access.INGEST, project="a")
        (row,) = await connection.fetch("SELECT usage_key::text AS row FROM usage_key")
        assert secret.rpartition("_")[2] not in row["row"]
        assert secret.rpartition("_")[2].encode().hex() not in row["row"]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"access": Access.READ, "project": None}, "A key for all projects is an operator's"),
        ({"access": Access.INGEST, "project": None}, "A key for all projects is an operator's"),
        ({"access": Access.INGEST, "project": "a", "user": "u"}, "Only a key with the scope read can be bound"),
        ({"access": Access.ADMIN, "project": "a", "agent": "u"}, "Only a key with the scope read can be bound"),
        ({"access": Access.READ, "project": "a", "user": ""}, "The user of a key is a text of 1 to 256"),
        ({"access": Access.READ, "project": "a", "agent": "a\nb"}, "The agent of a key is a text of 1 to 256"),
        ({"access": Access.READ, "project": "a", "label": "x" * 257}, "The label of a key is a text of 1 to 256"),
    ],
)
async def test_keys_that_cannot_be(postgresql: str, what: dict[str, Any], message: str) -> None:
    async with connected(postgresql) as connection:
        with pytest.raises(KeyRefused, match=message):
            await create_key(connection, **what)
        assert await list_keys(connection) == []


def test_a_copied_database_is_as_closed_as_its_source(request: pytest.FixtureRequest, postgresql: str) -> None:
    async def copied(target: str) -> None:
        async with connected(postgresql) as here, connected(target) as there:
            await carry_keys(here, there)
            assert await list_keys(there) == []
            kept, secret = await create_key(here, access=Access.READ, project="a", user="u")
            ended, _ = await create_key(here, access=Access.INGEST, project="a")
            await carry_keys(here, there)
            await revoke_key(here, ended.id, None)
            await revoke_key(there, kept.id, None)
            await carry_keys(here, there)
            own, revoked = await list_keys(there)
            assert own._replace(revoked_at=None) == kept
            assert None not in (own.revoked_at, revoked.revoked_at)
            keys = Keys(dsn=target, api_key=None, clock=lambda: datetime.now(UTC))
            async with keys.running():
                with pytest.raises(Unauthenticated, match="has been revoked"):
                    keys.grant(secret)

    with fresh(request, "postgresql") as target:
        asyncio.run(copied(target))


# --- what a server knows of them


async def test_grants(postgresql: str) -> None:
    keys = Keys(dsn=postgresql, api_key=None, clock=lambda: NOW)
    async with connected(postgresql) as connection, open_key_reader(postgresql) as reader:
        await keys.look(reader)
        assert not keys.wanted
        assert keys.grant(None) == keys.grant("whatever") == OPEN
        assert keys.holds(OPEN)

        one, secret = await create_key(connection, access=Access.READ, project="a", user="ada", agent="bot")
        two, other = await create_key(
            connection, access=Access.ADMIN, project=None, expires_at=NOW + timedelta(seconds=1)
        )
        await keys.look(reader)
        assert keys.wanted
        assert keys.grant(secret) == one.grant == Grant(Access.READ, one.id, "a", "ada", "bot")
        assert keys.grant(other) == Grant(Access.ADMIN, two.id, expires_at=NOW + timedelta(seconds=1))
        assert keys.holds(one.grant)
        assert not keys.holds(OPEN)
        assert not keys.holds(one.grant._replace(project="b"))
        for wrong in (secret[:-1], f"{secret}x", secret.swapcase(), secret.rpartition("_")[2], one.id, ""):
            with pytest.raises(Unauthenticated, match="not one of this server's"):
                keys.grant(wrong)

        keys._clock = lambda: NOW + timedelta(seconds=1)
        with pytest.raises(Unauthenticated, match="has expired"):
            keys.grant(other)
        assert not keys.holds(two.grant)
        await revoke_key(connection, one.id, None)
        await keys.look(reader)
        with pytest.raises(Unauthenticated, match="has been revoked"):
            keys.grant(secret)
        assert not keys.holds(one.grant)


async def test_a_key_in_a_servers_environment_is_worth_no_more_there(postgresql: str) -> None:
    async with connected(postgresql) as connection, open_key_reader(postgresql) as reader:
        one, secret = await create_key(connection, access=Access.INGEST, project="a")
        keys = Keys(dsn=postgresql, api_key=secret, clock=lambda: NOW)
        await keys.look(reader)
        assert keys.grant(secret) == one.grant
        await revoke_key(connection, one.id, None)
        await keys.look(reader)
        with pytest.raises(Unauthenticated, match="has been revoked"):
            keys.grant(secret)


@given(st.text())
def test_no_other_text_is_a_key_and_none_is_repeated(text: str) -> None:
    keys = Keys(dsn="", api_key="0123456789abcdef", clock=lambda: NOW)
    with pytest.raises(Unauthenticated) as caught:
        keys.grant(text)
    assert len(text) < 8 or text not in str(caught.value)
    assert keys.holds(keys.grant("0123456789abcdef"))
    assert keys.grant("0123456789abcdef").key == OPERATOR


async def test_a_database_that_is_away_opens_nothing(postgresql: str, caplog: pytest.LogCaptureFixture) -> None:
    now = NOW
    keys = Keys(dsn=postgresql, api_key=None, clock=lambda: now)
    async with connected(postgresql) as connection, open_key_reader(postgresql) as reader:
        _, secret = await create_key(connection, access=Access.READ, project="a", expires_at=NOW + timedelta(hours=1))
        await keys.look(reader)
        async with open_key_reader(AWAY) as nowhere:
            with caplog.at_level(logging.WARNING):
                for _ in range(3):
                    await keys.round(nowhere)
            (said,) = [entry.getMessage() for entry in caplog.records]
            assert said.startswith("keys stay as they were: Keys cannot be read from the database")
            assert keys.grant(secret).project == "a"
            for nothing in (None, "x"):
                with pytest.raises(Unauthenticated):
                    keys.grant(nothing)
            now += timedelta(hours=1)
            with pytest.raises(Unauthenticated, match="has expired"):
                keys.grant(secret)
        # Not even where somebody has made the table empty.
        await connection.execute("DELETE FROM usage_key")
        await keys.round(reader)
        with pytest.raises(Unauthenticated, match="wants a key"):
            keys.grant(None)


async def test_a_server_without_its_keys_does_not_start() -> None:
    with pytest.raises(StartupError, match="Keys cannot be read"):
        async with Keys(dsn=AWAY, api_key=None, clock=lambda: NOW).running():
            pass


async def test_looking_goes_on_whatever_happens(
    postgresql: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "_EVERY", 0.01)
    keys = Keys(dsn=postgresql, api_key=None, clock=lambda: NOW)
    async with connected(postgresql) as connection, keys.running():
        await connection.execute("ALTER TABLE usage_key DROP CONSTRAINT usage_key_access_check")
        insert = "INSERT INTO usage_key (id, digest, access, project) VALUES ('x', sha256('x'), 'none', 'a')"
        await connection.execute(insert)
        while not caplog.records:  # noqa: ASYNC110 (looking is what is tested)
            await asyncio.sleep(0.01)
        assert not keys.wanted
        await connection.execute("UPDATE usage_key SET access = 'read'")
        while not keys.wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert keys.grant("x").access is Access.READ


# --- a server


class Guarded(NamedTuple):
    server: Server
    dsn: str
    secrets: dict[str, str]

    def headers(self, name: str) -> dict[str, str]:
        return bearer(self.secrets.get(name))

    def calls(self, project: str) -> int:
        answer = httpx.post(
            f"{self.server.http}/graphql",
            json={"query": CALLS},
            headers={**self.headers("operator"), "x-usage-graph-project": project},
        )
        count: int = answer.json()["data"]["usage"]["totals"]["calls"]
        return count


@pytest.fixture(scope="module")
def guarded(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    with fresh(request, "postgresql") as dsn:
        wanted: dict[str, dict[str, Any]] = {
            **{access.value: {"access": access, "project": "mine"} for access in Access},
            "operator": {"access": Access.ADMIN, "project": None},
            "bound": {"access": Access.READ, "project": "mine", "user": "ada"},
            "other": {"access": Access.INGEST, "project": "theirs"},
            "expired": {"access": Access.ADMIN, "project": "mine", "expires_at": datetime.now(UTC)},
            "revoked": {"access": Access.ADMIN, "project": "mine"},
        }
        made = {name: make_key(dsn, **what) for name, what in wanted.items()}
        end_key(dsn, made["revoked"][0].id)
        with Server(database_url=dsn) as server:
            secrets = {name: secret for name, (_, secret) in made.items()}
            yield Guarded(server, dsn, {**secrets, "unknown": f"ug_{'x' * 12}_{'y' * 43}"})


WHO = ("nobody", "unknown", "expired", "revoked", "ingest", "read", "bound", "admin", "operator")
MAY_SEND = {"ingest", "admin", "operator"}
MAY_ASK = {"read", "bound", "admin", "operator"}
HAVE_NONE = {"nobody", "unknown", "expired", "revoked"}


def expected(who: str, may: set[str]) -> int:
    return 401 if who in HAVE_NONE else 200 if who in may else 403


SENT = {
    "application/x-protobuf": request([call(1)]).SerializeToString(),
    "application/json": MessageToJson(request([])).encode(),
}


@pytest.mark.parametrize("content_type", SENT)
@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize("who", WHO)
def test_who_may_send_over_http(guarded: Guarded, who: str, signal: str, content_type: str) -> None:
    body = SENT[content_type] if signal == "traces" else b"{}" if content_type == "application/json" else b""
    for base in (guarded.server.http, guarded.server.otlp_http):
        headers = {"content-type": content_type, **guarded.headers(who)}
        answer = httpx.post(f"{base}/v1/{signal}", content=body, headers=headers)
        status = expected(who, MAY_SEND)
        assert answer.status_code == status
        assert answer.headers["content-type"] == content_type
        assert ("www-authenticate" in answer.headers) == (status == 401)
        if status != 200:
            if content_type == "application/json":
                code, message = answer.json()["code"], answer.json()["message"]
            else:
                read = Status.FromString(answer.content)
                code, message = read.code, read.message
            assert code == (16 if status == 401 else 7)
            assert status == 401 or "`usage-graph keys create --scope ingest`" in message


def send(server: Server, headers: dict[str, str], body: bytes = SENT["application/x-protobuf"]) -> grpc.StatusCode:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        try:
            method(body, metadata=tuple(headers.items()), timeout=10)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
        return grpc.StatusCode.OK


@pytest.mark.parametrize("who", WHO)
def test_who_may_send_over_grpc(guarded: Guarded, who: str) -> None:
    codes = {200: "OK", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
    assert send(guarded.server, guarded.headers(who)).name == codes[expected(who, MAY_SEND)]


@pytest.mark.parametrize("who", WHO)
def test_who_may_ask(guarded: Guarded, who: str) -> None:
    asked = {"query": CALLS}
    headers = guarded.headers(who)
    status = expected(who, MAY_ASK)
    answers = [
        httpx.post(f"{guarded.server.http}/graphql", json=asked, headers=headers),
        httpx.get(f"{guarded.server.http}/graphql", params=asked, headers=headers),
        httpx.post(f"{guarded.server.http}/graphql", json=asked, headers={"x-api-key": guarded.secrets.get(who, "")}),
    ]
    for answer in answers:
        assert answer.status_code == status
        assert ("www-authenticate" in answer.headers) == (status == 401)
        if status == 200:
            assert "errors" not in answer.json()
        else:
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == ("UNAUTHENTICATED" if status == 401 else "FORBIDDEN")
            assert status == 401 or "takes the scope read" in error["message"]


@pytest.mark.parametrize("who", WHO)
def test_only_an_operator_sees_what_tells_of_all_projects(guarded: Guarded, who: str) -> None:
    answer = httpx.get(f"{guarded.server.http}/metrics", headers=guarded.headers(who))
    assert answer.status_code == expected(who, {"operator"})


def test_probes_need_none(guarded: Guarded) -> None:
    for base in (guarded.server.http, guarded.server.otlp_http):
        for path in ("/healthz", "/readyz"):
            assert httpx.get(f"{base}{path}").status_code == 200


# --- the project of a key


def test_what_is_sent_belongs_to_the_keys_project(guarded: Guarded) -> None:
    before = guarded.calls("theirs")
    for number, resource in enumerate(({}, {"usage_graph.project": "mine", "service.name": "tests"})):
        body = request([call(1000 + number)], resource=resource).SerializeToString()
        headers = {**PROTOBUF, **guarded.headers("other")}
        assert httpx.post(f"{guarded.server.http}/v1/traces", content=body, headers=headers).status_code == 200
        grpc_body = request([call(1100 + number)], resource=resource).SerializeToString()
        assert send(guarded.server, guarded.headers("other"), grpc_body) is grpc.StatusCode.OK
    assert guarded.calls("theirs") == before + 4


def test_a_header_may_name_the_keys_project_and_no_other(guarded: Guarded) -> None:
    mine, theirs = ({"x-usage-graph-project": name} for name in ("mine", "theirs"))
    body = request([call(2000)]).SerializeToString()
    before = guarded.calls("mine"), guarded.calls("theirs")
    sent = f"{guarded.server.http}/v1/traces"
    headers = {**PROTOBUF, **guarded.headers("ingest")}
    refused = httpx.post(sent, content=body, headers={**headers, **theirs})
    assert refused.status_code == 403
    said = Status.FromString(refused.content).message
    assert "not good for the project that it names" in said
    assert not {"mine", "theirs"} & set(re.findall(r"\w+", said))
    assert send(guarded.server, {**guarded.headers("ingest"), **theirs}, body) is grpc.StatusCode.PERMISSION_DENIED
    assert (guarded.calls("mine"), guarded.calls("theirs")) == before
    assert httpx.post(sent, content=body, headers={**headers, **mine}).status_code == 200

    for who in ("read", "bound", "admin"):
        for named, status in ((mine, 200), (theirs, 403), ({"x-usage-graph-project": "none such"}, 403)):
            asked = {"headers": {**guarded.headers(who), **named}, "json": {"query": CALLS}}
            answer = httpx.post(f"{guarded.server.http}/graphql", **asked)  # type: ignore[arg-type]
            assert answer.status_code == status
            if status == 403:
                (error,) = answer.json()["errors"]
                assert error["extensions"]["code"] == "FORBIDDEN"
                assert error["message"] == said


def test_a_header_that_names_nothing_is_explained(guarded: Guarded) -> None:
    headers = {**guarded.headers("read"), "x-usage-graph-project": "x" * 257}
    answer = httpx.post(f"{guarded.server.http}/graphql", json={"query": CALLS}, headers=headers)
    assert answer.status_code == 400
    assert "has 257 characters" in answer.json()["errors"][0]["message"]


# --- while it runs


def test_keys_come_and_go_within_seconds(postgresql: str) -> None:
    with Server(database_url=postgresql) as server:

        def status(secret: str | None = None) -> int:
            answer = httpx.post(f"{server.http}/graphql", json={"query": CALLS}, headers=bearer(secret))
            return answer.status_code

        assert status() == 200
        one, first = make_key(postgresql, access=Access.READ, project="a")
        eventually(lambda: status() == 401)
        assert status(first) == 200
        assert send(server, {}) is grpc.StatusCode.UNAUTHENTICATED
        _, second = make_key(
            postgresql, access=Access.ADMIN, project="a", expires_at=datetime.now(UTC) + timedelta(seconds=5)
        )
        eventually(lambda: status(second) == 200)
        assert end_key(postgresql, one.id)
        eventually(lambda: status(first) == 401)
        eventually(lambda: status(second) == 401)
        eventually(lambda: send(server, bearer(second)) is grpc.StatusCode.UNAUTHENTICATED)
        # All have ended, and it stays closed.
        assert status() == 401
    for secret in (first, second):
        assert secret.rpartition("_")[2] not in server.log


# --- where it listens


def exposed(database_url: str, *arguments: str, **settings: str) -> Server:
    """A server that believes that others can reach it: it listens on loopback, by a name it does not know as such."""
    listening = {"USAGE_GRAPH_HOST": "127.1", "USAGE_GRAPH_OTLP_GRPC_PORT": "0"}  # gRPC does not know it at all
    server = Server(database_url=database_url, settings=listening | settings, arguments=arguments)
    server.http = server.http.replace("127.0.0.1", "127.1")
    return server


def test_a_key_lets_it_listen_elsewhere_and_one_is_needed_from_the_start(postgresql: str) -> None:
    with pytest.raises(AssertionError, match="is not loopback, and there is no key"):
        exposed(postgresql).start()
    with exposed(postgresql, "--insecure", USAGE_GRAPH_ALLOWED_HOSTS="usage.internal") as server:
        assert httpx.post(f"{server.http}/graphql", json={"query": CALLS}).status_code == 200
        for host, status in (("usage.internal:8000", 200), ("192.0.2.1", 200), ("rebound.example", 421)):
            answer = httpx.post(f"{server.http}/graphql", json={"query": CALLS}, headers={"host": host})
            assert answer.status_code == status
        assert "USAGE_GRAPH_ALLOWED_HOSTS" in answer.json()["message"]
    key, secret = make_key(postgresql, access=Access.READ, project="a")
    for arguments in ((), ("--insecure",)):
        with exposed(postgresql, *arguments) as server:
            assert httpx.post(f"{server.http}/graphql", json={"query": CALLS}).status_code == 401
            named = {**bearer(secret), "host": "usage.example"}
            assert httpx.post(f"{server.http}/graphql", json={"query": CALLS}, headers=named).status_code == 200
            answer = httpx.post(f"{server.http}/graphql", json={"query": CALLS}, headers=bearer(secret))
            assert answer.status_code == 200
    end_key(postgresql, key.id)
    with exposed(postgresql) as server:
        assert httpx.post(f"{server.http}/graphql", json={"query": CALLS}, headers=bearer(secret)).status_code == 401


async def test_doctor_says_whether_it_would_listen(tmp_path: Path, postgresql: str) -> None:
    async def found(**changes: Any) -> tuple[bool, str]:
        settings = Settings(
            data_dir=tmp_path, database_url=postgresql, port=0, otlp_http_port=0, otlp_grpc_port=0, **changes
        )
        check = next(check for check in await doctor(settings) if check.name == "keys")
        return check.ok, check.detail

    assert (await found())[0]
    ok, detail = await found(host="127.1")
    assert not ok
    assert "make one with `usage-graph keys create`" in detail
    assert (await found(host="127.1", insecure=True))[0]
    assert (await found(host="127.1", api_key="0123456789abcdef"))[0]
    async with connected(postgresql) as connection:
        await create_key(connection, access=Access.READ, project="a")
    assert await found(host="127.1") == (True, "every request needs one")


def test_switches_may_be_named_alone() -> None:
    switches = {setting.name for setting in SETTINGS if setting.is_switch}
    assert {"insecure", "merge_by_fingerprint"} <= switches
    for arguments, on in (
        (["--insecure"], "on"),
        (["--insecure", "off"], "off"),
        (["--insecure=on"], "on"),
        ([], None),
    ):
        assert cli.parser().parse_args(["serve", *arguments]).insecure == on


# --- TLS


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make(tmp_path_factory.mktemp("tls"))


def test_http_and_grpc_over_tls(postgresql: str, pair: Pair, tmp_path: Path) -> None:
    settings = {"USAGE_GRAPH_TLS_CERT": str(pair.cert), "USAGE_GRAPH_TLS_KEY": str(pair.key)}
    _, secret = make_key(postgresql, access=Access.ADMIN, project="default")
    server = Server(database_url=postgresql, settings=settings)
    server.http, plain = server.http.replace("http:", "https:"), server.http
    with server:
        with httpx.Client(verify=ssl.create_default_context(cafile=pair.cert), headers=bearer(secret)) as client:
            assert client.get(f"{server.http}/readyz").status_code == 200
            sent = client.post(
                f"{server.otlp_http.replace('http:', 'https:')}/v1/traces",
                content=SENT["application/x-protobuf"],
                headers=PROTOBUF,
            )
            assert sent.status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{server.http}/readyz")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{plain}/readyz")

        credentials = grpc.ssl_channel_credentials(pair.cert.read_bytes())
        with grpc.secure_channel(server.otlp_grpc, credentials) as channel:
            method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
            body = request([call(5)]).SerializeToString()
            assert method(body, metadata=tuple(bearer(secret).items()), timeout=10) == b""
        assert send(server, bearer(secret)) is grpc.StatusCode.UNAVAILABLE

        # The tools of the same machine know it again by its certificate, whatever name that is for.
        question = Question(endpoint=server.http, timezone="UTC", last="P1D", key=secret, certificate=pair.cert)
        assert fetch(question)["usage"]["totals"]["calls"] == 2
        here = Settings(data_dir=tmp_path, port=server.http_port, tls_cert=pair.cert, tls_key=pair.key)
        (check,) = [check for check in asyncio.run(doctor(here)) if check.name == "server"]
        assert (check.ok, check.detail[:30]) == (True, f"runs at {server.http}"[:30])

        history = tmp_path / "calls.ndjson"
        at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        history.write_text(f'{{"id": "imported", "startedAt": "{at}", "requestModel": "gpt-4o"}}\n')
        environ = {name: value for name, value in server.environment.items() if name != "USAGE_GRAPH_DATABASE_URL"}
        done = subprocess.run(
            [sys.executable, "-m", "usage_graph.cli", "import", "records", str(history)],
            env={**environ, "USAGE_GRAPH_API_KEY": secret},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert fetch(question)["usage"]["totals"]["calls"] == 3


def shake_hands(client: ssl.SSLContext, shown: Pair) -> None:
    """Raises what ``client`` has against a server that shows the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.cert, shown.key)
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [context.wrap_bio(there, here, server_side=True), client.wrap_bio(here, there)]
    for _ in range(10):
        for side in [*sides]:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            sides.remove(side)
    assert not sides


def test_only_the_server_s_own_certificate_is_trusted(tmp_path: Path) -> None:
    """Not all that whoever signed it has signed."""
    own, other = make_siblings(tmp_path, "own", "other")
    for shown, trusted in ((own, own), (other, other)):
        shake_hands(trusting(trusted.cert), shown)
    for shown, trusted in ((own, other), (other, own)):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(trusting(trusted.cert), shown)
    # Both are good to whoever trusts who signed them.
    whole = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    whole.check_hostname = False
    whole.load_verify_locations(own.cert)
    shake_hands(whole, other)
    for nothing in (own.key, tmp_path / "none"):
        with pytest.raises(OSError, match=r"no certificate|No such file"):
            trusting(nothing)


def test_certificates_that_cannot_be(pair: Pair, tmp_path: Path) -> None:
    other = make(tmp_path, "other")
    missing, text = tmp_path / "missing", tmp_path / "text"
    text.write_text("no certificate")
    Certificate(*pair).check()
    for cert, key, message in (
        (missing, pair.key, rf"USAGE_GRAPH_TLS_CERT: {missing} cannot be read: No such file"),
        (pair.cert, missing, rf"USAGE_GRAPH_TLS_KEY: {missing} cannot be read: No such file"),
        (pair.cert, tmp_path, rf"USAGE_GRAPH_TLS_KEY: {tmp_path} cannot be read: Is a directory"),
        (text, pair.key, "are not a certificate and its key, in PEM and without a password"),
        (pair.key, pair.cert, "are not a certificate and its key, in PEM and without a password"),
        (pair.cert, other.key, rf"USAGE_GRAPH_TLS_KEY: {other.key} is not the key of the certificate in {pair.cert}"),
    ):
        with pytest.raises(StartupError, match=message):
            Certificate(cert, key).check()


async def test_doctor_looks_at_the_certificate(pair: Pair, tmp_path: Path) -> None:
    for key, ok in ((pair.key, True), (tmp_path / "missing", False)):
        settings = Settings(
            data_dir=tmp_path / "data", port=0, otlp_http_port=0, otlp_grpc_port=0, tls_cert=pair.cert, tls_key=key
        )
        (found,) = [check for check in await doctor(settings) if check.name == "certificate"]
        assert found.ok is ok


def test_one_file_is_nothing_without_the_other(postgresql: str, pair: Pair) -> None:
    for name in ("USAGE_GRAPH_TLS_CERT", "USAGE_GRAPH_TLS_KEY"):
        with pytest.raises(ConfigError, match="one is nothing without the other"):
            load({name: str(pair.cert)})
    settings = {"USAGE_GRAPH_TLS_CERT": str(pair.cert), "USAGE_GRAPH_TLS_KEY": str(pair.cert)}
    with pytest.raises(AssertionError, match="in PEM and without a password"):
        Server(database_url=postgresql, settings=settings).start()


# --- the command


def test_the_command_makes_lists_and_revokes(postgresql: str, capsys: pytest.CaptureFixture[str]) -> None:
    def keys(*arguments: str) -> tuple[int, list[str], str]:
        status = cli.main(["keys", *arguments, "--database-url", postgresql])
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err

    assert keys("list")[1] == ["There are no keys. Make one: usage-graph keys create --project NAME --scope ingest"]
    status, (secret,), told = keys("create", "--project", "team a", "--scope", "ingest", "--label", "collector")
    assert status == 0
    id = secret.split("_")[1]
    assert f"Key {id}: scope ingest of project team a." in told
    assert secret not in told
    status, (bound,), told = keys(
        *("create", "--project", "team a", "--scope", "read", "--user", "ada", "--expires", "2999-01-31")
    )
    assert ": scope read of project team a, user ada alone, until 2999-01-31T00:00:00Z." in told
    status, (operator,), told = keys("create", "--all-projects", "--scope", "admin", "--expires", "P90D")
    assert ": scope admin of all projects, until " in told

    status, listed, _ = keys("list")
    assert [line.split()[0] for line in listed] == ["id", *(one.split("_")[1] for one in (secret, bound, operator))]
    assert listed[1].split()[1:6] == ["team", "a", "ingest", "-", "-"]
    assert listed[1].endswith("-        collector")
    assert not any(one.split("_")[2] in line for one in (secret, bound, operator) for line in listed)
    assert len(keys("list", "--project", "team a")[1]) == 3
    assert keys("revoke", id)[:2] == (0, ["Revoked: servers refuse it within seconds."])
    assert keys("revoke", id)[:2] == (1, ["No such key, or revoked already."])
    assert keys("revoke", "none")[0] == 1
    assert re.search(r"\dZ  collector$", keys("list")[1][1])

    status, out, told = keys("create", "--all-projects", "--scope", "read")
    assert (status, out) == (1, [])
    assert "it has the scope admin" in told
    assert keys("create", "--project", " ", "--scope", "read")[0] == 2
    for wrong in ("tomorrow", "P0D", "2020-01-01", "P99999Y", "PX"):
        status, out, told = keys("create", "--project", "a", "--scope", "read", "--expires", wrong)
        assert (status, out) == (2, []), wrong
        assert "--expires" in told


def test_the_command_without_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data-dir", str(tmp_path / "none")]
    assert cli.main(["keys", "list", *where]) == 0
    assert cli.main(["keys", "revoke", "x", *where]) == 1
    assert not (tmp_path / "none").exists()
    assert "There are no keys" in capsys.readouterr().out


def test_a_key_can_be_made_before_and_beside_an_embedded_server(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("USAGE_GRAPH_")}

    def created(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "usage_graph.cli", "keys", "create", "--project", "default", *arguments],
            env=environ | {"USAGE_GRAPH_DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        (line,) = done.stdout.splitlines()
        return line

    first = created("--scope", "read")
    with Server(data_dir=tmp_path) as server:
        question = Question(endpoint=server.http, timezone="UTC", key=first)
        assert "totals" in fetch(question)["usage"]
        second = created("--scope", "ingest")

        def sends() -> bool:
            body, headers = SENT["application/x-protobuf"], {**PROTOBUF, "x-api-key": second}
            return httpx.post(f"{server.http}/v1/traces", content=body, headers=headers).status_code == 200

        eventually(sends)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("P90D", NOW + timedelta(days=90)),
        ("p1m", datetime(2026, 12, 22, 12, tzinfo=UTC)),
        ("PT36H", NOW + timedelta(hours=36)),
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2027-01-01T02:00:00+02:00", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_when_keys_end(text: str, end: datetime) -> None:
    assert keyring._end(text, NOW) == end
