# Threadcap's own two sides, from the repository's root:
#   docker build -f deploy/image/threadcap.Dockerfile --target bot    -t YOUR-REGISTRY/threadcap-bot .
#   docker build -f deploy/image/threadcap.Dockerfile --target worker -t YOUR-REGISTRY/threadcap-worker .
# Both run as an ordinary user with a read-only root; they write to /tmp and, with a local artifact store, to
# /var/lib/threadcap. Everything else they are told by THREADCAP_… variables (README.md).
# For several architectures at once: docker buildx build --platform linux/amd64,linux/arm64 …; from your own registry:
# --build-arg PYTHON=YOUR-REGISTRY/python:3.11-slim-bookworm --build-arg DEBIAN=YOUR-REGISTRY/debian:12-slim
ARG PYTHON=python:3.11-slim-bookworm
ARG DEBIAN=debian:12-slim

# The static tcpdump for each architecture, built once on the builder's own: a cluster's nodes may be mixed.
FROM --platform=$BUILDPLATFORM ${DEBIAN} AS static
RUN case $(dpkg --print-architecture) in \
      amd64) other="gcc-aarch64-linux-gnu linux-libc-dev-arm64-cross" ;; \
      arm64) other="gcc-x86-64-linux-gnu linux-libc-dev-amd64-cross" ;; \
    esac \
    && apt-get update \
    && apt-get install --no-install-recommends --yes dpkg-dev make flex bison gcc linux-libc-dev $other
COPY deploy/static_tcpdump /source
RUN /source/build.sh --out /static amd64 arm64

FROM ${PYTHON} AS build
RUN apt-get update && apt-get install --no-install-recommends --yes gcc libc6-dev
WORKDIR /source
COPY deploy/requirements/run.txt deploy/requirements/run.txt
RUN python -m venv /opt/threadcap \
    && /opt/threadcap/bin/pip install --no-cache-dir --require-hashes --no-deps -r deploy/requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY workers workers
COPY deploy deploy
RUN /opt/threadcap/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && cd / && /opt/threadcap/bin/python -c 'import workers.core; raise SystemExit(not workers.core.BUILT)'

FROM ${PYTHON} AS side
RUN useradd --uid 65532 --create-home threadcap && install -d -o threadcap -m 0700 /var/lib/threadcap
COPY --from=build /opt/threadcap /opt/threadcap
ENV PATH=/opt/threadcap/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532

# The people side: holds the Slack token, never touches the cluster.
FROM side AS bot
CMD ["threadcap", "bot"]

# The cluster side: may exec in pods, holds no Slack token. Its own tcpdump only compiles filters (tcpdump -d); the
# static ones are sent into containers that have none.
FROM side AS worker
USER root
RUN apt-get update && apt-get install --no-install-recommends --yes tcpdump && rm -rf /var/lib/apt/lists/*
COPY --from=static /static/ /usr/share/threadcap/
USER 65532:65532
CMD ["threadcap", "worker"]
