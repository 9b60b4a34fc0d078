"""The Python in otel/README.md runs as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.otel.sink import HttpSink

README = Path(__file__).parents[2] / "otel" / "README.md"


def test_the_snippets_run_one_after_the_other() -> None:
    snippets = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert len(snippets) == 3
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    with HttpSink() as sink:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", "\n".join(snippets)],
            env={**inherited, "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    [span] = sink.spans
    assert span.resource["service.name"] == "billing-assistant"
    assert span.attributes["gen_ai.usage.input_tokens"] == 1207
    assert span.attributes["usage_graph.credits"] == 2
