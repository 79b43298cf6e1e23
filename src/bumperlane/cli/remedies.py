"""``bumperlane remedies``: what is installed, for which causes, what it can break, and how often it has cured."""

from __future__ import annotations

import click


@click.command()
def remedies() -> None:
    """List the installed remedies: for which causes, where they come from, what they can break, how often they cured on the develop organisms
    and left 98% of the capability."""
    from bumperlane.remedies import known_remedies, load_remedy
    from bumperlane.remedies.policy import builtin_priors

    known = builtin_priors()
    for kind in sorted((load_remedy(name) for name in known_remedies()), key=lambda k: (k.rank, k.name)):
        tried = [(cause, *known[cause][kind.name]) for cause in sorted(kind.causes) if kind.name in known.get(cause, {})]
        cured = ", ".join(f"{cause} {hits} of {of}" for cause, hits, of in tried) or "not measured"
        click.echo(f"{kind.name}  for {', '.join(sorted(kind.causes))}; cured and able: {cured}")
        click.echo(f"  can break: {kind.breaks}; {kind.source}")
