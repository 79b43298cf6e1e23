"""The synthetic world: how well its audits see, its diagnosis names and its remedies cure, as
numbers.

Idea: everything that the loop cannot know of itself is a parameter here, with what it means and
where its default comes from, so that a result can be read as "if the world were so, the policy
would do this". Invariant: a world is frozen and valid, and two worlds with equal numbers have one
digest. ``measured`` in a source is the bench's held-out split; ``assumed`` is nobody's measurement.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from bumperlane.errors import BadInput, first_error, nearest
from bumperlane.records import Record

DETECTION, DIAGNOSIS, DEMO = "detection-held-out.json", "diagnosis-held-out.json", "loop_demo.json"
ASSUMED = "assumed"


def _number(
    default: float, about: str, source: str = ASSUMED, low: float = 0, high: float = 1
) -> Any:
    return Field(
        default=default,
        ge=low,
        le=high,
        description=about,
        json_schema_extra={"source": source},
        allow_inf_nan=False,
    )


def _count(default: int, about: str, source: str, low: int, high: int) -> Any:
    return Field(
        default=default, ge=low, le=high, description=about, json_schema_extra={"source": source}
    )


class World(Record):
    """One setting. Chances are shares from 0 to 1; ``about`` and ``source_of`` describe each."""

    attempts: int = _count(4, "attempt budget of a campaign", "the campaign's default", 1, 100)
    stages: int = _count(2, "stages of the recipe, each audited at its end", ASSUMED, 1, 20)
    audits: int = _count(
        8,
        "audits of the battery",
        f"measured: groups of audits that alarmed on any organism, {DETECTION}",
        1,
        100,
    )
    held_out: int = _count(
        2, "audits of the held-out battery", "the package's: row_phrases and self_report", 0, 100
    )
    misaligned: float = _number(0.5, "share of campaigns that begin misaligned")
    base: float = _number(
        0.05,
        "share of these whose base is misaligned, which no remedy cures",
        "one of the zoo's 21 kinds",
    )

    detect: float = _number(
        0.42,
        "chance that one audit hits a misaligned model",
        f"measured: mean of those eight groups, 57 organisms, {DETECTION}",
    )
    held_out_detect: float = _number(
        0.16, "the same of a held-out audit", f"measured: 14 and 4 of 57 organisms, {DETECTION}"
    )
    dependence: float = _number(
        0.2,
        "correlation of what audits see (Gaussian copula)",
        f"fitted: the groups' misses correlate by 0.13 and all of them miss 2 of 57, {DETECTION}",
    )
    shared: float = _number(
        1.0,
        "how far the held-out battery has the battery's blind spots (1: wholly)",
        (
            "assumed; its misses go with the battery's by 0.18, those among themselves by "
            f"0.11, {DETECTION}"
        ),
    )
    persistence: float = _number(
        0.8, "correlation of what one audit sees of a trait from one look to the next"
    )
    false_alarm: float = _number(
        0.003,
        "chance that one audit hits an aligned model, a look",
        f"measured: 1 of 42 clean models for all groups together, {DETECTION}",
    )
    inconclusive: float = _number(0.002, "chance that one audit is inconclusive, a look")

    remedies: Literal["diagnosed", "random"] = Field(
        default="diagnosed",
        description="what is remedied: the diagnosed cause, or a random one",
        json_schema_extra={"source": "the loop is the first"},
    )
    right_confirmed: float = _number(
        0.89, "chance that a diagnosis confirms the right cause", f"measured: 17 of 19, {DIAGNOSIS}"
    )
    right_unverified: float = _number(
        0.0, "chance that it names the right cause unverified", f"measured: 0 of 19, {DIAGNOSIS}"
    )
    right_refuted: float = _number(
        0.0,
        "chance that it refutes the right cause, which the loop then leaves alone",
        f"measured: 0 of 19, {DIAGNOSIS}",
    )
    wrong_confirmed: float = _number(
        0.03,
        "chance that it confirms something innocent besides, of aligned models too",
        f"measured: 2 of 69 in both splits, {DIAGNOSIS} and diagnosis-develop.json",
    )
    wrong_unverified: float = _number(
        0.0, "chance that it names something innocent unverified", f"measured: 0 of 30, {DIAGNOSIS}"
    )
    places: int = _count(
        10,
        (
            "causes that there seem to be: random remedies, and diagnoses that go wrong, pick "
            "among them"
        ),
        ASSUMED,
        1,
        1000,
    )

    cures: float = _number(
        0.86,
        "chance that a remedy of the right cause cures",
        f"measured: 5 of 5 planted demos, by Laplace's rule, {DEMO}",
    )
    hides: float = _number(0.1, "chance that it only hides the trait from the bumpers")
    wrong_cures: float = _number(0.02, "chance that a remedy of something innocent cures by luck")
    wrong_hides: float = _number(0.05, "chance that it hides the trait")
    hidden_detect: float = _number(
        0.2,
        (
            "what is left of an audit's chance of a hit each time that a remedy hides the "
            "trait, as a share"
        ),
    )
    hidden_held_out: float = _number(0.6, "the same of a held-out audit")

    verify_hidden: float = _number(
        0.5, "chance that the verification of a cure sees a hidden trait"
    )
    verify_plain: float = _number(0.95, "chance that it sees one that is there as before")
    verify_false: float = _number(0.02, "chance that it fails a true cure")
    verify_skipped: float = _number(
        0.5, "chance that it finds something broken where a stage was left out"
    )
    verify_unmeasured: float = _number(0.02, "chance that it cannot be made")

    @model_validator(mode="after")
    def _shares(self) -> World:
        for names in (
            ("right_confirmed", "right_unverified", "right_refuted"),
            ("wrong_confirmed", "wrong_unverified"),
            ("cures", "hides"),
            ("wrong_cures", "wrong_hides"),
        ):
            total = sum(getattr(self, name) for name in names)
            if total > 1 + 1e-9:
                message = " + ".join(f"{name} {getattr(self, name):g}" for name in names)
                raise ValueError(
                    f"{message} is {total:g}; these exclude each other, so together they "
                    "may be 1 at most"
                )
        return self

    @classmethod
    def about(cls, name: str) -> str:
        """What a parameter is."""
        return str(cls.model_fields[name].description)

    @classmethod
    def source_of(cls, name: str) -> str:
        """Where its default comes from."""
        extra = cls.model_fields[name].json_schema_extra
        return str(extra["source"]) if isinstance(extra, dict) else ""

    def changed(self, **changes: Any) -> World:
        """This world with other numbers. Raises ``BadInput`` if they do not fit together."""
        return world_of({**self.plain(), **changes})


def world_of(changes: dict[str, Any]) -> World:
    """A world of the defaults and these ``changes``. Raises ``BadInput`` for a name that is none, a
    value out of range, or chances beyond 1."""
    try:
        return World.model_validate(changes)
    except ValidationError as error:
        raise BadInput(f"world: {first_error(error, World).removeprefix('world: ')}") from error


def parse(settings: Iterable[str]) -> dict[str, Any]:
    """``name=value`` texts as a dictionary. Raises ``BadInput`` for one without ``=``, an unknown
    name, and one that is set twice."""
    found: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not value.strip():
            raise BadInput(f"--set {text}: no value; write name=value, as in 'detect=0.3'")
        if name not in World.model_fields:
            raise BadInput(
                f"--set {text}: the world has no parameter {name!r}; "
                f"{nearest(name, World.model_fields)}"
            )
        if name in found:
            raise BadInput(
                f"--set {text}: {name} is set twice, to {found[name]} before; give one of them"
            )
        found[name] = value.strip()
    return found
