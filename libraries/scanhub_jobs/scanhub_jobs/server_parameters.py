"""What a reconstruction by a server can be told."""

from pydantic import Field

from scanhub_jobs.parameters import JobParameters


class ServerParameters(JobParameters):
    """Parameters of a reconstruction by a server."""

    host: str = Field(min_length=1, max_length=253, title="Host", description="Of the server")
    port: int = Field(9002, ge=1, le=65535, title="Port")
    config: str = Field(
        "",
        max_length=1023,
        title="Configuration",
        description="Name of what the server is to do, as it knows it",
    )
    config_text: str = Field(
        "",
        max_length=1 << 20,
        title="Configuration text",
        description="Sent in place of the name, where a server takes such (JSON or XML)",
    )
    idle_timeout_s: float = Field(
        600.0,
        gt=0,
        le=86400,
        title="Patience [s]",
        description="The server has failed when nothing was taken or sent for so long",
    )
