"""``bumperlane audit --plan``: what fits between two audit points, from tokens that the bench counted. No model is loaded."""

from __future__ import annotations

import json

import click
from rich.table import Table

from bumperlane.audits.measured import load_measured, load_table
from bumperlane.audits.plan import FORWARDS, MEASURED_SAMPLES, SHARE, Plan, make_plan
from bumperlane.cli.findings import console
from bumperlane.cli.given import Given, audit_rows
from bumperlane.cli.selection import Selection, select
from bumperlane.errors import BadInput


def print_plan(given: Given) -> None:
    chosen = select(given)
    plan = make_plan(chosen.run, load_measured(), _train_tokens(given), given.samples)
    if given.as_json:
        click.echo(json.dumps(plan.plain() | {"cost": plan.cost, "not_run": _not_run(chosen)}, allow_nan=False))
        return
    _print(plan, given)


def _not_run(chosen: Selection) -> dict[str, str]:
    return chosen.not_run | {found.audit: found.reason for found in chosen.denied}


def _train_tokens(given: Given) -> int:
    """As given, else the words of the rows."""
    if given.train_tokens is not None:
        return given.train_tokens
    if given.rows is None:
        raise BadInput("--plan needs to know what is trained on between two audit points; give --train-tokens N, or --rows FILE to count its words")
    return max(1, sum(len(f"{row['prompt']} {row['answer']}".split()) for row in audit_rows(given.rows)))


def _print(plan: Plan, given: Given) -> None:
    out, known = console(), load_table()
    table = Table(box=None, pad_edge=False)
    for title in ("audit", "tokens a look", "of the plan", "cumulative", "runs at", "samples"):
        table.add_column(title, justify="left" if title in ("audit", "runs at") else "right")
    for entry in plan.audits:
        when = "every audit point" if entry.every == 1 else f"one audit point in {entry.every}"
        table.add_row(entry.audit, f"{entry.tokens:,}", f"{entry.share:.1%}", f"{entry.cumulative:,.0f}", when, str(entry.samples))
    for name in plan.unmeasured:
        table.add_row(name, "not measured", "", "", "not planned", "")
    out.print(table)
    if known is not None:
        out.print(f"measured by: {known.command} (at most {MEASURED_SAMPLES} samples a measure, its pack and its models)", soft_wrap=True)
    counted = "counted in the rows, words for tokens" if given.train_tokens is None else "given"
    training = f"{plan.training / FORWARDS:,.0f} tokens ({counted}), {FORWARDS:.0f} forward-equivalents each"
    out.print(f"training: {training}; the battery may cost {SHARE:.0%} of it", soft_wrap=True)
    for when, tokens in (("every audit at every point", float(plan.whole)), ("as planned", plan.cost)):
        told = f"{tokens:,.0f} forward tokens, {plan.of_training(tokens):.1%} of the training between two audit points"
        out.print(f"battery: {told} ({when})", soft_wrap=True)
    if plan.unmeasured:
        out.print(f"not measured, so in no sum: {', '.join(plan.unmeasured)}", soft_wrap=True)
