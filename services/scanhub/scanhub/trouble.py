"""Says in one line what is wrong with a setting or a file, instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console

from device_manager.settings import DeviceManagerSettings
from exam_manager.settings import ExamManagerSettings
from scanhub.settings import InstallationSettings
from scanhub.tls import TlsError
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.security.secret_files import SecretFileError
from workflow_manager.settings import WorkflowManagerSettings

_PREFIXES = {
    settings.__name__: settings.model_config.get("env_prefix", "")
    for settings in (
        InstallationSettings,
        ExamManagerSettings,
        DeviceManagerSettings,
        WorkflowManagerSettings,
    )
}


@contextmanager
def explained(console: Console) -> Iterator[None]:
    """End the command with an explanation when its settings or files are not what they must be."""
    try:
        yield
    except ValidationError as error:
        lines = explain(error)
    except (SettingsError, SecretFileError, TlsError) as error:
        lines = [str(error)]
    except ScanHubError as error:
        lines = [error.detail]
    except OSError as error:
        lines = [f"{error.filename}: {error.strerror}" if error.filename else str(error)]
    else:
        return
    for line in lines:
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def explain(error: ValidationError) -> list[str]:
    """Return a line for each wrong setting: its variable and what is wrong, never its value."""
    prefix = _PREFIXES.get(error.title, "")
    return [
        f"{prefix}{'.'.join(map(str, item['loc'])).upper()}: "
        f"{item['msg'].removeprefix('Value error, ')}"
        for item in error.errors(include_input=False, include_context=False, include_url=False)
    ]
