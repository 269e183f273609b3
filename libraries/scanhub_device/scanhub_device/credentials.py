"""The credentials file that is downloaded once, when the device is created."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from scanhub_device.errors import CredentialsError


class Credentials(BaseModel):
    """Who the device is, and how it proves it. The token never shows in a log."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    device_id: str
    device_token: SecretStr


def load_credentials(path: Path) -> Credentials:
    """Read `device_credentials.json`."""
    try:
        return Credentials.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CredentialsError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        fields = ", ".join(str(item["loc"][0]) for item in error.errors() if item["loc"])
        detail = f"missing or wrong: {fields}" if fields else "not a JSON object"
        # the cause would show the token
        raise CredentialsError(f"{path} is no device credentials file ({detail})") from None
