"""What an application pays for the import."""

from collections.abc import Callable


def test_importing_loads_no_sdk_no_exporter_and_nothing_of_the_server(run_script: Callable[..., str]) -> None:
    loaded = run_script(
        """
        import sys
        import opentelemetry.context, opentelemetry.trace
        api = set(sys.modules)
        import usage_graph.instrument
        print(*sorted(set(sys.modules) - api))
        """
    ).split()
    packages = {name.partition(".")[0] for name in loaded}
    heavy = {
        "asyncpg",
        "google",
        "graphql",
        "grpc",
        "msgspec",
        "orjson",
        "requests",
        "starlette",
        "strawberry",
        "uvicorn",
    }
    assert not packages & heavy
    assert not [name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
    assert not [name for name in loaded if name.startswith("usage_graph.") and "instrument" not in name]
    # What is left is small parts of the standard library: this many modules take about 10 ms.
    assert len(loaded) < 60, loaded


def test_configuring_loads_nothing_of_the_server(run_script: Callable[..., str]) -> None:
    loaded = run_script(
        """
        import sys
        from usage_graph.instrument import configure
        provider = configure(endpoint="http://127.0.0.1:9")
        print(*sorted(sys.modules))
        """
    ).split()
    packages = {name.partition(".")[0] for name in loaded}
    assert not packages & {"asyncpg", "graphql", "grpc", "starlette", "strawberry", "uvicorn"}


def test_the_processor_is_loaded_on_first_use_and_nothing_else_is_offered(run_script: Callable[..., str]) -> None:
    printed = run_script(
        """
        import sys
        import usage_graph.instrument as instrument
        assert "opentelemetry.sdk" not in sys.modules
        print(instrument.UsageSpanProcessor.__name__, "opentelemetry.sdk.trace" in sys.modules)
        try:
            instrument.UsageProcessor
        except AttributeError as error:
            print(error)
        """
    )
    assert printed.splitlines() == [
        "UsageSpanProcessor True",
        "module 'usage_graph.instrument' has no attribute 'UsageProcessor'",
    ]
