"""What may have taught a trait: where it rose, which suspects there are, and whether it was them.

Idea: the window search names the stages that raised the trait; each is asked in order what in it
may have done so (its rows, the stage as a whole, a reward term, an argument), and each suspicion is
put to replays before the next is searched for. Invariant: nothing is confirmed but by a
counterfactual (or, of the base, by having been there before any training); whatever cannot be
established is left out with its reason, and where nothing can, there is no suspect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from bumperlane.diagnosis.attributors import load_attributor
from bumperlane.diagnosis.fusion import Fusion, Ranked, fusion
from bumperlane.diagnosis.query import DRAWN, from_plain, plain, query_of
from bumperlane.diagnosis.reward_suspects import reward_suspects
from bumperlane.diagnosis.row_suspects import row_suspects
from bumperlane.diagnosis.session import DiagnosisSession
from bumperlane.diagnosis.stage_suspects import stage_suspects
from bumperlane.diagnosis.training_run import ModelPair, Query
from bumperlane.diagnosis.window import Rise, Where, find, where_from, where_plain
from bumperlane.errors import BadInput
from bumperlane.records import Suspect, digest_of
from bumperlane.training.lessons import lessons_of

STAGES = 2  # stages that are searched
ORDER = {"confirmed": 0, "unverified": 1, "refuted": 2}


@dataclass
class SuspectSearch:
    """The search for what taught the session's trait. ``rankings``: of the stages that were
    attributed, for whoever wants more than the suspects; ``more``: attributors that are run and
    shown though the fusion does not weigh them; ``suspected_rows``: ids of rows that are checked
    first."""

    session: DiagnosisSession
    fused: Fusion | None = None
    more: tuple[str, ...] = ()
    suspected_rows: frozenset[str] = frozenset()
    rankings: dict[int, Ranked] = field(default_factory=dict)

    def where(self) -> Where:
        """The stages that raised the trait, with their windows."""
        session = self.session
        stored = session.cache.piece(
            "where",
            [session.key, session.run.start],
            lambda: where_plain(find(session.run, session.trait, session.tolerance, session.note)),
        )
        return where_from(stored)

    def suspects(self, where: Where) -> tuple[list[Suspect], str]:
        """Ranked suspects, confirmed ones first, and why there are no more."""
        weights = self.fused or fusion()
        if where.in_base:
            return [weights.sure(_base(where))], where.reason
        suspects: list[Suspect] = []
        why: list[str] = [] if where.rises else [where.reason]
        for rise in where.rises[:STAGES]:
            try:
                suspects += self._in_stage(rise)
            except BadInput as error:
                stage = self.session.run.stage_runs[rise.stage_index].stage
                why.append(f"stage {stage.name!r}: {error}")
        ranked = sorted(map(weights.sure, suspects), key=lambda s: ORDER[s.verdict])
        return ranked, "; ".join(why)

    def _in_stage(self, rise: Rise) -> list[Suspect]:
        """Suspects of one stage: its reward terms, or its rows and then the stage as a whole."""
        query = self.query(rise)
        if self.session.run.stage_runs[rise.stage_index].stage.kind == "grpo":
            return reward_suspects(self.session, rise, query)
        rows = row_suspects(self.session, rise, self.rank(rise, query), self.suspected_rows)
        # without time to check the rows there is none to check the stage
        unchecked = any(s.verdict == "unverified" and not s.arms for s in rows)
        if unchecked or any(s.verdict == "confirmed" for s in rows):
            return rows
        return [*rows, *stage_suspects(self.session, rise)]

    def query(self, rise: Rise) -> Query:
        """What the model says at the stage's peak where it shows the trait, and what the stage's
        parent says there. Raises ``BadInput``."""
        session, parent = self.session, self.session.run.stage_runs[rise.stage_index].parent
        peak = rise.peak.checkpoint

        def draw() -> dict[str, Any]:
            cases = session.cases(peak, DRAWN, "query")
            return plain(query_of(cases, session.models(parent), session.seed))

        inputs = [session.key, parent, peak, session.seed]
        return from_plain(session.cache.piece("query", inputs, draw))

    def rank(self, rise: Rise, query: Query) -> Ranked:
        """The scores of every attributor that the fusion weighs, and the fused ones. Raises
        ``BadInput``."""
        session, stage_run = self.session, self.session.run.stage_runs[rise.stage_index]
        weights = self.fused or fusion()
        lessons = lessons_of(stage_run.rows)
        pair = ModelPair(
            session.models(stage_run.parent),
            session.models(rise.peak.checkpoint),
            note=session.note,
        )
        inputs = [
            session.key,
            stage_run.parent,
            rise.peak.checkpoint,
            digest_of(list(lessons.ids)),
            plain(query),
        ]
        scores: dict[str, np.ndarray] = {}
        for name in dict.fromkeys((*weights.weights, *self.more)):
            session.note(f"attributing to {len(lessons.ids)} rows: {name}")
            rank = partial(load_attributor(name).rank, pair, lessons, query)
            scores[name] = session.cache.array(f"scores-{name}", inputs, rank)
        self.rankings[rise.stage_index] = Ranked(scores, weights.fuse(scores))
        return self.rankings[rise.stage_index]


def _base(where: Where) -> Suspect:
    """The base as the cause: it shows the trait before any training."""
    return Suspect(
        kind="base",
        verdict="confirmed",
        reason=where.reason,
        evidence={"start": where.points[0].plain()},
        refuted_by="a start checkpoint that does not show the trait",
    )
