"""What can go wrong on a device."""


class DeviceError(Exception):
    """Root of the errors of this library."""


class CredentialsError(DeviceError):
    """The credentials file cannot be used."""


class LinkLostError(DeviceError):
    """There is no link to the server at this moment."""


class UploadError(DeviceError):
    """The server did not take the file, also after the retries."""


class ScanError(DeviceError):
    """This scan failed, the scanner itself is well and takes the next one."""


class ScannerFaultError(DeviceError):
    """The scanner itself is broken: the device stays in ERROR until `DeviceClient.recover`."""


class InvalidTransitionError(DeviceError):
    """An event that the state machine does not know in this state."""
