import os
import subprocess
import sys

from usage_graph.receiver.protobuf.schema import require_compiled_protobuf

_ASK = "from usage_graph.receiver.protobuf.schema import require_compiled_protobuf as ask; ask()"


def test_protobuf_is_compiled_here() -> None:
    require_compiled_protobuf()


def test_protobuf_in_pure_python_is_refused_with_a_remedy() -> None:
    slow = os.environ | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    asked = subprocess.run([sys.executable, "-c", _ASK], env=slow, capture_output=True, text=True, check=False)
    assert asked.returncode == 1
    assert "StartupError" in asked.stderr
    assert "Unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION" in asked.stderr
