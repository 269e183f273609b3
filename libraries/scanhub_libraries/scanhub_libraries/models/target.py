"""Targets: where images are sent to, a document for each type, under mercure's names of settings.

A secret is written and never read: `TargetOut.secrets` tells which ones are there.
"""

import re
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PlainSerializer,
    RootModel,
    SecretStr,
    SerializationInfo,
    StringConstraints,
    Tag,
    model_validator,
)

from scanhub_libraries.models.fields import Name, ShortText, Text, WireModel, WithoutNul

AETitle = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=16, pattern=r"^[\x20-\x5B\x5D-\x7E]+$"
    ),
]
REVEAL = {"reveal": True}
"""Context of a dump that writes secrets out: to store them, or to send them to their service."""
MOST_COMMITMENT_S = 604_800
"""How long a node may take to confirm what it keeps, until it is asked again [s]."""
_HOST = re.compile(r"[0-9A-Za-z]([0-9A-Za-z._:-]*[0-9A-Za-z])?")
_BUCKET = r"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$"
_LARGEST_SECRET = 20_000


def _secret_text(secret: SecretStr, info: SerializationInfo) -> str:
    revealed = info.context is not None and info.context.get("reveal") is True
    return secret.get_secret_value() if revealed else str(secret)


def _check_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if "\x00" in text or len(text) > _LARGEST_SECRET:
        raise ValueError(f"contains a NUL character, or more than {_LARGEST_SECRET} characters")
    text.encode()  # half a character is none: a ValueError
    return secret


def _check_host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("is no name of a host and no IP address")
    return text


