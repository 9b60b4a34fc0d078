"""Small counts read from their bytes are those that protobuf reads."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from usage_graph.processor.recent import COUNTS
from usage_graph.receiver.protobuf import schema
from usage_graph.receiver.protobuf.counts import counter_of

count = counter_of(COUNTS)
_keys = st.sampled_from(sorted(COUNTS))


@given(_keys, st.integers(0, 2**21 - 1) | st.sampled_from([0, 127, 128, 2**14 - 1, 2**14, 2**21 - 1]))
def test_every_small_count_is_read(key: str, number: int) -> None:
    assert count(KeyValue(key=key, value=AnyValue(int_value=number)).SerializeToString()) == (
        key,
        number,
        *COUNTS[key],
        number,
        (),
    )


@given(_keys, st.integers(-(2**63), 2**63 - 1))
def test_any_integer_is_read_right_or_left_to_others(key: str, number: int) -> None:
    found = count(KeyValue(key=key, value=AnyValue(int_value=number)).SerializeToString())
    assert found is None or found[1] == number
    assert (found is None) == (not 0 <= number < 2**21)


_others = st.one_of(
    st.builds(KeyValue, key=_keys),
    st.builds(KeyValue, key=_keys, value=st.builds(AnyValue, string_value=st.text(max_size=3))),
    st.builds(KeyValue, key=_keys, value=st.builds(AnyValue, bool_value=st.booleans())),
    st.builds(KeyValue, key=_keys, value=st.builds(AnyValue, double_value=st.floats())),
    st.builds(KeyValue, key=st.text(max_size=9), value=st.builds(AnyValue, int_value=st.integers(0, 9))),
)


@given(_others)
def test_anything_else_is_left_to_others(attribute: KeyValue) -> None:
    assert count(attribute.SerializeToString()) is None


@given(_keys, st.integers(0, 2**22), st.data())
def test_broken_bytes_are_read_as_protobuf_reads_them_or_not_at_all(key: str, number: int, data: st.DataObject) -> None:
    raw = bytearray(KeyValue(key=key, value=AnyValue(int_value=number)).SerializeToString())
    for _ in range(data.draw(st.integers(0, 2))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    broken = bytes(raw[: data.draw(st.integers(0, len(raw)))]) + data.draw(st.binary(max_size=2))
    for sent in (bytes(raw), broken):
        if (found := count(sent)) is not None:
            read = schema.KeyValue.FromString(sent)
            assert (read.key, read.value.int_value, read.value.WhichOneof("value")) == (*found[:2], "int_value")
