# syntax=docker/dockerfile:1
# errata with all that it needs, the bundled model among it. docs/install.md says how to use it.
#   docker build --tag errata .                                       for a CPU
#   docker build --tag errata --build-arg TORCH_FROM= .               for NVIDIA GPUs: torch from PyPI
#   docker build --target quick .                                     and `make quick` passes in it
FROM python:3.11-slim-bookworm AS errata

# Where pip takes torch from; as in the Makefile.
ARG TORCH_FROM="--index-url https://download.pytorch.org/whl/cpu"

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make=4.* \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 errata \
    && mkdir /errata /data \
    && chown 1000 /errata /data
USER 1000

# torch is the largest part: a layer of its own, which a change of the code leaves as it is.
WORKDIR /errata
COPY --chown=1000 Makefile pyproject.toml ./
RUN make .venv/torch TORCH_FROM="$TORCH_FROM"
COPY --chown=1000 . .
RUN make setup

FROM errata AS quick
RUN make quick

FROM errata
ENV PATH=/errata/.venv/bin:$PATH
WORKDIR /data
ENTRYPOINT ["errata"]
CMD ["--help"]
