"""Every message of the device link, both ways.

Text frames are JSON objects with a `command`; binary frames are the bytes of the file that the
last `file-transfer` announced. Fields that are not listed here are ignored.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from scanhub_device.state import DeviceState


class Message(BaseModel):
    """A document on the link. Unknown fields are ignored, so that both ends may grow."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    def to_json(self) -> str:
        """Serialise without the fields that are not set."""
        return self.model_dump_json(exclude_none=True)


class SystemLimits(Message):
    """What the hardware can do; the server refuses scans beyond it. Leave out what is unknown."""

    max_gradients: Annotated[
        tuple[float, float, float] | None, Field(description="Along x, y, z [mT/m]")
    ] = None
    max_slew_rates: Annotated[
        tuple[float, float, float] | None, Field(description="Along x, y, z [T/m/s]")
    ] = None
    max_rf_duration: Annotated[float | None, Field(description="Longest RF pulse [s]")] = None
    max_rf_amplitude: Annotated[float | None, Field(description="Largest B1 [uT]")] = None
    max_b1_rms: Annotated[float | None, Field(description="B1+rms over 10 s [uT]")] = None
    max_duration: Annotated[float | None, Field(description="Longest scan [s]")] = None
    adc_deadtime: Annotated[float | None, Field(description="Before and after sampling [s]")] = None
    rf_dead_time: Annotated[float | None, Field(description="Before an RF pulse [s]")] = None
    rf_ringdown_time: Annotated[float | None, Field(description="After an RF pulse [s]")] = None
    gradient_raster_time: Annotated[float | None, Field(description="[s]")] = None
    pns_rheobase: Annotated[
        float | None, Field(description="Of the gradient coil, for nerve stimulation [T/s]")
    ] = None
    pns_chronaxie: Annotated[
        float | None, Field(description="Of the gradient coil, for nerve stimulation [s]")
    ] = None
    pns_coil_lengths: Annotated[
        tuple[float, float, float] | None,
        Field(description="Effective lengths: dB/dt over slew rate, x, y, z [m]"),
    ] = None


class DeviceDetails(Message):
    """What a scanner says of itself."""

    device_name: str
    serial_number: str = ""
    manufacturer: str = ""
    modality: str = "MR"
    site: str = ""
    parameter: dict[str, Any] = {}
    device_type: str | None = None
    system_limits: SystemLimits | None = None


# --- from the device to the server ---------------------------------------------------------------


class RegisterData(DeviceDetails):
    """Details, present state, and the commands that this device knows beyond version 1."""

    status: DeviceState
    capabilities: tuple[str, ...] = ("ack", "stop")
    parameter_version: int | None = None


class Register(Message):
    """First message on every new link."""

    command: Literal["register"] = "register"
    data: RegisterData


class Ping(Message):
    """Heartbeat; the server answers `pong`."""

    command: Literal["ping"] = "ping"


class Ack(Message):
    """The device has taken the scan and begins."""

    command: Literal["ack"] = "ack"
    task_id: str
    acquisition_id: str | None = None


class Stopped(Message):
    """The scan has really ended. An upload of this task that was in flight ends here too."""

    command: Literal["stopped"] = "stopped"
    task_id: str | None = None


class Paused(Message):
    """The scan rests where it is."""

    command: Literal["paused"] = "paused"
    task_id: str
    reason: str | None = None


class Resumed(Message):
    """A scan that rested goes on."""

    command: Literal["resumed"] = "resumed"
    task_id: str


class Calibrated(Message):
    """What a calibration has given: values by the names of the parameters, or what went wrong."""

    command: Literal["calibrated"] = "calibrated"
    calibration_id: str | None = None
    task_id: str | None = None
    user_access_token: str | None = None
    kind: str
    values: dict[str, Any] | None = None
    quality: dict[str, Any] | None = None
    error_message: str | None = None


class DeviceParameterUpdate(Message):
    """The device has changed its parameters itself."""

    command: Literal["parameter_update"] = "parameter_update"
    parameter: dict[str, Any]
    base_version: int | None = None
    comment: str = ""


class StatusData(Message):
    """Progress of a scan [%] and the time that it still takes [s], or what went wrong."""

    progress: Annotated[int, Field(ge=0, le=100)] | None = None
    seconds_left: float | None = None
    error_code: str | None = None
    error_message: str | None = None


