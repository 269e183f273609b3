"""The UI can say in another language whatever the safety gate says."""

import re
from itertools import chain
from pathlib import Path

import pytest
from planned_scans import FACTS, PATIENT, facts, judged, limits, placed
from server_sentences import is_known

import device_manager.safety
from scanhub_libraries.models import PregnancyStatus, SequenceFacts, SystemLimits

ERROR = {"block": 7, "event": "adc", "message": "readout is longer than its block"}
WRONG = SequenceFacts.model_validate(
    {**FACTS.model_dump(), "num_timing_errors": 2, "timing_errors": [ERROR]}
)
NOTHING = SequenceFacts(pulseq_version="1.4.0", duration_s=400, num_blocks=1, num_readouts=1)
FLAGS = {"has_implant": True, "pregnancy_status": PregnancyStatus.DEFINITELY_PREGNANT}
UNTOLD = {
    "has_implant": None,
    "pregnancy_status": PregnancyStatus.UNKNOWN,
    "patient_position": None,
}
LOWER = {
    name: [value / 2 for value in told] if isinstance(told, list) else told / 2
    for name, told in limits().model_dump(exclude_none=True).items()
    if name.startswith("max_")
}
LONGER = dict.fromkeys(("adc_deadtime", "rf_dead_time", "rf_ringdown_time"), 1.0)
SCANS = [
    {"patient": None},
    {"patient": PATIENT.model_copy(update=FLAGS)},
    {"patient": PATIENT.model_copy(update=UNTOLD)},
    {"sequence_id": None},
    {"facts": None},
    {"facts": None, "system_limits": None},
    {"facts": WRONG, "system_limits": limits(**LOWER, **LONGER, gradient_raster_time=3e-6)},
    {"facts": facts(num_timing_errors=3)},
    {"facts": NOTHING},
    {"system_limits": None, "device_parameter": {}},
    {"system_limits": SystemLimits(max_duration=500.0)},
    {"facts": NOTHING, "system_limits": None},
    {"device_parameter": {"sar_coefficient": "much"}},
    *({"device_parameter": {"sar_coefficient": c}} for c in (180.0, 1000.0)),
    *(
        {"facts": facts(pns_percent=p), "system_limits": limits(pns_rheobase=None)}
        for p in (90, 120)
    ),
]


@pytest.fixture(scope="module")
def reasons():
    found = [*SCANS, {"acquisition_parameter": placed(scaling=(0, 1, 1))}]
    return list(chain.from_iterable(judged(**changed).reasons for changed in found))


def test_every_sentence_is_known(reasons):
    assert sorted({reason.text for reason in reasons if not is_known(reason.text)}) == []


def test_no_reason_was_left_out(reasons):
    folder = Path(device_manager.safety.__file__).parent
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    named = set(re.findall(r'(?:code=|note\(\s*|Check\(\s*)"([a-z0-9-]+)"', source))
    told = {reason.code.removeprefix("unknown-") for reason in reasons}
    assert {name.removeprefix("unknown-") for name in named} - told == set()
