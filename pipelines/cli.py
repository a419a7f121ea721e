"""The command line. Parses arguments, turns errors into words and exit codes; heavy imports happen inside the command that needs them.

Exit codes: 0 done; 1 the run or a blocking check failed; 2 wrong configuration or usage; 3 published, but a source is stale or refused.
Not here: what a command prints (`pipelines.report`, `pipelines.explain`) and what it does.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from models.errors import ConfigError, CrossoverError

EXIT_REFUSED = 3
_DEBUG = "--debug"

app = typer.Typer(
    help="What each AI workload costs, how well its GPUs are used, and on which side it belongs: commercial API or self-hosted.",
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

Config = Annotated[Path | None, typer.Option("--config", help="The configuration; default ./crossover.yaml, else $CROSSOVER_CONFIG.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for programs.")]


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(_DEBUG, help="Show tracebacks. Works before or after the command.")] = False,
) -> None:
    """Documented here, read in `main`."""


@app.command()
def run(
    config: Config = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="Decide with the data up to this day, inclusive; default: the newest day in the data."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read every source, attribute every cent, decide, publish: the whole daily job in this process."""
    from pipelines.report import run_and_report

    raise typer.Exit(run_and_report(_company(config), as_of.date() if as_of else None, as_json=as_json))


@app.command()
def demo(
    directory: Annotated[Path, typer.Argument(help="Where the sample company is written.")] = Path("demo"),
    as_json: Json = False,
    write_only: Annotated[bool, typer.Option("--write-only", help="Write the files without running them.")] = False,
) -> None:
    """Write a sample company, a year of every kind of source, and run it."""
    from models.config import load_company
    from pipelines.sample_company import write_sample_company

    config = directory / "crossover.yaml"
    if not config.exists():
        today = date.today()
        last_month = date(today.year - (today.month == 1), (today.month - 2) % 12 + 1, 1)
        write_sample_company(directory, last_month)
        if not as_json:
            typer.echo(f"Wrote a sample company to {directory}/ (its configuration: {config}).", err=True)
    elif not as_json:
        typer.echo(f"{config} is there already and is used as it is.", err=True)
    if not write_only:
        from pipelines.report import run_and_report

        raise typer.Exit(run_and_report(load_company(config.resolve()), None, as_json=as_json))


@app.command()
def check(config: Config = None, as_json: Json = False) -> None:
    """Validate the configuration and reach every source, without ingesting anything."""
    from pipelines.report import check_sources

    raise typer.Exit(check_sources(_company(config), as_json=as_json))


@app.command()
def status(config: Config = None, as_json: Json = False) -> None:
    """Sources, periods, freshness, open problems, as of the published file."""
    from pipelines.report import show_status

    raise typer.Exit(show_status(_company(config), as_json=as_json))


