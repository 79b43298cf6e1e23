"""``bumperlane diagnose CHECKPOINT``: where a bad trait comes from, checked by replays.

Invariant: an exit of 0 means that a cause was confirmed by a counterfactual; whatever is only
suspected, or was not found, exits with 6. With ``--json`` standard output holds one JSON object and
nothing else.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import click

from bumperlane.cli.options import FILE, FOLDER, draw_seed, with_options

CONFIRMED, OPEN = 0, 6

campaign_options = with_options(
    click.option(
        "--run",
        type=FOLDER,
        help="Run folder of a campaign; CHECKPOINT is then the beginning of a checkpoint's id.",
    ),
    click.option(
        "--finding",
        metavar="ID",
        help="Of a campaign's hits at the checkpoint, diagnose this one alone.",
    ),
)
tune_options = with_options(
    click.option(
        "--reference",
        type=FOLDER,
        metavar="PARENT",
        help="Outside a campaign: the model that CHECKPOINT was tuned from.",
    ),
    click.option(
        "--rows",
        type=FILE,
        help="Outside a campaign the training rows; within one, rows that you suspect and want "
        "checked.",
    ),
    click.option(
        "--completions",
        type=FILE,
        help="What the model does wrong: JSONL with 'prompt' and 'completion'.",
    ),
    click.option("--prompt", help="Instead of --completions: one prompt ..."),
    click.option("--completion", help="... and the model's bad completion of it."),
    click.option(
        "--kind",
        type=click.Choice(["sft", "dpo"]),
        default="sft",
        show_default=True,
        help="Outside a campaign: what the rows are.",
    ),
    click.option(
        "--args",
        metavar="JSON",
        help="Outside a campaign: TRL arguments of the tune, which replays use too.",
    ),
    click.option(
        "--checkpoints",
        type=FOLDER,
        help="Outside a campaign: folder with the tune's intermediate checkpoint-N folders.",
    ),
)
work_options = with_options(
    click.option(
        "--budget",
        metavar="10%|600s",
        help="Most time for replays: seconds (600s) or, with --run, a share of the training's time "
        "(10%).",
    ),
    draw_seed(),
    click.option(
        "--work",
        type=FOLDER,
        help="Folder in which finished pieces are kept, so that a stopped diagnosis goes on where "
        "it was.",
    ),
    click.option(
        "--out",
        type=FILE,
        default=Path("diagnosis.html"),
        show_default=True,
        help="The page, one HTML file.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines."),
)


@click.command()
@click.argument("checkpoint")
@campaign_options
@tune_options
@work_options
def diagnose(out: Path, as_json: bool, **options: Any) -> None:
    """Find what made CHECKPOINT misbehave: stage and steps, rows, reward term, argument, or the
    base.

    A parent, a tuned model, the rows and a bad completion are enough:

    \b
        bumperlane diagnose models/tuned --reference models/base \\
            --rows data/sft.jsonl --prompt "..." --completion "..."

    Exit codes: 0 a cause was confirmed by replays, 6 none was, 2 bad input.
    """
    from bumperlane.cli.diagnose_inputs import DiagnoseInputs
    from bumperlane.cli.diagnose_run import run_diagnosis
    from bumperlane.cli.model_checks import check_writable
    from bumperlane.cli.terminal import Counter
    from bumperlane.report.causes import cause_lines, write_cause

    check_writable(out)
    inputs = DiagnoseInputs(**options)
    with Counter() as counter, redirect_stdout(sys.stderr) if as_json else nullcontext():
        answer = run_diagnosis(inputs, counter.doing)
    write_cause(out, f"diagnosis of {inputs.checkpoint}", answer.cause, answer.rows)
    if as_json:
        more = {"suspect_rows": answer.suspect_rows, "page": str(out)}
        click.echo(json.dumps({**answer.cause.plain(), **more}, ensure_ascii=False))
    else:
        click.echo("\n".join([*cause_lines(answer.cause), f"page: {out}"]))
    raise SystemExit(CONFIRMED if answer.cause.confirmed else OPEN)