def _check_folder(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or not text.isprintable():
        raise ValueError("is no absolute path of a folder, as in /data/images")
    return text


def _check_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable():
        raise ValueError("is no address that begins with http:// or https://")
    if parts.username or parts.password or parts.query or parts.fragment or " " in text:
        raise ValueError("has a login, a query or a fragment in it: leave those out")
    _ = parts.port  # more than 65535 is a ValueError
    return text.rstrip("/")


def _check_remote_text(text: str) -> str:
    if text.startswith("-") or not text.isprintable():
        raise ValueError("begins with a minus or contains a control character")
    return text


Secret = Annotated[
    SecretStr,
    AfterValidator(_check_secret),
    PlainSerializer(_secret_text, return_type=str, when_used="unless-none"),
    Field(json_schema_extra={"writeOnly": True}),
]
Host = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_check_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
Folder = Annotated[
    str, StringConstraints(min_length=2, max_length=1000), WithoutNul, AfterValidator(_check_folder)
]
Url = Annotated[str, StringConstraints(max_length=1000), WithoutNul, AfterValidator(_check_url)]
Login = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    WithoutNul,
    AfterValidator(_check_remote_text),
]
FileFilter = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200), WithoutNul]],
    Field(max_length=50, description="File names that are left out, as patterns: `*.json`"),
]
Pem = Annotated[str, StringConstraints(max_length=_LARGEST_SECRET), WithoutNul]
Uid = Annotated[
    str, StringConstraints(max_length=64, pattern=r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+$")
]
TransferSyntaxes = Annotated[
    list[Uid],
    Field(
        max_length=8,
        description="Transfer Syntax UIDs that are wanted, best first: images that are stored "
        "otherwise are transcoded, without loss. Empty: images are sent as they are stored",
    ),
]
UrlPart = Annotated[str, StringConstraints(max_length=200, pattern=r"^[0-9A-Za-z/_.~-]*$")]


class _Target(WireModel):
    """What every target has."""

    name: Name
    enabled: bool = True
    direction: Annotated[
        Literal["push", "pull", "both"],
        Field(description="push: images are sent there; pull: they are fetched; both"),
    ] = "push"
    contact: ShortText = ""
    comment: Text = ""
    at_once: Annotated[
        int, Field(ge=1, le=8, description="Series that are sent there at the same time")
    ] = 1
    max_bytes_per_s: Annotated[
        int | None, Field(ge=1024, le=2**40, description="Bandwidth limit [byte/s]; none: no limit")
    ] = None


class _DicomNode(_Target):
    ip: Annotated[Host, Field(description="Host; `sender`: whoever sent the images here")]
    port: Port
    aet_target: AETitle
    aet_source: AETitle = "SCANHUB"
    pass_sender_aet: Annotated[
        bool, Field(description="Call as the AE title that the images came from")
    ] = False
    pass_receiver_aet: Annotated[
        bool, Field(description="Call the AE title that the images were sent to here")
    ] = False
    transfer_syntaxes: TransferSyntaxes = []
    storage_commitment: Annotated[
        bool,
        Field(description="Sent counts only what the node confirms to keep (PS3.4 Annex J)"),
    ] = False
    commitment_timeout_s: Annotated[
        float,
        Field(
            ge=1,
            le=MOST_COMMITMENT_S,
            description="Not confirmed after this long, it is asked again [s]",
        ),
    ] = 3600.0


class DicomTarget(_DicomNode):
    """A DICOM node (C-STORE)."""

    target_type: Literal["dicom"] = "dicom"


class DicomTlsTarget(_DicomNode):
    """A DICOM node over TLS (PS3.15 B)."""

    target_type: Literal["dicomtls"]
    tls_key: Annotated[Secret | None, Field(description="Private key of our certificate, PEM")] = (
        None
    )
    tls_cert: Annotated[Pem, Field(description="Certificate that we show, PEM; empty: none")] = ""
    ca_cert: Annotated[
        Pem,
        Field(description="Whom the node's certificate must be from, PEM; empty: who is known"),
    ] = ""
    verify_host: Annotated[
        bool, Field(description="The node's certificate must also name its host")
    ] = False


class DicomWebTarget(_Target):
    """A DICOMweb server (STOW-RS)."""

    target_type: Literal["dicomweb"]
    url: Annotated[Url, Field(description="Base address of the service")]
    qido_url_prefix: UrlPart = ""
    wado_url_prefix: UrlPart = ""
    stow_url_prefix: UrlPart = ""
    transfer_syntaxes: TransferSyntaxes = []
    http_user: ShortText = ""
    http_password: Secret | None = None
    access_token: Annotated[Secret | None, Field(description="Bearer token")] = None
    ca_cert: Annotated[
        Pem, Field(description="Whom the server's certificate must be from, PEM")
    ] = ""


class _SshTarget(_Target):
    host: Host
    port: Port = 22
    folder: Annotated[Folder, Field(description="Folder on the host; absolute")]
    user: Login
    password: Secret | None = None
    private_key: Annotated[Secret | None, Field(description="OpenSSH key without passphrase")] = (
        None
    )
    host_key: Annotated[
        Text,
        Field(description="Public key of the host, as in `ssh-ed25519 AAAA...`; the test shows it"),
    ] = ""
    file_filter: FileFilter = []


class SftpTarget(_SshTarget):
    """A folder that is reached by SFTP."""

    target_type: Literal["sftp"]


class RsyncTarget(_SshTarget):
    """A folder that is reached by rsync, over SSH or at a daemon of its own."""

    target_type: Literal["rsync"]
    module: Annotated[
        str,
        StringConstraints(max_length=64, pattern=r"^([0-9A-Za-z_][0-9A-Za-z_.-]*)?$"),
        Field(
            description="Module of an rsync daemon, which has a port of its own (873 as a rule) "
            "and encrypts nothing; `folder` is in it. Empty: over SSH"
        ),
    ] = ""
    run_on_complete: Annotated[
        bool, Field(description="Run `mercure_complete.sh` of the folder when all is there")
    ] = False

    @model_validator(mode="after")
    def _check_module(self) -> Self:
        if self.module and self.run_on_complete:
            raise ValueError("run_on_complete: a daemon runs nothing; leave `module` empty")
        return self


class FolderTarget(_Target):
    """A folder of this host, or one that is mounted."""

    target_type: Literal["folder"]
    folder: Annotated[Folder, Field(description="Absolute")]
    file_filter: FileFilter = []


class S3Target(_Target):
    """A bucket of an S3 service."""

    target_type: Literal["s3"]
    region: Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9A-Za-z-]*$")] = ""
    bucket: Annotated[str, StringConstraints(pattern=_BUCKET)]
    prefix: Annotated[str, StringConstraints(max_length=500, pattern=r"^[0-9A-Za-z/_.=~-]*$")] = ""
    access_key_id: ShortText = ""
    secret_access_key: Secret | None = None
    endpoint_url: Annotated[
        Url | None, Field(description="Address of a service other than Amazon's")
    ] = None


