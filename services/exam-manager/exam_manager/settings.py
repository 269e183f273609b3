"""Settings of exam-manager."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from scanhub_libraries.bucket import BucketOptions
from scanhub_libraries.database_settings import DatabaseSettings


class ExamManagerSettings(DatabaseSettings):
    """What exam-manager needs to know; the environment has it as SCANHUB_EXAM_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="SCANHUB_EXAM_", frozen=True)

    database_url: str
    """`sqlite+aiosqlite:///...` or `postgresql+asyncpg://...`."""
    lake_root: Path
    """Root of the data lake; results, images and sequences lie below it."""
    lake_bucket: BucketOptions | None = None
    """Where results lie; none: in the lake's folder too."""
    keys_folder: Path
    """Where the signing key lies; it is made there at the first start."""
    service_secrets: dict[str, SecretStr] = {}
    """Secret of each service that may ask for a service token."""
    cookie_secure: bool | None = None
    """Secure attribute of the login cookie; None: when the request came over https."""
    tree_cache_mib: int = Field(default=64, ge=0)
    """Memory for exam trees that were read, as JSON [MiB]; 0: keep none."""
    migrate: bool = True
    """Bring the database to the newest schema at the start."""
    lake_grace_seconds: float = Field(default=3600.0, ge=60)
    """How long files that nothing refers to are left alone before they are judged [s]."""
    sequence_seconds: float = Field(default=120.0, gt=0)
    """How long a sequence file may take to read [s]."""
    metrics_key: SecretStr | None = Field(default=None, min_length=16)
    """Key that may read metrics; none: admins only."""
    xnat_url: str | None = None
    """Address of the XNAT server that images can be sent to: `https://xnat.example.org`."""
    xnat_user: str | None = None
    """User of the XNAT server."""
    xnat_password: SecretStr | None = None
    """Password of that user."""
    xnat_project: str | None = None
    """Id of the XNAT project that images are put into."""
