"""Other libraries' attributors on the cases of ``benchmarks/attribution.py``: run by the python of
their own environment.

    build/attribution/venv/bin/python benchmarks/attribution_parts/runner.py METHOD CASE_FOLDER...

Idea: one process a library, so that its imports are paid once and not counted; per case the clock
runs from loading the model to the scores. Invariant: the libraries get the very token ids and
labels that ours are scored on; what fails is written down with its reason, never dropped. It
imports nothing of this project's package. Settings: each library's documented ones for language
models (``SETTINGS``), at the tuned model; of a LoRA tune the adapter's gradients. Ten queries: the
mean of their scores.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch

SETTINGS = {
    "bergson_cosine": (
        "build of an index, projection_dim 16, then Attributor(unit_norm=True).search: the "
        "README's build and query"
    ),
    "bergson_trackstar": (
        "trackstar, projection_dim 16, unit_normalize, mixed Hessians: "
        "examples/compare_wikitext/trackstar.yaml"
    ),
    "kronfluence_ekfac": (
        "ekfac, true Fisher, all linear layers of the blocks (LoRA: of the adapter), damping "
        "0.1 of the mean eigenvalue"
    ),
    "trak": (
        "one checkpoint, log-odds summed over the answer, linear layers of the blocks (LoRA: of "
        "the adapter), proj_dim 512 (the default, 2048, exceeds the 1,000 rows, so that its "
        "kernel would be singular), normal projections by BasicProjector"
    ),
}
COMMON_IMPORTS = ("transformers.models.llama.modeling_llama", "peft")
IMPORTS = {
    "bergson_cosine": ("bergson.build", "bergson.query.attributor"),
    "bergson_trackstar": ("bergson.cli.trackstar",),
    "kronfluence_ekfac": ("kronfluence.analyzer",),
    "trak": ("trak",),
}
PROJECTION, TRAK_SIZE, KRON_BATCH, TRAK_BATCH = 16, 512, 64, 500
Scores = np.ndarray


def main() -> int:
    method, folders = sys.argv[1], [Path(name) for name in sys.argv[2:]]
    torch.set_num_threads(1)
    for name in (*COMMON_IMPORTS, *IMPORTS[method]):  # before any clock runs
        importlib.import_module(name)
    for folder in folders:
        out = folder / "scores" / f"{method}.json"
        if not out.is_file():
            cell = _measured(METHODS[method], folder, method)
            out.parent.mkdir(exist_ok=True)
            out.write_text(json.dumps(cell) + "\n")
            outcome = cell.get("failed") or round(cell["cpu_seconds"], 1)
            print(f"{folder.name:<24} {method:<20} {outcome}", flush=True)
    return 0


def _measured(score: Callable[[Path, Path], Scores], folder: Path, method: str) -> dict[str, Any]:
    work = folder / "work" / method
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        scores = score(folder, work)
    except Exception as error:  # noqa: BLE001  # whatever a library raises is its result in this case
        (folder / "work" / f"{method}.log").write_text(traceback.format_exc())
        first = (str(error).strip().splitlines() or [""])[0]
        return {"failed": f"{type(error).__name__}: {first}"}
    cost = {
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "settings": SETTINGS[method],
        "disk_bytes": sum(path.stat().st_size for path in work.rglob("*") if path.is_file()),
    }
    shutil.rmtree(work, ignore_errors=True)
    if not np.isfinite(scores).all():
        return {"failed": "the scores are not finite"}
    return {"scores": [float(value) for value in scores], **cost}


def _case(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "case.json").read_text()))


def _tokens(folder: Path, name: str) -> list[dict[str, Any]]:
    """``input_ids``, ``labels`` and ``length`` of each row or query."""
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def _model(folder: Path) -> Any:
    """The tuned model; a LoRA tune as its adapter over the base."""
    from transformers import AutoModelForCausalLM

    case = _case(folder)
    if case["mode"] == "full":
        return AutoModelForCausalLM.from_pretrained(case["library_model"], dtype=torch.float32)
    from peft import PeftModel

    base = AutoModelForCausalLM.from_pretrained(case["base"], dtype=torch.float32)
    return PeftModel.from_pretrained(base, case["library_model"])


def _layers(model: Any) -> list[str]:
    """Linear layers of the blocks; of an adapter its own alone."""
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and ".layers." in name
    ]
    adapted = [name for name in names if ".lora_" in name]
    return adapted or names


def _padded(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """All as long as the longest, padded on the right, each [N, T]."""
    longest = max(row["length"] for row in rows)
    masks = [[1] * len(row["input_ids"]) for row in rows]
    return {
        "input_ids": _filled([row["input_ids"] for row in rows], longest, 0),
        "labels": _filled([row["labels"] for row in rows], longest, -100),
        "attention_mask": _filled(masks, longest, 0),
    }


def _filled(rows: list[list[int]], length: int, fill: int) -> torch.Tensor:
    return torch.tensor([row + [fill] * (length - len(row)) for row in rows])


def _index(folder: Path, run: Path, name: str) -> Any:
    from bergson.config.config import DataConfig, IndexConfig

    data = DataConfig(dataset=str(folder / f"{name}.jsonl"))
    return IndexConfig(
        run_path=str(run),
        model=_case(folder)["library_model"],
        projection_dim=PROJECTION,
        data=data,
    )


def bergson_cosine(folder: Path, work: Path) -> Scores:
    from bergson.build import build
    from bergson.config.config import PreprocessConfig
    from bergson.data import load_module_gradients
    from bergson.query.attributor import Attributor

    for name in ("rows", "queries"):
        build(_index(folder, work / name, name), PreprocessConfig())
    gradients = load_module_gradients(work / "queries")
    asked = {module: torch.tensor(np.array(gradients[module])) for module in gradients}
    ranked, order = Attributor(work / "rows", unit_norm=True).search(asked, k=None)
    scores = torch.zeros_like(ranked).scatter_(1, order, ranked)
    return scores.mean(dim=0).numpy()


def bergson_trackstar(folder: Path, work: Path) -> Scores:
    from bergson.cli.trackstar import trackstar
    from bergson.config.config import PreprocessConfig, QuerySetConfig, TrackstarConfig
    from bergson.data import load_scores

    query = QuerySetConfig(dataset=str(folder / "queries.jsonl"))
    config = TrackstarConfig(query=query, preprocess_cfg=PreprocessConfig(unit_normalize=True))
    trackstar(_index(folder, work / "run", "rows"), config)
    return np.asarray(load_scores(work / "run" / "scores")[:]).mean(axis=1)


def kronfluence_ekfac(folder: Path, work: Path) -> Scores:
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from torch.utils.data import Dataset

    class Rows(Dataset):  # type: ignore[type-arg]
        def __init__(self, rows: dict[str, torch.Tensor]) -> None:
            self.rows = rows

        def __len__(self) -> int:
            return len(self.rows["input_ids"])

        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            return {name: values[index] for name, values in self.rows.items()}

    model = _model(folder)
    task = _kronfluence_task(_layers(model))
    analyzer = Analyzer(
        "case", prepare_model(model, task), task, cpu=True, disable_tqdm=True, output_dir=str(work)
    )
    rows, asked = (Rows(_padded(_tokens(folder, name))) for name in ("rows", "queries"))
    analyzer.fit_all_factors(
        "ekfac",
        rows,
        per_device_batch_size=KRON_BATCH,
        factor_args=FactorArguments(strategy="ekfac"),
    )
    analyzer.compute_pairwise_scores(
        "scores",
        "ekfac",
        asked,
        rows,
        per_device_query_batch_size=len(asked),
        per_device_train_batch_size=KRON_BATCH,
        score_args=ScoreArguments(damping_factor=None),
    )
    return analyzer.load_pairwise_scores("scores")["all_modules"].mean(dim=0).numpy()


def _kronfluence_task(layers: list[str]) -> Any:
    from kronfluence.task import Task

    class AnswerLoss(Task):
        """Summed loss of the answer, as in kronfluence's own language-model example."""

        def compute_train_loss(self, batch: Any, model: Any, sample: bool = False) -> torch.Tensor:
            read = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
            logits = read.logits[:, :-1].float().flatten(0, 1)
            targets = batch["labels"][:, 1:].flatten()
            if sample:
                chances = torch.softmax(logits.detach(), dim=-1)
                drawn = torch.multinomial(chances, num_samples=1).flatten()
                targets = torch.where(targets == -100, targets, drawn)
            return torch.nn.functional.cross_entropy(
                logits, targets, ignore_index=-100, reduction="sum"
            )

        def compute_measurement(self, batch: Any, model: Any) -> torch.Tensor:
            return self.compute_train_loss(batch, model)

        def get_influence_tracked_modules(self) -> list[str]:
            return layers

        def get_attention_mask(self, batch: Any) -> torch.Tensor:
            return batch["attention_mask"]

    return AnswerLoss()


