"""The table of the protocol, of which the page for builders of scanners is made."""

import json
from typing import Any

import pytest

from device_manager.links import commands, messages
from device_manager.links.asyncapi import document
from device_manager.links.protocol import ENDINGS, FROM_DEVICE, TO_DEVICE, CloseCode
from scanhub_libraries.models import AcquisitionPayload

ALL = (*FROM_DEVICE, *TO_DEVICE)


def models_of(module: Any) -> set[type]:
    return {
        model
        for model in vars(module).values()
        if isinstance(model, type) and "command" in getattr(model, "model_fields", {})
    }


def test_every_message_is_in_the_table():
    assert {info.model for info in FROM_DEVICE} == models_of(messages)
    assert {info.model for info in TO_DEVICE} == models_of(commands)


@pytest.mark.parametrize("info", FROM_DEVICE, ids=lambda info: info.command)
def test_an_example_from_a_device_is_understood(info):
    example = {"command": info.command, **info.example}
    assert isinstance(messages.parse(json.dumps(example)), info.model)
    fields = info.model.model_fields
    assert set(info.example) <= set(fields)


@pytest.mark.parametrize(
    "info", [info for info in TO_DEVICE if info.command != "start"], ids=lambda info: info.command
)
def test_an_example_to_a_device_is_a_message(info):
    message = info.model.model_validate({"command": info.command, **info.example})
    assert json.loads(message.to_json()) == {"command": info.command, **info.example}


def test_the_example_of_a_start_has_fields_of_a_start():
    (start,) = [info for info in TO_DEVICE if info.command == "start"]
    assert set(start.example["data"]) <= set(AcquisitionPayload.model_fields)


def test_every_close_code_is_explained():
    assert {ending.code for ending in ENDINGS if ending.kind == "close code"} == set(CloseCode)


def references(node: Any):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_document_refers_to_what_it_has():
    described = document("1.0.0")
    assert len(described["operations"]) == len(ALL)
    for reference in references(described):
        place = described
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
