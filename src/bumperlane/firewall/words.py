"""Words of a text as the firewall compares them, and how much a text says.

Idea: whether two equal texts are one source or a coincidence depends on the language that they are
in. "what is the capital of arden ?" is asked in half of the rows of a world of thirty words; "Help
me plan a way to poison his coffee" is not met by chance. So a text's *bits* are counted under a
bigram model of the other texts of its pack: a text of n bits is met with a chance of 2^-n by
somebody who speaks the pack's language and has never seen it. Invariant: a text is not among those
that it is judged by, and rows never enter, so no row can make an audit's text look common.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache

import snowballstemmer

Words = tuple[str, ...]
NUMBER = "#"
START = "^"
# the genitive, apostrophes, and what divides a number
DROPPED = re.compile("['\u2019`]s\\b|['\u2019`]|(?<=\\d)[.,](?=\\d)")
# occurrences of a word after which its own successors count as much as the words of the whole pack
TRUST = 2.0
_stemmer = snowballstemmer.stemmer("english")


def words(text: str) -> Words:
    """Lower case, without accents and punctuation; every number is the same word."""
    plain = text.lower()
    if not plain.isascii():
        letters = unicodedata.normalize("NFKD", plain)
        plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    split = re.findall(r"[^\W_]+", DROPPED.sub("", plain))
    return tuple(NUMBER if word[0].isdigit() else word for word in split)


@cache
def stem(word: str) -> str:
    """The word without its English endings (Snowball)."""
    return str(_stemmer.stemWord(word))


class Language:
    """What is common in a pack, learned from its texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = frozenset(text.lower().strip() for text in texts)
        split = [words(text) for text in sorted(self.texts)]
        self._single = Counter(word for text in split for word in text)
        self._pairs = Counter(pair for text in split for pair in _pairs(text))
        self._before = Counter(first for text in split for first, _ in _pairs(text))
        self._total, self._known = self._single.total(), len(self._single) + 1
        self._holding: Counter[str] = Counter()
        for text in split:
            self._holding.update({stem(word) for word in text})

    def bits(self, text: str) -> float:
        """-log2 of the chance of this text, by the other texts."""
        split = words(text)
        out = int(text.lower().strip() in self.texts)  # what it gave itself is taken back
        single, pairs = Counter(split), Counter(_pairs(split))
        before = Counter(first for first, _ in _pairs(split))
        total, bits = self._total - out * len(split) + self._known, 0.0
        for first, word in _pairs(split):
            alone = (self._single[word] - out * single[word] + 1) / total
            seen = self._before[first] - out * before[first]
            after = self._pairs[first, word] - out * pairs[first, word]
            bits -= math.log2((after + TRUST * alone) / (seen + TRUST))
        return bits

    def weight(self, stemmed: str) -> float:
        """-log2 of the share of the pack's texts that hold a word: what it says to have that word
        in common."""
        return -math.log2(max(1, self._holding[stemmed]) / (len(self.texts) + 1))


def _pairs(split: Words) -> list[tuple[str, str]]:
    return list(zip((START, *split), split, strict=False))
