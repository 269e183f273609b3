"""Settings of device-manager (environment: SCANHUB_DEVICE_*)."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from device_manager.certificates.rules import parse_networks
from scanhub_libraries.bucket import BucketOptions
from scanhub_libraries.database_settings import DatabaseSettings


def _networks(text: str) -> str:
    """Refuse what cannot be read at the start, not at the first device."""
    parse_networks(text)
    return text


class DeviceManagerSettings(DatabaseSettings):
    """Built once, by whoever starts the service; handed on from there."""

    model_config = SettingsConfigDict(env_prefix="SCANHUB_DEVICE_", frozen=True)

    database_url: Annotated[str, Field(description="SQLAlchemy URL of this service's database")]
    lake_root: Annotated[Path, Field(description="Folder of the data lake")]
    lake_bucket: Annotated[
        BucketOptions | None, Field(description="Where results lie; none: in the folder too")
    ] = None
    token_key: Annotated[
        SecretStr,
        Field(
            min_length=32,
            description="Secret with which device tokens are hashed; the same in every process. "
            "With another one no device gets in, until its token is rotated",
        ),
    ]
    metrics_key: Annotated[
        SecretStr | None,
        Field(min_length=16, description="Key that may read metrics; none: admins only"),
    ] = None
    migrate: Annotated[
        bool, Field(description="Bring the database to the newest schema at the start")
    ] = True
    ack_deadline_seconds: Annotated[
        float, Field(gt=0, description="Time a device has to confirm a start [s]")
    ] = 5.0
    first_status_deadline_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="The same for a device that knows no `ack`: time to its first status [s]",
        ),
    ] = 15.0
    stop_deadline_seconds: Annotated[
        float, Field(gt=0, description="Time a device has to confirm a stop [s]")
    ] = 2.0
    lost_after_seconds: Annotated[
        float,
        Field(
            gt=0, description="Time without a link after which a running scan is shown as lost [s]"
        ),
    ] = 30.0
    return_deadline_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Time a lost device has to come back before its scan is given up [s]",
        ),
    ] = 600.0
    data_deadline_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Time in which data must come once a device says that it is free [s]",
        ),
    ] = 60.0
    calibration_deadline_seconds: Annotated[
        float,
        Field(gt=0, description="Time a device has for one calibration without a scan [s]"),
    ] = 300.0
    idle_timeout_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Silence after which a device that sends heartbeats is taken for gone [s]",
        ),
    ] = 30.0
    upload_idle_seconds: Annotated[
        float, Field(gt=0, description="Longest pause within an upload [s]")
    ] = 60.0
    upload_buffer_bytes: Annotated[
        int, Field(gt=0, description="Data received and not yet written, per link [byte]")
    ] = 32 * 2**20
    max_frame_bytes: Annotated[
        int, Field(gt=0, description="Largest frame a device may send [byte]")
    ] = 16 * 2**20
    max_text_bytes: Annotated[
        int,
        Field(
            gt=0,
            description="Largest text frame a device may send: reading one holds up all others "
            "[byte]",
        ),
    ] = 256 * 2**10
    max_upload_bytes: Annotated[
        int, Field(gt=0, description="Largest file a device may send [byte]")
    ] = 200 * 2**30
    min_free_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="Room in the lake that uploads leave free: a file that would go below it "
            "is refused before its first byte [byte]",
        ),
    ] = 2**30
    upload_quota_bytes: Annotated[
        int,
        Field(gt=0, description="Most that the unfinished uploads of one device may have [byte]"),
    ] = 400 * 2**30
    upload_expiry_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Time after which an unfinished upload of a scan that has ended is "
            "removed [s]",
        ),
    ] = 24 * 3600.0
    streaming: Annotated[
        bool,
        Field(
            description="Offer devices to send their readouts while they acquire them, for previews"
        ),
    ] = True
    stream_max_bytes: Annotated[
        int, Field(gt=0, description="Most that one stream may have [byte]")
    ] = 4 * 2**30
    stream_bytes_per_second: Annotated[
        float,
        Field(gt=0, description="Rate at which a stream is taken, on average [byte/s]"),
    ] = 64 * 2.0**20
    stream_idle_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Longest pause within a stream, while the scan does not rest [s]",
        ),
    ] = 120.0
    record_wait_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Time to wait for exam-manager before a device is told that its file is "
            "safe and will be entered later [s]",
        ),
    ] = 10.0
    node_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^/]+$",
            description="Where the other processes of device-manager reach this one, for example "
            "http://10.0.0.2:8002; needed as soon as there are several on one PostgreSQL database",
        ),
    ] = None
    node_heartbeat_seconds: Annotated[
        float, Field(gt=0, description="How often a process shows the others that it lives [s]")
    ] = 2.0
    node_dead_after_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Silence after which a process is taken for dead, and its devices are "
            "taken over; several times the heartbeat [s]",
        ),
    ] = 10.0
    certificate_header: Annotated[
        str,
        Field(
            description="Header in which a gateway tells the client certificate of a device, such "
            "as `Client-Cert`; it counts only from `trusted_proxies`. Empty: none does",
        ),
    ] = ""
    trusted_proxies: Annotated[
        str,
        AfterValidator(_networks),
        Field(
            description="Addresses and networks of gateways whose `certificate_header` is "
            "believed, parted by commas; they have to remove that header from what clients send",
        ),
    ] = ""
    handshake_failures: Annotated[
        int, Field(gt=0, description="Refused handshakes of one device from one address")
    ] = 20
    handshake_failures_per_address: Annotated[
        int,
        Field(
            gt=0,
            description="Refused handshakes from one address, whichever devices they name; those "
            "that have been let in from there are let in still",
        ),
    ] = 200
    handshake_window_seconds: Annotated[
        float, Field(gt=0, description="Time over which refused handshakes are counted [s]")
    ] = 60.0
