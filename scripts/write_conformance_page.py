"""Write the tables of docs/dicom-conformance.md from the code; `--check` only compares."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path

from fastapi.routing import APIRoute
from pydicom import dcmread
from pydicom._uid_dict import UID_dictionary
from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import UID, ImplicitVRLittleEndian
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION

from scanhub.settings import InstallationSettings
from scanhub_libraries.settings_meanings import meanings
from workflow_manager.commitments import rules as promised
from workflow_manager.dicom import incoming, rules
from workflow_manager.dicom.attributes import COLUMNS, SERIES_TAGS, STUDY_TAGS, Level
from workflow_manager.dicom.commitment import PUSH_MODEL
from workflow_manager.dicomweb import (
    rendered_routes,
    retrieve_routes,
    search_routes,
    searching,
    settling,
    store_routes,
)
from workflow_manager.dicomweb import rules as web_rules
from workflow_manager.query import desk, dimse
from workflow_manager.query.rules import BY_KEYWORD, COMPUTED, LEVELS, UIDS, can_match, is_span
from workflow_manager.retrieval.dicomweb import WebSource
from workflow_manager.retrieval.dimse import ASKED
from workflow_manager.senders.dicomweb import DicomWebSender
from workflow_manager.settings import WorkflowManagerSettings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "dicom-conformance.md"
PART = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
Rows = Iterable[tuple[str, ...]]
_VERIFICATION = "1.2.840.10008.1.1"
_CHARACTER_SET = "SpecificCharacterSet"
"""Says how a question is written; it is no key."""
_PREFIX = "SCANHUB_WORKFLOW_"
# `scanhub serve` gives the service these, from its own settings of these names.
_OF_THE_INSTALLATION = {
    "dicom_port": "dicom_port",
    "dicom_host": "host",
    "dicom_ae_title": "dicom_ae_title",
}


def table(head: tuple[str, ...], rows: Rows) -> str:
    """Return a table of Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _name(uid: str) -> str:
    return UID(uid).name


def services() -> str:
    """The services of the node, and in which role."""

    def rows() -> Iterator[tuple[str, ...]]:
        yield _name(_VERIFICATION), _VERIFICATION, "yes", "yes"
        yield _name(PUSH_MODEL), PUSH_MODEL, "yes", "yes"
        yield "Storage, every class of it", "[below](#storage-sop-classes)", "yes", "yes"
        for uid in (*dimse.FIND, *dimse.MOVE, *dimse.GET):
            yield _name(uid), uid, "yes" if uid in ASKED else "no", "yes"

    return table(("SOP class", "UID", "SCU", "SCP"), rows())


def storage_classes() -> str:
    """The SOP classes of storage that are known by name; others are taken as well."""
    known = sorted(uid for uid in UID_dictionary if rules.is_storage(uid))
    named = sorted((UID_dictionary[uid][0], uid) for uid in known)
    return table(("SOP class", "UID"), named)


def rejections() -> str:
    """How associations are refused: asked of the code that refuses them."""
    asked: tuple[tuple[str, rules.Admission, int], ...] = (
        ("ALLOWED_NETWORKS", rules.Admission(networks=[ip_network("192.0.2.0/24")]), 1),
        ("CALLING_AE_TITLES", rules.Admission(calling_ae_titles=["A"]), 1),
        ("CALLED_AE_TITLES", rules.Admission(called_ae_titles=["A"]), 1),
        ("MIN_FREE_BYTES", rules.Admission(free_bytes=2), 1),
    )

    def rows() -> Iterator[tuple[str, ...]]:
        for setting, admission, free in asked:
            refusal = admission.refusal(calling="B", called="B", address="198.51.100.1", free=free)
            if refusal is None:
                raise RuntimeError(f"{setting} refuses nothing.")
            result, source, reason, _ = refusal
            yield f"`{_PREFIX}DICOM_{setting}`", *map(str, (result, source, reason))
        # pynetdicom counts, and says "local limit exceeded" (PS3.8 table 9-21).
        yield f"`{_PREFIX}DICOM_MAX_ASSOCIATIONS`", "2", "3", "2"

    return table(("Setting", "Result", "Source", "Reason"), rows())


def _status(code: int) -> str:
    return f"0x{code:04X}"


