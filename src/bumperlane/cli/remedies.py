"""``bumperlane remedies``: what is installed, for which causes, what it can break, and how often it has cured."""

from __future__ import annotations

import click


@click.command()
def remedies() -> None:
    """List the installed remedies: for which causes, where they come from, what they can break, how often they cured on the develop organisms."""
    from rich.console import Console
    from rich.table import Table

    from bumperlane.remedies import known_remedies, load_remedy
    from bumperlane.remedies.policy import builtin_priors

    table, known = Table(box=None, pad_edge=False), builtin_priors()
    for column in ("remedy", "for causes", "cured, of tried", "can break", "source"):
        table.add_column(column, overflow="fold")
    for kind in sorted((load_remedy(name) for name in known_remedies()), key=lambda k: (k.rank, k.name)):
        tried = [(cause, *known[cause][kind.name]) for cause in sorted(kind.causes) if kind.name in known.get(cause, {})]
        cured = ", ".join(f"{cause} {hits}/{of}" for cause, hits, of in tried) or "not measured"
        table.add_row(kind.name, ", ".join(sorted(kind.causes)), cured, kind.breaks, kind.source)
    Console().print(table)
