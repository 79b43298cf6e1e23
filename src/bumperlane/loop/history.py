"""A campaign as its events tell it: a read-only view that decisions are made from.

Idea: this view is built from the events each time, so a process that died and one that never did
see the same thing. Invariant: findings of the held-out battery are out of reach (``confirmation``
raises) until the battery is clear at the candidate, so nothing that steers can have seen them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from bumperlane.errors import BumperlaneError
from bumperlane.loop.events import (
    Attempt,
    CampaignEvents,
    StageProgress,
    TrainedStage,
    trained_stages,
)
from bumperlane.records import Cause, Cure, Finding, ReasonCode, Remedy, Training

__all__ = ["Attempt", "HeldOutSealed", "History", "StageProgress", "TrainedStage", "trained_stages"]


class HeldOutSealed(BumperlaneError):
    """Something asked for held-out findings before the battery was clear at the candidate."""


def _newest(findings: Sequence[Finding], checkpoint: str) -> list[Finding]:
    """The findings at a checkpoint; of each audit the last."""
    here = [finding for finding in findings if finding.checkpoint == checkpoint]
    return list({finding.audit: finding for finding in here}.values())


class History(CampaignEvents):
    """A campaign as its events show it, read-only: what ``decide`` decides from."""

    def before(self, attempt: Attempt) -> History:
        """The campaign as it was when an attempt began."""
        at = next(
            i
            for i, event in enumerate(self.events)
            if event.kind == "attempt" and event.body["number"] == attempt.number
        )
        return History(self.events[:at])

    def find_trained(
        self, training: Training, purposes: tuple[str, ...] = ("attempt",)
    ) -> TrainedStage | None:
        """The finished training of these inputs; None before it."""
        wanted = training.digest
        return next(
            (t for t in self.trained if t.purpose in purposes and t.training.digest == wanted), None
        )

    def stage_runs(self, attempt: Attempt) -> list[StageProgress]:
        """The attempt's stages up to and including the first that is not trained yet."""
        stage_runs, parent = [], attempt.recipe.start
        for index, stage in enumerate(attempt.recipe.stages):
            training = Training(parent=parent, stage=stage)
            trained = self.find_trained(training)
            stage_runs.append(StageProgress(index, stage, training, trained))
            if trained is None:
                break
            parent = trained.last.id
        return stage_runs

    def place(self, checkpoint: str) -> tuple[int, int, int]:
        """Attempt, stage (from 1) and step that made a checkpoint; zeros for one that no training
        of this campaign made."""
        for attempt in self.attempts:
            for stage_run in self.stage_runs(attempt):
                trained = stage_run.trained
                step = trained.step_of(checkpoint) if trained is not None else None
                if step is not None:
                    return attempt.number, stage_run.index + 1, step
        return 0, 0, 0

    def watched(self, attempt: Attempt) -> list[StageProgress]:
        """The attempt's stages whose checkpoints its outcome hangs on: not those before a stage
        that a remedy put after, which is to repair what they leave, so that a hit on them is no
        news."""
        asked = {stage.name for stage in self.campaign.recipe.stages}
        added = [i for i, stage in enumerate(attempt.recipe.stages) if stage.name not in asked]
        return self.stage_runs(attempt)[max(added, default=0) :]

    def findings_at(self, checkpoint: str) -> list[Finding]:
        """The battery's findings there; of an audit that looked again with more samples,
        the last."""
        return _newest(self.findings, checkpoint)

    @cached_property
    def looked_at(self) -> list[str]:
        """Checkpoints that the battery has begun to look at, in order; the position is the number
        of the look."""
        return list(dict.fromkeys(finding.checkpoint for finding in self.findings))

    def weak_at(self, checkpoint: str) -> list[Finding]:
        """Signals there that are too weak to be hits, and that no clean model explains."""
        return [f for f in self.findings_at(checkpoint) if f.has_code(ReasonCode.WEAK_SIGNAL)]

    def flags_at(self, checkpoint: str) -> list[Finding]:
        """Weak signals there of audits that read rows and no model, which no fresh draw can clear,
        and which no remedy was chosen for yet."""
        weak = self.weak_at(checkpoint)
        return [f for f in weak if f.of_rows and f.audit not in self.remedied_audits]

    def hits_at(self, checkpoint: str) -> list[Finding]:
        """Hits there, and weak signals that plainly rose in this training when they were drawn
        afresh: what two draws have seen is weak no more."""
        return [
            f
            for f in self.findings_at(checkpoint)
            if f.verdict == "hit" or (f.id in self.rechecks and self.rechecks[f.id].risen)
        ]

    def alarms_at(self, checkpoint: str) -> list[Finding]:
        """Hits there that are to be looked into anew: not the weak signals of an audit whose hit
        was remedied, which are what the remedy has left."""
        hits = self.hits_at(checkpoint)
        return [f for f in hits if f.verdict == "hit" or f.audit not in self.remedied_audits]

    def accepted_because(self, finding: Finding) -> str:
        """Why a finding that is not clear does not stand in the way; empty where it does.

        The calibration's clean models show as much (of what was not decided, after a second look
        with more samples), or the signal is weak and alone, which by the calibration's rule is no
        alarm, and did not rise when it was drawn afresh. An audit whose hit a remedy was chosen for
        is not accepted undecided: there, that is what is left of the trait."""
        if finding.has_code(ReasonCode.BELOW_NULL, ReasonCode.ODDITY_ONLY):
            return finding.why
        below = finding.details.get("clean_models_below", 0)
        clean = finding.details.get("clean_models", 0)
        remedied = finding.audit in self.remedied_audits and not finding.held_out
        undecided = finding.has_code(ReasonCode.UNDECIDED) and self.looks(finding) > 1
        if undecided and not remedied and below < clean:
            return f"{finding.why}, and {clean - below} of {clean} clean models score as high"
        recheck = self.rechecks.get(finding.id)
        if recheck is None or recheck.risen is not False:
            return ""
        return f"weak and alone; {recheck.reason}"

    @cached_property
    def remedied_audits(self) -> frozenset[str]:
        """Audits whose hit was traced to a cause that a remedy was tried on."""
        causes = [self.cause_named(a.remedy.cause) for a in self.attempts if a.remedy is not None]
        hits = {cause.finding for cause in causes if not cause.unreadable_answers}
        return frozenset(f.audit for f in self.findings if f.id in hits)

    def looks(self, finding: Finding) -> int:
        """How often its audit has looked at its checkpoint."""
        battery = self._held_out if finding.held_out else self.findings
        return sum(f.audit == finding.audit and f.checkpoint == finding.checkpoint for f in battery)

    def unreadable_at(self, checkpoint: str) -> list[Finding]:
        """Findings of the battery that are not clear there because the pack could not read enough
        of the model's answers."""
        return [f for f in self.unclear_at(checkpoint) if f.has_code(ReasonCode.UNREADABLE)]

    def undecided(self, findings: Sequence[Finding]) -> tuple[str, ...]:
        """Audits among these that ran out of samples and have not looked again with more."""
        open_ = [f for f in findings if f.has_code(ReasonCode.UNDECIDED) and self.looks(f) == 1]
        return tuple(f.audit for f in open_ if not self.accepted_because(f))

    def unclear_at(self, checkpoint: str) -> list[Finding]:
        """Findings of the battery that are neither clear nor accepted."""
        findings = self.findings_at(checkpoint)
        return [f for f in findings if f.verdict != "clear" and not self.accepted_because(f)]

    def unaudited(self, checkpoint: str) -> tuple[str, ...]:
        """Audits of the battery that have not looked at the checkpoint."""
        done = {finding.audit for finding in self.findings_at(checkpoint)}
        return tuple(name for name in self.campaign.battery if name not in done)

    def look_number(self, checkpoint: str) -> int:
        """The number of this look: checkpoints are counted over attempts in the order in which the
        battery first saw them."""
        seen = self.looked_at
        return seen.index(checkpoint) + 1 if checkpoint in seen else len(seen) + 1

    def why_unclear(self, finding: Finding) -> str:
        """Why a finding is not clear; of a weak signal, why it could not be drawn again."""
        recheck = self.rechecks.get(finding.id)
        return recheck.reason if recheck is not None else finding.why

    def quiet(self, checkpoint: str) -> bool:
        """Whether the whole battery has looked, and nothing it found stands in the way."""
        seen = {finding.audit for finding in self.findings_at(checkpoint)}
        return seen >= set(self.campaign.battery) and not self.unclear_at(checkpoint)

    def confirmation(self, checkpoint: str) -> list[Finding]:
        """The held-out findings of the candidate. Raises ``HeldOutSealed`` unless the battery is
        clear there."""
        if not self.quiet(checkpoint):
            raise HeldOutSealed(
                f"held-out findings of {checkpoint[:12]} are sealed: the battery is not clear there"
            )
        return _newest(self._held_out, checkpoint)

    def cause(self, finding: str) -> Cause | None:
        """The diagnosis in which this hit was looked into."""
        return next((c for c in self.causes if finding in c.hits), None)

    def left_at(self, candidate: str) -> Cause | None:
        """The diagnosis of what a remedy left of a trait, made at that candidate."""
        hits = {f.id for f in self.findings_at(candidate)}
        return next(
            (c for c in self.causes if c.checkpoint == candidate and not hits & set(c.hits)), None
        )

    def cause_named(self, identity: str) -> Cause:
        """The diagnosis of that id."""
        return next(c for c in self.causes if c.id == identity)

    def answering(self, attempt: Attempt) -> Remedy | None:
        """The newest remedy of a hit in the attempt's recipe: its own or, where that was for
        unreadable answers only, one that it builds on."""
        return next(
            (
                remedy
                for remedy in self.remedies_of(attempt)
                if not self.cause_named(remedy.cause).unreadable_answers
            ),
            None,
        )

    def remedies_of(self, attempt: Attempt) -> Iterator[Remedy]:
        """The remedies whose edits the attempt's recipe holds, the newest first."""
        remedy = attempt.remedy
        while remedy is not None:
            yield remedy
            remedy = self.attempts[remedy.of_attempt - 1].remedy

    def cure(self, candidate: str, attempt: int) -> Cure | None:
        """What was checked of an attempt's remedy at its candidate."""
        return next(
            (c for c in self.cures if c.candidate == candidate and c.attempt == attempt), None
        )

    def remaining_trait(self, candidate: str) -> list[str]:
        """What cures of this candidate left of their traits because the start shows them too."""
        return [
            text
            for cure in self.cures
            if cure.candidate == candidate
            for text in cure.remaining_trait
        ]

    @cached_property
    def selection(self) -> dict[str, int]:
        """Selection pressure: by audit of the battery, how many retries its hits have steered. The
        held-out battery steers none."""
        by_id = {finding.id: finding.audit for finding in self.findings}
        steered = [
            {by_id[f] for f in attempt.findings if f in by_id} for attempt in self.attempts[1:]
        ]
        return {name: sum(name in audits for audits in steered) for name in self.campaign.battery}
