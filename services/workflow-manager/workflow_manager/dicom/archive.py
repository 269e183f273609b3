"""A DICOM archive in a folder: the node on the other side, for demonstrations and tests.

`python -m workflow_manager.dicom.archive --folder F --port N --ae-title X` prints one JSON line
when it listens and one for every instance.
"""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from workflow_manager.dicom import files, rules
from workflow_manager.dicom.part10 import read_header
from workflow_manager.dicom.scp import DicomListener, Received


class FolderArchive:
    """Stores instances as `study/series/sop.dcm`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def store(self, received: Received) -> int:
        """Store an instance; one that is there already is left alone."""
        try:
            header = read_header(received.data)
        except rules.NotStorableError as error:
            _say(event="refused", detail=str(error), calling_ae=received.calling_ae)
            return rules.CANNOT_UNDERSTAND
        uids = (header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid)
        target = self._folder / uids[0] / uids[1] / f"{uids[2]}.dcm"
        with self._lock:
            duplicate = target.exists()
            if not duplicate:
                files.put_in_place(files.write_part(received.data, target), target)
            _say(
                event="stored",
                sop_instance_uid=header.sop_instance_uid,
                series_instance_uid=header.series_instance_uid,
                study_instance_uid=header.study_instance_uid,
                path=str(target),
                calling_ae=received.calling_ae,
                duplicate=duplicate,
            )
        return rules.SUCCESS


def _say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Listen until a signal comes."""
    parser = argparse.ArgumentParser(prog="workflow_manager.dicom.archive", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True, help="0: any free port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ae-title", default="ARCHIVE")
    options = parser.parse_args(arguments)
    listener = DicomListener(
        ae_title=options.ae_title,
        host=options.host,
        port=options.port,
        handler=FolderArchive(options.folder).store,
    )
    try:
        listener.start()
    except OSError as error:
        _say(event="error", detail=f"Port {options.port} cannot be used: {error}")
        return 1
    _say(event="listening", port=listener.port, ae_title=options.ae_title)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _signal, _frame: stopped.set())
    stopped.wait()
    listener.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
