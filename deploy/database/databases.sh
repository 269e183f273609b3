#!/bin/sh
# Makes a database for each service and for the run engine, and who may do what in it. One role owns all
# tables: migrate and backup log in as it. Each service has a role of its own, which changes rows of its
# own database: it makes and drops no table, and cannot read what another service has.
#
# Doing it again changes nothing, but passwords that are new. PGHOST, PGUSER and the folder of secrets
# come from docker-compose.yml; the rights are those of `scanhub database-roles`.
set -eu
secrets=${SCANHUB_SECRETS:-/run/secrets}
PGPASSWORD=$(cat "$secrets/postgres-password")
export PGPASSWORD
as_superuser() { psql -q -X -v ON_ERROR_STOP=1 "$@"; }

role() {
  as_superuser -d postgres -v name="$1" -v password="$(cat "$secrets/$2-password")" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'name')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
SQL
}

database() { # NAME SCHEMA
  as_superuser -d postgres -v name="$1" <<'SQL'
SELECT format('CREATE DATABASE %I OWNER scanhub_owner ENCODING ''UTF8'' TEMPLATE template0', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
ALTER DATABASE :"name" OWNER TO scanhub_owner;
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"name" TO :"name";
SQL
  # Services of older versions owned their tables.
  as_superuser -d "$1" -v name="$1" -v schema="$2" <<'SQL'
REASSIGN OWNED BY :"name" TO scanhub_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SELECT format('CREATE SCHEMA %I', :'schema')
WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = :'schema') \gexec
ALTER SCHEMA :"schema" OWNER TO scanhub_owner;
GRANT USAGE ON SCHEMA :"schema" TO :"name";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA :"schema" TO :"name";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA :"schema" TO :"name";
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA :"schema" TO :"name";
ALTER DEFAULT PRIVILEGES FOR ROLE scanhub_owner IN SCHEMA :"schema"
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"name";
ALTER DEFAULT PRIVILEGES FOR ROLE scanhub_owner IN SCHEMA :"schema"
  GRANT USAGE, SELECT ON SEQUENCES TO :"name";
ALTER DEFAULT PRIVILEGES FOR ROLE scanhub_owner IN SCHEMA :"schema"
  GRANT EXECUTE ON FUNCTIONS TO :"name";
SQL
}

role scanhub_owner owner
for name in exam device workflow engine; do role "$name" "$name"; done
for name in exam device workflow; do database "$name" public; done
database engine dbos
