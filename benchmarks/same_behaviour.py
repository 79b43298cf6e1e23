"""Does the present code behave as recorded? Campaigns run again, and compared value by value.

    python benchmarks/same_behaviour.py record runs/same   runs the demo (planted and clean, seed 3)
                                                           and three campaigns of the bench
    python benchmarks/same_behaviour.py compare runs/same  holds their events against the recording

Idea: a refactor renames records, keys and sentences and must change nothing else. The recording
(``benchmarks/results/same_behaviour/*.json.gz``) holds every event of five campaigns, made by the
commit named in ``renames.json``; keys and sentences of the present events are mapped back by the
table in that file, and digests are computed anew over the mapped form. Invariant: everything is
compared but wall-clock times; a key that only one side has is a difference.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

RECORDING = Path(__file__).parent / "results" / "same_behaviour"
RENAMES = RECORDING / "renames.json"
SEED = 3
DEMOS = {"demo": [], "demo-clean": ["--clean"]}
CASES = {
    "reward_hacking": "0.1/rl/none",
    "sycophancy": "0.5/preferences/none",
    "backdoor": "0.05/demonstrations/none",
}
Event = dict[str, Any]
# Times by the clock, which no two runs share.
TIMES = {"seconds", "locating_seconds", "replay_seconds"}


def record(out: Path, names: list[str]) -> None:
    """Run the campaigns and write their events to ``out``. What is there is not run again."""
    for name in names:
        if not (out / f"{name}.json.gz").is_file():
            print(f"running {name} ...", flush=True)
            folder = demo(out, name) if name in DEMOS else bench_campaign(out, name)
            write(out / f"{name}.json.gz", folder)


def demo(out: Path, name: str) -> Path:
    """The folder of a demo, run anew."""
    command = [sys.executable, "-m", "bumperlane.cli.main", "demo", "--out", str(out / name)]
    subprocess.run([*command, "--seed", str(SEED), *DEMOS[name]], check=True)
    return out / name


def bench_campaign(out: Path, name: str) -> Path:
    """The folder of one organism's campaign, run to its outcome in this process."""
    import torch

    from bumperlane.bench.campaigns import Setting, write_campaign
    from bumperlane.bench.cases import cases
    from bumperlane.campaign import run_campaign

    torch.set_num_threads(1)
    planted = [case for case in cases("all", 1, 1, (name,)) if case.role == "organism"]
    case = next(case for case in planted if str(case.variant) == CASES[name])
    return run_campaign(write_campaign(case, out / "zoo", Setting()))


def write(path: Path, folder: Path) -> None:
    """The events of a run folder, as one compressed file."""
    from bumperlane.ledger import Ledger

    events = [{"kind": event.kind, "body": event.body} for event in Ledger(folder).events()]
    path.write_bytes(gzip.compress(json.dumps(events, sort_keys=True).encode(), 9, mtime=0))


def read(path: Path) -> list[Event]:
    return list(json.loads(gzip.decompress(path.read_bytes())))


# -- the old form of present events -----------------------------------------------------------


class OldForm:
    """Maps events to the recorded names, in order; digests of mapped records replace present ones
    in everything that comes later."""

    def __init__(self, renames: dict[str, Any]) -> None:
        self.keys: dict[str, dict[str, str]] = renames["keys"]
        self.values: dict[str, dict[str, str]] = renames["values"]
        self.sentences: list[list[str]] = renames["sentences"]
        self.codes: dict[str, str] = renames["signs"]
        self.added: dict[str, list[str]] = renames["added"]
        self.digests: dict[str, str] = {}

    def events(self, events: list[Event]) -> list[Event]:
        return [self.event(event) for event in events]

    def event(self, event: Event) -> Event:
        kind = event["kind"]
        body = self._renamed(kind, self._with_old_digests(event["body"]))
        if kind in ("finding", "held_out_finding"):
            body["finding"] = self._finding(body["finding"])
            body["id"] = self._redigested(event["body"]["id"], body["finding"], {"seconds"})
        if kind == "cause":
            unsaid = {key for key in ("checkpoint", "calm") if not body[key]}
            self._redigested(self._present_cause(event["body"]), body, {"seconds", "cost"} | unsaid)
        return {"kind": kind, "body": body}

    def _with_old_digests(self, value: Any) -> Any:
        text = json.dumps(value)
        for present, old in self.digests.items():
            text = text.replace(present, old).replace(present[:12], old[:12])
        return json.loads(text)

    def _renamed(self, kind: str, value: Any) -> Any:
        if isinstance(value, dict):
            keys = self.keys.get("*", {}) | self.keys.get(kind, {})
            dropped = self.added.get(kind, [])
            kept = {key: item for key, item in value.items() if key not in dropped}
            return {keys.get(key, key): self._renamed(kind, item) for key, item in kept.items()}
        if isinstance(value, list):
            return [self._renamed(kind, item) for item in value]
        return (
            self._sentence(self.values.get(kind, {}).get(value, value))
            if isinstance(value, str)
            else value
        )

    def _sentence(self, text: str) -> str:
        for present, old in self.sentences:
            text = text.replace(present, old)
        return text

    def _finding(self, finding: dict[str, Any]) -> dict[str, Any]:
        """The finding with its reason as plain words, and the sign that its code stands for."""
        reason = finding["reason"] or {"code": "", "text": ""}
        sign = self.codes.get(reason["code"])
        details = finding["details"] | ({"sign": sign} if sign else {})
        return finding | {"reason": reason["text"], "details": details}

    def _present_cause(self, body: dict[str, Any]) -> str:
        from bumperlane.records import Cause

        return Cause.model_validate(body).id

    def _redigested(self, present: str, old: dict[str, Any], left_out: set[str]) -> str:
        from bumperlane.records import digest_of

        digest = digest_of({key: value for key, value in old.items() if key not in left_out})
        self.digests[present] = digest
        return digest


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Where two values differ, with both."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(set(old) | set(new)):
            if key not in TIMES:
                inner = f"{place}.{key}"
                yield from differences(old.get(key, "(none)"), new.get(key, "(none)"), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{place}[{number}]")
    elif old != new:
        yield f"{place}: {json.dumps(old)[:300]} is now {json.dumps(new)[:300]}"


def count(value: Any) -> int:
    """How many values are compared in it."""
    if isinstance(value, dict):
        return sum(count(item) for key, item in value.items() if key not in TIMES)
    return sum(map(count, value)) if isinstance(value, list) else 1


def compare(out: Path, names: list[str]) -> int:
    """Print what is equal and what is not, by campaign. Returns how many values differ."""
    renames = json.loads(RENAMES.read_text(encoding="utf-8"))
    print(f"recorded by commit {renames['commit']}, on {renames['machine']}")
    total = 0
    for name in names:
        old = read(RECORDING / f"{name}.json.gz")
        new = OldForm(renames).events(read(out / f"{name}.json.gz"))
        found = list(differences(old, new))
        total += len(found)
        outcome = old[-1]["body"]
        print(
            f"{name:<16}{len(old)} events, {count(old)} values: {len(found)} differ; recorded "
            f"outcome {outcome['kind']} after {outcome['attempts']} attempts"
        )
        for text in found[:20]:
            print(f"  {text}")
    print("equal" if not total else f"{total} values differ")
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("verb", choices=("record", "compare"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="", help="only these campaigns, separated by commas")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [*DEMOS, *CASES]
    options.out.mkdir(parents=True, exist_ok=True)
    if options.verb == "record":
        record(options.out, names)
    else:
        sys.exit(bool(compare(options.out, names)))


if __name__ == "__main__":
    main()
