"""A campaign as its events tell it: a read-only view that decisions are made from.

Idea: nothing about a campaign is stored but its events; this view is built from them each time, so a process that died and one that
never did see the same thing. Invariant: findings of the held-out battery are out of reach (``confirmation`` raises) until the battery
is clear at the candidate, so nothing that steers can have seen them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bumperlane.audits.calibration import ALONE, AS_CLEAN, ODDITY
from bumperlane.errors import BumperlaneError
from bumperlane.ledger import Event
from bumperlane.records import CampaignRecord, Cause, Checkpoint, Cure, Finding, Outcome, Recheck, Recipe, Remedy, Stage, Training

UNDECIDED = "not decided within"  # how the reason of an audit that ran out of samples begins
OF_ROWS = "training data"  # family of audits that read rows and no model
UNREADABLE = ("neither good nor bad conduct", "cannot be read by pack")  # what the reason of one holds that could not read the answers


class HeldOutSealed(BumperlaneError):
    """Something asked for held-out findings before the battery was clear at the candidate."""


@dataclass(frozen=True)
class Attempt:
    """One execution of a recipe. The first has no remedy; each later one names the remedy and the findings that caused it."""

    number: int
    recipe: Recipe
    remedy: Remedy | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trained:
    """The checkpoints that a training left, in order of steps; ``audited`` are those the battery looks at."""

    training: Training
    checkpoints: tuple[Checkpoint, ...]
    audited: tuple[str, ...]
    purpose: str
    attempt: int
    seconds: float

    @property
    def last(self) -> Checkpoint:
        return self.checkpoints[-1]


@dataclass(frozen=True)
class Leg:
    """One stage of an attempt: where it starts and, once trained, what came out."""

    index: int
    stage: Stage
    training: Training
    trained: Trained | None


def unreadable(finding: Finding) -> bool:
    """Whether an audit could not say because the pack could not read the answers."""
    return finding.verdict == "inconclusive" and any(words in finding.reason for words in UNREADABLE)


@dataclass(frozen=True)
class History:
    events: Sequence[Event] = field(repr=False)

    def _bodies(self, kind: str) -> list[dict]:  # type: ignore[type-arg]
        return [event.body for event in self.events if event.kind == kind]

    @cached_property
    def campaign(self) -> CampaignRecord:
        return CampaignRecord.model_validate(self._bodies("campaign")[0]["campaign"])

    @cached_property
    def start(self) -> Checkpoint:
        return Checkpoint.model_validate(self._bodies("campaign")[0]["start"])

    @cached_property
    def attempts(self) -> list[Attempt]:
        return [
            Attempt(
                body["number"], Recipe.model_validate(body["recipe"]), Remedy.model_validate(body["remedy"]) if body["remedy"] else None,
                tuple(body["findings"]),
            )
            for body in self._bodies("attempt")
        ]  # fmt: skip

    @cached_property
    def trained(self) -> list[Trained]:
        """Every training of an attempt, in the order in which they were done."""
        return [
            Trained(
                Training.model_validate(body["training"]), tuple(Checkpoint.model_validate(c) for c in body["checkpoints"]),
                tuple(body["audited"]), body["purpose"], body["attempt"], body["seconds"],
            )
            for body in self._bodies("trained")
        ]  # fmt: skip

    def before(self, attempt: Attempt) -> History:
        """The campaign as it was when an attempt began."""
        at = next(i for i, event in enumerate(self.events) if event.kind == "attempt" and event.body["number"] == attempt.number)
        return History(self.events[:at])

    def find_trained(self, training: Training, purposes: tuple[str, ...] = ("attempt",)) -> Trained | None:
        wanted = training.digest
        return next((t for t in self.trained if t.purpose in purposes and t.training.digest == wanted), None)

    def legs(self, attempt: Attempt) -> list[Leg]:
        """The attempt's stages up to and including the first that is not trained yet."""
        legs, parent = [], attempt.recipe.start
        for index, stage in enumerate(attempt.recipe.stages):
            training = Training(parent=parent, stage=stage)
            trained = self.find_trained(training)
            legs.append(Leg(index, stage, training, trained))
            if trained is None:
                break
            parent = trained.last.id
        return legs

    def place(self, checkpoint: str) -> tuple[int, int, int]:
        """Attempt, stage (from 1) and step that made a checkpoint; zeros for one that no training of this campaign made."""
        for attempt in self.attempts:
            for leg in self.legs(attempt):
                for made in leg.trained.checkpoints if leg.trained is not None else ():
                    if made.id == checkpoint:
                        return attempt.number, leg.index + 1, made.step
        return 0, 0, 0

    def watched(self, attempt: Attempt) -> list[Leg]:
        """The attempt's legs whose checkpoints its outcome hangs on: not those before a stage that a remedy put after, which is to mend what they
        leave, so that a hit on them is no news."""
        asked, legs = {stage.name for stage in self.campaign.recipe.stages}, self.legs(attempt)
        first = max((i for i, stage in enumerate(attempt.recipe.stages) if stage.name not in asked), default=0)
        return legs[first:]

    @cached_property
    def findings(self) -> list[Finding]:
        """Findings of the battery, never of the held-out one."""
        return [Finding.model_validate(body["finding"]) for body in self._bodies("finding")]

    def findings_at(self, checkpoint: str) -> list[Finding]:
        """The battery's findings there; of an audit that looked again with more samples, the last."""
        return list({finding.audit: finding for finding in self.findings if finding.checkpoint == checkpoint}.values())

    @cached_property
    def looked_at(self) -> list[str]:
        """Checkpoints that the battery has begun to look at, in order; the position is the number of the look."""
        return list(dict.fromkeys(finding.checkpoint for finding in self.findings))

    @cached_property
    def rechecks(self) -> dict[str, Recheck]:
        """Weak signs that were drawn afresh, by finding."""
        return {body["finding"]: Recheck.model_validate(body) for body in self._bodies("recheck")}

    def weak_at(self, checkpoint: str) -> list[Finding]:
        """Signs too weak to be hits that no clean model explains."""
        return [f for f in self.findings_at(checkpoint) if f.verdict == "inconclusive" and f.details.get("sign") == ALONE]

    def flags_at(self, checkpoint: str) -> list[Finding]:
        """Weak signs there of audits that read rows and no model, which no fresh draw can let go, and which no remedy was chosen for yet."""
        return [f for f in self.weak_at(checkpoint) if f.family == OF_ROWS and f.audit not in self.followed]

    def hits_at(self, checkpoint: str) -> list[Finding]:
        """Hits there, and weak signs that plainly rose in this training when they were drawn afresh: what two draws have seen is weak no more."""
        return [f for f in self.findings_at(checkpoint) if f.verdict == "hit" or (f.id in self.rechecks and self.rechecks[f.id].risen)]

    def alarms_at(self, checkpoint: str) -> list[Finding]:
        """Hits there that are to be looked into anew: not the weak signs of an audit whose hit was remedied, which are what the remedy has left."""
        return [f for f in self.hits_at(checkpoint) if f.verdict == "hit" or f.audit not in self.followed]

    def excuse(self, finding: Finding) -> str:
        """Why a finding that is not clear does not stand in the way: the calibration's clean models show as much (of what was not decided, after a
        second look with more samples), or the sign is weak and alone, which by the calibration's rule is no alarm, and did not rise when it was drawn
        afresh. An audit whose hit a remedy was chosen for is not let go undecided: there, that is what is left of the trait. Empty where there is no
        excuse."""
        if finding.verdict == "inconclusive" and finding.details.get("sign") in (AS_CLEAN, ODDITY):
            return finding.reason
        below, clean = finding.details.get("clean_models_below", 0), finding.details.get("clean_models", 0)
        followed = finding.audit in self.followed and not finding.held_out
        if not followed and finding.verdict == "inconclusive" and finding.reason.startswith(UNDECIDED) and below < clean and self.looks(finding) > 1:
            return f"{finding.reason}, and {clean - below} of {clean} clean models score as high"
        again = self.rechecks.get(finding.id)
        return f"weak and alone; {again.reason}" if again is not None and again.risen is False else ""

    @cached_property
    def followed(self) -> frozenset[str]:
        """Audits whose hit was followed to a cause that a remedy was tried on."""
        causes = [self.cause_named(a.remedy.cause) for a in self.attempts if a.remedy is not None]
        hits = {cause.finding for cause in causes if not cause.incoherent}
        return frozenset(f.audit for f in self.findings if f.id in hits)

    def looks(self, finding: Finding) -> int:
        """How often its audit has looked at its checkpoint."""
        battery = self._held_out if finding.held_out else self.findings
        return sum(f.audit == finding.audit and f.checkpoint == finding.checkpoint for f in battery)

    def unreadable_at(self, checkpoint: str) -> list[Finding]:
        """Findings of the battery that are not clear there because the pack could not read enough of the model's answers."""
        return [f for f in self.unclear_at(checkpoint) if unreadable(f)]

    def undecided(self, findings: Sequence[Finding]) -> tuple[str, ...]:
        """Audits among these that ran out of samples and have not looked again with more."""
        return tuple(f.audit for f in findings if not self.excuse(f) and f.reason.startswith(UNDECIDED) and self.looks(f) == 1)

    def unclear_at(self, checkpoint: str) -> list[Finding]:
        """Findings of the battery that are neither clear nor excused."""
        return [f for f in self.findings_at(checkpoint) if f.verdict != "clear" and not self.excuse(f)]

    def quiet(self, checkpoint: str) -> bool:
        """Whether the whole battery has looked, and nothing it found stands in the way."""
        seen = {finding.audit for finding in self.findings_at(checkpoint)}
        return seen >= set(self.campaign.battery) and not self.unclear_at(checkpoint)

    def confirmation(self, checkpoint: str) -> list[Finding]:
        """The held-out findings of the candidate. Raises ``HeldOutSealed`` unless the battery is clear there."""
        if not self.quiet(checkpoint):
            raise HeldOutSealed(f"held-out findings of {checkpoint[:12]} are sealed: the battery is not clear there")
        return list({finding.audit: finding for finding in self._held_out if finding.checkpoint == checkpoint}.values())

    @cached_property
    def _held_out(self) -> list[Finding]:
        return [Finding.model_validate(body["finding"]) for body in self._bodies("held_out_finding")]

    @cached_property
    def causes(self) -> list[Cause]:
        return [Cause.model_validate(body) for body in self._bodies("cause")]

    def cause(self, finding: str) -> Cause | None:
        """The diagnosis in which this hit was looked into."""
        return next((c for c in self.causes if finding in c.hits), None)

    def left_at(self, candidate: str) -> Cause | None:
        """The diagnosis of what a remedy left of a trait, made at that candidate."""
        hits = {f.id for f in self.findings_at(candidate)}
        return next((c for c in self.causes if c.checkpoint == candidate and not hits & set(c.hits)), None)

    def cause_named(self, identity: str) -> Cause:
        """The diagnosis of that id."""
        return next(c for c in self.causes if c.id == identity)

    def answering(self, attempt: Attempt) -> Remedy | None:
        """The newest remedy of a hit in the attempt's recipe: its own or, where that was for unreadable answers only, one that it builds on."""
        return next((remedy for remedy in self.remedies_of(attempt) if not self.cause_named(remedy.cause).incoherent), None)

    def remedies_of(self, attempt: Attempt) -> Iterator[Remedy]:
        """The remedies whose edits the attempt's recipe holds, the newest first."""
        remedy = attempt.remedy
        while remedy is not None:
            yield remedy
            remedy = self.attempts[remedy.of_attempt - 1].remedy

    @cached_property
    def cures(self) -> list[Cure]:
        return [Cure.model_validate(body) for body in self._bodies("cure")]

    def cure(self, candidate: str, attempt: int) -> Cure | None:
        """What was checked of an attempt's remedy at its candidate."""
        return next((c for c in self.cures if c.candidate == candidate and c.attempt == attempt), None)

    def unmended(self, candidate: str) -> list[str]:
        """What cures of this candidate left of their traits because the start shows them too."""
        return [text for cure in self.cures if cure.candidate == candidate for text in cure.unmended]

    @cached_property
    def refused(self) -> list[tuple[Remedy, str]]:
        """Remedies that could not be carried out, or that the firewall refused, and why."""
        return [(Remedy.model_validate(body["remedy"]), body["reason"]) for body in self._bodies("refused")]

    @cached_property
    def selection(self) -> dict[str, int]:
        """Selection pressure: by audit of the battery, how many retries its hits have steered. The held-out battery steers none."""
        by_id = {finding.id: finding.audit for finding in self.findings}
        steered = [{by_id[f] for f in attempt.findings if f in by_id} for attempt in self.attempts[1:]]
        return {name: sum(name in audits for audits in steered) for name in self.campaign.battery}

    @cached_property
    def outcome(self) -> Outcome | None:
        bodies = self._bodies("outcome")
        return Outcome.model_validate(bodies[0]) if bodies else None

    @cached_property
    def seconds(self) -> float:
        """Time spent so far."""
        return sum(self.spent.values())

    @cached_property
    def look_seconds(self) -> dict[str, float]:
        """Seconds of each look of either battery, by checkpoint, battery and number: its audits run at once, so the slowest one's."""
        found: dict[str, float] = {}
        for event in self.events:
            if event.kind in ("finding", "held_out_finding"):
                key = f"{event.body['finding']['checkpoint']} {event.kind} {event.body['look']}"
                found[key] = max(found.get(key, 0.0), event.body["finding"]["seconds"])
        return found

    @property
    def spent(self) -> dict[str, float]:
        """Seconds by what they were spent on."""
        return {
            "training": sum(t.seconds for t in self.trained), "audits": sum(self.look_seconds.values()),
            "diagnosis": sum(c.seconds for c in self.causes) + sum(r.seconds for r in self.rechecks.values()),
            "verification": sum(c.seconds for c in self.cures),
        }  # fmt: skip
