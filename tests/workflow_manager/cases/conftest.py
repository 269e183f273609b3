"""Helpers of the tests of cases."""

import pytest
from ward import Node, Ward

from workflow_manager.dicom.scp import DicomListener


@pytest.fixture
def node():
    found = Node()
    listener = DicomListener(
        ae_title="PEER", host="127.0.0.1", port=found.port, handler=found.store
    )
    listener.start()
    yield found
    listener.stop()


@pytest.fixture
def ward_of(tmp_path):
    return lambda service: Ward(service, tmp_path / "sent")
