"""``configure``: spans go to usage-graph, labelled."""

import atexit
import logging
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from opentelemetry import trace

from usage_graph.instrument.labels import storable_text

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

Protocol = Literal["http/protobuf", "grpc"]

PROJECT_HEADER: Final = "x-usage-graph-project"
TRACES_PATH: Final = "/v1/traces"
ENDPOINTS: Final[Mapping[Protocol, str]] = {
    "http/protobuf": "http://127.0.0.1:4318",
    "grpc": "http://127.0.0.1:4317",
}
MAX_ATTRIBUTES: Final = 1024
"""Attributes a span may have before the oldest are pushed out. Libraries that write each message of a conversation as
attributes of its own pass OpenTelemetry's 128 after some thirty messages, and what falls out first is what was there
first: the labels and the model's name."""

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_configured: "WeakKeyDictionary[TracerProvider, Destination]" = WeakKeyDictionary()


class Destination(NamedTuple):
    """Where spans go; what a second ``configure`` is compared by."""

    protocol: Protocol
    endpoint: str | None
    headers: tuple[tuple[str, str], ...]


def configure(
    *,
    endpoint: str | None = None,
    service_name: str | None = None,
    environment: str | None = None,
    project: str | None = None,
    headers: Mapping[str, str] | None = None,
    protocol: Protocol | None = None,
    provider: "TracerProvider | None" = None,
) -> "TracerProvider":
    """Send every span of this process to usage-graph in the background, labelled by ``usage``.

    Uses ``provider``, else the global tracer provider, else makes one and sets it as the global one. An existing
    provider is added to, never replaced, whoever made it and whether before or after the instrumentation libraries
    started; its other processors and its resource stay as they are. Calling it again does nothing. What is waiting is
    sent when the process exits; call ``force_flush()`` on the result before an exit that runs no ``atexit`` handlers.

    Args:
        endpoint: base URL of usage-graph or of a Collector, without ``/v1/traces``. Unset: the
            ``OTEL_EXPORTER_OTLP_*`` environment variables, else port 4318 (gRPC: 4317) on this machine.
        service_name: ``service.name`` of this application. Unset: ``OTEL_SERVICE_NAME``.
        environment: ``deployment.environment.name``: ``production``, ``staging``, ...
        project: the usage-graph project that the records belong to; sent as a header, so it needs no provider of ours.
        headers: further request headers, such as ``{"authorization": "Bearer KEY"}`` where the server wants a key.
        protocol: ``http/protobuf`` or ``grpc``. Unset: ``OTEL_EXPORTER_OTLP_PROTOCOL``, else ``http/protobuf``.
        provider: an OpenTelemetry SDK ``TracerProvider`` to use instead of the global one.

    Returns:
        The provider in use.

    Raises:
        ValueError: the endpoint is not an ``http`` or ``https`` URL, the protocol is unknown, or the project cannot be
            a header.
        TypeError: the provider, given or global, is not the SDK's and takes no span processors.
        ImportError: the exporter for ``protocol`` is not installed; the message says what to install.
    """
    destination = _destination(_text("endpoint", endpoint), _text("project", project), headers, protocol)
    resource = {
        "service.name": _text("service_name", service_name),
        "deployment.environment.name": _text("environment", environment),
        "usage_graph.project": project,
    }
    with _lock:
        existing = _existing(provider)
        if existing is None:
            exporter = _exporter(destination)  # first of all: it may not be installed, and nothing has changed yet
            made = _new_provider(resource)
            _add(made, exporter)
            _configured[made] = destination
            return made
        _warn_of_fixed_resource(existing, resource)
        if (previous := _configured.get(existing)) is None:
            sending = _add(existing, _exporter(destination))
            # At exit a provider of ours sends what is left by itself; whoever made this one may have turned that off.
            atexit.register(sending.force_flush)
            _configured[existing] = destination
        elif previous != destination:
            _log.warning("configure() was called before with another destination, and keeps that one; call it once.")
    return existing


def _text(name: str, value: str | None) -> str | None:
    return storable_text(f"configure({name}=...)", value) if value is not None else None


