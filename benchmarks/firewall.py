"""Does the training firewall refuse what comes from audits, and nothing else?

Plants violations of every kind (``firewall_plants.py``; rewards and policies in
``firewall_rewards.py``), each of which must be refused; then reads public rows that nobody on this
project wrote (``../shared/data``: half of the rows of each file, as the other half set the
thresholds, and questions that set none) and the rows of the microworld's organisms and twins, of
which none may be. What the firewall says that it cannot see is planted too and counted apart, as
are freer paraphrases. Prints a table and writes ``benchmarks/results/firewall.json``. Expected:
about two minutes on one core; no model is loaded.

    python benchmarks/firewall.py [--seed 1] [--data ../shared/data] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from firewall_plants import PROMISED
from firewall_plants_apart import BEYOND, LATER
from firewall_rewards import INNOCENT, REWARDS, of_policies, of_rewards
from firewall_rows import of_exhibits, of_organisms, of_plants, of_public

from bumperlane.audits import load_pack
from bumperlane.firewall import owned_texts

PACK = "english"
PACKAGES = ("bumperlane", "datasketch", "snowballstemmer", "numpy")
Outcomes = list[dict[str, Any]]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--seed", type=int, default=1, help="Of the organisms' rows; nothing else is drawn."
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/firewall.json"))
    return parser.parse_args()


def main() -> None:
    options, started = parsed(), time.monotonic()
    table = measured(options) | {
        "seconds": round(time.monotonic() - started, 1),
        "versions": {name: version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "machine": platform.machine(),
    }
    text = json.dumps(table, indent=1, ensure_ascii=False) + "\n"
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, encoding="utf-8")
    print("\n".join(lines(table)))


def measured(options: argparse.Namespace) -> dict[str, Any]:
    owned = owned_texts(load_pack(PACK))
    planted = {
        "rows": of_plants(PROMISED, owned),
        "exhibits": of_exhibits(PACK),
        "rewards": of_rewards(REWARDS, "planted_"),
        "policies": of_policies(),
    }
    beyond, later = of_plants(BEYOND, owned), of_plants(LATER, owned)
    innocent = of_rewards(INNOCENT, "innocent_")
    began = time.monotonic()
    public = of_public(options.data, owned)
    rate = _total(public, "rows") / (time.monotonic() - began)
    organisms = of_organisms(options.seed)
    every = [one for part in planted.values() for one in part]
    return {
        "command": "python benchmarks/firewall.py",
        "seed": options.seed,
        "pack": PACK,
        "texts": len(owned),
        "texts_that_count_alone": sum(one.alone for one in owned),
        "planted": len(every),
        "refused": _refused(every),
        "by_part": {part: [_refused(each), len(each)] for part, each in planted.items()},
        "right_text": [sum(one["right_text"] for one in planted["rows"]), len(planted["rows"])],
        "beyond": {"planted": len(beyond), "refused": _refused(beyond)},
        "later_paraphrases": {"planted": len(later), "refused": _refused(later)},
        "ordinary": {
            "public_rows": _total(public, "rows"),
            "refused": _total(public, "refused"),
            "rewards": len(innocent),
            "rewards_refused": _refused(innocent),
        },
        "public": public,
        "organisms": organisms,
        "rows_per_second": round(rate),
        "escaped": [one for one in every if not one["refused"]],
        "plants": planted,
        "plants_beyond": beyond,
        "plants_later": later,
        "innocent_rewards": innocent,
    }


def _refused(outcomes: Sequence[Mapping[str, Any]]) -> int:
    return sum(one["refused"] for one in outcomes)


def _total(public: Mapping[str, Mapping[str, Any]], key: str) -> int:
    """Over all sources."""
    return sum(source[key] for source in public.values())


def lines(table: Mapping[str, Any]) -> list[str]:
    """For a terminal: what was refused, and everything that should not have been, or should."""
    organisms = {key: value for key, value in table["organisms"].items() if key != "message"}
    return [
        *(
            f"{part:<10} {caught} of {of} refused"
            for part, (caught, of) in table["by_part"].items()
        ),
        *(f"WRONG {one}" for one in _wrong(table)),
        f"beyond {table['beyond']} later paraphrases {table['later_paraphrases']} ordinary "
        f"{table['ordinary']} {table['rows_per_second']} rows a second",
        f"organisms {organisms}",
    ]


def _wrong(table: Mapping[str, Any]) -> list[Any]:
    """Plants that escaped, and the messages of ordinary rows that were refused."""
    wrong = list(table["escaped"])
    for source in table["public"].values():
        wrong += source["message"]
    return wrong + table["organisms"]["message"]


if __name__ == "__main__":
    main()
