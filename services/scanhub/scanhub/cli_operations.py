"""Commands for who runs an installation: backups, a look at all of it, keys, roles, users."""

import asyncio
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from scanhub.options import DataDir, Port, console, errors, settings_of
from scanhub.trouble import explained

operations = typer.Typer()

BackupDir = Annotated[
    Path | None,
    typer.Argument(file_okay=False, help="Folder of backups; default: SCANHUB_BACKUP_DIR."),
]


@operations.command()
def backup(
    folder: BackupDir = None,
    data_dir: DataDir = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help="So many stay; older ones are removed.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Make none: read one and compare all checksums.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Make none: say which are there.")] = False,
    name: Annotated[str, typer.Option(help="Which one, with --verify.")] = "latest",
    json: Annotated[bool, typer.Option("--json", help="Say one JSON object a line.")] = False,
) -> None:
    """Back up databases, files and keys while the installation works, or look at backups."""
    from scanhub.backup.command import Command

    with explained(errors):
        command = Command(settings_of(data_dir=data_dir), folder, console, json=json)
        if verify:
            good = command.verify(name)
        elif list_:
            good = command.list()
        else:
            good = asyncio.run(command.make(keep))
    if not good:
        raise typer.Exit(1)


@operations.command()
def restore(
    folder: BackupDir = None,
    data_dir: DataDir = None,
    name: Annotated[str, typer.Option(help="Which backup.")] = "latest",
) -> None:
    """Restore a backup into an empty data folder and empty databases."""
    from scanhub.backup.command import Command

    with explained(errors):
        command = Command(settings_of(data_dir=data_dir), folder, console)
        asyncio.run(command.restore(name))


@operations.command()
def doctor(
    data_dir: DataDir = None,
    port: Port = None,
    dicom_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the DICOM listener.")
    ] = None,
    targets: Annotated[bool, typer.Option(help="Test the connections to targets too.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Say it in JSON.")] = False,
) -> None:
    """Look at folders, keys, databases, disks, clock, certificates, ports and targets."""
    from scanhub.doctor.command import examine, tell

    with explained(errors):
        settings = settings_of(data_dir=data_dir, port=port, dicom_port=dicom_port)
        findings = asyncio.run(examine(settings, targets=targets))
    if not tell(findings, console, json=json):
        raise typer.Exit(1)


@operations.command()
def rotate_keys(
    data_dir: DataDir = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="After the restart: seal secrets anew, drop old keys.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="After a theft: old tokens are void, all log in anew.")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="Leave the files readable, as containers need them.")
    ] = False,
) -> None:
    """Make new keys; nobody is logged out, and no device is refused."""
    from scanhub.rotation import begin_rotation, finish_rotation

    with explained(errors):
        settings = settings_of(data_dir=data_dir)
        if finish:
            asyncio.run(finish_rotation(settings, say=typer.echo, shared=shared))
        else:
            begin_rotation(settings, at_once=now, say=typer.echo, shared=shared)


@operations.command()
def database_roles(
    prefix: Annotated[str, typer.Option(help="How the names of all roles begin.")] = "scanhub_",
    databases: Annotated[str, typer.Option(help="How the names of all databases begin.")] = "",
) -> None:
    """Print SQL for psql: databases and roles of PostgreSQL, each with the rights it needs."""
    from scanhub.database_roles import script

    typer.echo(script(prefix, databases), nl=False)


Username = Annotated[str, typer.Argument(help="Who.")]


@operations.command()
def unlock_user(username: Username, data_dir: DataDir = None) -> None:
    """Let a user log in again at once after too many wrong passwords."""
    from scanhub.recovery import unlock_user

    with explained(errors):
        asyncio.run(unlock_user(settings_of(data_dir=data_dir), username))
        console.print(f"{username} may log in again.")


@operations.command()
def set_password(username: Username, data_dir: DataDir = None) -> None:
    """Give a user a new password when nobody can log in who could; asks for it."""
    from scanhub.recovery import set_password

    password = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    with explained(errors):
        asyncio.run(set_password(settings_of(data_dir=data_dir), username, password))
        console.print(f"{username} has a new password; the logins of {username} have ended.")


@operations.command("import-scanhub")
def import_scanhub(
    url: Annotated[str, typer.Argument(help="Gateway of ScanHub: https://...:8443.")],
    username: Annotated[str, typer.Option(help="An administrator of ScanHub.")],
    password: Annotated[
        str, typer.Option(envvar="SCANHUB_OLD_PASSWORD", prompt=True, hide_input=True)
    ] = "",
    lake: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Its data lake; without it no files."),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Who signed its certificate, PEM."),
    ] = None,
    time_zone: Annotated[
        str, typer.Option(help="Zone of its clock, as in Europe/Berlin: it stores none.")
    ] = "UTC",
    report: Annotated[
        Path, typer.Option(file_okay=False, help="Folder of report, credentials, passwords.")
    ] = Path("scanhub-import"),
    data_dir: DataDir = None,
) -> None:
    """Take over users, devices, sequences, templates, patients, exams and files of ScanHub.

    It can be repeated: what is here stays as it is.
    """
    from scanhub.from_scanhub.move import Old, move, prepare

    old = Old(url, (username, password), lake, ca, _zone(time_zone))
    with explained(errors):
        settings = settings_of(data_dir=data_dir)
        prepare(settings, report)
        whole = asyncio.run(move(settings, old, report, console))
    if not whole:
        raise typer.Exit(1)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError):
        raise typer.BadParameter(f"{name!r} is no time zone, such as Europe/Berlin.") from None
