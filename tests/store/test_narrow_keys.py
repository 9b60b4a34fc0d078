"""What is kept by hashes: what it was before is carried over, and what shares a hash is told apart."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.records import BASE, record
from tests.store.database import as_it_is, connected, insert, migrate_to, write
from usage_graph.observation import Observation
from usage_graph.question import Dimension, Filter, PageRequest, RecordOrder, Scope, StringFilter
from usage_graph.store import migrate
from usage_graph.store.connect import Connection
from usage_graph.store.flags import flags_of
from usage_graph.store.identity import identity_key
from usage_graph.store.linking import Kind, seen
from usage_graph.store.pages import list_page
from usage_graph.store.rows import record_of
from usage_graph.store.writer import open_writer
from usage_graph.usage import UsageRecord

PROJECTS = ("default", "zweites Projekt ä", "三")
TABLES = ("usage_identity", "usage_conversation_turn", "usage_turn", "usage_model", "usage_label", "usage_conversation")
EXAMPLES = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def observations() -> Iterator[Observation]:
    """Calls of several projects, conversations, turns and models; with and without ids, spans above them and flags."""
    for project in PROJECTS:
        for n in range(24):
            yield Observation(
                record(
                    project=project,
                    trace_id=bytes([1 + n // 3]) * 16,
                    span_id=bytes([1 + n]) * 8,
                    started_at=BASE + n * timedelta(hours=1),
                    conversation=(None, "one", "two", "Ä ∆")[n % 4],
                    turn=(None, "first", "second")[n % 3],
                    response_model=(None, "m", "m-2026-01-01", "模型")[n // 2 % 4],
                    request_model=None if n % 5 == 0 else "gpt-4o-mini",
                    name=(None, "Titel", "a title")[n // 5 % 3],
                    agent=(None, "planner")[n % 2],
                    input_tokens=100 + n,
                ),
                parent_span_id=b"" if n % 3 == 0 else bytes([200 + n]) * 8,
                response_id=None if n % 4 == 1 else f"resp_ä{n:08}",
                request_id=None if n % 4 < 2 else f"req_{n:08}",
                trusted=n % 2 == 0,
                source_derived=n % 8 == 0,
            )


async def claim(connection: Connection, found: list[Observation]) -> None:
    """As programs did until migration 18."""
    for one in found:
        record, flags = one.record, flags_of(seen(one))
        claims = [(1, record.trace_id + record.span_id, flags, one.parent)]
        claims += [
            (kind, said.encode(), 0, None)
            for kind, said in ((2, one.response_id), (3, one.request_id))
            if said is not None
        ]
        for kind, key, flags, parent in claims:
            await connection.execute(
                "INSERT INTO usage_identity (project, kind, key, started_at, record, flags, parent) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                *(record.project, kind, key, record.started_at, record.id, flags, parent),
            )


async def contents(connection: Connection) -> dict[str, Counter[str]]:
    """The rows of the tables, and the indexes and constraints on them."""
    found = {name: Counter(map(str, await connection.fetch(f"SELECT * FROM {name}"))) for name in TABLES}  # noqa: S608
    for catalog in (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY($1)",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid::regclass::text = ANY($1)",
    ):
        found[catalog] = Counter(map(str, await connection.fetch(catalog, [*TABLES, "usage_record"])))
    return found


def told_by_another(one: Observation) -> Observation:
    """Another span of the same call."""
    fields = one.record._asdict() | {"id": 0, "span_id": b"\xee" + one.record.span_id[1:], "channel": "web"}
    return Observation(record(**fields), response_id=one.response_id, request_id=one.request_id)


async def send(dsn: str, found: list[Observation]) -> None:
    async with open_writer(dsn, mode="copy", connections=1, price=as_it_is) as writer:
        await writer.write(found)


async def records_in(connection: Connection) -> list[UsageRecord]:
    rows = await connection.fetch(
        f"SELECT {', '.join(UsageRecord._fields)} FROM usage_record ORDER BY project, started_at, id"  # noqa: S608
    )
    return [record_of(row) for row in rows]


async def test_a_database_that_kept_them_by_name(unmigrated: str, postgresql: str) -> None:
    """It becomes the one that would have been written today, and knows as before what it has."""
    found = list(observations())
    await migrate_to(unmigrated, 18)
    async with connected(unmigrated) as connection:
        await insert(connection, [one.record for one in found])
        await claim(connection, found)
        if (await migrate.inspect(connection)).engine == "timescaledb":
            compressed = await connection.fetch("SELECT compress_chunk(c) FROM show_chunks('usage_record') AS c")
            assert compressed
        assert "0019_narrow_keys.sql" in await migrate.migrate(connection)
        migrated = await contents(connection)
    await send(postgresql, found)
    async with connected(postgresql) as connection:
        written = await contents(connection)
        assert [migrated[name] for name in TABLES] == [written[name] for name in TABLES]
        stored = await records_in(connection)

    # Sent again, they change nothing; others who tell of them by an id of theirs are heard.
    await send(unmigrated, found)
    async with connected(unmigrated) as connection:
        assert await records_in(connection) == stored
        assert await contents(connection) == migrated
    known = [one for one in found if one.response_id is not None or one.request_id is not None]
    await send(unmigrated, [told_by_another(one) for one in known])
    async with connected(unmigrated) as connection:
        merged = await records_in(connection)
    ids = {one.record.id for one in known}
    assert len(ids) < len(merged)
    assert [(one.id, one.channel) for one in merged] == [(one.id, "web" if one.id in ids else None) for one in stored]


@given(
    st.sampled_from([Kind.SPAN, Kind.RESPONSE, Kind.REQUEST]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    st.binary(),
)
@EXAMPLES
async def test_identities_are_the_same_in_sql(postgresql: str, kind: Kind, project: str, key: bytes) -> None:
    async with connected(postgresql) as connection:
        found = await connection.fetchval("SELECT usage_identity_key($1, $2, $3)", project, kind, key)
    assert found == identity_key(project, kind, key)


def test_identities_are_told_apart() -> None:
    told = [("a", Kind.SPAN, b"b"), ("a", Kind.RESPONSE, b"b"), ("a", Kind.REQUEST, b"b"), ("ab", Kind.SPAN, b"")]
    told += [("a", Kind.SPAN, b""), ("a\1", Kind.SPAN, b"b"), ("", Kind.SPAN, b"a\0\1b")]
    assert len({identity_key(*one) for one in told}) == len(told)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Filter(((Dimension.CONVERSATION, StringFilter(eq="about alpha 1")),)), ["alpha 1"]),
        (
            Filter(((Dimension.CONVERSATION, StringFilter(is_in=("about alpha 1", "about beta 2"))),)),
            ["alpha 1", "beta 2"],
        ),
        (
            Filter(negated=Filter(((Dimension.CONVERSATION, StringFilter(eq="about alpha 1")),))),
            ["alpha 0", "alpha 2", "beta"],
        ),
        (Filter(((Dimension.CONVERSATION, StringFilter(eq="about nobody")),)), []),
    ],
)
async def test_conversations_that_share_a_hash_are_told_apart(
    postgresql: str, wanted: Filter, names: list[str]
) -> None:
    async with connected(postgresql) as connection:
        await connection.execute(
            "CREATE OR REPLACE FUNCTION usage_text_hash(project text, said text) RETURNS bigint "
            "LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN 7"
        )
        await connection.execute("REINDEX TABLE usage_record")
    records = [
        record(
            span_id=bytes([n + 1]) * 8,
            started_at=BASE + n * timedelta(hours=1),
            name=(name := f"{('alpha', 'beta')[n % 2]} {n % 3}"),
            conversation=f"about {name}",
        )
        for n in range(12)
    ]
    await write(postgresql, records)
    async with connected(postgresql) as connection:
        page = list_page(Scope("default", BASE, BASE + timedelta(days=1), wanted), RecordOrder(), PageRequest(first=20))
        found = [row["name"] for row in await connection.fetch(page.sql, *page.values) if row["name"] is not None]
    assert found == [one.name for one in reversed(records) if one.name and one.name.startswith(tuple(names))]
