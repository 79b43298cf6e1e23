"""``bumperlane remedies``: what is installed, for which causes, what it can break, and how often it
has cured."""

from __future__ import annotations

import click


@click.command()
def remedies() -> None:
    """List the installed remedies: for which causes, where they come from, what they can break, and
    how often they removed the trait on the bench while the model kept 98% of its capability."""
    from bumperlane.remedies import known_remedies, load_remedy
    from bumperlane.remedies.policy import builtin_priors

    kinds = [load_remedy(name) for name in known_remedies()]
    priors = builtin_priors()
    for kind in sorted(kinds, key=lambda kind: (kind.rank, kind.name)):
        causes = sorted(kind.causes)
        tried = [
            (cause, *priors[cause][kind.name])
            for cause in causes
            if kind.name in priors.get(cause, {})
        ]
        cured = ", ".join(f"{cause} {cures} of {of}" for cause, cures, of in tried)
        known = f"cured and able: {cured or 'not measured'}"
        click.echo(f"{kind.name}  for {', '.join(causes)}; {known}")
        click.echo(f"  can break: {kind.breaks}; {kind.source}")