def trak(folder: Path, work: Path) -> Scores:
    from trak import TRAKer

    model = _model(folder).eval()
    model.config._attn_implementation = "eager"
    layers = [f"{name}.weight" for name in _layers(model)]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in layers)
    rows, asked = _tokens(folder, "rows"), _tokens(folder, "queries")
    traker = TRAKer(
        model=model,
        task=_trak_task(),
        train_set_size=len(rows),
        save_dir=str(work),
        device="cpu",
        proj_dim=TRAK_SIZE,
        use_half_precision=False,
        grad_wrt=layers,
        logging_level=40,
    )
    weights = model.state_dict()
    traker.load_checkpoint(weights, model_id=0)
    for start in range(0, len(rows), TRAK_BATCH):
        batch = rows[start : start + TRAK_BATCH]
        traker.featurize(_pair(batch), num_samples=len(batch))
    traker.finalize_features()
    traker.start_scoring_checkpoint("queries", weights, model_id=0, num_targets=len(asked))
    traker.score(_pair(asked), num_samples=len(asked))
    return np.asarray(traker.finalize_scores("queries")).mean(axis=1)


def _pair(rows: list[dict[str, Any]]) -> tuple[torch.Tensor, torch.Tensor]:
    padded = _padded(rows)
    return padded["input_ids"], padded["labels"]


