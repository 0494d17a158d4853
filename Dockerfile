# syntax=docker/dockerfile:1
# One image for every node. `docker compose up` (compose.yaml) runs it with PostgreSQL and TLS in front.

FROM node:22-bookworm-slim AS pages
WORKDIR /src/clients/web
COPY clients/web/package.json clients/web/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY clients/web ./
RUN npm run build

FROM python:3.13-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/run.lock requirements/build.lock requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /venv \
    && /venv/bin/pip install --require-hashes --only-binary :all: -r requirements/run.lock \
    && python -m venv /build \
    && /build/bin/pip install --require-hashes --only-binary :all: -r requirements/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY server server
COPY rooms rooms
COPY media media
COPY moderation moderation
COPY clients clients
COPY --from=pages /src/clients/web/dist clients/web/dist
# The wheel carries the pages; unpacked into one folder, packages and pages lie side by side.
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /venv/bin/pip install --no-deps --no-index --compile --target /app /wheels/*.whl

FROM python:3.13-slim-bookworm
RUN groupadd --gid 10001 danmart \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin danmart \
    && install -d -o danmart -g danmart /data
COPY --from=packages /venv /venv
COPY --from=packages /app /app
ENV PATH=/app/bin:/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    DANMART_LISTEN__HOST=0.0.0.0 \
    DANMART_LISTEN__PORT=8080 \
    DANMART_LISTEN__UDP_PORT=8189 \
    DANMART_NODE__DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080/tcp 8189/udp
# Ready, not only alive: it answers 503 while the database is away or the node drains.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-c", "import os, urllib.request as http; http.urlopen(f\"http://127.0.0.1:{os.environ['DANMART_LISTEN__PORT']}/readyz\", timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["danmart"]
CMD ["serve"]
