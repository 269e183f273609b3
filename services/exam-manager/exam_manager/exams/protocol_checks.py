"""What a file of protocols must be, beyond its schema: pure, every error with its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import DAGTaskFile, ProtocolFile, ProtocolsFile, TaskFile

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of the request (RFC 6901)."""

    pointer: str
    detail: str


def check_faults(faults: Sequence[Fault]) -> None:
    """Refuse a file with all that is wrong with it.

    Raises:
        UnprocessableError: There are faults.
    """
    if faults:
        told = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults[:_SHOWN])
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise UnprocessableError(
            told + more,
            errors=[{"pointer": fault.pointer, "detail": fault.detail} for fault in faults],
        )


def file_faults(file: ProtocolsFile) -> list[Fault]:
    """Return what is wrong with a file. It hashes: seconds for many megabytes."""
    return [
        *_twice([item.ref for item in file.sequences], "/body/sequences/{}/ref"),
        *_twice([str(item.protocol_id) for item in file.protocols], _PROTOCOL + "/protocol_id"),
        *_sequence_faults(file),
        *(
            fault
            for number, protocol in enumerate(file.protocols)
            for fault in _protocol_faults(
                protocol, _PROTOCOL.format(number), {item.ref for item in file.sequences}
            )
        ),
    ]


_PROTOCOL = "/body/protocols/{}"


def _twice(names: Sequence[str], pointer: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            yield Fault(pointer.format(number), f"{name} is there twice")
        seen.add(name)


def _sequence_faults(file: ProtocolsFile) -> Iterator[Fault]:
    for number, sequence in enumerate(file.sequences):
        found = sha256(sequence.seq_file.encode()).hexdigest()
        if found != sequence.sha256:
            yield Fault(
                f"/body/sequences/{number}/sha256",
                f"seq_file has the checksum {found}: the file was changed on its way",
            )


def numbered(protocol: ProtocolFile) -> list[tuple[str, TaskFile]]:
    """Return the tasks of a protocol, each with its place below it."""
    return [
        (f"/workflows/{w}/tasks/{t}", task)
        for w, workflow in enumerate(protocol.workflows)
        for t, task in enumerate(workflow.tasks)
    ]


def _protocol_faults(protocol: ProtocolFile, at: str, sequences: set[str]) -> Iterator[Fault]:
    tasks = numbered(protocol)
    inputs: dict[str, list[str]] = {}
    for place, task in tasks:
        if task.ref in inputs:
            yield Fault(f"{at}{place}/ref", f"{task.ref} is there twice")
        inputs[task.ref] = task.inputs if isinstance(task, DAGTaskFile) else []
    circle = _in_circles(inputs)
    for place, task in tasks:
        if isinstance(task, DAGTaskFile):
            yield from _input_faults(task, f"{at}{place}/inputs", inputs, circle)
        elif task.sequence is not None and task.sequence not in sequences:
            yield Fault(f"{at}{place}/sequence", f"there is no sequence {task.sequence}")


def _input_faults(
    task: DAGTaskFile, at: str, inputs: Mapping[str, Sequence[str]], circle: set[str]
) -> Iterator[Fault]:
    for number, item in enumerate(task.inputs):
        if item not in inputs:
            yield Fault(f"{at}/{number}", f"there is no task {item}")
    if task.ref in circle:
        yield Fault(at, "leads back to the task itself")


def _in_circles(inputs: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the tasks that wait for one another: what is left without all that can be begun.

    What only waits for a circle is taken off from the other end. It looks at every input twice,
    however many tasks a file has.
    """
    forwards = {ref: {item for item in given if item in inputs} for ref, given in inputs.items()}
    backwards: dict[str, set[str]] = {ref: set() for ref in inputs}
    for ref, given in forwards.items():
        for item in given:
            backwards[item].add(ref)
    left = _without_ends(set(inputs), forwards, backwards)
    return _without_ends(left, backwards, forwards)


def _without_ends(
    left: set[str], inputs: Mapping[str, set[str]], readers: Mapping[str, set[str]]
) -> set[str]:
    """Return what is left when whoever has no input among the rest is taken away, in turn."""
    left = set(left)
    waits = {ref: len(inputs[ref] & left) for ref in left}
    ends = [ref for ref in left if not waits[ref]]
    while ends:
        ref = ends.pop()
        left.discard(ref)
        for reader in readers[ref] & left:
            waits[reader] -= 1
            if not waits[reader]:
                ends.append(reader)
    return left