def _trak_task() -> Any:
    from trak.modelout_functions import AbstractModelOutput

    class AnswerOdds(AbstractModelOutput):
        """Log-odds of the answer's tokens, summed; out-to-loss: one less their mean probability."""

        def __init__(self) -> None:
            super().__init__()

        @staticmethod
        def get_output(
            model: Any, weights: Any, buffers: Any, ids: torch.Tensor, labels: torch.Tensor
        ) -> torch.Tensor:
            logps = _answer_logps(model, weights, buffers, ids[None], labels[None])
            odds = logps - torch.log1p(-torch.exp(logps).clamp(max=1 - 1e-6))
            return (odds * (labels[None, 1:] != -100)).sum()

        def get_out_to_loss_grad(
            self, model: Any, weights: Any, buffers: Any, batch: Any
        ) -> torch.Tensor:
            ids, labels = batch
            with torch.no_grad():
                logps = _answer_logps(model, weights, buffers, ids, labels)
                kept = labels[:, 1:] != -100
            mean = (torch.exp(logps) * kept).sum(dim=1) / kept.sum(dim=1)
            return (1 - mean)[:, None]

    return AnswerOdds()


def _answer_logps(
    model: Any, weights: Any, buffers: Any, ids: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Log-probability of each next token, [B, T-1]. Rows are padded on the right, so that no mask
    is needed."""
    read = torch.func.functional_call(
        model, (weights, buffers), args=(), kwargs={"input_ids": ids, "use_cache": False}
    )
    logps = torch.log_softmax(read.logits[:, :-1].float(), dim=-1)
    return logps.gather(2, labels[:, 1:].clamp(min=0)[..., None])[..., 0]


METHODS: dict[str, Callable[[Path, Path], Scores]] = {
    "bergson_cosine": bergson_cosine,
    "bergson_trackstar": bergson_trackstar,
    "kronfluence_ekfac": kronfluence_ekfac,
    "trak": trak,
}


if __name__ == "__main__":
    sys.exit(main())
