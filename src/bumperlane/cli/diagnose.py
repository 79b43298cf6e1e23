"""``bumperlane diagnose CHECKPOINT``: where a bad trait comes from, checked by replays.

Invariant: an exit of 0 means that a cause was confirmed by a counterfactual; whatever is only suspected, or was not found, exits with 6. With
``--json`` standard output holds one JSON object and nothing else.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import click

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
CONFIRMED, OPEN = 0, 6


@click.command()
@click.argument("checkpoint")
@click.option("--run", type=FOLDER, help="Run folder of a campaign; CHECKPOINT is then the beginning of a checkpoint's id.")
@click.option("--finding", metavar="ID", help="Of a campaign's hits at the checkpoint, follow this one alone.")
@click.option("--reference", type=FOLDER, metavar="PARENT", help="Outside a campaign: the model that CHECKPOINT was tuned from.")
@click.option("--rows", type=FILE, help="Outside a campaign the training rows; within one, rows that you suspect and want checked.")
@click.option("--completions", type=FILE, help="What the model does wrong: JSONL with 'prompt' and 'completion'.")
@click.option("--prompt", help="The same, for one prompt ...")
@click.option("--completion", help="... and its bad completion.")
@click.option("--kind", type=click.Choice(["sft", "dpo"]), default="sft", show_default=True, help="Outside a campaign: what the rows are.")
@click.option("--args", metavar="JSON", help="Outside a campaign: TRL arguments of the tune; replays are made with them.")
@click.option("--checkpoints", type=FOLDER, help="Outside a campaign: folder with the tune's intermediate checkpoint-N folders.")
@click.option("--budget", metavar="10%|600s", help="Most time for replays: a share of the training's (campaigns), or seconds.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything that is drawn.")
@click.option("--work", type=FOLDER, help="Folder in which finished pieces are kept, so that a stopped diagnosis goes on where it was.")
@click.option("--out", type=FILE, default=Path("diagnosis.html"), show_default=True, help="The page, one HTML file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def diagnose(out: Path, as_json: bool, **given: Any) -> None:
    """Find what made CHECKPOINT misbehave: stage and steps, rows, reward term, argument, or the base.

    A parent, a tuned model, the rows and a bad completion are enough:

        bumperlane diagnose models/tuned --reference models/base --rows data/sft.jsonl --prompt "..." --completion "..."

    Exit codes: 0 a cause was confirmed by replays, 6 none was, 2 bad input.
    """
    from bumperlane.cli.diagnosing import Asked, diagnosis_of
    from bumperlane.cli.examining import writable
    from bumperlane.cli.terminal import Counter
    from bumperlane.report.causes import lines, write_cause

    writable(out)
    with Counter() as counter, redirect_stdout(sys.stderr) if as_json else nullcontext():
        told = diagnosis_of(Asked(**given), counter.doing)
    write_cause(out, f"diagnosis of {given['checkpoint']}", told.cause, told.rows)
    if as_json:
        rows = {i: told.rows[i] for suspect in told.cause.suspects if not suspect.whole_stage for i in suspect.rows if i in told.rows}
        click.echo(json.dumps({**told.cause.plain(), "suspect_rows": rows, "page": str(out)}, ensure_ascii=False))
    else:
        for text in lines(told.cause):
            click.echo(text)
        click.echo(f"page: {out}")
    raise SystemExit(CONFIRMED if told.cause.confirmed else OPEN)
