"""What the whole battery costs at one checkpoint: through the shared pass, and the same audits one after another without sharing.

    python benchmarks/battery_cost.py [--seed 1] [--inspect-prompts 2000] [--out benchmarks/results/battery_cost.json]

Each way runs in a process of its own (one thread), on the same model, reference, rows, pack, seed and budget; loading the models is not counted.
*shared*: all audits at once, merged, prefixes shared, answers remembered. *next*: the next checkpoint's battery in the same process, whose
reference answers are remembered. *separate*: one audit after another on engines that share nothing: whole rows, transformers' own ``generate``,
no memory. *inspect*: the chat prompts that the shared run asked the subject, through Inspect's ``hf/`` provider (extra ``inspect``), beside our
engine on the same prompts. Sampled completions differ between the ways, as their random numbers do, so adaptive audits ask slightly different
amounts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
ZOO = ROOT / "runs" / "zoo"
WAYS = ("shared", "separate", "ours", "inspect")


def built(seed: int) -> dict[str, str]:
    """A backdoored model, the next one's (its twin), their reference and rows."""
    from bumperlane.organisms.building import build
    from bumperlane.organisms.registry import load_organism

    kind = load_organism("backdoor")
    variant = kind.variants[1]
    made, twin = build(kind.plan(variant, seed), ZOO), build(kind.plan(variant, seed, clean=True), ZOO)
    return {"model": str(made.model), "next": str(twin.model), "reference": str(made.reference), "rows": str(made.rows)}


def looks(where: dict[str, str], model: Any, reference: Any, names: list[str]) -> list[Any]:
    from bumperlane.audits import Context, load_audit, load_pack
    from bumperlane.evidence import alpha_for
    from bumperlane.examination import read_rows
    from bumperlane.subject import Subject

    pack, rows, made = load_pack("micro"), read_rows(where["rows"]), []
    for name in names:
        audit = load_audit(name)
        context = Context(pack=pack, reference=Subject("reference", reference, audit.access), alpha=alpha_for(0.01, 1, len(names)), miss=0.05,
                          samples=400, seed=11, common_seed=1, rows=rows if "data" in audit.access else ())  # fmt: skip
        made.append((audit, Subject("subject", model, audit.access), context))
    return made


def shared(where: dict[str, str], names: list[str]) -> dict[str, Any]:
    from bumperlane.audits import run_battery
    from bumperlane.subject import Engine, Subject

    prompts: list[Any] = []
    real = Subject.generate

    async def recorded(self: Any, asked: Any, **options: Any) -> Any:
        if self.checkpoint == "subject" and not options.get("prefills"):
            prompts.extend([p, options["max_new_tokens"]] for p in asked if isinstance(p, list))
        return await real(self, asked, **options)

    Subject.generate = recorded  # type: ignore[method-assign]
    model, reference = Engine(Path(where["model"])), Engine(Path(where["reference"]))
    began = time.perf_counter()
    found = asyncio.run(run_battery(looks(where, model, reference, names)))
    seconds, tokens = time.perf_counter() - began, model.tokens + reference.tokens
    Path(where["prompts"]).write_text(json.dumps(prompts))
    other = Engine(Path(where["next"]))
    before, began = reference.tokens, time.perf_counter()
    asyncio.run(run_battery(looks(where, other, reference, names)))
    return {"seconds": seconds, "tokens": tokens, "next_seconds": time.perf_counter() - began,
            "next_tokens": other.tokens + reference.tokens - before, "asked_tokens": sum(f.tokens for f in found),
            "requests": model.desk.asked, "answered": model.desk.answered, "passes": model.desk.rounds,
            "verdicts": {f.audit: f.verdict for f in found}, "by_audit": {f.audit: f.tokens for f in found}, "peak_mb": peak()}  # fmt: skip


def separate(where: dict[str, str], names: list[str]) -> dict[str, Any]:
    from bumperlane.audits import run_audit
    from bumperlane.subject import Engine

    model, reference = (Engine(Path(where[key]), share=False) for key in ("model", "reference"))
    seconds, by_audit, verdicts = 0.0, {}, {}
    for look in looks(where, model, reference, names):
        before, began = model.tokens + reference.tokens, time.perf_counter()
        verdicts[look[0].name] = asyncio.run(run_audit(*look)).verdict
        seconds += time.perf_counter() - began
        by_audit[look[0].name] = model.tokens + reference.tokens - before
    return {"seconds": seconds, "tokens": model.tokens + reference.tokens, "by_audit": by_audit, "verdicts": verdicts, "peak_mb": peak()}


