"""Where an installation keeps what is its own, and where the services find one another."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from scanhub_libraries.bucket import BucketOptions
from scanhub_libraries.database import sqlite_url
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.file_settings import FileSettings
from scanhub_libraries.security.secret_files import SecretFileError, lines_of, read_or_create


def _upper(text: object) -> object:
    return text.upper() if isinstance(text, str) else text


def _url_of(*drivers: str) -> Callable[[str], str]:
    """Return what refuses the URL of another kind of database, without repeating its password."""

    def check(text: str) -> str:
        try:
            if make_url(text).drivername in drivers:
                return text
        except ArgumentError:
            pass
        raise ValueError(f"must begin with {' or '.join(f'{driver}://' for driver in drivers)}")

    return check


ServiceName = Literal["exam-manager", "device-manager", "workflow-manager"]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)
]
AsyncUrl = Annotated[str, AfterValidator(_url_of("sqlite+aiosqlite", "postgresql+asyncpg"))]
EngineUrl = Annotated[str, AfterValidator(_url_of("sqlite", "postgresql", "postgresql+psycopg"))]
SHORTEST_SECRET = 32
RESTORING = "restoring"
"""A data folder with this file is being restored, or that was cut off."""
SERVICES: tuple[ServiceName, ...] = ("exam-manager", "device-manager", "workflow-manager")


class InstallationSettings(FileSettings):
    """Settings of one process, from the command line and `SCANHUB_*` variables."""

    model_config = SettingsConfigDict(env_prefix="SCANHUB_", frozen=True)

    data_dir: Path = Field(Path("scanhub-data"), description="Keys, databases, lake")
    keys_folder: Path | None = Field(
        None, description="Keys and secrets of the services; default: `keys` in the data folder"
    )
    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="Port of HTTP and websocket")
    ssl_certfile: Path | None = Field(
        None, description="Certificate of this server with its chain, PEM: TLS ends here"
    )
    ssl_keyfile: Path | None = Field(
        None, description="Its private key, PEM; default: in the same file"
    )
    ssl_ca_certs: Path | None = Field(
        None,
        description="Who signs client certificates of devices, PEM; default: none is asked for",
    )
    dicom_port: int | None = Field(None, ge=1, le=65535, description="Port of the DICOM listener")
    dicom_ae_title: str = Field("SCANHUB", description="AE title of the DICOM listener")
    only: ServiceName | None = Field(None, description="Serve this service alone")
    exam_database_url: AsyncUrl | None = Field(
        None, description="Default: SQLite in the data folder"
    )
    device_database_url: AsyncUrl | None = Field(
        None, description="Default: SQLite in the data folder"
    )
    workflow_database_url: AsyncUrl | None = Field(None, description="Default: SQLite, data folder")
    engine_database_url: EngineUrl | None = Field(None, description="Run engine; default: SQLite")
    database_ca: Path | None = Field(
        None,
        description="Who signs the certificate of PostgreSQL, PEM: with it each connection is "
        "encrypted, and refused unless that certificate is for the host of its URL",
    )
    exam_manager_url: str = Field("http://127.0.0.1:8001", description="Where it is, with --only")
    device_manager_url: str = Field("http://127.0.0.1:8002", description="Where it is, with --only")
    workflow_manager_url: str = Field("http://127.0.0.1:8003", description="Where, with --only")
    services_ca: Path | None = Field(
        None,
        description="Who signs the certificates of the other services, PEM, where their addresses "
        "begin with https; default: the authorities of the system",
    )
    lake_url: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.-]+)*/?$",
        description="Bucket of an S3 service where results of exams lie, as `s3://bucket/prefix`; "
        "the same for all services. None: in the data folder (docs/lake.md)",
    )
    lake_endpoint: str | None = Field(
        None, pattern=r"^https?://", description="Address of that service; none: Amazon's"
    )
    lake_region: str = Field("us-east-1", description="Its region")
    lake_access_key_id: str | None = Field(
        None, description="Login there; none: as `AWS_*` or the role of the machine say"
    )
    lake_secret_access_key: SecretStr | None = Field(None, description="Secret of that login")
    lake_cache_bytes: int = Field(
        100 << 30,
        ge=1 << 20,
        description="So much of the bucket may lie in `files/copies` of a process [byte]",
    )
    ui_dir: Path | None = Field(None, description="Built UI; default: frontend/dist of a checkout")
    backup_dir: Path | None = Field(
        None,
        description="Folder of backups, on another disk or machine; none: none is made by request",
    )
    backup_keep: int | None = Field(
        None, ge=1, description="So many backups stay, older ones are removed; none: all stay"
    )
    alive_file: Path | None = Field(
        None,
        description="A worker, and a process that receives DICOM, touches this file every few "
        "seconds while it is well; for health checks",
    )
    simulators: bool = Field(
        default=True,
        description="Let administrators and engineers start simulated scanners beside the server, "
        "from the browser; off where patients are scanned",
    )
    otel_endpoint: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Where traces go by OTLP over HTTP, as `http://collector:4318`; none: nothing "
        "is traced. Needs `scanhub[otel]`",
    )
    log_json: bool = Field(default=False, description="One JSON object a line")
    log_level: LogLevel = Field("INFO", description="Lowest level logged")

    @property
    def keys_dir(self) -> Path:
        """Folder of the signing keys and service secrets."""
        return self.keys_folder or self.data_dir / "keys"

    @property
    def lake_root(self) -> Path:
        """Root of the data lake."""
        return self.data_dir / "files"

    @property
    def lake_bucket(self) -> BucketOptions | None:
        """Where results of exams lie; none: below `lake_root`."""
        if self.lake_url is None:
            return None
        name, _, prefix = self.lake_url.removeprefix("s3://").partition("/")
        return BucketOptions(
            name=name,
            prefix=prefix,
            endpoint=self.lake_endpoint,
            region=self.lake_region,
            access_key_id=self.lake_access_key_id,
            secret_access_key=self.lake_secret_access_key,
            cache_bytes=self.lake_cache_bytes,
        )

    def database_url(self, service: ServiceName) -> str:
        """Return the database URL of a service."""
        given = {
            "exam-manager": self.exam_database_url,
            "device-manager": self.device_database_url,
            "workflow-manager": self.workflow_database_url,
        }[service]
        return given or sqlite_url(self.data_dir / "databases" / f"{service}.sqlite")

    @property
    def engine_url(self) -> str:
        """Return the database URL of the run engine (SQLAlchemy's synchronous form)."""
        path = self.data_dir / "databases" / "engine.sqlite"
        return self.engine_database_url or f"sqlite:///{path}"

    def url_of(self, service: ServiceName) -> str:
        """Return where another service is when it does not share the process."""
        return {
            "exam-manager": self.exam_manager_url,
            "device-manager": self.device_manager_url,
            "workflow-manager": self.workflow_manager_url,
        }[service]

    def service_secret(self, service: ServiceName) -> str:
        """Return the secret with which a service gets its token; made at the first start.

        Raises:
            SecretFileError: It can be guessed.
        """
        return _secret(self.keys_dir / "services" / f"{service}.secret")

    def device_token_key(self) -> str:
        """Return the keys with which device tokens are hashed; made at the first start.

        One a line: the first one hashes, all of them match.

        Raises:
            SecretFileError: It can be guessed.
        """
        return _secret(self.keys_dir / "device-tokens.key")

    def target_secrets_key(self) -> str:
        """Return the keys that encrypt the secrets of targets; made at the first start.

        One a line: the first one encrypts, all of them decrypt.

        Raises:
            SecretFileError: They are no such keys.
        """
        path = self.keys_dir / "target-secrets.key"
        keys = read_or_create(path, lambda: Fernet.generate_key().decode())
        try:
            _ = [Fernet(key) for key in keys.split()]
        except ValueError:
            raise SecretFileError(
                f"A line of {path} is no key: each needs 32 bytes in URL-safe Base64."
            ) from None
        return keys

    def prepare(self, *, restoring: bool = False) -> None:
        """Make the folders of the data folder; only the owner may look into them.

        Raises:
            ConflictError: It was not restored to the end.
        """
        if not restoring and (self.data_dir / RESTORING).exists():
            raise ConflictError(
                f"{self.data_dir} was not restored to the end: remove it, and restore once more."
            )
        for folder in (self.data_dir, self.data_dir / "databases", self.keys_dir, self.lake_root):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _secret(path: Path) -> str:
    secret = read_or_create(path, lambda: secrets.token_hex(32)).strip()
    if any(len(line) < SHORTEST_SECRET for line in lines_of(secret) or [""]):
        raise SecretFileError(
            f"The secret in {path} needs {SHORTEST_SECRET} characters: remove the file, and a "
            "new one is made."
        )
    return secret
