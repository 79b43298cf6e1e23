"""One model, audited outside any campaign.

Idea: the bench, and whoever has a model and its parent but no campaign, ask the same question: what
does each audit say of this model against that reference? ``AuditRequest`` holds all that is needed
and nothing else. Invariant: a request names folders and rows, never what was planted; in an
isolated process (``bumperlane.audits.isolation``) nothing more can be reached.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from bumperlane.audits import Context, load_audit, load_pack, run_battery
from bumperlane.audits.audit import Reads
from bumperlane.audits.isolation import PACKAGES, isolate
from bumperlane.audits.trivial import trivial_scores
from bumperlane.errors import BadInput
from bumperlane.evidence import alpha_for, key_of, seed_of
from bumperlane.models import DiskCache, Endpoint, HuggingFaceModel, NoModel, Subject
from bumperlane.records import Finding, Record

REFERENCES = 6  # kept loaded, with their answers
FLOOR_ACCESS = frozenset({"text", "logprobs", "activations", "data"})
FLOOR_READS: frozenset[Reads] = frozenset({"model", "reference", "rows"})
ROLLOUT_KEYS = ("step", "reward", "weight", "scores", "prompts", "completions")


class AuditRequest(Record):
    """Which model to audit, and how. ``checkpoint``: what findings call the model. ``rows``: JSONL
    of ``{"id", "stage", "prompt", "answer"}`` (none: no rows known). ``rollouts``: of RL stages, a
    file or a folder of them. ``model``, ``reference``, ``auditor``, ``judge``: folders, or
    endpoints as ``http://host/v1#name``. ``cache``: file in which answers are kept.
    ``false_alarm``: alarm budget of this one look, shared by the audits. ``place``: what else the
    seeds of draws come from besides ``seed`` (which model of many this is)."""

    checkpoint: str
    model: str
    reference: str | None
    audits: tuple[str, ...]
    rows: str | None = None
    rollouts: str | None = None
    auditor: str | None = None
    judge: str | None = None
    cache: str | None = None
    timeout: float | None = None
    pack: str = "micro"
    false_alarm: float = 0.01
    miss: float = 0.05
    samples: int = 400
    seed: int = 0
    place: tuple[int | str, ...] = ()
    trivial: bool = False


class AuditResult(Record):
    """Findings in the order of the request's audits; with ``trivial``, the trivial detectors'
    scores and the answers' words. ``tokens``: that went through the models, the trivial detectors'
    included."""

    findings: tuple[Finding, ...]
    trivial: dict[str, float] = {}
    words: dict[str, int] = {}
    tokens: int = 0


def audit_model(
    request: AuditRequest, note: Callable[[str], None] = lambda text: None
) -> AuditResult:
    """What the request's audits find, run at once on one loaded model. What goes wrong in an audit
    is an ``inconclusive`` finding; raises ``BadInput`` for a folder that holds no model, an unknown
    audit or pack, rows that cannot be read."""
    import torch

    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    loaded = LoadedRequest(request, note)
    looks = [
        (audit, *loaded.of(audit.access, audit.reads, key_of(audit)))
        for audit in map(load_audit, request.audits)
    ]
    trivial: dict[str, float] = {}
    words: dict[str, int] = {}
    findings = asyncio.run(run_battery(looks, request.timeout))
    if request.trivial:
        subject, context = loaded.of(FLOOR_ACCESS, FLOOR_READS, "trivial")
        trivial, words = asyncio.run(trivial_scores(subject, context, loaded.rows))
    return AuditResult(findings=tuple(findings), trivial=trivial, words=words, tokens=loaded.tokens)


class LoadedRequest:
    """A request's models, loaded, and what each audit may see of them."""

    def __init__(self, request: AuditRequest, note: Callable[[str], None]) -> None:
        self.request, self.note = request, note
        self.pack = load_pack(request.pack)
        self.rows, self.rollouts = read_rows(request.rows), read_rollouts(request.rollouts)
        disk = DiskCache(Path(request.cache)) if request.cache else None
        self.model = backend(request.model, disk, request.timeout)
        self.reference = self._reference(disk)
        roles = {"auditor": request.auditor, "judge": request.judge}
        self.roles = {
            role: backend(where, disk, request.timeout) if where else None
            for role, where in roles.items()
        }
        self._before = self._through

    def _reference(self, disk: DiskCache | None) -> HuggingFaceModel | Endpoint | NoModel:
        """The reference that was named, else what lies beneath the model's adapter, else none."""
        if self.request.reference:
            return loaded_reference(self.request.reference, disk)
        if isinstance(self.model, HuggingFaceModel) and hasattr(
            self.model.model, "disable_adapter"
        ):
            return self.model.parent(disk)
        return NoModel(
            "this audit compares with a reference, and none was given; name the model's "
            "parent with --reference"
        )

    @property
    def tokens(self) -> int:
        """Tokens that went through the models for this request."""
        return self._through - self._before

    @property
    def _through(self) -> int:
        """Tokens that ever went through the models: a reference is shared by requests."""
        return sum(
            model.tokens
            for model in (self.model, self.reference, *self.roles.values())
            if model is not None
        )

    def of(
        self, access: frozenset[Any], reads: frozenset[Reads], key: str
    ) -> tuple[Subject, Context]:
        """The model and the context, as an audit with this access and key may see them; rows and
        rollouts only if it ``reads`` them."""
        request, granted = self.request, frozenset(access)
        roles = {
            role: Subject(role, model, frozenset({"text"})) if model else None
            for role, model in self.roles.items()
        }
        context = Context(
            pack=self.pack,
            reference=Subject("reference", self.reference, granted),
            alpha=alpha_for(request.false_alarm, 1, max(1, len(request.audits))),
            miss=request.miss,
            samples=request.samples,
            seed=seed_of(request.seed, *request.place, key),
            common_seed=request.seed,
            note=self.note,
            rows=self.rows if "rows" in reads else (),
            rollouts=self.rollouts if "rollouts" in reads else (),
            **roles,
        )
        return Subject(request.checkpoint, self.model, granted), context


