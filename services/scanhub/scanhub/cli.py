"""The command line: `scanhub serve | worker | receive | demo | simulate-device | ...`."""

import asyncio
import gc
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from scanhub.cli_operations import operations
from scanhub.demo.errors import DemoError
from scanhub.options import DataDir, Port, console, errors, settings_of
from scanhub.settings import SERVICES
from scanhub.trouble import explained

app = typer.Typer(
    help="An open MRI control plane: from order to archive.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(operations)


def _tell_version(wanted: bool) -> None:
    if wanted:
        console.print(f"scanhub {version('scanhub')}", highlight=False)
        raise typer.Exit


@app.callback()
def _of_all_commands(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version."),
    ] = False,
) -> None:
    """Take what stands before the name of a command."""


def _service(only: str | None) -> str | None:
    if only is not None and only not in SERVICES:
        raise typer.BadParameter(f"{only!r} is none of {', '.join(SERVICES)}")
    return only


Only = Annotated[
    str | None,
    typer.Option(callback=_service, help=f"Serve one service alone: {', '.join(SERVICES)}."),
]
Pem = Annotated[Path | None, typer.Option(help="Of this server, PEM: TLS ends here.")]


@app.command()
def serve(
    data_dir: DataDir = None,
    port: Port = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    dicom_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the DICOM listener.")
    ] = None,
    only: Only = None,
    ssl_certfile: Pem = None,
    ssl_keyfile: Pem = None,
    ssl_ca_certs: Annotated[
        Path | None,
        typer.Option(help="Who signs client certificates of devices, PEM: devices are asked."),
    ] = None,
    log_json: Annotated[bool | None, typer.Option(help="Log one JSON object a line.")] = None,
) -> None:
    """Serve the platform: the three services and the UI on one port."""
    gc.disable()  # it takes a fifth of the start and finds nothing; it is on again once we serve
    from scanhub.server import ServeError, run_server

    try:
        with explained(errors):
            settings = settings_of(
                data_dir=data_dir,
                port=port,
                host=host,
                dicom_port=dicom_port,
                only=only,
                ssl_certfile=ssl_certfile,
                ssl_keyfile=ssl_keyfile,
                ssl_ca_certs=ssl_ca_certs,
                log_json=log_json,
            )
            run_server(settings, console)
    except ServeError as error:
        errors.print(f"[red]{error}[/red]", soft_wrap=True)
        raise typer.Exit(1) from error
    finally:
        gc.enable()


@app.command()
def worker(
    queues: Annotated[
        str | None, typer.Option(help="Whose work it does, as recon,modules; default: all.")
    ] = None,
    executor_id: Annotated[
        str | None,
        typer.Option(help="Its name in the run engine, the same after each start; default: host."),
    ] = None,
    data_dir: DataDir = None,
    drain: Annotated[
        float, typer.Option(min=0.0, help="How long what runs is let come to its end [s].")
    ] = 60.0,
    log_json: Annotated[bool | None, typer.Option(help="Log one JSON object a line.")] = None,
) -> None:
    """Do the work of queues for servers that share the databases (PostgreSQL) and the files."""
    from scanhub.worker import run_worker

    names = None if queues is None else [name.strip() for name in queues.split(",") if name.strip()]
    with explained(errors):
        settings = settings_of(data_dir=data_dir, log_json=log_json)
        run_worker(settings, console, queues=names, executor_id=executor_id, drain_s=drain)


@app.command()
def receive(
    dicom_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the DICOM listener.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    executor_id: Annotated[
        str | None, typer.Option(help="Its name among the processes; default: host-dicom.")
    ] = None,
    data_dir: DataDir = None,
    log_json: Annotated[bool | None, typer.Option(help="Log one JSON object a line.")] = None,
) -> None:
    """Receive DICOM for servers that share the databases (PostgreSQL) and the files."""
    from scanhub.worker import run_receiver

    with explained(errors):
        settings = settings_of(
            data_dir=data_dir, host=host, dicom_port=dicom_port, log_json=log_json
        )
        run_receiver(settings, console, executor_id=executor_id)


