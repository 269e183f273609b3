"""What a module may ask of the container engine, as options of its command line. Pure."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from workflow_manager.modules.runner import INPUT, OUTPUT, PERSISTENCE

_PLAIN = {
    "blkio_weight": "blkio-weight",
    "cpu_period": "cpu-period",
    "cpu_quota": "cpu-quota",
    "cpu_rt_period": "cpu-rt-period",
    "cpu_rt_runtime": "cpu-rt-runtime",
    "cpu_shares": "cpu-shares",
    "cpuset_cpus": "cpuset-cpus",
    "cpuset_mems": "cpuset-mems",
    "mem_limit": "memory",
    "memswap_limit": "memory-swap",
    "pids_limit": "pids-limit",
    "runtime": "runtime",
    "shm_size": "shm-size",
    "stop_signal": "stop-signal",
}
_DEVICES = ("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops")
_OF_WINDOWS = ("cpu_count", "cpu_percent", "healthcheck")
_OURS = tuple(PurePosixPath(place) for place in (INPUT, OUTPUT, PERSISTENCE))


class NotAllowedError(ValueError):
    """A module asks for what it may not have; the text says for what."""


def without_effect(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield what to know of arguments that change nothing here."""
    for name in _OF_WINDOWS:
        if name in arguments:
            yield f"docker_arguments: {name} has no effect here."


def options(arguments: Mapping[str, Any], runtimes: Collection[str]) -> list[str]:
    """Return `docker_arguments` as options of `podman run` and `docker run`.

    Args:
        arguments: Under the names of docker's Python SDK, as mercure has them.
        runtimes: OCI runtimes that a module may name.

    Raises:
        NotAllowedError: A value is none, or names a runtime that is not allowed.
    """
    found: list[str] = []
    for name, value in arguments.items():
        if name in _PLAIN:
            if name == "runtime" and value not in runtimes:
                raise NotAllowedError(
                    f"docker_arguments: the runtime {str(value)[:100]!r} is not allowed: "
                    "SCANHUB_WORKFLOW_MODULE_OCI_RUNTIMES names those that are."
                )
            found.append(f"--{_PLAIN[name]}={_scalar(name, value)}")
        elif name == "nano_cpus":
            found.append(f"--cpus={_number(name, value) / 1e9:g}")
        elif name == "read_only":
            found.append(f"--read-only={'true' if value else 'false'}")
        elif name == "labels":
            found += _labels(value)
        elif name in _DEVICES:
            found += _devices(name, value)
    return found


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise NotAllowedError(f"docker_arguments: {name} takes a number or a text.")
    return str(value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotAllowedError(f"docker_arguments: {name} takes a number.")
    try:
        return float(value)
    except OverflowError:
        raise NotAllowedError(f"docker_arguments: {name} is too large.") from None


def _labels(value: Any) -> list[str]:
    if not isinstance(value, dict):
        raise NotAllowedError("docker_arguments: labels are an object of names and texts.")
    return [f"--label={key}={_scalar('labels', text)}" for key, text in value.items()]


def _devices(name: str, value: Any) -> list[str]:
    option = name.replace("_", "-")
    try:
        return [f"--{option}={item['Path']}:{int(item['Rate'])}" for item in value]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise NotAllowedError(
            f"docker_arguments: {name} is a list of objects with Path and Rate."
        ) from None


def mounts(volumes: Mapping[str, Any], allowed: Collection[Path]) -> list[str]:
    """Return `additional_volumes` as options; blocking: links are followed.

    Args:
        volumes: Folder of this machine to `{"bind": folder, "mode": "ro" or "rw"}`.
        allowed: Folders of this machine that modules may mount, with all below them.

    Raises:
        NotAllowedError: A folder is not below one of these, or its place is not one.
    """
    roots = [root.resolve() for root in allowed]
    found = []
    for source, how in volumes.items():
        try:
            place = Path(source).resolve()
        except (OSError, RuntimeError):  # links that lead in a circle
            raise NotAllowedError(f"additional_volumes: {source[:200]!r} is no folder.") from None
        if not any(place.is_relative_to(root) for root in roots):
            raise NotAllowedError(
                f"additional_volumes: {source[:200]!r} may not be mounted: "
                "SCANHUB_WORKFLOW_MODULE_VOLUMES names the folders that may."
            )
        bind, mode = (
            (how.get("bind"), how.get("mode", "rw")) if isinstance(how, dict) else (how, "rw")
        )
        if not isinstance(bind, str) or mode not in {"ro", "rw"}:
            raise NotAllowedError(
                f"additional_volumes: {source[:200]!r} needs a bind, and the mode ro or rw."
            )
        _check_place(bind, str(place))
        found.append(f"--volume={place}:{bind}:{mode}")
    return found


def _check_place(bind: str, place: str) -> None:
    there = PurePosixPath(bind)
    ours = any(there == own or there in own.parents or own in there.parents for own in _OURS)
    if not there.is_absolute() or ".." in there.parts or ours:
        raise NotAllowedError(f"additional_volumes: {bind[:200]!r} is no place for a volume.")
    if ":" in bind or ":" in place:
        raise NotAllowedError("additional_volumes: no folder may have a colon in its name.")
