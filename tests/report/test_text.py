"""Text from spans must not be able to write to the terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.report.text import printable

HOSTILE = {
    "\x1b[31mred\x1b[0m": "red",
    "\x1b]0;new title\x07text": "text",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\": "link",
    "\x1b]52;c;ZXZpbA==\x07clip": "clip",
    "\x1bPdevice\x1b\\control": "control",
    "\x9b2Jcleared": "cleared",
    "\x1b[2": "",
    "\x1b]0;never ends": "",
    "\x1bcreset": "reset",
    "two\nlines\r\nand\ttabs": "two lines and tabs",
    "a\u202etxt.exe": "atxt.exe",
    "\u2066isolated\u2069": "isolated",
    "null\x00bell\x07back\x08": "nullbellback",
    "zero\u200bwidth": "zerowidth",
    "line\u2028separator": "line separator",
    "請求書 Größe é": "請求書 Größe é",
}


@pytest.mark.parametrize(("value", "shown"), HOSTILE.items())
def test_sequences_and_invisible_characters_are_gone(value: str, shown: str) -> None:
    assert printable(value) == shown


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\x1b\x9b\x9d[];m\x07\\"))))
def test_whatever_comes_in_one_plain_line_comes_out(value: str) -> None:
    shown = printable(value)

    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert printable(shown) == shown
    assert shown == shown.strip()