@app.command()
def explain(
    workload: Annotated[str, typer.Argument(help="A workload's id or one of its aliases.")],
    quarter: Annotated[str | None, typer.Option("--quarter", help="A fiscal quarter such as 2026-Q3; default: the latest.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """One workload's recommendation as a person would explain it, down to source files and rows."""
    from pipelines.explain import explain_workload

    explain_workload(_company(config), workload, quarter, as_json=as_json)


@app.command()
def whatif(
    changes: Annotated[
        list[str],
        typer.Option("--set", help="PATH=VALUE, such as gpu_prices.lambda-h100=5.10 or prices.openai.gpt-4o.output=8; may be given several times."),
    ],
    workload: Annotated[str | None, typer.Option("--workload", help="Only this workload.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Decide once more on the published data with some numbers changed, and print what that changes. Nothing is written."""
    from pipelines.what_if_page import show_what_if

    show_what_if(_company(config), changes, workload, as_json=as_json)


@app.command()
def decide(
    workload: Annotated[str, typer.Argument(help="A workload's id or one of its aliases.")],
    quarter: Annotated[str, typer.Option("--quarter", help="The fiscal quarter of the recommendation, such as 2026-Q3.")],
    decision: Annotated[str, typer.Option("--decision", help="accept, reject or defer.")],
    by: Annotated[str, typer.Option("--by", help="Who decided.")],
    note: Annotated[str, typer.Option("--note", help="Why.")] = "",
    config: Config = None,
) -> None:
    """Record what the board decided on a recommendation; later runs show what came of it."""
    from pipelines.board import record_decision

    line, earlier = record_decision(_company(config), workload, quarter, decision, by, note)
    replaced = f"It takes the place of {earlier['decision']} by {earlier['decided_by']}. " if earlier else ""
    typer.echo(
        f"Recorded: {line['workload_id']}, {line['quarter']}: {line['recommendation']} was answered with {decision} by {line['decided_by']}. "
        f"{replaced}Table decisions shows it from the next run on."
    )


Month = Annotated[datetime, typer.Argument(formats=["%Y-%m"], metavar="MONTH", help="A month such as 2026-06.")]


@app.command()
def close(month: Month, config: Config = None) -> None:
    """Close a published month: its booked costs and exchange rates stand, later changes are booked in the first open month."""
    from pipelines.month_close import close_month

    rows = close_month(_company(config), month.date())
    typer.echo(f"{month:%Y-%m} is closed with {rows:,} rows of cost_daily; from the next run on later changes are booked in the first open month.")


@app.command()
def reopen(month: Month, config: Config = None) -> None:
    """Open the newest closed month again: from the next run on its costs follow the sources."""
    from pipelines.month_close import reopen_month

    reopen_month(_company(config), month.date())
    typer.echo(f"{month:%Y-%m} is open again; the next run books its costs as the sources say them.")


@app.command()
def ui(
    config: Config = None,
    port: Annotated[int, typer.Option(help="Where the web UI listens, on this machine only.")] = 3000,
) -> None:
    """Dagster's web UI with its daemon, on the same configuration and storage."""
    from pipelines.config_file import config_file
    from pipelines.ui import serve

    file = config_file(config)
    raise typer.Exit(serve(_company(file), file, port))


def main() -> None:
    """The console script: errors become a message and an exit code, never a traceback unless --debug is given."""
    arguments = [argument for argument in sys.argv[1:] if argument != _DEBUG] or ["--help"]
    debug = _DEBUG in sys.argv[1:]
    as_json = "--json" in arguments
    try:
        code: Any = app(arguments, prog_name="crossover", standalone_mode=False)
    except CrossoverError as error:
        _fail(error, debug, as_json, error.exit_code, str(error))
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        typer.echo("stopped; the published file is the last complete one", err=True)
        sys.exit(130)
    except typer.exceptions.TyperException as error:
        usage = _usage_error(error)
        _fail(usage, debug, as_json, usage.exit_code, str(usage))
    except OSError as error:
        failure = _system_refusal(error)
        _fail(failure, debug, as_json, failure.exit_code, str(failure))
    except Exception as error:
        _fail(error, debug, as_json, 1, f"unexpected {type(error).__name__}: {error}\n  do:       run again with --debug and report what it prints")
    sys.exit(code if isinstance(code, int) else 0)


def _usage_error(error: typer.exceptions.TyperException) -> ConfigError:
    """What typer says of the arguments, in our words."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "crossover"
    return ConfigError(error.format_message().rstrip("."), where="the command's arguments", todo=f"`{command} --help` tells what it takes")


def _system_refusal(error: OSError) -> CrossoverError:
    """A folder that can't be written, a full disk: what the system says, and where."""
    todo = "let the user that runs Crossover read and write it, or correct the path in the configuration"
    return CrossoverError(
        "the system refuses a file or folder", where=error.filename and str(error.filename), found=error.strerror or str(error), todo=todo
    )


def _fail(error: Exception, debug: bool, as_json: bool, code: int, text: str) -> None:
    if debug:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        parts = {name: getattr(error, name, None) for name in ("what", "where", "found", "expected", "todo")}
        typer.echo(json.dumps({"status": "failed", "exit_code": code, "error": {"kind": type(error).__name__, **parts, "message": text}}))
    typer.echo(f"error: {text}", err=True)
    sys.exit(code)


def _company(config: Path | None) -> Any:
    from models.config import load_company
    from pipelines.config_file import config_file

    return load_company(config_file(config))
