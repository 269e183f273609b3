# A module that hands on what it gets, and the docker of Debian for the worker that runs it.
ARG DEBIAN
FROM ${DEBIAN} AS docker
WORKDIR /tmp/docker
RUN apt-get update -q && apt-get download -q docker.io && dpkg-deb -x docker.io_*.deb .

FROM ${DEBIAN}
COPY --from=docker /tmp/docker/usr/bin/docker /docker
CMD ["sh", "-c", "cp \"$MERCURE_IN_DIR\"/*.dcm \"$MERCURE_OUT_DIR\""]
