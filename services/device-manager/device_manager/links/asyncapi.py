"""The device link as an AsyncAPI 3.0 document, made of the models."""

from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema

from device_manager.links.protocol import FROM_DEVICE, PATH, TO_DEVICE, MessageInfo
from device_manager.settings import DeviceManagerSettings

_REF = "#/components/schemas/{model}"
_HEADERS = {
    "type": "object",
    "required": ["Device-Id", "Device-Token"],
    "properties": {
        "Device-Id": {"type": "string", "format": "uuid", "description": "Who the device is"},
        "Device-Token": {
            "type": "string",
            "description": "How it proves it: `device_token` of device_credentials.json",
        },
    },
}


def fill(text: str) -> str:
    """Return a text of the protocol with the times and sizes that hold by default."""
    fields = DeviceManagerSettings.model_fields
    return text.format_map(
        {name: field.default for name, field in fields.items() if not field.is_required()}
    )


def document(version: str) -> dict[str, Any]:
    """Return the AsyncAPI document.

    Args:
        version: Of the service.
    """
    _, schemas = models_json_schema(
        [(info.model, "validation") for info in (*FROM_DEVICE, *TO_DEVICE)], ref_template=_REF
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Device link",
            "version": version,
            "description": "The websocket between a scanner and device-manager. Text frames are "
            "JSON objects with a `command`; fields that the receiver does not know are ignored. "
            "Binary frames are the bytes of the file that was announced last.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {"deviceLink": _channel()},
        "operations": {
            **_operations("receive", FROM_DEVICE),
            **_operations("send", TO_DEVICE),
        },
        "components": {
            "messages": {_key(info): _message(info) for info in (*FROM_DEVICE, *TO_DEVICE)},
            "schemas": schemas["$defs"],
        },
    }


def _key(info: MessageInfo) -> str:
    return info.model.__name__


def _channel() -> dict[str, Any]:
    names = [_key(info) for info in (*FROM_DEVICE, *TO_DEVICE)]
    return {
        "address": PATH,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET", "headers": _HEADERS, "bindingVersion": "0.1.0"}},
    }


def _operations(action: str, messages: Iterable[MessageInfo]) -> dict[str, Any]:
    return {
        f"{action}{_key(info)}": {
            "action": action,
            "channel": {"$ref": "#/channels/deviceLink"},
            "summary": info.meaning.partition(". ")[0].rstrip("."),
            "messages": [{"$ref": f"#/channels/deviceLink/messages/{_key(info)}"}],
        }
        for info in messages
    }


def _message(info: MessageInfo) -> dict[str, Any]:
    return {
        "name": info.command,
        "title": info.command,
        "summary": info.meaning,
        "description": fill(info.timing),
        "x-capability": info.capability,
        "payload": {"$ref": _REF.format(model=_key(info))},
        "examples": [{"payload": {"command": info.command, **info.example}}],
    }