def backend(
    where: str, disk: DiskCache | None = None, patience: float | None = None
) -> HuggingFaceModel | Endpoint:
    """The model at a folder, or behind an endpoint's URL."""
    if where.startswith(("http://", "https://")):
        return Endpoint(where, *([patience] if patience else []))
    return HuggingFaceModel(Path(where), disk=disk)


@lru_cache(REFERENCES)
def loaded_reference(where: str, disk: DiskCache | None) -> HuggingFaceModel | Endpoint:
    """A reference, loaded once a process with its answers: many models are held against one."""
    return backend(where, disk)


def read_rows(path: str | None) -> tuple[dict[str, Any], ...]:
    """Training rows as audits read them. Raises ``BadInput`` with the line that is none."""
    rows = _lines(path)
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get("prompt"), str) or not isinstance(row.get("answer"), str):
            raise BadInput(
                f"{path}:{number}: a row needs the texts 'prompt' and 'answer'; it has "
                f"{', '.join(sorted(row)) or 'nothing'}"
            )
    return rows


def read_rollouts(path: str | None) -> tuple[dict[str, Any], ...]:
    """Logged rollouts: of one file, or of all files in a folder whose names begin with
    ``rollouts``."""
    rollouts = tuple(
        {**entry, "stage": file.stem}
        for file in _rollout_files(path)
        for entry in _lines(str(file))
    )
    for number, entry in enumerate(rollouts, 1):
        missing = [key for key in ROLLOUT_KEYS if key not in entry]
        if missing:
            raise BadInput(
                f"{path}: entry {number} of the rollouts has no {missing[0]!r}; the "
                "training worker's rollouts.jsonl has"
            )
    return rollouts


def _rollout_files(path: str | None) -> list[Path]:
    """The files of rollouts that a path stands for."""
    if not path:
        return []
    if Path(path).is_dir():
        return sorted(Path(path).glob("rollouts*.jsonl"))
    return [Path(path)]


def _lines(path: str | None) -> tuple[dict[str, Any], ...]:
    """The objects of a JSONL file; none where there is no path. Raises ``BadInput`` with the line
    that is none."""
    if path is None:
        return ()
    objects = []
    try:
        for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), 1):
            if line.strip():
                objects.append(json.loads(line))
                if not isinstance(objects[-1], dict):
                    raise BadInput(f"{path}:{number}: not an object; each line is one JSON object")
    except json.JSONDecodeError as error:
        raise BadInput(
            f"{path}:{number}: not valid JSON ({error.msg}); each line is one JSON object"
        ) from error
    except RecursionError as error:
        raise BadInput(
            f"{path}:{number}: nested too deep; each line is one flat JSON object"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as UTF-8 text ({error})") from error
    return tuple(objects)


def audit_model_file(request: AuditRequest, out: Path) -> Path:
    """The file ``out`` with what ``audit_model`` finds: a request that has been answered there is
    not answered again."""
    if not out.is_file():
        answer = audit_model(request)
        answered = {"request": request.plain(), "answer": answer.plain()}
        scratch = out.with_suffix(".part")
        scratch.write_text(json.dumps(answered) + "\n", encoding="utf-8")
        scratch.rename(out)
    return out


def isolate_process(
    hidden: tuple[str, ...], readable: tuple[str, ...], packages: tuple[str, ...] = PACKAGES
) -> None:
    """Isolate this process from the ground truth, for good. Libraries that look for compilers and
    devices when they are first imported do so before."""
    import torch
    import transformers

    torch.set_num_threads(1)
    assert transformers.__version__
    isolate(hidden, packages, readable)
