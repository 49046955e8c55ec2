"""The command line: one verb a task. The only place where training and serving meet; every verb imports what it needs.

Exit status: 0, 2 for what the caller can mend, 1 for a fault of ours. With `--json`, exactly one JSON object goes to
stdout and all else to stderr; an error is `{"error": {"code", "message"}}`.
"""

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import click

import features.verbs
import serving.verbs
import training.verbs
from features.command import AS_OF, CONTEXT, DRAIN, Shown, drained, instant, lang, verb
from features.errors import IntentlyError
from features.workspace import Workspace
from training.feature_verbs import FEATURES


def drain(workspace: Workspace) -> None:
    """Let what the service acknowledged go to the log."""
    from serving.drain import drain as run

    run(workspace)


@click.group(context_settings=CONTEXT)
@click.option(
    "--home", type=click.Path(path_type=Path), help="The workspace; default $INTENTLY_HOME, else ./workspace."
)
@click.option("--json", is_flag=True, expose_value=False, help="One JSON object on stdout, the rest on stderr.")
@click.version_option(package_name="intently")
@click.pass_context
def cli(ctx: click.Context, home: Path | None) -> None:
    """Intently recognises what a shop's user is about to do, before they do it.

    Events in, calibrated intent and churn out, as tags with reasons. Start with `intently demo`.
    """
    ctx.obj = Workspace.at(home)
    ctx.meta[DRAIN] = drain


@verb(
    examples="intently drivers\nintently drivers --tag churn_risk --users 5000 --json\n"
    "intently drivers --out drivers.html --lang zh\nintently drivers --tag purchase_intent --out drivers.png"
)
@click.option("--tag", "tags", multiple=True, help="Only this predicted tag; again for more. Default: all.")
@click.option("--users", type=click.IntRange(20), default=1_000, show_default=True, help="People looked at, about.")
@click.option("--as-of", help=f"{AS_OF} Default: the log's last instant.")
@click.option("--out", type=click.Path(path_type=Path), help="A page (.html) or a picture (.png) to write.")
@lang("Of the page.")
def drivers(
    workspace: Workspace, tags: tuple[str, ...], users: int, as_of: str | None, out: Path | None, lang: str
) -> Shown:
    """What drives predicted tags: the features and families that part each value's people from the others."""
    from serving.drivers import drivers as run
    from training.drivers import check, show, write

    if out is not None:
        check(out)
    result = run(drained(workspace), tags, users, instant(workspace, as_of) if as_of else None)
    if out is not None:
        write(out, result, lang)
        result |= {"path": str(out)}
    return result, show


for one in (*features.verbs.VERBS, *training.verbs.VERBS, FEATURES, *serving.verbs.VERBS, drivers):
    cli.add_command(one)


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # on a busy machine, spinning threads cost LightGBM 30 times
    words = sys.argv[1:] if argv is None else argv
    before = words[: words.index("--")] if "--" in words else words
    as_json = "--json" in before
    if argv is None and {"features", "compute"} <= set(
        before
    ):  # a process of its own, where starting is most of the time
        from features.lean import for_one_task

        for_one_task()
    out = sys.stdout
    if as_json:  # whatever a library prints must not reach stdout
        out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        sys.stdout.flush()
        os.dup2(2, 1)
        sys.stdout = sys.stderr
    try:
        result = cli.main(words, prog_name="intently", standalone_mode=False)
        if isinstance(result, tuple):
            emit(out, result[0]) if as_json else result[1](result[0])
            return result[2] if len(result) > 2 else 0
        return 0 if not isinstance(result, int) else result
    except IntentlyError as error:
        return fail(out, as_json, error.code, error.message, error.exit_status)
    except click.UsageError as error:
        usage = f" See `{error.ctx.command_path} --help`." if error.ctx else ""
        return fail(out, as_json, "usage", error.format_message() + usage, 2)
    except (click.Abort, KeyboardInterrupt):
        return fail(out, as_json, "interrupted", "Interrupted; nothing half-written is left.", 130)
    except BrokenPipeError:
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort turns a fault of ours into exit status 1
        traceback.print_exc()
        return fail(out, as_json, "internal", f"A fault of ours: {type(error).__name__}: {error}. Please report it.", 1)


def emit(out: Any, result: dict[str, Any]) -> None:
    """Write one JSON object, and nothing that is not JSON."""
    import orjson

    out.write(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")
    out.flush()


def fail(out: Any, as_json: bool, code: str, message: str, status: int) -> int:
    """Say what went wrong, to people or to a program."""
    if as_json:
        emit(out, {"error": {"code": code, "message": message}})
    else:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