@app.command()
def demo(
    data_dir: DataDir = Path("demo-data"),
    port: Port = 8000,
    sequence: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="A Pulseq file (as the simulated scanner plays)."
        ),
    ] = None,
    time_scale: Annotated[
        float, typer.Option(min=0.0, max=10.0, help="1 is real time, 0 as fast as it goes.")
    ] = 1.0,
    exit_: Annotated[bool, typer.Option("--exit", help="End after the scan.")] = False,
) -> None:
    """Run one scan from login to archive with a simulated scanner, then leave the server up."""
    from scanhub.demo.run import DemoOptions, run_demo

    options = DemoOptions(
        data_dir=(data_dir or Path("demo-data")).resolve(),
        port=port or 0,
        sequence=sequence,
        time_scale=time_scale,
        exit_at_end=exit_,
    )
    try:
        asyncio.run(run_demo(options, console))
    except DemoError as error:
        errors.print(f"[red]The demo stopped.[/red] {error}", soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


Misadjusted = Annotated[
    int | None, typer.Option(help="Seed of a magnet that calibrations have to adjust.")
]
SpoolDir = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="Folder of a queue in which raw data outlives a crash."),
]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND[=VALUE][@PERCENT%]",
        help="What goes wrong in every scan, as link-loss=5@50% or crash@upload:10%; may be given "
        "several times. A kind that is none lists them all.",
    ),
]


@app.command()
def simulate_device(
    url: Annotated[str, typer.Option(help="ws://host:port/api/v1/device/ws")],
    credentials: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The downloaded credentials file.")
    ],
    time_scale: Annotated[
        float, typer.Option(min=0.0, max=10.0, help="1 is real time, 0 as fast as it goes.")
    ] = 1.0,
    coils: Annotated[int, typer.Option(min=1, max=64)] = 4,
    noise: Annotated[float, typer.Option(min=0.0, max=1.0, help="Relative to the signal.")] = 0.01,
    spool: SpoolDir = None,
    misadjusted: Misadjusted = None,
    fault: Faults = None,
) -> None:
    """Connect a simulated scanner that plays Pulseq files on a phantom."""
    from scanhub_device.errors import DeviceError
    from scanhub_device.simulator import run

    try:
        run(
            url,
            credentials,
            time_scale=time_scale,
            coils=coils,
            noise=noise,
            spool=spool,
            misadjusted=misadjusted,
            faults=fault or (),
        )
    except (DeviceError, ValueError) as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from error


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the databases of all services to this version."""
    from scanhub_libraries.migrate import upgrade
    from workflow_manager.engine.schema import migrate_engine

    with explained(errors):
        settings = settings_of(data_dir=data_dir)
        settings.prepare()
    for service in SERVICES:
        upgrade(service.replace("-", "_"), settings.database_url(service))
        console.print(f"{service}: up to date")
    migrate_engine(settings.engine_url)
    console.print("run engine: up to date")


@app.command("import")
def import_configuration(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A mercure.json.")],
    username: Annotated[str, typer.Option(help="An administrator of this server.")],
    url: Annotated[str, typer.Option(help="Where the server is.")] = "http://127.0.0.1:8000",
    password: Annotated[
        str, typer.Option(envvar="SCANHUB_PASSWORD", prompt=True, hide_input=True)
    ] = "",
) -> None:
    """Take over targets, rules and settings of mercure; doing it again changes nothing."""
    from scanhub.mercure.move import move

    with explained(errors):
        whole = asyncio.run(move(path, url, (username, password), console))
    if not whole:
        raise typer.Exit(1)


@app.command()
def selftest(
    username: Annotated[str, typer.Option(help="An engineer or administrator of this server.")],
    kind: Annotated[str, typer.Option(help="What its rule is about: series or study.")] = "series",
    mode: Annotated[str, typer.Option(help="route; process: a job makes the images.")] = "route",
    url: Annotated[str, typer.Option(help="Where the server is.")] = "http://127.0.0.1:8000",
    password: Annotated[
        str, typer.Option(envvar="SCANHUB_PASSWORD", prompt=True, hide_input=True)
    ] = "",
) -> None:
    """Send synthetic images through the listener of a server, its index, a rule and a target."""
    from scanhub.selftest import selftest as run_selftest

    with explained(errors):
        passed = asyncio.run(run_selftest(kind, mode, url, (username, password), console))
    if not passed:
        raise typer.Exit(1)


@app.command()
def openapi(
    folder: Annotated[Path, typer.Option(help="Where the documents are.")] = Path("docs/openapi"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when a document is not current.")
    ] = False,
) -> None:
    """Write the OpenAPI document of every service."""
    from scanhub.openapi import stale_documents, write_documents

    if not check:
        for path in write_documents(folder):
            console.print(str(path))
        return
    stale = stale_documents(folder)
    if stale:
        names = ", ".join(path.name for path in stale)
        errors.print(f"[red]Not current: {names}.[/red] Run `make openapi` and commit.")
        raise typer.Exit(1)
    console.print("The OpenAPI documents are current.")
