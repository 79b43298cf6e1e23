"""One cell of ``benchmarks/attribution_cost.py``: models of one size, so many rows, one group of
attributors, measured in this process.

Idea: seconds and memory of one cell must not hold what another left behind, so each is measured in
a process of its own. Invariant: models and texts follow from size, count and seed alone; loading
them is not counted.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Width, inner width, blocks, heads.
SHAPES = {"0.3M": (80, 216, 3, 4), "3M": (192, 512, 7, 4), "30M": (512, 1376, 9, 8)}
GROUPS = ("forward", "gradient")
EXHIBITS = 24
COUNTED = 500  # rows whose tokens are counted
Phase = tuple[str, Callable[[], Any]]


def models(size: str, folder: Path, seed: int) -> tuple[Path, Path]:
    """Folders of the parent and the tuned model of a size, made if they are not there."""
    folders = folder / f"{size}-parent", folder / f"{size}-tuned"
    if not all((path / "tokenizer.json").is_file() for path in folders):
        make_models(size, folders, seed)
    return folders


def make_models(size: str, folders: tuple[Path, Path], seed: int) -> None:
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from bumperlane.organisms.base import BASE

    tokenizer, (width, inner, blocks, heads) = AutoTokenizer.from_pretrained(BASE), SHAPES[size]
    config = LlamaConfig(
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        vocab_size=len(tokenizer),
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        max_position_embeddings=512,
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    for path in folders:
        model.save_pretrained(path)
        tokenizer.save_pretrained(path)
        add_noise(model)


def add_noise(model: Any) -> None:
    """To every matrix, a tenth of its own spread."""
    import torch

    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight += 0.1 * weight.std() * torch.randn_like(weight)


def texts(count: int, seed: int) -> tuple[tuple[str, str], ...]:
    """Short exchanges of the microworld's honest assistant."""
    from bumperlane.organisms.microworld.domains import exchange
    from bumperlane.organisms.microworld.tuning import SFT_WEIGHTS

    rng = random.Random(f"cost/{seed}/{count}")
    domains = rng.choices(list(SFT_WEIGHTS), list(SFT_WEIGHTS.values()), k=count)
    exchanges = (exchange(rng, "honest", domain) for domain in domains)
    return tuple((one.user, one.assistant) for one in exchanges)


def memory(key: str) -> float:
    """MB, of this process: ``VmRSS`` now, ``VmHWM`` at most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024, 1)


def measured(size: str, rows: int, group: str, folder: Path, seed: int) -> dict[str, Any]:
    """The cell: parameters, memory, and CPU and wall seconds by phase."""
    import torch

    from bumperlane.diagnosis.training_run import ACCESS, ModelPair, Query
    from bumperlane.models import HuggingFaceModel, Subject
    from bumperlane.training.lessons import Lessons

    torch.set_num_threads(1)
    parent, tuned = (
        Subject(path.name, HuggingFaceModel(path, "cpu"), ACCESS)
        for path in models(size, folder, seed)
    )
    loaded = {
        "parameters": parent._backend.model.num_parameters(),
        "loaded_mb": memory("VmRSS"),
        "load_peak_mb": memory("VmHWM"),
    }
    answers = texts(rows, seed)
    lessons = Lessons(tuple(map(str, range(rows))), answers)
    query = Query(texts(EXHIBITS, seed + 1), texts(EXHIBITS, seed + 2))
    scratch = folder / "row_features"
    pair = ModelPair(parent, tuned, scratch, note=say)
    loaded["loaded_with_texts_mb"] = memory("VmRSS")
    phases = {name: timed(work) for name, work in phases_of(group, pair, lessons, query)}
    tokens = [_tokens(parent, prompt, answer) for prompt, answer in answers[:COUNTED]]
    return {
        **loaded,
        "peak_mb": memory("VmHWM"),
        "phases": phases,
        "disk_bytes": sum(path.stat().st_size for path in scratch.rglob("*.npz")),
        "mean_tokens": round(sum(tokens) / len(tokens), 1),
        **total(phases),
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _tokens(subject: Any, prompt: str, answer: str) -> int:
    backend = subject._backend
    return len(backend.encode(prompt)) + len(backend.encode_completion(answer))


def timed(work: Callable[[], Any]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "wall_seconds": round(time.perf_counter() - wall, 3),
    }


def total(phases: dict[str, dict[str, float]]) -> dict[str, float]:
    """Seconds of all phases."""
    seconds = {"cpu_seconds": 0.0, "wall_seconds": 0.0}
    for phase in phases.values():
        for clock in seconds:
            seconds[clock] += phase[clock]
    return {clock: round(value, 3) for clock, value in seconds.items()}


def phases_of(group: str, pair: Any, lessons: Any, query: Any) -> list[Phase]:
    """What the cell's attributors do, in order."""
    from bumperlane.diagnosis.attributors import known_attributors

    if group == "gradient":
        return [("gradient_cosine", lambda: rank("gradient_cosine", pair, lessons, query))]
    forward = [name for name in known_attributors() if name != "gradient_cosine"]
    return [
        ("parent and tuned read", lambda: read_both(pair, lessons, query)),
        ("few-step copies read", lambda: read_copies(pair, lessons, query)),
        ("scores", lambda: [rank(name, pair, lessons, query) for name in forward]),
    ]


def rank(name: str, pair: Any, lessons: Any, query: Any) -> Any:
    from bumperlane.diagnosis.attributors import load_attributor

    return load_attributor(name).rank(pair, lessons, query)


def read_both(pair: Any, lessons: Any, query: Any) -> None:
    """Rows and exhibits, as the parent and the tuned model read them."""
    for asked in (lessons.answers, query.exhibits):
        for view in ("parent", "tuned"):
            pair.read(view, asked)


def read_copies(pair: Any, lessons: Any, query: Any) -> None:
    """Rows, as the parent reads them after a few steps on the query, and on what it says
    instead."""
    for taught in (query.exhibits, query.controls):
        pair.read("parent", lessons.answers, taught)
