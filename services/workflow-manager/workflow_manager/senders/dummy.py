"""Takes everything and keeps nothing."""

from scanhub_libraries.models import TargetStep
from workflow_manager.senders.port import SendReport, Shipment


class DummySender:
    """Says that everything was sent."""

    whole = False

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Send nothing."""
        report.sent.extend(item.sop_instance_uid for item in shipment.items)

    async def test(self) -> list[TargetStep]:
        """Say that all is well."""
        return [TargetStep(name="dummy", ok=True, detail="It takes everything and keeps nothing.")]
