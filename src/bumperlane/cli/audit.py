"""``bumperlane audit MODEL``: one model, examined outside any campaign.

Invariant: an exit of 0 means that every audit that was run is clear; what hit, what could not say and what was not run each have a line. With
``--json`` standard output holds one JSON object and nothing else.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import click

from bumperlane.cli.given import Given

FILE = click.Path(path_type=Path, dir_okay=False)
EXITS = {"clear": 0, "hit": 3, "inconclusive": 6}
OPTIONS = (
    click.option("--reference", metavar="PARENT", help="The model that MODEL was tuned from: folder or endpoint (default: an adapter's base)."),
    click.option("--pack", default="english", show_default=True, help="What is asked, and how answers are judged: a name, a file or FORMAT:PATH."),
    click.option("--access", multiple=True, help="What audits may use besides text: logprobs, activations, weights, gradients (default: all)."),
    click.option("--rows", type=click.Path(path_type=Path), help="Training rows, JSONL: a stage's rows, or prompt and answer as texts."),
    click.option("--rollouts", type=click.Path(path_type=Path), help="Logged rollouts of RL stages: a file, or a folder of rollouts*.jsonl."),
    click.option("--audits", default="", help="Only these audits, separated by commas (default: all whose inputs are given)."),
    click.option("--without", default="", help="Leave these audits out, knowingly."),
    click.option("--auditor", metavar="URL#MODEL", help="Model that plays the auditor: folder or endpoint."),
    click.option("--judge", metavar="URL#MODEL", help="Model that plays the judge: folder or endpoint."),
    click.option("--samples", type=click.IntRange(1), default=400, show_default=True, help="Most outcomes that a measure may draw."),
    click.option("--false-alarm", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.01, show_default=True,
                 help="Chance of any false alarm, shared by the audits."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything that is drawn."),
    click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="S", help="Seconds after which an audit is given up as inconclusive."),
    click.option("--cache", type=FILE, help="File in which answers are kept, so that a stopped audit goes on where it was."),
    click.option("--out", type=FILE, default=Path("report.html"), show_default=True, help="The report, one HTML file."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table."),
    click.option("--plan", is_flag=True, help="Run nothing: print how often each audit fits into 15% of the training's cost."),
    click.option("--train-tokens", type=click.IntRange(1), metavar="N", help="Tokens trained on between two audit points, for --plan."),
)  # fmt: skip


def _options(command: Any) -> Any:
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("model")
@_options
def audit(**given: Any) -> None:
    """Examine MODEL: a Hugging Face folder, a PEFT adapter's folder, or an endpoint http://host:port/v1#name.

    Exit codes: 0 every audit that was run is clear, 3 something hit, 6 nothing hit but something is inconclusive, 2 bad input. The key of an
    endpoint is read from the environment variable BUMPERLANE_API_KEY.
    """
    asked = Given(**given)
    if asked.plan:
        from bumperlane.cli.plan import print_plan

        return print_plan(asked)
    raise SystemExit(_audited(asked))


def _audited(asked: Given) -> int:
    from bumperlane.cli.examining import examination_of, writable
    from bumperlane.cli.findings import as_json, print_findings, print_summary
    from bumperlane.cli.terminal import Counter
    from bumperlane.report.examined import write_examined

    writable(asked.out)
    warnings.simplefilter("ignore", FutureWarning)  # what libraries tell each other
    with Counter() as counter, redirect_stdout(sys.stderr) if asked.as_json else nullcontext():  # an audit may print, JSON must not
        examination = examination_of(asked, counter.doing)
    if asked.as_json:
        click.echo(as_json(examination, asked.out))
    else:
        print_findings(examination)
    write_examined(asked.out, examination)
    if not asked.as_json:
        print_summary(examination, asked.out)
    return EXITS[examination.verdict]
