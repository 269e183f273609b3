"""The images that a job of the SDK is given: those of its case, and what modules made before it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from scanhub_jobs.backend import Instance
from scanhub_jobs.local.folder import read_instance
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.processing import folders

Images = list[tuple[Instance, Path]]


def images_of_case(root: Path, rows: Iterable[tuple[DicomSeries, DicomInstance]]) -> Images:
    """Return the images of a case with their files; blocking.

    Whose they are is read from one file of each series, or from all where they differ.

    Raises:
        FileNotFoundError: A file of the archive is missing.
    """
    patients: dict[str, str] = {}
    found: Images = []
    for series, row in rows:
        path = root / row.key
        if not path.is_file():
            raise FileNotFoundError(2, "no such file", str(path))
        patient = patients.get(str(series.id))
        if patient is None:
            first = read_instance(path)
            patient = "" if first is None else first.patient
            if not series.other_patient:
                patients[str(series.id)] = patient
        found.append((_instance(series, row, patient), path))
    return found


def _instance(series: DicomSeries, row: DicomInstance, patient: str) -> Instance:
    return Instance(
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        series_instance_uid=series.series_instance_uid,
        study_instance_uid=series.study_instance_uid,
        patient=patient,
    )


def images_beside(own: Images, outputs: Sequence[Path]) -> Images:
    """Return the images of a case, and those that modules made of them; blocking.

    What a module made belongs to the patient of the case, whatever it wrote there.

    Args:
        own: Images of the case, at least one.
        outputs: Folders that modules wrote.
    """
    seen = {instance.sop_instance_uid for instance, _ in own}
    made = []
    for folder in outputs:
        for path, _ in folders.outputs(folder):
            instance = read_instance(path)
            if instance is None or instance.sop_instance_uid in seen:
                continue
            seen.add(instance.sop_instance_uid)
            changed = {"patient": own[0][0].patient, "location": ""}
            made.append((instance.model_copy(update=changed), path))
    return [*own, *made]
