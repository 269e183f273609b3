"""`scanhub doctor`, as a person or a program calls it."""

import asyncio
import json as json_text
from collections import Counter

from rich.console import Console

from scanhub.doctor.bucket import look_at_bucket
from scanhub.doctor.databases import look_at_databases
from scanhub.doctor.finding import Finding
from scanhub.doctor.network import look_at_clock, look_at_ports, look_at_targets
from scanhub.doctor.places import (
    look_at_backups,
    look_at_certificates,
    look_at_disks,
    look_at_folder,
    look_at_keys,
)
from scanhub.settings import InstallationSettings
from scanhub_libraries.clock import utc_now
from workflow_manager.settings import WorkflowManagerSettings

_COLORS = {"ok": "green", "warning": "yellow", "failed": "red"}


async def examine(settings: InstallationSettings, *, targets: bool = True) -> list[Finding]:
    """Look at an installation, whether it runs or not; nothing is made or changed.

    Args:
        settings: The installation.
        targets: Test the connections to targets too.
    """
    workflow = WorkflowManagerSettings(
        database_url=settings.database_url("workflow-manager"),
        engine_database_url=settings.engine_url,
        lake_root=settings.lake_root,
    )
    now = utc_now()
    return [
        *look_at_folder(settings),
        *look_at_keys(settings),
        *await look_at_databases(settings),
        *look_at_disks(settings, workflow),
        *await asyncio.to_thread(look_at_bucket, settings),
        look_at_clock(),
        *look_at_certificates(settings, workflow, now),
        *await look_at_ports(settings, workflow),
        *(await look_at_targets(settings, workflow) if targets else ()),
        look_at_backups(settings, now),
    ]


def tell(findings: list[Finding], console: Console, *, json: bool) -> bool:
    """Write the findings; return whether nothing failed."""
    counts = Counter(finding.state for finding in findings)
    if json:
        document = [finding.model_dump() for finding in findings]
        console.file.write(json_text.dumps({"findings": document, "counts": counts}) + "\n")
        return not counts["failed"]
    for finding in findings:
        color = _COLORS[finding.state]
        console.print(f"[{color}]{finding.state:<8}[/{color}]", end="")
        text = f"{finding.name}: {finding.detail}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        if finding.advice:
            advice = f"        -> {finding.advice}"
            console.print(advice, markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{counts['ok']} ok, {counts['warning']} to look at, {counts['failed']} failed.",
        highlight=False,
    )
    return not counts["failed"]
