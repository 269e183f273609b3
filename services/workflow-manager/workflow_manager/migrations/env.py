import workflow_manager.bookkeeper.models
import workflow_manager.cases.models
import workflow_manager.commitments.models
import workflow_manager.dicom.models
import workflow_manager.dispatch.models
import workflow_manager.imports.models
import workflow_manager.job_sessions.models
import workflow_manager.journal.models
import workflow_manager.modules.models
import workflow_manager.notifications.models
import workflow_manager.retrieval.models
import workflow_manager.routing_rules.models
import workflow_manager.runs.models
import workflow_manager.workers.models  # noqa: F401
from scanhub_libraries.migrate import run_env
from workflow_manager.database import Table

run_env(Table.metadata)
