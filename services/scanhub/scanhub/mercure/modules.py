"""Modules of mercure to modules of ours: the same settings, some of them JSON in a text there."""

import json
from typing import Any

from pydantic import ValidationError

from scanhub.mercure.found import Found
from scanhub.mercure.targets import why_not
from scanhub_libraries.models.module import ModuleIn

_OBJECTS = ("additional_volumes", "environment", "docker_arguments", "settings")


def translate_modules(modules: Any, found: Found) -> None:
    """Translate the part `modules` of a configuration.

    Args:
        modules: Name to settings, as in the file.
        found: Takes the modules, and what was left behind.
    """
    if not isinstance(modules, dict):
        found.leave("modules", "it is no object of names and settings")
        return
    for name, settings in modules.items():
        if not isinstance(settings, dict):
            found.leave(f"module {name}", "it is no object of settings")
            continue
        module = _translate(str(name), settings, found)
        if module is not None:
            found.modules.append(module)
            found.leave(
                f"module {name}",
                "taken over; POST /modules/{name}/test says whether it can run here",
            )


def _translate(name: str, settings: dict[str, Any], found: Found) -> ModuleIn | None:
    what = f"module {name}"
    document = {key: value for key, value in settings.items() if value not in ("", None)}
    for key in sorted(set(document) - set(ModuleIn.model_fields)):
        found.leave(f"{what}: {key}", "a module has no such setting here")
        del document[key]
    for key in _OBJECTS:
        if isinstance(document.get(key), str):
            try:
                document[key] = json.loads(document[key])
            except ValueError:
                found.leave(what, f"{key}: it is no JSON")
                return None
    variables = document.get("environment")
    if isinstance(variables, dict):
        document["environment"] = {key: str(value) for key, value in variables.items()}
    # mercure switches the network on where nothing is said.
    document.setdefault("network_enabled", True)
    try:
        return ModuleIn.model_validate({**document, "name": name})
    except ValidationError as error:
        found.leave(what, why_not(error))
        return None
