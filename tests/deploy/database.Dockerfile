# Stands in for the image of PostgreSQL where no registry is reachable: Debian's, started the same way.
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update -q \
 && apt-get install -q -y --no-install-recommends postgresql \
 && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/* \
 && chown postgres:postgres /var/lib/postgresql /var/run/postgresql
COPY tests/deploy/start-database /usr/local/bin/start-database
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
USER postgres
ENTRYPOINT ["start-database"]
