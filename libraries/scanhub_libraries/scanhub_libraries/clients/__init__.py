"""Typed clients of the services, over httpx: across the network, or within the process."""

from scanhub_libraries.clients.base import ServiceClient, ServiceTokenSource, TokenSource
from scanhub_libraries.clients.device_manager import DeviceManagerClient
from scanhub_libraries.clients.exam_manager import ExamManagerClient
from scanhub_libraries.clients.workflow_manager import WorkflowManagerClient

__all__ = [
    "DeviceManagerClient",
    "ExamManagerClient",
    "ServiceClient",
    "ServiceTokenSource",
    "TokenSource",
    "WorkflowManagerClient",
]
