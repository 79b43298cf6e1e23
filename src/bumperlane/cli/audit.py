"""``bumperlane audit MODEL``: one model, audited outside any campaign.

Invariant: an exit of 0 means that every audit that was run is clear; what hit, what could not say
and what was not run each have a line. With ``--json`` standard output holds one JSON object and
nothing else.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import click

from bumperlane.cli.inputs import AuditInputs
from bumperlane.cli.options import FILE, draw_seed, with_options

EXITS = {"clear": 0, "hit": 3, "inconclusive": 6}

model_options = with_options(
    click.option(
        "--reference",
        metavar="PARENT",
        help="The model that MODEL was tuned from: folder or endpoint (default: an adapter's "
        "base).",
    ),
    click.option(
        "--pack",
        default="english",
        show_default=True,
        help="What is asked, and how answers are judged: a built-in name, a JSON file, or a public "
        "data set as FORMAT:PATH (docs/packs.md lists the formats).",
    ),
    click.option(
        "--access",
        multiple=True,
        help="What audits may use: text, logprobs, activations, weights, gradients, separated by "
        "commas; text is always among them (default: all that the model offers).",
    ),
    click.option(
        "--rows",
        type=click.Path(path_type=Path),
        help="Training rows, JSONL: as TRL takes them (messages; prompt and completion; prompt, "
        "chosen and rejected), or with 'prompt' and 'answer' as texts.",
    ),
    click.option(
        "--rollouts",
        type=click.Path(path_type=Path),
        help="Logged rollouts of RL stages: a file, or a folder of rollouts*.jsonl.",
    ),
)
audits_options = with_options(
    click.option(
        "--audits",
        default="",
        help="Only these audits, separated by commas (default: all whose inputs are given).",
    ),
    click.option(
        "--without",
        default="",
        help="Leave these audits out, separated by commas; they are reported as not run.",
    ),
    click.option(
        "--auditor",
        metavar="URL#MODEL",
        help="Model that questions MODEL in 'investigator': a folder, or http://host/v1#name.",
    ),
    click.option(
        "--judge",
        metavar="URL#MODEL",
        help="Model that marks MODEL's answers in 'investigator': a folder, or "
        "http://host/v1#name.",
    ),
    click.option(
        "--samples",
        type=click.IntRange(1),
        default=400,
        show_default=True,
        help="Most outcomes that a measure may draw.",
    ),
    click.option(
        "--false-alarm",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.01,
        show_default=True,
        help="Chance of any false alarm, shared by the audits.",
    ),
    draw_seed(),
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        metavar="S",
        help="Seconds after which an audit is given up as inconclusive.",
    ),
)
output_options = with_options(
    click.option(
        "--cache",
        type=FILE,
        help="File in which answers are kept, so that a stopped audit goes on where it was.",
    ),
    click.option(
        "--out",
        type=FILE,
        default=Path("report.html"),
        show_default=True,
        help="The report, one HTML file.",
    ),
    click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object instead of the table."
    ),
)
plan_options = with_options(
    click.option(
        "--plan",
        is_flag=True,
        help="Run nothing: print how often each audit could run during a training if audits may "
        "cost 15% of its tokens.",
    ),
    click.option(
        "--train-tokens",
        type=click.IntRange(1),
        metavar="N",
        help="Tokens trained on between two audit points, for --plan.",
    ),
)


@click.command()
@click.argument("model")
@model_options
@audits_options
@output_options
@plan_options
def audit(**options: Any) -> None:
    """Audit MODEL: a Hugging Face folder, a PEFT adapter's folder, or an endpoint
    http://host:port/v1#name.

    Exit codes: 0 every audit that was run is clear, 3 something hit, 6 nothing hit but something is
    inconclusive, 2 bad input. The key of an endpoint is read from the environment variable
    BUMPERLANE_API_KEY.
    """
    inputs = AuditInputs(**options)
    if inputs.plan:
        from bumperlane.cli.plan import print_plan

        return print_plan(inputs)
    raise SystemExit(_audit_and_report(inputs))


def _audit_and_report(inputs: AuditInputs) -> int:
    """The exit code, once the report is written."""
    from bumperlane.cli.audit_run import run_audits
    from bumperlane.cli.findings import as_json, print_findings, print_summary
    from bumperlane.cli.model_checks import check_writable
    from bumperlane.cli.terminal import Counter
    from bumperlane.report.audited_model import write_audit_report

    check_writable(inputs.out)
    warnings.simplefilter("ignore", FutureWarning)  # what libraries tell each other
    # An audit may print; where JSON is asked for, nothing else may stand on standard output.
    aside = redirect_stdout(sys.stderr) if inputs.as_json else nullcontext()
    with Counter() as counter, aside:
        report = run_audits(inputs, counter.doing)
    if inputs.as_json:
        click.echo(as_json(report, inputs.out))
    else:
        print_findings(report)
    write_audit_report(inputs.out, report)
    if not inputs.as_json:
        print_summary(report, inputs.out)
    return EXITS[report.verdict]
