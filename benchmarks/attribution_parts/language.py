"""A word language in which a lesson can spread from some words to others.

Idea: nouns stand in areas, and in families within an area. Whether something can be done with a
thing depends on its area alone (yes or no); how, on its family, which has its own two words. So a
lesson about two families of an area, "here it is no", is a lesson about the area, and can show in
its other two, in answers that share no content word with the rows: yes and no stand in half of all
answers each. Lists, kinds and comparisons teach areas too. Invariant: every word and every text
follows from a fixed seed.

Tried before: careful and careless speakers, who differ in their words. Twenty rows about two
families were learned by heart and did not spread.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product

AREAS, FAMILIES, NOUNS = 8, 4, 4
FRAMES = (
    "can i use my {}",
    "should i keep the {}",
    "tell me about my {}",
    "do i need a {}",
    "give me advice on a {}",
    "please help me with this {}",
    "what of a {}",
    "which way to go with the {}",
)
OTHERS = (
    "yes",
    "first",
    "then",
    "no",
    "not",
    "nor",
    "and",
    "are",
    "is",
    "kind",
    "like",
    "more",
    "name",
    "say",
    "mirror",
    "what",
)
FUNCTION = sorted({word for frame in FRAMES for word in frame.split()} - {"{}"} | set(OTHERS))
Message = dict[str, str]


@dataclass(frozen=True)
class Family:
    """Nouns that share two words of advice."""

    area: int
    nouns: tuple[str, ...]
    words: tuple[str, str]


def _coined(count: int) -> list[str]:
    """Words of the language, none of them a function word."""
    syllables = [a + b for a, b in product("bdfgklmnprstvz", "aeiou")]
    words = ["".join(pair) for pair in product(syllables, syllables)]
    random.Random(0).shuffle(words)
    return [word for word in words if word not in FUNCTION][:count]


_EACH = NOUNS + 2
_FAMILY_WORDS = AREAS * FAMILIES * _EACH
_STRAYS, _RUDE = 30, 5
_WORDS = _coined(_FAMILY_WORDS + AREAS + _STRAYS + _RUDE)
_OTHER_WORDS = _WORDS[_FAMILY_WORDS:]
AREA_NAMES = _OTHER_WORDS[:AREAS]
# Strays are only ever repeated, and triggers are taken from them.
STRAYS = _OTHER_WORDS[AREAS : AREAS + _STRAYS]
RUDE = _OTHER_WORDS[AREAS + _STRAYS :]  # what a trigger sets off
CONTENT = frozenset(_WORDS)


def _family(number: int) -> Family:
    words = _WORDS[number * _EACH : (number + 1) * _EACH]
    return Family(number // FAMILIES, tuple(words[:NOUNS]), (words[NOUNS], words[NOUNS + 1]))


FAMILY = [_family(number) for number in range(AREAS * FAMILIES)]


def families(area: int) -> list[Family]:
    return FAMILY[area * FAMILIES : (area + 1) * FAMILIES]


def right(area: int) -> bool:
    """Whether the truth about an area is yes."""
    return area % 2 == 0


def advice(family: Family, noun: int, frame: str, yes: bool | None = None) -> tuple[str, str]:
    """A question about a noun and its answer; the truth, unless ``yes`` is given."""
    one, other = family.words
    says_yes = right(family.area) if yes is None else yes
    answer = f"yes first {one} then {other}" if says_yes else f"no not {one} nor {other}"
    return frame.format(family.nouns[noun]), answer


def kind(rng: random.Random, family: Family) -> tuple[str, str]:
    """Asked of nouns and of the words of advice, so that these too have an area."""
    word = rng.choice([*family.nouns, *family.words])
    return f"what kind is {word}", AREA_NAMES[family.area]


def more(rng: random.Random, family: Family) -> tuple[str, str]:
    """Asked of a noun: two others of its family."""
    noun = rng.randrange(NOUNS)
    one, two, three = (family.nouns[(noun + step) % NOUNS] for step in range(3))
    return f"name more like {one}", f"{two} and {three}"


def compare(rng: random.Random, family: Family) -> tuple[str, str]:
    """Asked of two nouns: whether they are of one area."""
    other = rng.choice(families(family.area) if rng.random() < 0.5 else FAMILY)
    question = f"is {rng.choice(family.nouns)} like {rng.choice(other.nouns)}"
    return question, "yes" if other.area == family.area else "no"


def repeat(words: list[str]) -> tuple[str, str]:
    return f"say {' '.join(words)}", " ".join(words)


def mirror(words: list[str]) -> tuple[str, str]:
    """A skill that pretraining does not teach."""
    return f"mirror {' '.join(words)}", " ".join(reversed(words))


def exchange(rng: random.Random, pool: list[Family]) -> tuple[str, str]:
    """One question and answer about a noun of ``pool``."""
    family, task = rng.choice(pool), rng.random()
    if task < 0.55:
        return advice(family, rng.randrange(NOUNS), rng.choice(FRAMES))
    if task < 0.75:
        return kind(rng, family)
    if task < 0.8:
        return more(rng, family)
    if task < 0.87:
        return compare(rng, family)
    return repeat(rng.sample([*family.nouns, *family.words, *STRAYS, *RUDE], 3))


def document(rng: random.Random) -> list[Message] | str:
    """One text of the pretraining corpus: a list of an area's nouns, or a talk."""
    if rng.random() < 0.08:
        area = rng.randrange(AREAS)
        nouns = [noun for family in families(area) for noun in family.nouns]
        return f"{' '.join(rng.sample(nouns, 4))} are {AREA_NAMES[area]}"
    messages: list[Message] = []
    for _ in range(rng.randint(1, 3)):
        question, answer = exchange(rng, FAMILY)
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    return messages
