"""Who may open an association, and when there is no room for one (PS3.8 section 9.3.4)."""

import asyncio
from ipaddress import ip_network

import pytest
from pydicom.uid import CTImageStorage, JPEG2000Lossless, MRImageStorage
from test_node import running  # noqa: F401 - a fixture
from workflow_service import until

from workflow_manager.dicom.rules import Admission

pytestmark = pytest.mark.timeout(120)


async def test_too_little_space_refuses_new_associations_and_ends_none(running):  # noqa: F811
    async with running() as here:
        sender = await asyncio.to_thread(here.sender)
        assert sender.is_accepted
        sender.release()
    async with running(dicom_min_free_bytes=2**62) as here:
        refused = await asyncio.to_thread(here.sender)
        assert refused.rejection == (2, 3, 1)  # transient, temporary congestion
        refused.close()


async def test_more_associations_than_the_limit_are_refused_until_one_ends(running):  # noqa: F811
    async with running(dicom_max_associations=2) as here:
        first, second = [await asyncio.to_thread(here.sender) for _ in range(2)]
        assert first.is_accepted
        assert second.is_accepted
        refused = await asyncio.to_thread(here.sender)
        assert refused.rejection == (2, 3, 2)  # transient, local limit exceeded
        refused.close()
        first.release()

        async def accepted():
            sender = await asyncio.to_thread(here.sender)
            if not sender.is_accepted:
                sender.close()
                return False
            sender.release()
            return True

        await until(accepted)
        second.release()


async def test_who_may_send_is_a_setting(running):  # noqa: F811
    limits = {
        "dicom_called_ae_titles": ("MAIN", "OTHER"),
        "dicom_calling_ae_titles": ("SCANNER",),
        "dicom_allowed_networks": ("127.0.0.0/8",),
        "dicom_sop_classes": (MRImageStorage,),
        "dicom_transfer_syntaxes": ("1.2.840.10008.1.2.1",),
    }
    async with running(**limits) as here:

        def ask(**changes):
            sender = here.sender(**changes)
            found = sender.rejection or sender.is_accepted
            context = None if sender.rejection else accepted_contexts(sender.answer)
            sender.close()
            return found, context

        assert await asyncio.to_thread(ask) == ((1, 1, 7), None)
        assert await asyncio.to_thread(ask, called="MAIN", calling="X") == ((1, 1, 3), None)
        assert await asyncio.to_thread(ask, called="OTHER") == (True, [1, 3])
        jpeg = [JPEG2000Lossless]
        assert await asyncio.to_thread(ask, called="MAIN", syntaxes=jpeg) == (True, [1])
        assert await asyncio.to_thread(ask, called="MAIN", sop_class=CTImageStorage) == (True, [1])


def accepted_contexts(answer):
    """Ids of the presentation contexts that an A-ASSOCIATE-AC accepts."""
    found, place = [], 74
    while place < len(answer):
        length = int.from_bytes(answer[place + 2 : place + 4], "big")
        if answer[place] == 0x21 and answer[place + 6] == 0:
            found.append(answer[place + 4])
        place += 4 + length
    return found


def test_addresses_are_compared_as_networks():
    admission = Admission(networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))

    def refused(address):
        return admission.refusal(calling="A", called="B", address=address, free=0)

    for address in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "2001:db8::1%eth0"):
        assert refused(address) is None
    for address in ("192.0.3.7", "2001:db9::1", "", "nonsense"):
        assert refused(address).diagnostic == 1
