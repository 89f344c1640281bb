"""The command line: a second front end beside the window, over the same engine.

Exit codes
----------
0
    Everything was done.
1
    Some of the inputs failed; the summary says which and why.
2
    The command was not understood, or a parameter is out of range.
3
    Nothing could be done: a model is missing, a folder cannot be written, ...
130
    Interrupted; what was running was cancelled.
"""

from __future__ import annotations

import difflib
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from earmark import __version__
from earmark.core.errors import EarmarkError
from earmark.core.sources import readable

SOME_FAILED = 1
USAGE = 2
IMPOSSIBLE = 3
INTERRUPTED = 130

_WHOLE = 1000
"""Letters that no summary has, so that none is cut."""

COMMANDS = {
    "run": "earmark.cli.run:run",
    "transcribe": "earmark.cli.run:transcribe",
    "speak": "earmark.cli.run:speak",
    "compare": "earmark.cli.compare:compare",
    "find": "earmark.cli.find:find",
    "export": "earmark.cli.export:export",
    "models": "earmark.cli.models:models",
    "plugins": "earmark.cli.plugins:plugins",
    "selftest": "earmark.cli.selftest:selftest",
    "demo": "earmark.cli.selftest:demo",
}


class Group(click.Group):
    """Subcommands in the order that they are declared in, with whole summaries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the names and summaries; long ones go on below themselves."""
        named = (
            (name, self.get_command(ctx, name)) for name in self.list_commands(ctx)
        )
        rows = [
            (name, command.get_short_help_str(limit=_WHOLE))
            for name, command in named
            if command is not None
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Program(Group):
    """Subcommands, imported when they are asked for; anything else is a file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, name = where.partition(":")
        command = getattr(__import__(module, fromlist=[name]), name)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments as files unless the first is a subcommand."""
        words = [word for word in args if not word.startswith("-")]
        if words and words[0] not in COMMANDS:
            missing = [word for word in words if not _may_be_file(word)]
            if missing:
                raise click.UsageError(_unknown(missing[0]), ctx)
            ctx.meta["files"] = words
            args = [word for word in args if word.startswith("-")]
        return super().parse_args(ctx, args)


def _may_be_file(word: str) -> bool:
    """Whether a path is there; opening one that cannot be asked for says why."""
    try:
        return Path(word).exists()
    except OSError:
        return True


@click.group(
    cls=Program,
    invoke_without_command=True,
    subcommand_metavar="[COMMAND [ARGS]... | FILES...]",
    epilog="""
    Without a command the window opens, with the files that are named in it. A file
    that is called like a command is written ./export.

    \b
    Examples:
      earmark transcribe interview.wav --out interview.srt
      earmark run audio-events recordings/ --recursive --out labels.csv
      earmark run keyword-spotting meeting.wav --keywords "deadline,new york"
      earmark speak "Mind the gap." --out gap.wav

    \b
    Exit codes:
      0    everything was done
      1    some inputs failed; the summary says which and why
      2    the command was not understood, or a parameter is out of range
      3    nothing could be done: a model is missing, a folder cannot be written
      130  interrupted; what was running was cancelled
    """,
)
@click.version_option(__version__, prog_name="earmark")
@click.option("--no-plugins", is_flag=True, help="Safe mode: start without plugins.")
@click.pass_context
def program(context: click.Context, no_plugins: bool) -> None:
    """Earmark, an offline studio for sound."""
    if context.invoked_subcommand is not None:
        return
    from earmark.cli.display import show_window

    context.exit(show_window(context.meta.get("files", []), no_plugins=no_plugins))


def _unknown(word: str) -> str:
    """What is wrong with a word that is neither a command nor a file."""
    meant = [] if "." in word else difflib.get_close_matches(word, COMMANDS, 1)
    likely = f" Did you mean “{meant[0]}”?" if meant else ""
    return f"There is neither a command nor a file “{readable(word)}”.{likely}"


def main(arguments: Sequence[str]) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str
        Without the name of the program.

    Returns
    -------
    int
        The exit code, see the module's docstring.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that the terminal does not have must not end a long run.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        outcome: Any = program.main(
            list(arguments), prog_name="earmark", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return USAGE
    except EarmarkError as error:
        print(f"earmark: {error}", file=sys.stderr)
        return IMPOSSIBLE
    except (KeyboardInterrupt, click.Abort):
        print("earmark: interrupted.", file=sys.stderr)
        return INTERRUPTED
    return outcome if isinstance(outcome, int) else 0
