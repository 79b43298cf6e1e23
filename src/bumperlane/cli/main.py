"""The command line. Exit codes: 0 converged or clear, 3 stuck or hit, 4 escalated, 5 out of budget,
6 inconclusive, 2 bad input, 1 broken records (verify).

Invariant: every ``BumperlaneError`` and every full disk becomes one line on standard error; only
our own bugs show a traceback.
"""

from __future__ import annotations

import errno
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

for _name, _value in {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
}.items():
    os.environ.setdefault(_name, _value)

import click

from bumperlane.cli.options import FILE, FOLDER
from bumperlane.errors import BumperlaneError

if TYPE_CHECKING:
    from bumperlane.campaign import OpenCampaign

FREE_SPACE = "free some space or give another --out"
OTHER_PLACE = "give a folder that can be written to"
REMEDY = {
    errno.ENOSPC: FREE_SPACE,
    errno.EDQUOT: FREE_SPACE,
    errno.EFBIG: FREE_SPACE,
    errno.EACCES: OTHER_PLACE,
    errno.EPERM: OTHER_PLACE,
    errno.EROFS: OTHER_PLACE,
    errno.ENOTDIR: OTHER_PLACE,
    errno.ENAMETOOLONG: OTHER_PLACE,
}


class Commands(click.Group):
    """Commands, some of which are imported when they are used, or when their help is read."""

    late = {
        "audit": "bumperlane.cli.audit",
        "audits": "bumperlane.cli.audits",
        "bench": "bumperlane.cli.bench",
        "diagnose": "bumperlane.cli.diagnose",
        "firewall": "bumperlane.cli.firewall",
        "remedies": "bumperlane.cli.remedies",
        "simulate": "bumperlane.cli.simulate",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self.late])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.late:
            return super().get_command(ctx, name)
        command: click.Command = getattr(import_module(self.late[name]), name)
        return command


class Organism(click.Group):
    """``organism``, whose commands are imported when one is used: the list of all commands must not
    load the zoo, which is heavy."""

    def _commands(self) -> click.Group:
        from bumperlane.cli.organisms import organism

        return organism

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self._commands().list_commands(ctx)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return self._commands().get_command(ctx, name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bumperlane")
def cli() -> None:
    """Continuous alignment assurance for post-training: train, audit, find the cause, rewind,
    retry."""


@cli.group(cls=Organism)
def organism() -> None:
    """Model organisms: trainings with a planted misalignment, each with its clean twin."""


@cli.command()
@click.argument("campaign", type=FILE)
@click.option(
    "--out",
    type=FOLDER,
    required=True,
    help="Run folder: ledger, checkpoints, report. The same folder goes on where it stopped.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=None,
    help="Training processes at once (default: up to 2).",
)
def run(campaign: Path, out: Path, jobs: int | None) -> None:
    """Run CAMPAIGN (a YAML file) until it has an outcome.

    Exit codes: 0 converged, 3 stuck, 4 escalated to a person, 5 out of budget, 2 bad input.
    """
    from bumperlane.campaign import begin, load_campaign
    from bumperlane.cli.terminal import Terminal

    opened = begin(load_campaign(campaign), out, campaign.parent)
    with Terminal() as terminal:
        outcome = opened.run(terminal, jobs)
    _reported(opened)
    raise SystemExit(outcome.exit_code)


@cli.command()
@click.option("--out", type=FOLDER, required=True, help="Run folder.")
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Seed of the data, the plant and the training.",
)
@click.option("--clean", is_flag=True, help="Plant nothing: the loop must converge in one attempt.")
def demo(out: Path, seed: int, clean: bool) -> None:
    """A planted backdoor, caught: SFT -> DPO -> GRPO on the microworld, scored against the plant
    after the loop has ended."""
    from bumperlane.cli.demo import run_demo

    raise SystemExit(run_demo(out, seed, clean))


@cli.command()
@click.argument("folder", type=FOLDER)
def log(folder: Path) -> None:
    """Print the tree of checkpoints in FOLDER with their verdicts."""
    from bumperlane.campaign import open_campaign
    from bumperlane.cli.history import print_lineage

    print_lineage(open_campaign(folder))


@cli.command()
@click.argument("folder", type=FOLDER)
@click.argument("identity", metavar="ID")
def show(folder: Path, identity: str) -> None:
    """Show one checkpoint, finding, cause or training of FOLDER whole; ID may be shortened."""
    from bumperlane.campaign import open_campaign
    from bumperlane.cli.history import print_record

    print_record(open_campaign(folder), identity)


@cli.command()
@click.argument("folder", type=FOLDER)
def verify(folder: Path) -> None:
    """Recompute every digest and the chain of events in FOLDER; exit 1 if anything was changed."""
    from bumperlane.campaign import open_campaign
    from bumperlane.cli.history import print_verification

    raise SystemExit(print_verification(open_campaign(folder)))


@cli.command()
@click.argument("folder", type=FOLDER)
def report(folder: Path) -> None:
    """Write FOLDER/report.html anew from the ledger, and the memo (of a campaign that is stuck) or
    the safety case (of one that converged)."""
    from bumperlane.campaign import open_campaign

    _reported(open_campaign(folder))


def _reported(opened: OpenCampaign) -> None:
    from bumperlane.report import write_memo, write_report, write_safety_case

    click.echo(f"report: {write_report(opened)}")
    for name, path in (("memo", write_memo(opened)), ("safety case", write_safety_case(opened))):
        if path is not None:
            click.echo(f"{name}: {path}")


def main() -> None:
    """Run the command line; what a user can put right becomes one line and an exit code."""
    try:
        cli(prog_name="bumperlane", standalone_mode=False)
    except click.exceptions.Abort:
        raise SystemExit(130) from None
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # not a mistake: the whole help is what was wanted
        raise SystemExit(2) from None
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "bumperlane"
        _say(f"{error.format_message().rstrip('.')}; '{command} --help' shows what fits")
        raise SystemExit(2) from None
    except BumperlaneError as error:
        _say(str(error))
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        if error.errno not in REMEDY:
            raise
        # Of a copy that failed, the second name is where it was to go.
        where = error.filename2 or error.filename or "disk"
        _say(f"{where}: {os.strerror(error.errno)}; {REMEDY[error.errno]}")
        raise SystemExit(2) from None


def _say(message: str) -> None:
    """One line on standard error, whatever the message holds."""
    click.echo(f"bumperlane: {' '.join(message.split())}", err=True)


if __name__ == "__main__":
    main()
