"""What the hardware of a device can do."""

from typing import Annotated

from pydantic import Field

from scanhub_libraries.models.fields import WireModel

_PerAxis = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=3, max_length=3)]


class SystemLimits(WireModel):
    """What the hardware of a device can do. What is not told is not checked.

    `max_gradients`, `max_rf_duration`, `adc_deadtime` and `rf_dead_time` have the names of
    ScanHub's requirements.
    """

    max_gradients: Annotated[
        _PerAxis | None, Field(description="Largest gradient along x, y, z [mT/m]")
    ] = None
    max_slew_rates: Annotated[
        _PerAxis | None, Field(description="Largest slew rate along x, y, z [T/m/s]")
    ] = None
    max_rf_duration: Annotated[float | None, Field(gt=0, description="Longest RF pulse [s]")] = None
    max_rf_amplitude: Annotated[
        float | None, Field(gt=0, description="Largest RF amplitude as B1 [uT]")
    ] = None
    max_b1_rms: Annotated[
        float | None, Field(gt=0, description="Largest B1+rms over 10 s [uT]")
    ] = None
    max_duration: Annotated[float | None, Field(gt=0, description="Longest scan [s]")] = None
    adc_deadtime: Annotated[
        float | None, Field(ge=0, description="Time before and after sampling [s]")
    ] = None
    rf_dead_time: Annotated[
        float | None, Field(ge=0, description="Time before an RF pulse [s]")
    ] = None
    rf_ringdown_time: Annotated[
        float | None, Field(ge=0, description="Time after an RF pulse [s]")
    ] = None
    gradient_raster_time: Annotated[
        float | None, Field(gt=0, description="Raster of gradients [s]")
    ] = None
    pns_rheobase: Annotated[
        float | None,
        Field(gt=0, description="Rheobase of the gradient coil, for nerve stimulation [T/s]"),
    ] = None
    pns_chronaxie: Annotated[
        float | None,
        Field(gt=0, description="Chronaxie of the gradient coil, for nerve stimulation [s]"),
    ] = None
    pns_coil_lengths: Annotated[
        _PerAxis | None,
        Field(
            description="Effective length of the gradient coil: dB/dt over slew rate, x, y, z [m]"
        ),
    ] = None
