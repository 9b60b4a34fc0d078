"""Names that came with spans, made fit for a terminal: whoever sends spans must not be able to write to it.

The page passes them on as ``rich.text.Text``, whose markup is never interpreted.
"""

import re
import unicodedata

_SEQUENCES = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # operating system commands: titles, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c|$)"  # device control and other strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours and cursor movements
    r"|\x1b[ -/]*[0-~]?"  # everything else that begins with escape (ECMA-48)
)
_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Controls, and marks that reorder or join characters and so make a text look, or measure, other than it is."""


def printable(value: str) -> str:
    """``value`` on one line, without terminal control sequences and invisible characters."""
    return " ".join("".join(map(_character, _SEQUENCES.sub("", value))).split())


def _character(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in _NOT_SHOWN else character
