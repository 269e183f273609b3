"""The command line of the job SDK: `scanhub-jobs new | run | describe | clean | hold`."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from scanhub_jobs.backend import RunInfo
from scanhub_jobs.beginning import write_package
from scanhub_jobs.errors import JobError
from scanhub_jobs.finding import find_job
from scanhub_jobs.local.backend import peers_of
from scanhub_jobs.local.keeping import clean, hold, release
from scanhub_jobs.local.session import LocalSession
from scanhub_jobs.results import JobResult, State

app = typer.Typer(
    help="Run processing jobs on a folder of DICOM files.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Entry = Annotated[str, typer.Argument(help="The job: module:function.")]
Session = Annotated[Path, typer.Argument(help="Folder that --out named.", exists=True)]
_GOOD = {State.SUCCEEDED, State.SKIPPED}


@contextmanager
def _told_errors() -> Iterator[None]:
    """Tell what is wrong in a sentence, and end with 2."""
    try:
        yield
    except (JobError, ImportError, ValueError, OSError) as error:
        typer.echo(f"scanhub-jobs: {error}", err=True)
        raise typer.Exit(2) from error


def _parameters(pairs: list[str], file: Path | None) -> dict[str, Any]:
    """Return parameters; a value is JSON where it can be, else text."""
    found: dict[str, Any] = {} if file is None else json.loads(file.read_bytes())
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{pair!r} is no name=value")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _told(run: RunInfo, line: dict[str, Any]) -> None:
    message = str(line.get("message", ""))
    if line.get("event") == "progress":
        message = f"{line.get('percent', 0)} % {message}".rstrip()
    elif line.get("event") == "log" and line.get("level") == logging.getLevelName(logging.DEBUG):
        return
    typer.echo(f"{run.job.name}: {message}")


def _sentence(result: JobResult) -> str:
    made = [
        f"{len(found)} {what}{'' if len(found) == 1 else 's'}"
        for what, found in (("file", result.files), ("image", result.images))
        if found
    ]
    why = result.failure.message if result.failure else result.reason
    end = f": {why}" if why else f", {' and '.join(made)}" if made else ""
    return f"{result.job.name} {result.state} for {result.subject.key}{end}"


@app.command()
def run(  # noqa: PLR0917 - typer takes options as arguments
    entry: Entry,
    folder: Annotated[Path, typer.Argument(help="Folder of DICOM files.", exists=True)],
    out: Annotated[Path, typer.Option(help="Data, files, images and results go here.")],
    param: Annotated[list[str] | None, typer.Option(help="name=value; JSON or text.")] = None,
    params_file: Annotated[
        Path | None, typer.Option(help="Parameters as a JSON object.", exists=True)
    ] = None,
    only: Annotated[str | None, typer.Option(help="UID of one series or study.")] = None,
    peers: Annotated[
        Path | None, typer.Option(help="DICOM nodes by name, JSON.", exists=True)
    ] = None,
    sender: Annotated[str | None, typer.Option(help="The node that sent the images.")] = None,
) -> None:
    """Run a job, and first the jobs that it needs, for each series, study or patient."""
    with _told_errors():
        book = peers_of(json.loads(peers.read_bytes()) if peers else None, sender)
        session = LocalSession(folder, out, book, _told)
        given = _parameters(param or [], params_file)
        results = session.run(find_job(entry), given, only=only)
    for result in results:
        typer.echo(_sentence(result))
    failed = [hook for hook in session.hooks if hook.failure is not None]
    for hook in failed:
        why = hook.failure.message if hook.failure else ""
        typer.echo(f"hook {hook.name} at the {hook.moment} of the session failed: {why}")
    good = all(r.state in _GOOD for r in results) and not failed
    raise typer.Exit(0 if good else 1)


@app.command("clean")
def clean_session(out: Session) -> None:
    """Remove data, files and images of a session whose time is over; results stay."""
    with _told_errors():
        done = clean(out)
    typer.echo("removed" if done else "kept")


@app.command("hold")
def hold_session(
    out: Session,
    reason: Annotated[str, typer.Option(help="Why it is kept.")] = "",
    *,
    ends: Annotated[bool, typer.Option("--release", help="It need not be kept longer.")] = False,
) -> None:
    """Let nothing of a session be removed, until --release."""
    with _told_errors():
        kept = release(out) if ends else hold(out, reason)
    typer.echo("held" if kept.hold else "released")


@app.command("new")
def new_package(
    name: Annotated[str, typer.Argument(help="Of the job: small letters, digits, dashes.")],
    folder: Annotated[Path, typer.Option(help="Where its folder is made.", exists=True)] = Path(),
) -> None:
    """Write a package with a job, its test and a README, to begin with."""
    with _told_errors():
        written = write_package(name, folder)
    for path in written:
        typer.echo(path)
    typer.echo(f'Now: cd {written[0].parent} && pip install -e ".[test]" && pytest')


@app.command()
def describe(entry: Entry) -> None:
    """Print what a platform must know of a job, as JSON."""
    with _told_errors():
        job = find_job(entry)
    typer.echo(job.manifest.model_dump_json(indent=2))


if __name__ == "__main__":
    app()
