"""One diagnosis: where, what, and whether it was that.

Idea: the window search names the legs that raised the trait; each is asked in order what in it may have done so (its rows, the stage as a
whole, a reward term, an argument), and each suspicion is put to replays before the next is looked for. Invariant: nothing is confirmed but
by a counterfactual (or, of the base, by having been there before any training); whatever cannot be established is left out with its
reason, and where nothing can, there is no suspect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from bumperlane.diagnosis.attributors import load_attributor
from bumperlane.diagnosis.bearings import Bearings
from bumperlane.diagnosis.fusion import Fusion, Ranked, fusion
from bumperlane.diagnosis.of_reward import of_reward
from bumperlane.diagnosis.of_rows import of_rows
from bumperlane.diagnosis.of_stage import of_stage
from bumperlane.diagnosis.symptom import DRAWN, from_plain, plain, query_of
from bumperlane.diagnosis.trail import Query, Trail, lessons_of
from bumperlane.diagnosis.window import Rise, Where, find, where_from, where_plain
from bumperlane.errors import BadInput
from bumperlane.records import Suspect, digest_of

LEGS = 2  # legs looked into
ORDER = {"confirmed": 0, "unverified": 1, "refuted": 2}


@dataclass
class Examiner:
    """``rankings``: of the legs that were attributed, for whoever wants more than the suspects; ``more``: attributors that are run and shown
    though the fusion does not weigh them; ``accused``: ids of rows that are checked first."""

    at: Bearings
    fused: Fusion | None = None
    more: tuple[str, ...] = ()
    accused: frozenset[str] = frozenset()
    rankings: dict[int, Ranked] = field(default_factory=dict)

    def where(self) -> Where:
        at = self.at
        told = at.notebook.piece("where", [at.key, at.run.start], lambda: where_plain(find(at.run, at.trait, at.tolerance, at.note)))
        return where_from(told)

    def suspects(self, where: Where) -> tuple[list[Suspect], str]:
        """Ranked suspects, confirmed ones first, and why there are no more."""
        weights = self.fused or fusion()
        if where.in_base:
            return [weights.sure(_base(where))], where.reason
        made: list[Suspect] = []
        why: list[str] = [] if where.rises else [where.reason]
        for rise in where.rises[:LEGS]:
            try:
                made += self._of(rise)
            except BadInput as error:
                why.append(f"stage {self.at.run.legs[rise.leg].stage.name!r}: {error}")
        return sorted(map(weights.sure, made), key=lambda s: ORDER[s.verdict]), "; ".join(why)

    def _of(self, rise: Rise) -> list[Suspect]:
        query = self.query(rise)
        if self.at.run.legs[rise.leg].stage.kind == "grpo":
            return of_reward(self.at, rise, query)
        made = of_rows(self.at, rise, self.rank(rise, query), self.accused)
        unchecked = any(s.verdict == "unverified" and not s.arms for s in made)  # without time for the rows there is none for the stage
        return made if unchecked or any(s.verdict == "confirmed" for s in made) else [*made, *of_stage(self.at, rise)]

    def query(self, rise: Rise) -> Query:
        """What the model says at the leg's peak where it shows the trait, and what the leg's parent says there. Raises ``BadInput``."""
        at, parent = self.at, self.at.run.legs[rise.leg].parent
        return from_plain(at.notebook.piece("query", [at.key, parent, rise.peak.checkpoint, at.seed], lambda: plain(
            query_of(at.cases(rise.peak.checkpoint, DRAWN, "query"), at.models(parent), at.seed))))  # fmt: skip

    def rank(self, rise: Rise, query: Query) -> Ranked:
        """The scores of every attributor that the fusion weighs, and the fused ones. Raises ``BadInput``."""
        at, leg = self.at, self.at.run.legs[rise.leg]
        weights = self.fused or fusion()
        lessons = lessons_of(leg.rows)
        trail = Trail(at.models(leg.parent), at.models(rise.peak.checkpoint), note=at.note)
        inputs = [at.key, leg.parent, rise.peak.checkpoint, digest_of(list(lessons.ids)), plain(query)]
        scores = {}
        for name in dict.fromkeys((*weights.weights, *self.more)):
            at.note(f"attributing to {len(lessons.ids)} rows: {name}")
            rank = partial(load_attributor(name).rank, trail, lessons, query)
            scores[name] = at.notebook.array(f"scores-{name}", inputs, rank)
        self.rankings[rise.leg] = Ranked(scores, weights.fuse(scores))
        return self.rankings[rise.leg]


def _base(where: Where) -> Suspect:
    return Suspect(kind="base", verdict="confirmed", reason=where.reason, evidence={"start": where.points[0].plain()},
                   refuted_by="a start checkpoint that does not show the trait")  # fmt: skip
