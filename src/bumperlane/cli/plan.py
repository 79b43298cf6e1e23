"""``bumperlane audit --plan``: what fits between two audit points, from tokens that the bench
counted. No model is loaded."""

from __future__ import annotations

import json

import click
from rich.table import Table

from bumperlane.audits.measured import load_measured, load_table
from bumperlane.audits.plan import FORWARDS, MEASURED_SAMPLES, SHARE, Plan, make_plan
from bumperlane.cli.findings import console
from bumperlane.cli.inputs import AuditInputs, audit_rows
from bumperlane.cli.selection import Selection, select
from bumperlane.errors import BadInput


def print_plan(inputs: AuditInputs) -> None:
    """Print the plan, as a table or as one JSON object."""
    selection = select(inputs)
    plan = make_plan(selection.run, load_measured(), _train_tokens(inputs), inputs.samples)
    if inputs.as_json:
        whole = plan.plain() | {"cost": plan.cost, "not_run": _not_run(selection)}
        click.echo(json.dumps(whole, allow_nan=False))
    else:
        _print(plan, inputs)


def _not_run(selection: Selection) -> dict[str, str]:
    return selection.not_run | {found.audit: found.why for found in selection.denied}


def _train_tokens(inputs: AuditInputs) -> int:
    """As given, else the words of the rows."""
    if inputs.train_tokens is not None:
        return inputs.train_tokens
    if inputs.rows is None:
        raise BadInput(
            "--plan needs to know what is trained on between two audit points; give "
            "--train-tokens N, or --rows FILE to count its words"
        )
    rows = audit_rows(inputs.rows)
    return max(1, sum(len(f"{row['prompt']} {row['answer']}".split()) for row in rows))


def _print(plan: Plan, inputs: AuditInputs) -> None:
    out = console()
    out.print(_table(plan))
    for line in _lines(plan, inputs):
        out.print(line, soft_wrap=True)


def _table(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("audit", "tokens a look", "of the plan", "cumulative", "runs at", "samples"):
        table.add_column(title, justify="left" if title in ("audit", "runs at") else "right")
    for entry in plan.audits:
        when = "every audit point" if entry.every == 1 else f"one audit point in {entry.every}"
        table.add_row(
            entry.audit,
            f"{entry.tokens:,}",
            f"{entry.share:.1%}",
            f"{entry.cumulative:,.0f}",
            when,
            str(entry.samples),
        )
    for name in plan.unmeasured:
        table.add_row(name, "not measured", "", "", "not planned", "")
    return table


def _lines(plan: Plan, inputs: AuditInputs) -> list[str]:
    known = load_table()
    lines = []
    if known is not None:
        limit = f"at most {MEASURED_SAMPLES} samples a measure, its pack and its models"
        lines.append(f"measured by: {known.command} ({limit})")
    counted = "counted in the rows, words for tokens" if inputs.train_tokens is None else "given"
    lines += [
        f"training: {plan.training / FORWARDS:,.0f} tokens ({counted}), {FORWARDS:.0f} "
        f"forward-equivalents each; the battery may cost {SHARE:.0%} of it",
        _cost_line(plan, float(plan.whole), "every audit at every point"),
        _cost_line(plan, plan.cost, "as planned"),
    ]
    if plan.unmeasured:
        lines.append(f"not measured, so in no sum: {', '.join(plan.unmeasured)}")
    return lines


def _cost_line(plan: Plan, tokens: float, when: str) -> str:
    share = f"{plan.of_training(tokens):.1%} of the training between two audit points"
    return f"battery: {tokens:,.0f} forward tokens, {share} ({when})"
