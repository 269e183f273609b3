"""What finds what was left behind: at the start, and now and then."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from scanhub_libraries.clock import utc_now
from scanhub_libraries.repeating import SOON_S, Repeating
from workflow_manager.commitments.workflow import start_missing_reports
from workflow_manager.dispatch.desk import start_missing_attempts
from workflow_manager.notifications.workflow import start_missing_notifications
from workflow_manager.processing.desk import drop_old_files, start_missing_processing
from workflow_manager.processing.steps import ProcessingSteps
from workflow_manager.retrieval.desk import start_missing_fetches
from workflow_manager.runs.recovery import drop_old_logs, start_missing_runs
from workflow_manager.runs.steps import RunSteps
from workflow_manager.wiring import Wiring

_SWEEP_S = 60.0
_REMEMBER = timedelta(days=30)


def sweeps(wiring: Wiring, do_run: RunSteps) -> list[Repeating]:
    """Return all of them, each by itself: one that fails holds up no other."""
    work: dict[str, Callable[[], Awaitable[object]]] = {
        "runs": lambda: start_missing_runs(wiring, do_run),
        "notifications": lambda: start_missing_notifications(wiring),
        "attempts to send": lambda: start_missing_attempts(wiring),
        "attempts to fetch": lambda: start_missing_fetches(wiring),
        "runs of modules": lambda: start_missing_processing(wiring, ProcessingSteps(wiring)),
        "files of modules": lambda: drop_old_files(wiring),
        "logs of runs": lambda: drop_old_logs(wiring),
        "reports of commitment": lambda: start_missing_reports(wiring),
        "what the engine remembers": lambda: wiring.engine.forget(utc_now() - _REMEMBER),
    }
    return [
        Repeating(f"sweeping {name}", once, _SWEEP_S, begin_after=SOON_S)
        for name, once in work.items()
    ]