class XnatTarget(_Target):
    """A project of an XNAT server."""

    target_type: Literal["xnat"]
    host: Annotated[Url, Field(description="Address of the server")]
    project_id: Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9A-Za-z_-]+$")]
    user: ShortText
    password: Secret | None = None


class DummyTarget(_Target):
    """Takes everything and keeps nothing; to try rules out."""

    target_type: Literal["dummy"]


TargetDocument = (
    DicomTarget
    | DicomTlsTarget
    | DicomWebTarget
    | SftpTarget
    | RsyncTarget
    | FolderTarget
    | S3Target
    | XnatTarget
    | DummyTarget
)
TARGET_CLASSES: dict[str, type[TargetDocument]] = {
    get_args(cls.model_fields["target_type"].annotation)[0]: cls for cls in get_args(TargetDocument)
}


def _type_of(value: Any) -> str | None:
    """Return the type; without one it is a DICOM node, as before there were others."""
    if isinstance(value, dict):
        found = value.get("target_type", "dicom")
        return found if isinstance(found, str) else None
    found = getattr(value, "target_type", None)
    return found if isinstance(found, str) else None


AnyTarget = Annotated[
    Annotated[DicomTarget, Tag("dicom")]
    | Annotated[DicomTlsTarget, Tag("dicomtls")]
    | Annotated[DicomWebTarget, Tag("dicomweb")]
    | Annotated[SftpTarget, Tag("sftp")]
    | Annotated[RsyncTarget, Tag("rsync")]
    | Annotated[FolderTarget, Tag("folder")]
    | Annotated[S3Target, Tag("s3")]
    | Annotated[XnatTarget, Tag("xnat")]
    | Annotated[DummyTarget, Tag("dummy")],
    Discriminator(_type_of),
]


def secret_names(cls: type[TargetDocument]) -> list[str]:
    """Return the names of the settings of a type that are written and never read."""
    return [
        name
        for name, field in cls.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
        or any(SecretStr in get_args(part) for part in get_args(field.annotation))
    ]


class TargetIn(RootModel[AnyTarget]):
    """A target to be configured; a secret that is left out stays as it is, null removes it."""


class TargetOut(WireModel):
    """A target as stored, with the settings of its type beside these; never a secret."""

    model_config = {**WireModel.model_config, "extra": "allow"}

    name: str
    target_type: Literal[
        "dicom", "dicomtls", "dicomweb", "sftp", "rsync", "folder", "s3", "xnat", "dummy"
    ]
    enabled: bool
    direction: Literal["push", "pull", "both"]
    contact: str
    comment: str
    at_once: int
    max_bytes_per_s: int | None
    secrets: Annotated[list[str], Field(description="Names of the secrets that are there")]
    version: int
    created_at: datetime
    updated_at: datetime | None = None
    paused: "DispatchPause | None" = None


class TargetStep(WireModel):
    """One step of a connection test."""

    name: Annotated[
        str,
        Field(
            description="name, connection, tls, host key, login, AE title, project, folder, write"
        ),
    ]
    ok: bool
    detail: str


class TargetTest(WireModel):
    """What came of a connection test; it ends with the step that failed."""

    ok: bool
    detail: str
    steps: list[TargetStep] = []


class PauseIn(WireModel):
    """Why sending is paused."""

    reason: ShortText = ""


class DispatchPause(WireModel):
    """Sending that somebody paused."""

    target: Annotated[str | None, Field(description="Which target; none: all of them")]
    reason: str
    paused_by: str
    paused_at: datetime
