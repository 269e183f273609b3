"""Settings of whatever has a database."""

from pydantic import Field

from scanhub_libraries.database import CONNECTIONS
from scanhub_libraries.file_settings import FileSettings


class DatabaseSettings(FileSettings):
    """How a service uses its database."""

    database_connections: int = Field(
        CONNECTIONS,
        ge=2,
        le=500,
        description="Most connections of this process to its database, if that is PostgreSQL",
    )
