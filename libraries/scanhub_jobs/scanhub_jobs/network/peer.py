"""A DICOM node to send to."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")


def _ae_title(value: str) -> str:
    value = value.strip()
    if not _AE_TITLE.fullmatch(value):
        raise ValueError("an AE title has 1 to 16 printable ASCII characters, no backslash")
    return value


AeTitle = Annotated[str, AfterValidator(_ae_title)]


class PeerTls(BaseModel):
    """How TLS is spoken with a node: version 1.2 or later (PS3.15 annex B). Paths, no secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca: Path | None = Field(
        None, description="Who signs the node's certificate, PEM; none: who the system knows"
    )
    certificate: Path | None = Field(None, description="What we show, PEM; none: nothing")
    key: Path | None = Field(None, description="Its key, PEM; none: it is in `certificate`")
    verify_host: bool = Field(True, description="The certificate must name the node's host")


class Peer(BaseModel):
    """A remote application entity, and what we call ourselves when we call it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    ae_title: AeTitle = Field(description="Called AE title: the node's")
    calling_ae_title: AeTitle = Field("SCANHUB-JOBS", description="Ours")
    tls: PeerTls | None = None
    connect_timeout_s: float = Field(10.0, gt=0)
    timeout_s: float = Field(30.0, gt=0, description="How long the node may think about an answer")
