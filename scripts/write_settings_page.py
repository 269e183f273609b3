"""Write the tables of docs/settings.md from the settings classes; `--check` only compares."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic_settings import BaseSettings

from device_manager.settings import DeviceManagerSettings
from exam_manager.settings import ExamManagerSettings
from scanhub.settings import InstallationSettings
from scanhub_libraries.settings_meanings import meanings
from workflow_manager.settings import WorkflowManagerSettings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
MARK = "<!-- The tables are made by `make openapi`. -->\n"
SECTIONS: dict[str, type[BaseSettings]] = {
    "Installation": InstallationSettings,
    "exam-manager": ExamManagerSettings,
    "device-manager": DeviceManagerSettings,
    "workflow-manager": WorkflowManagerSettings,
}
# `scanhub serve` gives a service what has no default, and these, from its own settings.
GIVEN = {
    ExamManagerSettings: {"service_secrets", "lake_bucket"},
    DeviceManagerSettings: {"lake_bucket"},
    WorkflowManagerSettings: {"lake_bucket", "dicom_host", "dicom_port", "dicom_ae_title"},
}


def rows(settings: type[BaseSettings]) -> Iterator[str]:
    """Yield a row of the table for each field that a person sets."""
    prefix = settings.model_config.get("env_prefix", "")
    told = meanings(settings)
    for name, field in settings.model_fields.items():
        if field.is_required() or name in GIVEN.get(settings, ()):
            continue
        meaning = told[name].rstrip(".")
        yield f"| `{prefix}{name.upper()}` | {shown(field.default)} | {meaning} |"


def shown(default: object) -> str:
    """Return a default as a person would write it."""
    if default is None:
        return "-"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return "`[" + ", ".join(str(part) for part in default) + "]`"
    return f"`{default}`"


def tables() -> str:
    """Return all tables, each below the name of its part."""
    parts = []
    for title, settings in SECTIONS.items():
        head = f"## {title}\n\n| Variable | Default | Meaning |\n|---|---|---|\n"
        parts.append(head + "\n".join(rows(settings)) + "\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the page, or say whether it is current."""
    prose = PAGE.read_text("utf-8").partition(MARK)[0]
    current = f"{prose}{MARK}\n{tables()}"
    if arguments == ["--check"]:
        if PAGE.read_text("utf-8") == current:
            return 0
        print("docs/settings.md is not current: run `make openapi` and commit.", file=sys.stderr)
        return 1
    PAGE.write_text(current, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
