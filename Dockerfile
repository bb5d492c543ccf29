# The product's image: pages, worker, reconciler and every command. The judge's engine is an image of its own (vLLM's),
# so there is neither torch nor CUDA in here.
#
#   docker build --tag debrief:0.1.0 .
#   docker build --build-arg EXTRAS=pdf,calibration ...      calibration: `debrief calibrate agreement`

ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ARG EXTRAS=pdf
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY pyproject.toml constraints.txt ./
RUN pip install "$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' constraints.txt)" && uv venv /opt/debrief
# What it needs before what it is: a change of the code leaves this layer as it was.
RUN uv pip install --python /opt/debrief --constraints constraints.txt --requirements pyproject.toml \
    $(printf '%s' "${EXTRAS}" | tr ',' '\n' | sed 's/^/--extra /')
COPY . .
RUN uv pip install --python /opt/debrief --constraints constraints.txt --no-deps .

FROM ${PYTHON} AS debrief
LABEL org.opencontainers.image.title="Debrief" \
      org.opencontainers.image.description="Finished job interviews become scorecards that rest on the candidate's own words" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
# Pango and a font are what PDF export needs from the system.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates fonts-dejavu-core libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin debrief
COPY --from=build /opt/debrief /opt/debrief
# /tmp: the services are elsewhere, so its data folder holds nothing that has to last.
ENV PATH=/opt/debrief/bin:$PATH PYTHONUNBUFFERED=1 DEBRIEF_HOME=/tmp/debrief
USER 10001:10001
WORKDIR /home/debrief
EXPOSE 8321
# A worker drains on it: it finishes the sections in its hands and hands the rest back.
STOPSIGNAL SIGTERM
ENTRYPOINT ["debrief"]
CMD ["--help"]
