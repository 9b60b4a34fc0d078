# The usage-graph server. docker-compose.yml runs it with TimescaleDB and a Collector. Alone, on its embedded database:
#
#   docker build --tag usage-graph .
#   docker run --rm --init --read-only --tmpfs /tmp --volume usage-graph:/var/lib/usage-graph \
#     --env USAGE_GRAPH_API_KEY --publish 127.0.0.1:8000:8000 --publish 127.0.0.1:4317-4318:4317-4318 usage-graph

FROM python:3.13.18-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# A layer of its own, since it changes seldom: what the lock names, by hash. Wheels only, so no package's set-up code runs.
COPY requirements/server.txt requirements/
RUN python -m venv --without-pip /opt/usage-graph \
 && pip --python /opt/usage-graph install --only-binary :all: --require-hashes --requirement requirements/server.txt

COPY LICENSE README.md pyproject.toml ./
COPY schema schema
COPY sql sql
COPY src src
# The build backend comes from the lock too, and goes when the wheel is made.
RUN pip --python /opt/usage-graph install --no-build-isolation --no-deps . \
 && pip --python /opt/usage-graph uninstall --yes editables hatchling pathspec pluggy tomlkit trove-classifiers \
 && pip --python /opt/usage-graph check


FROM python:3.13.18-slim-trixie
LABEL org.opencontainers.image.title="usage-graph" \
      org.opencontainers.image.description="Where did my LLM tokens and money go? OpenTelemetry in, a usage page and GraphQL out." \
      org.opencontainers.image.licenses="Apache-2.0"

# A user with a name, for initdb insists on one. A new volume on its home takes over that directory's owner.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/usage-graph --shell /usr/sbin/nologin usage-graph \
 && install --directory --owner usage-graph --group usage-graph --mode 0700 /var/lib/usage-graph
COPY --from=build /opt/usage-graph /opt/usage-graph

# In a container loopback is out of everyone's reach, so it listens on all addresses. It wants a key for that: set
# USAGE_GRAPH_API_KEY, make one in its database (`usage-graph keys create`), or say --insecure.
ENV PATH=/opt/usage-graph/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    USAGE_GRAPH_DATA_DIR=/var/lib/usage-graph \
    USAGE_GRAPH_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000 4317 4318
STOPSIGNAL SIGTERM
# Asks the server that runs, past any proxy of the environment; without an answer of 200 it fails.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + (os.environ.get('USAGE_GRAPH_PORT') or '8000') + '/readyz', timeout=4)"]
ENTRYPOINT ["usage-graph"]
CMD ["serve"]