def _destination(
    endpoint: str | None, project: str | None, headers: Mapping[str, str] | None, protocol: str | None
) -> Destination:
    chosen = protocol or _environment("PROTOCOL") or "http/protobuf"
    if chosen not in ENDPOINTS:
        raise ValueError(f"configure(): protocol {chosen!r} is not supported; use one of {', '.join(ENDPOINTS)}.")
    known = cast("Protocol", chosen)
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    if project is not None:
        if not (project and project.isascii() and project.isprintable() and project == project.strip()):
            raise ValueError(f"configure(project={project!r}): a project's name is printable ASCII.")
        sent[PROJECT_HEADER] = project
    if endpoint is None and not _environment("ENDPOINT"):
        endpoint = ENDPOINTS[known]
    if endpoint is not None:
        endpoint = _url(endpoint, known)
    return Destination(known, endpoint, tuple(sorted(sent.items())))


def _environment(name: str) -> str:
    """A variable of OpenTelemetry's exporters; the one for traces wins over the one for all signals."""
    return os.environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or os.environ.get(f"OTEL_EXPORTER_OTLP_{name}") or ""


def _url(endpoint: str, protocol: Protocol) -> str:
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        usable = False
    if not usable:
        raise ValueError(f"configure(endpoint={endpoint!r}): give a URL such as {ENDPOINTS[protocol]}.")
    base = endpoint.rstrip("/").removesuffix(TRACES_PATH)
    return base if protocol == "grpc" else base + TRACES_PATH


def _existing(provider: "TracerProvider | None") -> "TracerProvider | None":
    """The given or global SDK provider; ``None`` where nobody has set one."""
    from opentelemetry.sdk.trace import TracerProvider

    current = provider if provider is not None else trace.get_tracer_provider()
    if isinstance(current, TracerProvider):
        return current
    if isinstance(current, trace.ProxyTracerProvider):
        return None
    raise TypeError(
        f"configure(): the tracer provider is a {type(current).__qualname__}, not an OpenTelemetry SDK TracerProvider,"
        " and takes no span processors; pass provider=opentelemetry.sdk.trace.TracerProvider(...)."
    )


def _new_provider(resource: Mapping[str, str | None]) -> "TracerProvider":
    """A provider of our own, set as the global one; the one in force if another thread was faster."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider

    limited = {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"} & os.environ.keys()
    trace.set_tracer_provider(
        TracerProvider(
            resource=Resource.create({key: value for key, value in resource.items() if value}),
            span_limits=None if limited else SpanLimits(max_span_attributes=MAX_ATTRIBUTES),
        )
    )
    return cast("TracerProvider", trace.get_tracer_provider())


def _warn_of_fixed_resource(provider: "TracerProvider", wanted: Mapping[str, str | None]) -> None:
    """A resource is fixed when its provider is made; the project travels as a header besides."""
    for key, value in wanted.items():
        fixed = provider.resource.attributes.get(key)
        if value and fixed != value and key != "usage_graph.project":
            _log.warning(
                "configure(): the tracer provider was made with %s = %s before, so %s has no effect;"
                " set it where the provider is made, or in OTEL_RESOURCE_ATTRIBUTES.",
                key,
                fixed,
                value,
            )


def _exporter(destination: Destination) -> "SpanExporter":
    # Values in ``headers`` replace the environment's one by one over HTTP, all at once over gRPC; so they are merged.
    from opentelemetry.util.re import parse_env_headers

    headers = {**parse_env_headers(_environment("HEADERS"), liberal=True), **dict(destination.headers)}
    try:
        if destination.protocol == "grpc":
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

            return GrpcExporter(endpoint=destination.endpoint, headers=headers)
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

        return HttpExporter(endpoint=destination.endpoint, headers=headers)
    except ImportError as error:
        kind = "grpc" if destination.protocol == "grpc" else "http"
        raise ImportError(
            f"configure(): sending over {destination.protocol} needs the exporter;"
            f" pip install opentelemetry-exporter-otlp-proto-{kind}"
        ) from error


def _add(provider: "TracerProvider", exporter: "SpanExporter") -> "BatchSpanProcessor":
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from usage_graph.instrument.processor import UsageSpanProcessor

    sending = BatchSpanProcessor(exporter)
    provider.add_span_processor(UsageSpanProcessor())
    provider.add_span_processor(sending)
    return sending
