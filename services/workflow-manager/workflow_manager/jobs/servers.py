"""Jobs that other servers do: one for each reconstruction server of the installation."""

from collections.abc import Mapping

from scanhub_jobs.server_parameters import ServerParameters
from scanhub_libraries.models.job import JobData, JobInput
from workflow_manager.jobs.built_in import schema_of
from workflow_manager.jobs.definitions import JobDefinition

PREFIX = "reconstruction_server:"


def server_jobs(servers: Mapping[str, str]) -> list[JobDefinition]:
    """Return the job of each server; tasks name the server, and do not know where it is.

    Args:
        servers: Address (host:port) by name.
    """
    schema = schema_of(ServerParameters)
    properties = dict(schema["properties"])  # type: ignore[call-overload]
    for name in ("host", "port"):
        del properties[name]
    schema = {**schema, "properties": properties, "required": []}
    return [
        JobDefinition(
            id=PREFIX + name,
            name=f"Reconstruction by {name}",
            source="built-in",
            version="1.0.0",
            description="Images of raw data, made by a server that speaks the MRD streaming "
            "protocol.",
            parameters=schema,
            fixed=_place(address),
            inputs=(JobInput(kinds=[JobData.RAW_DATA]),),
            outputs=(JobData.IMAGES,),
            module="scanhub_jobs.server_reconstruction",
        )
        for name, address in sorted(servers.items())
    ]


def _place(address: str) -> dict[str, object]:
    host, _, port = address.rpartition(":")
    return {"host": host.strip("[]"), "port": int(port)}
