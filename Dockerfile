# One target for each container of docker-compose.yml; they share the layers below them. Packages are
# those of requirements.lock that the services need at run time, by hash; Node, uv and compilers stay in
# the stages that build. Everything runs as user 10001 and writes to /data, /backup and /tmp alone.
#
#   docker build --target exam-manager -t scanhub/exam-manager .
#
# Other base images, as those of deploy/local-podman: --build-arg PYTHON=... --build-arg DEBIAN=...
ARG PYTHON=docker.io/library/python:3.11.14-slim-bookworm
ARG DEBIAN=docker.io/library/debian:12.12-slim

# --- build -----------------------------------------------------------------------------------------
FROM ${PYTHON} AS packages
WORKDIR /build
RUN python3 -m venv /opt/scanhub
COPY requirements.lock scripts/runtime_requirements.py scripts/slim_packages.py ./
RUN python3 runtime_requirements.py <requirements.lock >runtime.lock \
 && python3 runtime_requirements.py --simulator <requirements.lock >simulator.lock \
 && install="/opt/scanhub/bin/python -m pip install --quiet --no-cache-dir --no-deps --require-hashes" \
 && $install -r runtime.lock \
 && $install -r simulator.lock --target /opt/simulator \
 && echo /opt/simulator >"$(echo /opt/scanhub/lib/python3.*/site-packages)/simulator.pth" \
 && python3 slim_packages.py /opt/scanhub/lib/python3.*/site-packages /opt/simulator
COPY libraries libraries
COPY services services
RUN /opt/scanhub/bin/python -m pip install --quiet --no-cache-dir --no-deps libraries/* services/* \
 && /opt/scanhub/bin/python -m pip check \
 && /opt/scanhub/bin/python -m pip uninstall --quiet --yes pip setuptools

FROM ${PYTHON} AS ui
WORKDIR /build
COPY scripts scripts
COPY libraries/scanhub_libraries/pyproject.toml libraries/scanhub_libraries/
COPY frontend frontend
RUN python3 -c "import sys; sys.path.insert(0, 'scripts'); import setup; setup.set_up_ui()" \
 && mv frontend/dist /ui && rm -rf /ui/.setup-stamp frontend .tools /root/.npm /root/.cache

# --- run -------------------------------------------------------------------------------------------
FROM ${PYTHON} AS base
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin scanhub \
 && install -d -o scanhub -g scanhub -m 700 /data /backup
COPY --from=packages /opt/scanhub /opt/scanhub
ENV PATH=/opt/scanhub/bin:$PATH HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONUNBUFFERED=1 \
    SCANHUB_DATA_DIR=/data SCANHUB_HOST=0.0.0.0 SCANHUB_LOG_JSON=true
USER 10001:10001
ENTRYPOINT ["scanhub"]

FROM base AS migrate
CMD ["migrate"]

FROM base AS exam-manager
EXPOSE 8001
CMD ["serve", "--only", "exam-manager", "--port", "8001"]

FROM base AS device-manager
EXPOSE 8002
CMD ["serve", "--only", "device-manager", "--port", "8002"]

FROM base AS workflow-manager
EXPOSE 8003
CMD ["serve", "--only", "workflow-manager", "--port", "8003"]

FROM base AS dicom-listener
EXPOSE 11112
CMD ["receive", "--dicom-port", "11112"]

# The simulated scanner is in this one; Python looks for its packages where they are.
FROM base AS worker
COPY --from=packages /opt/simulator /opt/simulator
CMD ["worker"]

FROM ${DEBIAN} AS gateway
RUN apt-get update -q \
 && apt-get install -q -y --no-install-recommends nginx-light \
 && rm -rf /var/lib/apt/lists/* /etc/nginx/sites-enabled /var/log/nginx \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin scanhub
COPY deploy/gateway/nginx.conf /etc/nginx/nginx.conf
COPY deploy/gateway/start deploy/gateway/healthy /usr/local/bin/
COPY --from=ui /ui /srv/ui
USER 10001:10001
EXPOSE 8080 8443
ENTRYPOINT ["/usr/local/bin/start"]