class UpdateStatus(Message):
    """State of the device and, while it scans, of the task."""

    command: Literal["update_status"] = "update_status"
    status: DeviceState
    data: StatusData = StatusData()
    task_id: str | None = None
    user_access_token: str | None = None


class FileTransfer(Message):
    """Announces a file; its bytes follow in binary frames."""

    command: Literal["file-transfer"] = "file-transfer"
    task_id: str
    user_access_token: str
    filename: str
    size_bytes: int
    content_type: str
    sha256: str | None = None
    trailer: Literal["sha256"] | None = None
    device_parameter: dict[str, Any] = {}


# --- from the server to the device ---------------------------------------------------------------


class XYZ(Message):
    """Three numbers along the axes of the scanner."""

    x: float
    y: float
    z: float


class AcquisitionParameter(Message):
    """How the field of view of the sequence is to be placed."""

    fov_scaling: XYZ = XYZ(x=1, y=1, z=1)
    fov_offset: Annotated[XYZ, Field(description="Offset [mm]")] = XYZ(x=0, y=0, z=0)
    fov_rotation: Annotated[XYZ, Field(description="Rotation [degree]")] = XYZ(x=0, y=0, z=0)


class AcquisitionLimits(Message):
    """What the scanner must know of the patient, for SAR above all."""

    patient_height: Annotated[float, Field(description="Height [cm]")]
    patient_weight: Annotated[float, Field(description="Weight [kg]")]
    patient_gender: str
    patient_age: Annotated[int, Field(description="Age [years]")]
    patient_position: Annotated[
        str | None, Field(description="How the patient lies, as DICOM says it: `HFS`")
    ] = None
    pregnancy_status: Annotated[
        str | None, Field(description="`POSSIBLY_PREGNANT`; None: nobody has asked")
    ] = None
    has_implant: Annotated[bool | None, Field(description="None: nobody has asked")] = None


class SequenceFile(Message):
    """The sequence to play; `seq_file` is the text of the Pulseq file."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    id: Annotated[str, Field(alias="_id")] = ""
    name: str = ""
    seq_file: str = ""
    seq_file_extension: str = ".seq"


class StartPayload(Message):
    """One scan: what to play, on whom, and the token that reports on this task and no other."""

    id: str
    name: str = ""
    workflow_id: str | None = None
    acquisition_id: str | None = None
    access_token: Annotated[str, Field(repr=False)] = ""
    sequence: SequenceFile | None = None
    acquisition_parameter: AcquisitionParameter | None = None
    acquisition_limits: AcquisitionLimits | None = None
    calibration: tuple[str, ...] = ()
    device_parameter: dict[str, Any] | None = None
    mrd_header: str = ""
    upload_url: str | None = None
    upload_trailer: str | None = None
    stream_url: str | None = None


class Start(Message):
    """Begin a scan."""

    command: Literal["start"]
    data: StartPayload


class Stop(Message):
    """End the scan of this task; without a task, whatever runs."""

    command: Literal["stop"]
    task_id: str | None = None
    acquisition_id: str | None = None


class Pause(Message):
    """Let the scan of this task rest."""

    command: Literal["pause"]
    task_id: str
    acquisition_id: str | None = None


class Resume(Message):
    """Let the scan of this task go on."""

    command: Literal["resume"]
    task_id: str
    acquisition_id: str | None = None


class Calibrate(Message):
    """Calibrate, without a scan; answered with `calibrated`."""

    command: Literal["calibrate"]
    calibration_id: str
    kind: str
    device_parameter: dict[str, Any] = {}


class ParameterUpdate(Message):
    """The parameters of the device have been changed; they hold from the next scan on."""

    command: Literal["parameter_update"]
    parameter: dict[str, Any]
    version: int


class Feedback(Message):
    """The server's word on what it got. With `filename` it is the verdict on an upload."""

    command: Literal["feedback"]
    message: str = ""
    task_id: str | None = None
    filename: str | None = None
    result_id: str | None = None
    ok: bool | None = None
    retry_after_s: Annotated[float, Field(ge=0, le=3600)] | None = None


class Pong(Message):
    """Answer to a heartbeat."""

    command: Literal["pong"]


ServerMessage = Annotated[
    Start | Stop | Pause | Resume | Calibrate | ParameterUpdate | Feedback | Pong,
    Field(discriminator="command"),
]
SERVER_MESSAGE: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)
