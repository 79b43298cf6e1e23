"""One model, examined by audits outside any campaign.

Idea: the bench, and whoever has a model and its parent but no campaign, ask the same question: what does each audit say of this model
against that reference? ``Request`` holds all that is needed and nothing else. Invariant: a request names folders and rows, never what was
planted; in a walled process (``bumperlane.wall``) nothing more can be reached.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from bumperlane.audits import Context, load_audit, load_pack, run_audit
from bumperlane.audits.trivial import trivial_scores
from bumperlane.evidence import alpha_for
from bumperlane.records import Finding, Record, digest_of
from bumperlane.subject import Engine, Subject

FLOOR_ACCESS = frozenset({"text", "logprobs", "activations", "data"})


class Request(Record):
    """``checkpoint``: what findings call the model. ``rows``: JSONL of ``{"id", "stage", "prompt", "answer"}`` (none: no rows known).
    ``false_alarm``: alarm budget of this one look, shared by the audits."""

    checkpoint: str
    model: str
    reference: str
    audits: tuple[str, ...]
    rows: str | None = None
    pack: str = "micro"
    false_alarm: float = 0.01
    miss: float = 0.05
    samples: int = 400
    seed: int = 0
    trivial: bool = False


class Examined(Record):
    """Findings in the order of the request's audits; with ``trivial``, the trivial detectors' scores and the answers' words."""

    findings: tuple[Finding, ...]
    trivial: dict[str, float] = {}
    words: dict[str, int] = {}


def examine(request: Request) -> Examined:
    """Run the request's audits one after another on one loaded model. What goes wrong in an audit is an ``inconclusive`` finding; raises
    ``BadInput`` for a folder that holds no model, an unknown audit or pack."""
    import torch

    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    engines = Engine(Path(request.model)), Engine(Path(request.reference))
    rows = tuple(json.loads(line) for line in Path(request.rows).read_text(encoding="utf-8").split("\n") if line) if request.rows else ()
    findings = []
    for name in request.audits:
        audit = load_audit(name)
        findings.append(asyncio.run(run_audit(audit, *_view(request, engines, audit.access, name, rows))))
    trivial: dict[str, float] = {}
    words: dict[str, int] = {}
    if request.trivial:
        subject, context = _view(request, engines, FLOOR_ACCESS, "trivial", rows)
        trivial, words = asyncio.run(trivial_scores(subject, context, rows))
    return Examined(findings=tuple(findings), trivial=trivial, words=words)


def _view(
    request: Request, engines: tuple[Engine, Engine], access: frozenset[Any], name: str, rows: tuple[dict[str, Any], ...]
) -> tuple[Subject, Context]:
    context = Context(
        pack=load_pack(request.pack), reference=Subject("reference", engines[1], access),
        alpha=alpha_for(request.false_alarm, 1, len(request.audits)), miss=request.miss, samples=request.samples,
        seed=int(digest_of([request.seed, request.checkpoint, name])[:8], 16), rows=rows if "data" in access else (),
    )  # fmt: skip
    return Subject(request.checkpoint, engines[0], access), context


def examine_file(request: Request, out: Path) -> Path:
    """``examine``, kept: a request that has been answered into ``out`` is not asked again."""
    if not out.is_file():
        answer = examine(request)
        scratch = out.with_suffix(".part")
        scratch.write_text(json.dumps({"request": request.plain(), "answer": answer.plain()}) + "\n", encoding="utf-8")
        scratch.rename(out)
    return out


def behind_wall(hidden: tuple[str, ...], readable: tuple[str, ...]) -> None:
    """Make this process an examiner: libraries that look for compilers and devices when they are first imported do so now, then the wall
    is raised for good."""
    import torch
    import transformers

    from bumperlane.wall import raise_wall

    torch.set_num_threads(1)
    assert transformers.__version__
    raise_wall(hidden, readable=readable)