def store_statuses() -> str:
    """What a C-STORE is answered with."""
    return table(
        ("Status", "When"),
        (
            (_status(rules.SUCCESS), "stored; known already; or kept aside as a conflict"),
            (_status(rules.OUT_OF_RESOURCES), "it could not be stored: send it again later"),
            (_status(rules.CANNOT_UNDERSTAND), "no data set, or its header cannot be read"),
        ),
    )


def query_statuses() -> str:
    """What queries and retrievals are answered with."""
    return table(
        ("Status", "When"),
        (
            (_status(dimse.PENDING), "a match, or an instance on its way"),
            (_status(0), "all were told or sent"),
            (_status(dimse.CANCELED), "a C-CANCEL came"),
            (_status(dimse.WRONG_IDENTIFIER), "a key is missing, or a value means nothing"),
            (_status(dimse.UNABLE), "the index does not answer"),
            (_status(0xA801), "C-MOVE: no target has this AE title, or several have it"),
            ("0xC5xx", "C-MOVE: it cannot be done; the log says why"),
        ),
    )


def _matching(keyword: str) -> str:
    if keyword in UIDS:
        return "single, list of UIDs, universal"
    attribute = BY_KEYWORD.get(keyword)
    if attribute is not None and is_span(attribute):
        return "single, range, universal"
    if attribute is not None and attribute.length is None:
        return "single, universal"
    return "single, wild card, universal"


def commitment_reasons() -> str:
    """Why we do not commit ourselves to keep an instance."""
    return table(
        ("Failure Reason (0008,1197)", "When"),
        (
            (_status(promised.NO_SUCH_INSTANCE), "it is not in the index"),
            (_status(promised.CLASS_CONFLICT), "it is in the index with another SOP class"),
            (_status(promised.PROCESSING_FAILURE), "its file is not as the index says"),
        ),
    )


def keys() -> str:
    """The keys of a C-FIND, level by level."""

    def rows() -> Iterator[tuple[str, ...]]:
        beside = {Level.STUDY: STUDY_TAGS, Level.SERIES: SERIES_TAGS, Level.INSTANCE: ()}
        for level in LEVELS:
            own = [uid for uid, (place, _) in UIDS.items() if place is level]
            own += [attribute.keyword for attribute in COLUMNS if attribute.level is level]
            own += [
                tag
                for tag in beside[level]
                if can_match(tag, level) and tag not in {*own, _CHARACTER_SET}
            ]
            for keyword in own:
                tag = tag_for_keyword(keyword) or 0
                number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
                yield level.value, keyword, number, dictionary_VR(keyword), _matching(keyword)
            for keyword in COMPUTED[level]:
                tag = tag_for_keyword(keyword) or 0
                number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
                how = "single" if can_match(keyword, level) else "answered only"
                yield level.value, keyword, number, dictionary_VR(keyword), how

    return table(("Level", "Attribute", "Tag", "VR", "Matching"), rows())


def _shown(default: object) -> str:
    if default is None or default == ():
        return "-"
    return f"`{getattr(default, 'value', default)}`"


def settings() -> str:
    """What an installation can change of all this."""
    fields, installation = WorkflowManagerSettings.model_fields, InstallationSettings.model_fields
    of_service, of_installation = meanings(WorkflowManagerSettings), meanings(InstallationSettings)
    own = {
        f"{_PREFIX}{name.upper()}": (field.default, of_service[name])
        for name, field in fields.items()
        if name.startswith(("dicom_", "dicomweb_")) or name in {"connect_timeout_s", "public_url"}
        if name not in _OF_THE_INSTALLATION
    }
    given = {
        f"SCANHUB_{name.upper()}": (installation[name].default, of_installation[name])
        for name in _OF_THE_INSTALLATION.values()
    }
    return table(
        ("Variable", "Default", "Meaning"),
        (
            (f"`{name}`", _shown(default), meaning)
            for name, (default, meaning) in (given | own).items()
        ),
    )


def identity() -> str:
    """Who the node says it is: in associations, and in the files that it writes."""
    peer = incoming.Peer(calling_ae="A", called_ae="B", address="192.0.2.1")
    written = incoming.file_meta("1.2", "1.2.3", ImplicitVRLittleEndian, peer)
    meta = dcmread(BytesIO(written)).file_meta
    return table(
        ("Where", "Implementation Class UID", "Implementation Version Name"),
        (
            (
                "associations",
                str(PYNETDICOM_IMPLEMENTATION_UID),
                PYNETDICOM_IMPLEMENTATION_VERSION,
            ),
            ("files", str(meta.ImplementationClassUID), str(meta.ImplementationVersionName)),
        ),
    )


