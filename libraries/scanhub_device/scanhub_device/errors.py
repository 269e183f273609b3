"""What can go wrong on a device."""


class DeviceError(Exception):
    """Root of the errors of this library."""


class CredentialsError(DeviceError):
    """The credentials file cannot be used."""


class CertificateError(DeviceError):
    """A certificate or key of this device cannot be used."""


class LinkLostError(DeviceError):
    """There is no link to the server at this moment."""


class UploadError(DeviceError):
    """The server did not take the file, also after the retries.

    Attributes:
        final: the server will not take it later either.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class SpoolError(DeviceError):
    """The queue on the disk cannot be used, or is full."""


class ScanStoppedError(DeviceError):
    """The scan is to stop: for the threads of a SyncScanner, which let it pass."""


class _FailureError(DeviceError):
    """What a scanner says of itself.

    Attributes:
        code: what went wrong as a word that programs can compare; None: only the text tells.
    """

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class ScanError(_FailureError):
    """This scan failed, the scanner itself is well and takes the next one."""


class ScannerFaultError(_FailureError):
    """The scanner itself is broken: the device stays in ERROR until `DeviceClient.recover`."""


class InvalidTransitionError(DeviceError):
    """An event that the state machine does not know in this state."""
