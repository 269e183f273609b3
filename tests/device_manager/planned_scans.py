"""Planned scans for the safety gate: facts in round numbers, at no limit."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from device_manager.safety.rules import PlannedScan, verdict
from scanhub_libraries.clock import utc_now
from scanhub_libraries.models import (
    XYZ,
    AcquisitionLimits,
    AcquisitionParameter,
    Gender,
    PatientPosition,
    PeakPerAxis,
    SafetyVerdict,
    SequenceFacts,
    SystemLimits,
)

TASK = UUID("00000000-0000-7000-8000-000000000001")
DEVICE = UUID("00000000-0000-7000-8000-000000000002")
PATIENT = AcquisitionLimits(
    patient_height=170,
    patient_weight=60,
    patient_gender=Gender.FEMALE,
    patient_age=36,
    patient_position=PatientPosition.HFS,
    has_implant=False,
)
FACTS = SequenceFacts(
    pulseq_version="1.5.0",
    duration_s=400.0,
    num_blocks=10,
    num_readouts=4,
    analysis_version=2,
    definitions={"GradientRasterTime": 1e-5},
    rf_pulses={"excitation": 4},
    peak_gradient_mt_per_m=PeakPerAxis(x=10, y=8, z=6, vector=12),
    peak_slew_t_per_m_per_s=PeakPerAxis(x=100, y=80, z=60, vector=120),
    b1_rms_ut=1.0,
    b1_rms_10s_ut=2.0,
    b1_rms_6min_ut=1.0,
    peak_b1_ut=10.0,
    longest_rf_pulse_s=3e-3,
    pns_percent=50.0,
    pns_model="a generic coil",
    pns_complete=True,
    pns_chronaxie_s=0.36e-3,
    peak_filtered_slew_t_per_m_per_s=PeakPerAxis(x=30, y=20, z=10, vector=36),
    shortest_rf_lead_s=100e-6,
    shortest_rf_tail_s=20e-6,
    shortest_adc_lead_s=10e-6,
    shortest_adc_tail_s=10e-6,
    num_timing_errors=0,
    timing_errors=[],
)
LIMITS = SystemLimits(
    max_gradients=[10, 8, 6],
    max_slew_rates=[100, 80, 60],
    max_rf_duration=3e-3,
    max_rf_amplitude=10.0,
    max_b1_rms=2.0,
    max_duration=400.0,
    adc_deadtime=10e-6,
    rf_dead_time=100e-6,
    rf_ringdown_time=20e-6,
    gradient_raster_time=1e-5,
    pns_rheobase=20.0,
    pns_chronaxie=0.36e-3,
    pns_coil_lengths=[0.3, 0.3, 0.3],
)
SCAN = PlannedScan(
    task_id=TASK,
    device_id=DEVICE,
    patient=PATIENT,
    sequence_id="s",
    sequence_sha256="0a" * 32,
    facts=FACTS,
    system_limits=LIMITS,
    device_parameter={"sar_coefficient": 10.0},
)


def facts(**changes: Any) -> SequenceFacts:
    return FACTS.model_copy(update=changes)


def limits(**changes: Any) -> SystemLimits:
    return SystemLimits.model_validate({**LIMITS.model_dump(), **changes})


def judged(**changes: Any) -> SafetyVerdict:
    return verdict(replace(SCAN, **changes), now=utc_now())


def codes(found: SafetyVerdict, *severities: str) -> list[str]:
    wanted = severities or ("refuse", "confirm", "note")
    return [reason.code for reason in found.reasons if reason.severity in wanted]


def placed(scaling=(1, 1, 1), rotation=(0, 0, 0), offset=(0, 0, 0)) -> AcquisitionParameter:
    return AcquisitionParameter(
        fov_scaling=xyz(scaling), fov_rotation=xyz(rotation), fov_offset=xyz(offset)
    )


def xyz(values: tuple[float, float, float]) -> XYZ:
    return XYZ(x=values[0], y=values[1], z=values[2])
