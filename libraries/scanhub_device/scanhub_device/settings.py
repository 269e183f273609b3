"""Times and sizes of the link."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Times and sizes of the link; the defaults suit a scanner in a hospital network."""

    heartbeat_s: float = 15.0
    """Time between two `ping` messages [s]."""
    open_timeout_s: float = 10.0
    """Time for the handshake of a new link [s]."""
    close_timeout_s: float = 2.0
    """Time for the server's goodbye [s]."""
    keepalive_timeout_s: float = 40.0
    """Silence of the server after which the link is taken for dead [s]."""
    reconnect_base_s: float = 1.0
    """Longest wait before the first new try; it doubles with each try [s]."""
    reconnect_max_s: float = 30.0
    """Longest wait between two tries [s]."""
    refused_retry_s: float = 300.0
    """Longest wait after the server has refused the credentials [s]."""
    elsewhere_retry_s: float = 600.0
    """Longest wait after another program has connected as this device [s]."""
    chunk_bytes: int = 1 << 17
    """Size of a binary frame [byte]; larger ones cost more, each is new memory three times."""
    http_upload_bytes: int = 1 << 20
    """Files from this size on are sent over HTTP, if the server offers it [byte]."""
    idle_connection_s: float = 30.0
    """Time for which a connection over which a file was stored is used for the next one [s]; less
    than servers and gateways keep one that idles."""
    upload_retry_delays_s: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Wait before each retry of an upload that the server refused or did not answer [s]."""
    upload_patience_s: float = 600.0
    """Time for which an upload is tried again while the server says that it can take none at the
    moment, for example without its database [s]."""
    upload_answer_timeout_s: float = 120.0
    """Time for the server's verdict after the last byte of a file [s]."""
    spool_max_bytes: int = 64 << 30
    """The most that all files in the queue on the disk may have together [byte]."""
    spool_patience_s: float = 172_800.0
    """Time after which a file that the server does not take is set aside [s]."""
    spool_retry_max_s: float = 60.0
    """Longest wait between two tries to deliver a file of the queue [s]."""
    stream_buffer_bytes: int = 64 << 20
    """Readouts that wait to be sent as a stream; beyond it the stream is given up [byte]."""
    stream_stall_s: float = 20.0
    """Time in which the server takes nothing of a stream before it is given up [s]."""
    stream_drain_s: float = 30.0
    """Time to send the rest of a stream, beside the upload, after the last readout [s]."""
    shutdown_s: float = 5.0
    """Time a running scan gets to end when the device program ends [s]."""
    ca_file: Path | None = None
    """Who signed the certificate of the server (PEM); None: the system knows."""
    client_certificate: Path | None = None
    """Certificate of this device with its chain (PEM), for a server that asks for one."""
    client_key: Path | None = None
    """Its private key (PEM); None: it is in the same file."""
