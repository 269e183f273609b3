"""What docs/dicom-conformance.md says of associations is what a peer sees."""

import re
import threading
from pathlib import Path

import pytest
from images import write_instance
from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.presentation import build_role

from workflow_manager.dicom import commitment
from workflow_manager.dicom.listener import ListenerOptions, StoreListener
from workflow_manager.dicom.scp import DicomListener
from workflow_manager.dicom.scu import Peer, send_series
from workflow_manager.dicom.transport import listen
from workflow_manager.query import dimse, giving
from workflow_manager.settings import WorkflowManagerSettings

PAGE = (Path(__file__).parents[2] / "docs" / "dicom-conformance.md").read_text("utf-8")
VERIFICATION, MR = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.4"
PRIVATE_CLASS, PRIVATE_SYNTAX = "1.2.3.4.5", "1.2.3.4.6"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
NOT_SERVED = (
    "1.2.840.10008.5.1.4.31",  # modality worklist
    "1.2.840.10008.3.1.2.3.3",  # modality performed procedure step
    "1.2.840.10008.5.1.1.9",  # print
)


@pytest.fixture
def listener(tmp_path):
    fields = WorkflowManagerSettings.model_fields
    options = ListenerOptions(
        ae_title=fields["dicom_ae_title"].default,
        folder=tmp_path,
        max_pdu=fields["dicom_max_pdu_bytes"].default,
        served=giving.served(lambda _question: None),
        services=[
            *dimse.services(lambda _question: None, "SCANHUB"),
            commitment.service(lambda _question: None),
        ],
    )
    found = StoreListener(options, lambda _received: (0, ""))
    found.start(listen("127.0.0.1", 0))
    yield found
    found.stop()


def negotiate(listener, contexts, *items):
    """Propose contexts and items; return the association, which has been released."""
    ae = AE("PEER")
    for abstract, *syntaxes in contexts:
        ae.add_requested_context(abstract, list(syntaxes) or [IMPLICIT])
    association = ae.associate("127.0.0.1", listener.port, ext_neg=list(items))
    assert association.is_established
    association.release()
    return association


def taken(association):
    return {str(context.abstract_syntax) for context in association.accepted_contexts}


def test_the_services_on_the_page_are_those_that_are_taken(listener):
    served = [VERIFICATION, commitment.PUSH_MODEL, *dimse.FIND, *dimse.MOVE, *dimse.GET]
    assert all(f"| {uid} | " in PAGE for uid in served)
    proposed = [*served, MR, *NOT_SERVED]
    association = negotiate(listener, [(uid,) for uid in proposed])
    assert taken(association) == {*served, MR}
    assert not any(uid in PAGE for uid in NOT_SERVED)


def test_private_classes_and_syntaxes_are_taken_and_the_first_syntax_wins(listener):
    association = negotiate(
        listener, [(PRIVATE_CLASS, PRIVATE_SYNTAX, EXPLICIT), (MR, EXPLICIT, IMPLICIT)]
    )
    syntaxes = {c.abstract_syntax: c.transfer_syntax for c in association.accepted_contexts}
    assert syntaxes == {PRIVATE_CLASS: [PRIVATE_SYNTAX], MR: [EXPLICIT]}


def test_what_is_negotiated_beside_the_contexts_is_as_the_page_says(listener):
    operations = AsynchronousOperationsWindowNegotiation()
    operations.maximum_number_operations_invoked = (
        operations.maximum_number_operations_performed
    ) = 5
    user = UserIdentityNegotiation()
    user.user_identity_type, user.primary_field = 1, b"somebody"
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = MR, b"\x01"
    role = build_role(MR, scu_role=True, scp_role=True)
    association = negotiate(listener, [(MR,)], operations, user, extended, role)
    answered = association.acceptor
    assert answered.asynchronous_operations == (1, 1)
    assert answered.user_identity is None
    assert answered.sop_class_extended == {}
    assert set(answered.role_selection) == {MR}
    assert (
        answered.maximum_length
        == WorkflowManagerSettings.model_fields["dicom_max_pdu_bytes"].default
    )


def test_the_node_says_who_it_is_as_on_the_page(listener):
    association = negotiate(listener, [(VERIFICATION,)])
    uid = association.acceptor.implementation_class_uid
    version = association.acceptor.implementation_version_name
    assert f"| associations | {uid} | {version} |" in PAGE


def test_what_it_proposes_as_a_sender_is_as_the_page_says(tmp_path):
    image = write_instance(tmp_path / "files", 1, series="1.1")
    seen, ended = [], threading.Event()
    node = DicomListener(ae_title="PEER", host="127.0.0.1", port=0, handler=lambda _received: 0)
    accept = node._listener._admit

    def look(event: evt.Event) -> None:
        seen.append(event.assoc.requestor.primitive)
        accept(event)
        ended.set()

    node._listener._admit = look
    node.start()
    try:
        peer = Peer("127.0.0.1", node.port, "PEER", "SCANHUB", 5.0, 10.0)
        report = send_series([("1.1.1", image)], peer)
    finally:
        node.stop()
    assert report.sent == ["1.1.1"]
    assert ended.wait(20)
    (request,) = seen
    told = re.search(r"\*\*Maximum PDU\*\*: (\d+) byte are told", PAGE)
    assert told
    assert request.maximum_length_received == int(told[1])
    contexts = request.presentation_context_definition_list
    offered = [[str(uid) for uid in context.transfer_syntax] for context in contexts]
    assert offered == [[EXPLICIT], [EXPLICIT, IMPLICIT]]
    assert not [
        item
        for item in request.user_information
        if isinstance(item, AsynchronousOperationsWindowNegotiation)
    ]