def limits() -> str:
    """Numbers that no setting changes."""
    return table(
        ("What", "Limit"),
        (
            ("answers to a C-FIND", f"none; read from the index {desk.PAGE} at a time"),
            ("instances of a C-MOVE or C-GET", str(desk.MOST_FILES)),
            ("answers to a QIDO-RS request", str(searching.MOST)),
        ),
    )


def character_sets() -> str:
    """The character sets that are read."""
    terms = [term or "(none)" for term in python_encoding]
    kinds = sorted({term for term in terms if term.startswith(("(none)", "ISO", "GB"))})
    return table(("Defined term", "Read as"), ((t, python_encoding[_plain(t)]) for t in kinds))


def _plain(term: str) -> str:
    return "" if term == "(none)" else term


def web_roles() -> str:
    """The services of DICOMweb, and in which role."""
    sends, asks = DicomWebSender.__name__, WebSource.__name__
    if not sends or not asks:  # who is no client any more is noticed here
        raise RuntimeError("There is no client.")
    return table(
        ("Service", "Origin server", "User agent"),
        (
            ("Search (QIDO-RS, PS3.18 10.6)", "yes", "yes, of a source that studies come from"),
            ("Retrieve (WADO-RS, PS3.18 10.4)", "yes", "yes, of such a source"),
            ("Store (STOW-RS, PS3.18 10.5)", "yes", "yes, to targets of the type `dicomweb`"),
            ("Delete, worklist (UPS-RS), storage commitment, capabilities", "no", "no"),
        ),
    )


def web() -> str:
    """The resources of DICOMweb."""

    def rows() -> Iterator[tuple[str, ...]]:
        for module in (search_routes, retrieve_routes, rendered_routes, store_routes):
            for route in module.router.routes:
                if not isinstance(route, APIRoute):
                    raise TypeError(route)
                path = route.path.removeprefix(module.router.prefix)
                body = (route.openapi_extra or {}).get("requestBody", {}).get("content", {})
                answers = {int(status): told for status, told in route.responses.items()}
                kinds = dict.fromkeys(
                    k for told in answers.values() for k in told.get("content", {})
                )
                yield (
                    ", ".join(sorted(route.methods or ())),
                    f"`{path}`",
                    str(route.summary),
                    ", ".join(f"`{kind}`" for kind in body) or "-",
                    ", ".join(f"`{kind}`" for kind in kinds),
                    ", ".join(map(str, sorted(answers))),
                )

    return table(("Method", "Path", "What", "Takes", "Answers with", "Status"), rows())


def web_frames() -> str:
    """How frames are given that are stored compressed."""
    return table(
        ("Transfer syntax", "UID", "Media type of a frame"),
        ((_name(uid), uid, f"`{kind}`") for uid, kind in web_rules.FRAME_TYPES.items()),
    )


def web_reasons() -> str:
    """Why STOW-RS does not store an instance."""
    return table(
        ("Failure Reason (0008,1197)", "When"),
        (
            (_status(settling.PROCESSING_FAILURE), "it could not be stored: send it again later"),
            (_status(settling.DUPLICATE_UID), "another object has this SOP Instance UID"),
            (_status(settling.WRONG_STUDY), "it belongs to another study than the request names"),
            (_status(settling.CANNOT_UNDERSTAND), "it is no DICOM object that can be indexed"),
        ),
    )


TABLES: dict[str, Callable[[], str]] = {
    made.__name__: made
    for made in (
        services,
        storage_classes,
        rejections,
        store_statuses,
        query_statuses,
        commitment_reasons,
        keys,
        settings,
        identity,
        limits,
        character_sets,
        web_roles,
        web,
        web_frames,
        web_reasons,
    )
}


def current(text: str) -> str:
    """Return the page with its tables as they are now."""
    return PART.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", text)


def main(arguments: list[str]) -> int:
    """Write the page, or say whether it is current."""
    text = PAGE.read_text("utf-8")
    wanted = current(text)
    if arguments == ["--check"]:
        if text != wanted:
            print(f"{PAGE.name} is not current: run `make openapi`, commit.", file=sys.stderr)
        return int(text != wanted)
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
