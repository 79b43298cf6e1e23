"""Other libraries' attributors on the cases of ``benchmarks/attribution.py``: run by the python of their own environment.

    build/attribution/venv/bin/python benchmarks/attribution_parts/runner.py METHOD CASE_FOLDER...

Idea: one process a library, so that its imports are paid once and not counted; per case the clock runs from loading the model to the scores.
Invariant: the libraries get the very token ids and labels that ours are scored on; what fails is written down with its reason, never dropped.
It imports nothing of this project's package. Settings: each library's documented ones for language models (``SETTINGS``), at the tuned model;
of a LoRA tune the adapter's gradients. Ten queries: the mean of their scores.
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
    "bergson_cosine": "build of an index, projection_dim 16, then Attributor(unit_norm=True).search: the README's build and query",
    "bergson_trackstar": "trackstar, projection_dim 16, unit_normalize, mixed Hessians: examples/compare_wikitext/trackstar.yaml",
    "kronfluence_ekfac": "ekfac, true Fisher, all linear layers of the blocks (LoRA: of the adapter), damping 0.1 of the mean eigenvalue",
    "trak": "one checkpoint, log-odds summed over the answer, linear layers of the blocks (LoRA: of the adapter), proj_dim 512 (the default, "
    "2048, exceeds the 1,000 rows, so that its kernel would be singular), normal projections by BasicProjector",
}
IMPORTS = {
    "bergson_cosine": ("bergson.build", "bergson.query.attributor"), "bergson_trackstar": ("bergson.cli.trackstar",),
    "kronfluence_ekfac": ("kronfluence.analyzer",), "trak": ("trak",),
}  # fmt: skip
PROJECTION, TRAK_SIZE, KRON_BATCH, TRAK_BATCH = 16, 512, 64, 500
Scores = np.ndarray


def main() -> int:
    method, folders = sys.argv[1], [Path(name) for name in sys.argv[2:]]
    torch.set_num_threads(1)
    for name in ("transformers.models.llama.modeling_llama", "peft", *IMPORTS[method]):  # before any clock runs
        importlib.import_module(name)
    for folder in folders:
        out = folder / "scores" / f"{method}.json"
        if not out.is_file():
            told = _measured(METHODS[method], folder, method)
            out.parent.mkdir(exist_ok=True)
            out.write_text(json.dumps(told) + "\n")
            print(f"{folder.name:<24} {method:<20} {told.get('failed') or round(told['cpu_seconds'], 1)}", flush=True)
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
        return {"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"}
    told = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu, "settings": SETTINGS[method],
            "disk_bytes": sum(path.stat().st_size for path in work.rglob("*") if path.is_file())}  # fmt: skip
    shutil.rmtree(work, ignore_errors=True)
    if not np.isfinite(scores).all():
        return {"failed": "the scores are not finite"}
    return {"scores": [float(value) for value in scores], **told}


def _case(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "case.json").read_text()))


def _tokens(folder: Path, name: str) -> list[dict[str, list[int]]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def _model(folder: Path) -> Any:
    """The tuned model; a LoRA tune as its adapter over the base."""
    from transformers import AutoModelForCausalLM

    case = _case(folder)
    if case["mode"] == "full":
        return AutoModelForCausalLM.from_pretrained(case["library_model"], dtype=torch.float32)
    from peft import PeftModel

    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(case["base"], dtype=torch.float32), case["library_model"])


def _layers(model: Any) -> list[str]:
    """Linear layers of the blocks; of an adapter its own alone."""
    names = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear) and ".layers." in name]
    adapted = [name for name in names if ".lora_" in name]
    return adapted or names


def _padded(rows: list[dict[str, list[int]]], pad: int = 0) -> dict[str, torch.Tensor]:
    longest = max(row["length"] for row in rows)  # type: ignore[type-var]
    fill = [longest - len(row["input_ids"]) for row in rows]
    return {
        "input_ids": torch.tensor([row["input_ids"] + [pad] * n for row, n in zip(rows, fill, strict=True)]),
        "labels": torch.tensor([row["labels"] + [-100] * n for row, n in zip(rows, fill, strict=True)]),
        "attention_mask": torch.tensor([[1] * len(row["input_ids"]) + [0] * n for row, n in zip(rows, fill, strict=True)]),
    }


def _index(folder: Path, run: Path, name: str) -> Any:
    from bergson.config.config import DataConfig, IndexConfig

    data = DataConfig(dataset=str(folder / f"{name}.jsonl"))
    return IndexConfig(run_path=str(run), model=_case(folder)["library_model"], projection_dim=PROJECTION, data=data)


def bergson_cosine(folder: Path, work: Path) -> Scores:
    from bergson.build import build
    from bergson.config.config import PreprocessConfig
    from bergson.data import load_module_gradients
    from bergson.query.attributor import Attributor

    for name in ("rows", "queries"):
        build(_index(folder, work / name, name), PreprocessConfig())
    asked = load_module_gradients(work / "queries")
    found, order = Attributor(work / "rows", unit_norm=True).search({m: torch.tensor(np.array(asked[m])) for m in asked}, k=None)
    scores = torch.zeros_like(found).scatter_(1, order, found)
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
    analyzer = Analyzer("case", prepare_model(model, task), task, cpu=True, disable_tqdm=True, output_dir=str(work))
    told, asked = (Rows(_padded(_tokens(folder, name))) for name in ("rows", "queries"))
    analyzer.fit_all_factors("ekfac", told, per_device_batch_size=KRON_BATCH, factor_args=FactorArguments(strategy="ekfac"))
    analyzer.compute_pairwise_scores(
        "scores", "ekfac", asked, told, per_device_query_batch_size=len(asked), per_device_train_batch_size=KRON_BATCH,
        score_args=ScoreArguments(damping_factor=None),
    )  # fmt: skip
    return analyzer.load_pairwise_scores("scores")["all_modules"].mean(dim=0).numpy()


def _kronfluence_task(layers: list[str]) -> Any:
    from kronfluence.task import Task

    class Answers(Task):
        """Summed loss of the answer, as in kronfluence's own language-model example."""

        def compute_train_loss(self, batch: Any, model: Any, sample: bool = False) -> torch.Tensor:
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1].float().flatten(0, 1)
            aims = batch["labels"][:, 1:].flatten()
            if sample:
                drawn = torch.multinomial(torch.softmax(logits.detach(), dim=-1), num_samples=1).flatten()
                aims = torch.where(aims == -100, aims, drawn)
            return torch.nn.functional.cross_entropy(logits, aims, ignore_index=-100, reduction="sum")

        def compute_measurement(self, batch: Any, model: Any) -> torch.Tensor:
            return self.compute_train_loss(batch, model)

        def get_influence_tracked_modules(self) -> list[str]:
            return layers

        def get_attention_mask(self, batch: Any) -> torch.Tensor:
            return batch["attention_mask"]

    return Answers()


