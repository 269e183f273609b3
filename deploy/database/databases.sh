#!/bin/sh
# Makes a database for each service and for the run engine, each with an owner of its own: a service
# cannot read what another one has. Run once, by the image of PostgreSQL, on an empty volume.
set -eu
for name in exam device workflow engine; do
  psql -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres \
    -v name="$name" -v password="$(cat "/run/secrets/$name-password")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
