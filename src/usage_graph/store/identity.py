"""What a call is known by, as the store keeps it: 16 bytes, whatever it is."""

from collections.abc import Iterator
from hashlib import sha256

from asyncpg.pgproto.pgproto import UUID

from usage_graph.observation import Observation
from usage_graph.store.linking import Kind

_BYTES = 16
_TOLD_APART = {kind: bytes((0, kind)) for kind in Kind}


def identity_key(project: str, kind: Kind, key: bytes) -> UUID:
    """128 bits of the SHA-256 of project, NUL (which is in no project), kind and key; ``usage_identity_key`` in
    ``sql/`` is the same."""
    return UUID(sha256(project.encode() + _TOLD_APART[kind] + key).digest()[:_BYTES])


def span_key(project: str, trace_id: bytes, span_id: bytes) -> UUID:
    return identity_key(project, Kind.SPAN, trace_id + span_id)


def identities(observation: Observation) -> Iterator[tuple[Kind, UUID]]:
    """Everything that ``observation`` is known by."""
    record = observation.record
    yield Kind.SPAN, span_key(record.project, record.trace_id, record.span_id)
    if observation.response_id is not None:
        yield Kind.RESPONSE, identity_key(record.project, Kind.RESPONSE, observation.response_id.encode())
    if observation.request_id is not None:
        yield Kind.REQUEST, identity_key(record.project, Kind.REQUEST, observation.request_id.encode())