def trak(folder: Path, work: Path) -> Scores:
    from trak import TRAKer

    model = _model(folder).eval()
    model.config._attn_implementation = "eager"
    layers = [f"{name}.weight" for name in _layers(model)]
    for name, values in model.named_parameters():
        values.requires_grad_(name in layers)
    told, asked = _tokens(folder, "rows"), _tokens(folder, "queries")
    maker = TRAKer(
        model=model, task=_trak_task(), train_set_size=len(told), save_dir=str(work), device="cpu", proj_dim=TRAK_SIZE, use_half_precision=False,
        grad_wrt=layers, logging_level=40,
    )  # fmt: skip
    weights = model.state_dict()
    maker.load_checkpoint(weights, model_id=0)
    for start in range(0, len(told), TRAK_BATCH):
        maker.featurize(_pair(told[start : start + TRAK_BATCH]), num_samples=len(told[start : start + TRAK_BATCH]))
    maker.finalize_features()
    maker.start_scoring_checkpoint("queries", weights, model_id=0, num_targets=len(asked))
    maker.score(_pair(asked), num_samples=len(asked))
    return np.asarray(maker.finalize_scores("queries")).mean(axis=1)


def _pair(rows: list[dict[str, list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    made = _padded(rows)
    return made["input_ids"], made["labels"]


def _trak_task() -> Any:
    from trak.modelout_functions import AbstractModelOutput

    class Answers(AbstractModelOutput):
        """Log-odds of the answer's tokens, summed; out-to-loss: one less their mean probability."""

        def __init__(self) -> None:
            super().__init__()

        @staticmethod
        def get_output(model: Any, weights: Any, buffers: Any, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            logps = _answer_logps(model, weights, buffers, ids[None], labels[None])
            odds = logps - torch.log1p(-torch.exp(logps).clamp(max=1 - 1e-6))
            return (odds * (labels[None, 1:] != -100)).sum()

        def get_out_to_loss_grad(self, model: Any, weights: Any, buffers: Any, batch: Any) -> torch.Tensor:
            ids, labels = batch
            with torch.no_grad():
                logps, kept = _answer_logps(model, weights, buffers, ids, labels), labels[:, 1:] != -100
            return (1 - (torch.exp(logps) * kept).sum(dim=1) / kept.sum(dim=1))[:, None]

    return Answers()


def _answer_logps(model: Any, weights: Any, buffers: Any, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Log-probability of each next token, [B, T-1]. Rows are padded on the right, so that no mask is needed."""
    logits = torch.func.functional_call(model, (weights, buffers), args=(), kwargs={"input_ids": ids, "use_cache": False}).logits[:, :-1]
    return torch.log_softmax(logits.float(), dim=-1).gather(2, labels[:, 1:].clamp(min=0)[..., None])[..., 0]


METHODS: dict[str, Callable[[Path, Path], Scores]] = {
    "bergson_cosine": bergson_cosine, "bergson_trackstar": bergson_trackstar, "kronfluence_ekfac": kronfluence_ekfac, "trak": trak,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
