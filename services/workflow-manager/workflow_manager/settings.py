"""Settings of workflow-manager: environment `SCANHUB_WORKFLOW_*`."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, IPvAnyNetwork, SecretStr, StringConstraints, field_validator
from pydantic_core.core_schema import ValidationInfo
from pydantic_settings import SettingsConfigDict

from workflow_manager.dicom.extra_tags import checked_names
from workflow_manager.dicom.incoming import Durability
from workflow_manager.dispatch.rules import OffPeak, parse_clock
from workflow_manager.engine.names import Queues, checked_queues
from workflow_manager.run_settings import RunSettings


class WorkflowManagerSettings(RunSettings):
    """What an installation decides. Every field can be set as `SCANHUB_WORKFLOW_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="SCANHUB_WORKFLOW_", frozen=True, extra="ignore")

    database_url: str = Field(description="Database of this service (SQLAlchemy async URL)")
    engine_database_url: str = Field(
        description="Database of the run engine: a SQLite file of its own, or PostgreSQL"
    )
    lake_root: Path = Field(description="Root of the data lake")
    executor_id: str = Field("main", description="Stable name of this process in the run engine")
    queues: Queues = Field(
        None, description="Queues whose work this process does; none given: all. Needs PostgreSQL"
    )
    migrate: bool = Field(True, description="Bring the database to the newest schema at the start")
    dicom_port: int | None = Field(
        None, ge=0, le=65535, description="Port of the DICOM listener; none: no listener; 0: any"
    )
    dicom_host: str = Field("127.0.0.1", description="Address that the DICOM listener binds to")
    dicom_ae_title: str = Field("SCANHUB", min_length=1, max_length=16, description="Its AE title")
    dicom_listeners: int | None = Field(
        None,
        ge=1,
        le=16,
        description="Processes that receive; each uses one core at most. None given: two, or one "
        "where there is but one core",
    )
    dicom_durability: Durability = Field(
        Durability.SYNCED,
        description="What has happened to an image when its C-STORE is answered with success",
    )
    dicom_called_ae_titles: tuple[str, ...] = Field(
        (), description="AE titles that senders may call; none given: any"
    )
    dicom_calling_ae_titles: tuple[str, ...] = Field(
        (), description="AE titles that may send; none given: any"
    )
    dicom_allowed_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Addresses or networks that may send, as 192.0.2.0/24; none given: any"
    )
    dicom_sop_classes: tuple[str, ...] = Field(
        (), description="SOP classes that are received; none given: all of storage, private too"
    )
    dicom_transfer_syntaxes: tuple[str, ...] = Field(
        (), description="Transfer syntaxes that are received; none given: any"
    )
    dicom_extra_tags: tuple[str, ...] = Field(
        (),
        description="Attributes that the index keeps beside those it always has, of each image: "
        "keywords, or tags as gggg,eeee; searches and rules can ask for them",
    )
    dicom_max_associations: int = Field(
        64, ge=1, le=1024, description="Associations at the same time, for each listener process"
    )
    dicom_max_pdu_bytes: int = Field(
        131_072, ge=4096, le=2**24, description="Longest PDU that senders are told to send [byte]"
    )
    dicom_network_timeout_s: float = Field(
        60.0, gt=0, description="A silent association is aborted after this long [s]"
    )
    dicom_min_free_bytes: int = Field(
        2**30,
        ge=0,
        description="With less free space on the disk no new association is accepted [byte]",
    )
    dicom_tls_port: int | None = Field(
        None, ge=0, le=65535, description="Port of the DICOM listener with TLS; none: no such one"
    )
    dicom_tls_certificate: Path | None = Field(
        None, description="Certificate chain of the DICOM listener with TLS (PEM)"
    )
    dicom_tls_key: Path | None = Field(
        None, description="Its private key (PEM); none: it is in the file of the certificate"
    )
    dicom_tls_client_ca: Path | None = Field(
        None, description="Senders with TLS must show a certificate of these CAs (PEM); none: any"
    )
    dicomweb_max_instance_bytes: int = Field(
        16 * 2**30, gt=0, description="Largest instance that STOW-RS takes [byte]"
    )
    dicomweb_max_request_bytes: int = Field(
        2**40, gt=0, description="Largest request that STOW-RS takes, all its instances [byte]"
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
        description="Address at which clients reach this installation, as https://mri.example.org: "
        "DICOMweb names what can be fetched with it; none: as the request names us",
    )
    reconstruction_servers: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")],
        Annotated[str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:]+\]|[^\s:\[\]]+):[0-9]{1,5}$")],
    ] = Field(
        {},
        description="Servers that reconstruct raw data (MRD streaming protocol, as Gadgetron and "
        "python-ismrmrd-server speak it), as a JSON object: name to host:port. Each is a job "
        "`reconstruction_server:NAME`",
    )
    module_runtime: Literal["auto", "podman", "docker", "none"] = Field(
        "auto",
        description="What runs containers of modules; auto: podman, or else docker, if it is "
        "there; none: no module is a container, here or in the processes that serve modules",
    )
    module_folder: Path | None = Field(
        None,
        description="Python files below this folder can run as modules, as processes of this "
        "server with its rights; none: no file can",
    )
    module_slots: int = Field(1, ge=1, le=64, description="Modules that run at the same time")
    module_timeout_s: float = Field(
        3600.0, gt=0, description="A module that does not say otherwise is killed after so long [s]"
    )
    module_memory_bytes: int | None = Field(
        None,
        ge=16 * 2**20,
        description="Most memory that a module takes which does not say otherwise [byte]; none: "
        "no limit",
    )
    module_cpus: float | None = Field(
        None,
        gt=0,
        description="Processors that a module uses which does not say otherwise; none: all",
    )
    module_output_bytes: int = Field(
        64 * 2**30,
        ge=2**20,
        description="A module that does not say otherwise is killed when it has written more, all "
        "files together [byte]",
    )
    module_output_files: int = Field(
        100_000,
        ge=1,
        le=1_000_000,
        description="A module that does not say otherwise is killed when it has made more files",
    )
    module_pull: Literal["never", "missing", "always"] = Field(
        "never", description="When images of modules are fetched from their registry"
    )
    module_volumes: tuple[Path, ...] = Field(
        (), description="Folders of this machine that modules may mount, with all below them"
    )
    module_root: bool = Field(
        default=False,
        description="Containers of modules that ask for it run as root, as MONAI packages do",
    )
    module_oci_runtimes: tuple[str, ...] = Field(
        (), description="OCI runtimes that modules may name beside the default one, as nvidia"
    )
    module_log_bytes: int = Field(
        4 * 2**20,
        ge=2**16,
        description="What is kept of what a module or job says, from its beginning [byte]; of what "
        "comes later, the last 64 KiB are kept",
    )
    module_keep_days: float = Field(
        14.0,
        gt=0,
        description="Logs of modules and jobs, and files of modules, are removed so long after "
        "their end [day]; images are in the archive",
    )
    job_timeout_s: float = Field(
        14_400.0, gt=0, description="A job that does not say otherwise is killed after so long [s]"
    )
    job_memory_bytes: int | None = Field(
        None,
        ge=256 * 2**20,
        description="Most memory that a job takes which does not say otherwise [byte]; none: no "
        "limit",
    )
    job_cpus: int | None = Field(
        None,
        gt=0,
        description="Processors that a job uses which does not say otherwise; none: all",
    )
    job_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
        description="Address at which jobs of the SDK in chains reach a server; none: a server "
        "listens for them on 127.0.0.1, at a port that the system gives, and a worker takes "
        "SCANHUB_WORKFLOW_MANAGER_URL",
    )
    job_file_max_bytes: int = Field(
        64 * 2**30,
        ge=2**20,
        description="Largest file or image that a job of the SDK leaves [byte]",
    )
    exam_manager_patience_s: float = Field(
        3600.0, gt=0, description="How long a run waits for exam-manager to come back [s]"
    )
    dispatch_backoff_s: tuple[float, ...] = Field(
        (10, 30, 120, 600, 1800, 3600, 7200, 14400, 28800),
        description="Waiting times between attempts to send [s]; after the last one it has failed",
    )
    offpeak_start: str = Field(
        "22:00", description="Off-peak hours begin: what has priority offpeak is sent then (HH:MM)"
    )
    offpeak_end: str = Field("06:00", description="Off-peak hours end (HH:MM); this minute counts")
    offpeak_time_zone: str = Field(
        "UTC", description="Time zone of the off-peak hours, as in Europe/Berlin"
    )
    secrets_key: SecretStr | None = Field(
        None,
        description="Key that encrypts the secrets of targets; none: targets cannot have any",
    )
    series_quiet_s: float = Field(
        15.0, gt=0, description="A received series is complete after this long without an image [s]"
    )
    series_closed_quiet_s: float = Field(
        1.0,
        ge=0,
        description="The same, once the association that brought it has ended cleanly [s]",
    )
    study_complete_s: float = Field(
        900.0, gt=0, description="A study is complete after this long without an image [s]"
    )
    study_force_s: float = Field(
        5400.0,
        gt=0,
        description="How long series that a rule asks for are waited for, before the rule discards "
        "the study or proceeds without them [s]",
    )
    discard_keep_s: float = Field(
        259200.0, gt=0, description="How long files that were discarded are kept at least [s]"
    )
    clean_sent_days: float | None = Field(
        None,
        gt=0,
        description="Received images that are at a target too are removed so long after the last "
        "case of their series ended [day]; none: kept",
    )
    clean_unsent_days: float | None = Field(
        None,
        gt=0,
        description="The same for images that were done with and may be nowhere else [day]",
    )
    clean_discarded_days: float | None = Field(
        None,
        gt=0,
        description="The same for images that were discarded, but not before discard_keep_s [day]",
    )
    clean_quarantine_days: float | None = Field(
        None,
        gt=0,
        description="Files in quarantine are removed after so long [day]; none: kept",
    )
    clean_conflicts_days: float | None = Field(
        None,
        gt=0,
        description="Objects that came under a SOP Instance UID which another one has are removed "
        "after so long [day]; none: kept",
    )
    clean_offpeak_only: bool = Field(
        default=False, description="What is old is removed in off-peak hours only"
    )
    clean_above_percent: float | None = Field(
        None,
        gt=0,
        lt=100,
        description="With more of the disk used than this, images that are at a target too or were "
        "discarded are removed, the oldest first, until it is less [%]; none: never",
    )
    dicom_timeout_s: float = Field(
        30.0, gt=0, description="How long a DICOM peer may take to answer [s]"
    )
    retrieval_silence_s: float = Field(
        300.0,
        gt=0,
        description="How long a source may send nothing while images are fetched from it [s]",
    )
    import_root: Path | None = Field(
        None, description="Folders below this one can be imported; none: no folder can"
    )
    import_max_bytes: int = Field(
        2**38,
        gt=0,
        description="Largest import: all files together, with those in archives [byte]",
    )
    transcode_bytes: int = Field(
        512 * 2**20,
        ge=2**20,
        le=2**32,
        description="Largest image, decoded, that is transcoded for targets that list "
        "transfer_syntaxes [byte]",
    )
    transcode_at_once: int = Field(
        2, ge=1, le=32, description="Shipments that are transcoded at the same time, a process each"
    )
    connect_timeout_s: float = Field(
        10.0, gt=0, description="How long connecting to a DICOM peer may take [s]"
    )
    preview_delay_s: float = Field(
        1.0,
        ge=0,
        description="A scan that streams is previewed when it lasts longer than this [s]",
    )
    previews_at_once: int = Field(4, ge=0, description="Scans previewed at the same time; 0: none")
    preview_memory_bytes: int = Field(
        2**30,
        gt=0,
        description="Most that the readouts of images which are not whole may have [byte]",
    )
    preview_images: int = Field(
        64, ge=1, description="Previews that are kept of a scan, the newest ones"
    )
    webhook_secret: SecretStr | None = Field(
        None, min_length=16, description="Key with which webhooks are signed (HMAC-SHA256)"
    )
    webhook_ca_file: Path | None = Field(
        None, description="Whom webhooks trust beside the system's authorities, PEM"
    )
    webhook_http: bool = Field(default=False, description="Webhooks may be called without TLS")
    webhook_local: bool = Field(
        default=False, description="Webhooks may be on this machine or its link (loopback, 169.254)"
    )
    smtp_host: str | None = Field(None, description="Mail server; none: no e-mail is sent")
    smtp_port: int = Field(25, ge=1, le=65535, description="Port of the mail server")
    smtp_security: Literal["none", "starttls", "tls"] = Field(
        "none", description="none, starttls (port 587 as a rule) or tls (465)"
    )
    smtp_user: str | None = Field(None, description="Login at the mail server, with TLS only")
    smtp_password: SecretStr | None = Field(None, description="Its password")
    smtp_ca_file: Path | None = Field(
        None, description="Whom to trust beside the system's authorities as mail server, PEM"
    )
    email_from: str = Field("scanhub@localhost", description="Sender of e-mails")
    email_subject_prefix: str = Field(
        "[Mercure]", max_length=64, description="How the subject of e-mails begins"
    )
    phi_notifications: bool = Field(
        default=False, description="Notifications may name patients (acc, mrn, patient_name)"
    )
    notification_backoff_s: tuple[float, ...] = Field(
        (30, 120, 600, 1800, 3600, 7200, 14400),
        description="Waiting times between attempts to notify [s]; after the last it has failed",
    )
    metrics_key: SecretStr | None = Field(
        None, min_length=16, description="Key that may read metrics; none: admins only"
    )
    journal_keep_days: int | None = Field(
        None,
        ge=7,
        description="Events, reports of mercure's programs and notifications that ended are "
        "dropped after so many days, not of open or failed cases or rules' order; none: kept",
    )
    bookkeeper_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Key that mercure's modules and tools show to report; none: they cannot",
    )
    preview_keep_s: float = Field(
        3600.0, gt=0, description="How long previews are kept after the last one was made [s]"
    )

    @field_validator("queues")
    @classmethod
    def _check_queues(cls, queues: Queues, info: ValidationInfo) -> Queues:
        return checked_queues(queues, info.data.values())

    @field_validator("offpeak_start", "offpeak_end")
    @classmethod
    def _check_clock(cls, text: str) -> str:
        parse_clock(text)
        return text

    @field_validator("dicom_extra_tags")
    @classmethod
    def _check_extra_tags(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return checked_names(texts)

    @field_validator("offpeak_time_zone")
    @classmethod
    def _check_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            raise ValueError(f"{name!r} is no time zone: write it as Europe/Berlin") from None
        return name

    @property
    def offpeak(self) -> OffPeak:
        """The off-peak hours."""
        zone = ZoneInfo(self.offpeak_time_zone)
        return OffPeak(parse_clock(self.offpeak_start), parse_clock(self.offpeak_end), zone)
