"""Databases and roles of PostgreSQL, each with the rights that it needs and no others.

One role owns all tables and changes their schemas: `scanhub migrate`, `scanhub backup` and
`restore` log in with it. Each service has a role that reads and writes rows of its own database; it
makes, changes and drops no table, and does not get into the databases of the others.
workflow-manager has the run engine's too.
"""

from scanhub.backup.postgresql import quoted

_USERS = {"exam": "exam", "device": "device", "workflow": "workflow", "engine": "workflow"}
"""Whose role works in which database."""
_SCHEMAS = {"engine": "dbos"}
_ROWS = "SELECT, INSERT, UPDATE, DELETE"


def server_statements(prefix: str, databases: str) -> list[str]:
    """Return what is done once, as a superuser: roles and databases."""
    owner = quoted(f"{prefix}owner")
    roles = [owner, *(quoted(prefix + name) for name in sorted(set(_USERS.values())))]
    made = [
        f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"
        for role in roles
    ]
    for name, user in _USERS.items():
        database = quoted(databases + name)
        made += [
            f"CREATE DATABASE {database} OWNER {owner}",
            f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {database} TO {quoted(prefix + user)}",
        ]
    return made


def statements_in(name: str, prefix: str) -> list[str]:
    """Return what is done in a database, as a superuser."""
    owner, user = quoted(f"{prefix}owner"), quoted(prefix + _USERS[name])
    schema = _SCHEMAS.get(name, "public")
    made = ["REVOKE ALL ON SCHEMA public FROM PUBLIC"]
    if schema != "public":
        made.append(f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}")
    made += [
        f"ALTER SCHEMA {schema} OWNER TO {owner}",
        f"GRANT USAGE ON SCHEMA {schema} TO {user}",
    ]
    for kind, rights in (
        ("TABLES", _ROWS),
        ("SEQUENCES", "USAGE, SELECT"),
        ("FUNCTIONS", "EXECUTE"),
    ):
        made += [
            f"GRANT {rights} ON ALL {kind} IN SCHEMA {schema} TO {user}",
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} "
            f"GRANT {rights} ON {kind} TO {user}",
        ]
    return made


def database_names() -> list[str]:
    """Return what databases are called, without what their names begin with."""
    return list(_USERS)


def script(prefix: str, databases: str) -> str:
    """Return all of it for psql, with what is to be done by hand."""
    lines = [
        "-- psql -U postgres -v ON_ERROR_STOP=1 -f FILE",
        "-- Then give each role a password (\\password), or a line in pg_hba.conf.",
        *(f"{statement};" for statement in server_statements(prefix, databases)),
    ]
    for name in database_names():
        lines.append(f"\\connect {quoted(databases + name)}")
        lines += [f"{statement};" for statement in statements_in(name, prefix)]
    return "\n".join(lines) + "\n"