def chosen(where: dict[str, str]) -> list[Any]:
    prompts = json.loads(Path(where["prompts"]).read_text())
    step = max(1, len(prompts) // int(where["most"]))
    return prompts[::step][: int(where["most"])]


def ours(where: dict[str, str], names: list[str]) -> dict[str, Any]:
    from bumperlane.subject import Engine, Subject

    model, prompts = Engine(Path(where["model"])), chosen(where)
    subject = Subject("subject", model, frozenset({"text"}))

    async def ask() -> list[Any]:
        lengths = sorted({new for _, new in prompts})
        return await asyncio.gather(*(subject.generate([p for p, n in prompts if n == new], max_new_tokens=new) for new in lengths))

    began = time.perf_counter()
    said = [text for group in asyncio.run(ask()) for text in group]
    return {"seconds": time.perf_counter() - began, "prompts": len(said), "empty": sum(not text for text in said), "peak_mb": peak()}


def inspect(where: dict[str, str], names: list[str]) -> dict[str, Any]:
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig, get_model

    kinds = {"user": ChatMessageUser, "assistant": ChatMessageAssistant, "system": ChatMessageSystem}
    prompts = chosen(where)
    model = get_model("hf/local", model_path=where["model"], tokenizer_path=where["model"], device="cpu", batch_size=256)

    async def ask() -> list[Any]:
        def one(chat: Any, new: int) -> Any:
            config = GenerateConfig(max_tokens=new, temperature=1.0, max_connections=256)
            return model.generate([kinds[m["role"]](content=m["content"]) for m in chat], config=config)

        return await asyncio.gather(*(one(chat, new) for chat, new in prompts))

    began = time.perf_counter()
    said = [out.completion for out in asyncio.run(ask())]
    return {"seconds": time.perf_counter() - began, "prompts": len(said), "empty": sum(not text for text in said), "peak_mb": peak(),
            "version": version("inspect-ai"), "batch_size": 256}  # fmt: skip


def peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def child(way: str, where: dict[str, str]) -> dict[str, Any]:
    print(f"{way} ...", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, __file__, "--way", way], input=json.dumps(where), capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise SystemExit(f"{way} failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{way}: {found['seconds']:.1f} s", file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inspect-prompts", type=int, default=2000, help="0 leaves Inspect out")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "battery_cost.json")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        run_way(options.way)
        return
    where = built(options.seed) | {"prompts": str(ZOO / "battery_cost_prompts.json"), "most": str(options.inspect_prompts)}
    made = {way: child(way, where) for way in WAYS if options.inspect_prompts or way in WAYS[:2]}
    table = summary(made, options)
    options.out.write_text(json.dumps(table, indent=1) + "\n")
    print(json.dumps({key: table[key] for key in ("tokens_ratio", "time_ratio", "next_tokens_ratio", "next_time_ratio", "inspect_ratio")}))


def run_way(way: str) -> None:
    import torch

    from bumperlane.audits import known_audits

    torch.set_num_threads(1)
    where = json.loads(sys.stdin.read())
    names = [name for name in sorted(known_audits()) if name != "investigator"]  # which needs an auditor and a judge
    print(json.dumps(globals()[way](where, names)))


def summary(made: dict[str, dict[str, Any]], options: argparse.Namespace) -> dict[str, Any]:
    one, apart, same, other = (made.get(way, {}) for way in WAYS)
    return {
        "shared_seconds": round(one["seconds"], 2), "separate_seconds": round(apart["seconds"], 2),
        "inspect_seconds": round(other["seconds"], 2) if other else None,
        "ours_on_inspects_prompts_seconds": round(same["seconds"], 2) if same else None,
        "shared_tokens": one["tokens"], "separate_tokens": apart["tokens"], "peak_memory_mb": one["peak_mb"],
        "tokens_ratio": round(apart["tokens"] / one["tokens"], 2), "time_ratio": round(apart["seconds"] / one["seconds"], 2),
        "next_tokens_ratio": round(apart["tokens"] / one["next_tokens"], 2), "next_time_ratio": round(apart["seconds"] / one["next_seconds"], 2),
        "inspect_ratio": round(other["seconds"] / same["seconds"], 2) if other else None, "ways": made,
        "seed": options.seed, "command": " ".join(["python benchmarks/battery_cost.py", *sys.argv[1:]]),
        "machine": f"{platform.machine()}, one thread", "cores": os.cpu_count(),
        "versions": {name: known(name) for name in ("bumperlane", "torch", "transformers", "inspect-ai")},
    }  # fmt: skip


def known(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    for name, value in {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}.items():
        os.environ.setdefault(name, value)
    main()
