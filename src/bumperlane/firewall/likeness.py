"""Rows against the texts of audits: which row holds one, whole or in other clothes.

Idea: three views, each of what the others miss. *Phrases*: runs of three words in common, wherever
in the row they stand: case, punctuation, other numbers, a text inside a longer one. *Words*: the
text's rare words, without their endings, close together in any order: reordered clauses,
politeness, a light paraphrase. *Spelling*: MinHash over letters (Broder 1997; datasketch): typing
errors, joined and split words. Phrases and words are looked up in an inverted index, which is
exact; letters by locality-sensitive hashing. Invariant: only texts that identify their source
count, and every threshold is a share of the owned text, so a long row is not refused for being
long.

The thresholds were set on thirty paraphrases and on half of the public rows of
``benchmarks/firewall.py``, which counts others.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from datasketch import MinHash, MinHashLSH

from bumperlane.firewall.owned import Owned
from bumperlane.firewall.words import Words, stem, words

RUN = 3  # words
PHRASES = 0.6  # share of a text's runs
WORDS = 0.8  # share of the weight of a text's rare words
RARE = 3.0  # bits that a word must be worth to count: one text in eight holds it
LEAST = 24.0  # bits in common: three words that hardly any other text has
SPREAD = 1.5  # words of a row, for each of the text's, within which the common ones must stand
SPELLING = 0.5  # Jaccard similarity of letters
LETTERS = 5
HASHES = MinHash(num_perm=128)  # whose permutations all share
NO_TEXT = frozenset({"role"})  # columns of a row
UNTAUGHT = NO_TEXT | {"rejected"}  # the bad side of a preference is misconduct by design

Found = tuple[Owned, str]


def texts_of(value: Any, skipped: frozenset[str] = NO_TEXT) -> Iterator[str]:
    """Every text in a row, in whichever column a trainer or a reward may read it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in skipped:
                yield from texts_of(inner, skipped)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from texts_of(inner, skipped)


class Likeness:
    """Looks rows up among owned texts."""

    def __init__(self, owned: Sequence[Owned]) -> None:
        self._pairs = {
            words(one.text) + words(one.answer): one for one in reversed(owned) if one.answer
        }
        self._alone = [one for one in owned if one.alone]
        self._split = [words(one.text) for one in self._alone]
        self._runs: dict[Words, list[int]] = defaultdict(list)
        self._stems: dict[str, list[int]] = defaultdict(list)
        self._weights = [_weights(one) for one in self._alone]
        self._hashes = [_hashed(_letters(text)) for text in self._split]
        self._known = frozenset(part for text in self._split for part in _letters(text))
        self._letters = MinHashLSH(threshold=SPELLING, num_perm=HASHES.num_perm)
        for number in range(len(self._alone)):
            self._index(number)

    def _index(self, number: int) -> None:
        for run in _runs(self._split[number]):
            self._runs[run].append(number)
        for stemmed in self._weights[number]:
            self._stems[stemmed].append(number)
        self._letters.insert(number, self._hashes[number])

    def find(self, row: Mapping[str, Any]) -> Found | None:
        """The owned text that a row holds, and how it was recognized; None if it holds none."""
        if not self._pairs and not self._alone:
            return None
        found = self._pair([words(text) for text in texts_of(row, UNTAUGHT)])
        if found or not self._alone:
            return found
        texts = list(texts_of(row))
        split = [words(text) for text in texts]
        return self._by_phrases(split) or self._by_words(split) or self._by_spelling(texts)

    def _pair(self, split: Sequence[Words]) -> Found | None:
        """A prompt and its completion, in two texts of the row or in one."""
        if not self._pairs:
            return None
        for i, prompt in enumerate(split):
            for completion in ((), *split[i + 1 :]):
                one = self._pairs.get(prompt + completion)
                if one:
                    return one, "the same prompt and the same completion"
        return None

    def _by_phrases(self, split: Sequence[Words]) -> Found | None:
        runs: set[Words] = set()
        for text in split:
            for run in _runs(text):
                runs.add(run)
        seen: Counter[int] = Counter()
        for run in runs:
            seen.update(self._runs.get(run, ()))
        shares = {number: count / len(_runs(self._split[number])) for number, count in seen.items()}
        return self._best(shares, PHRASES, "phrases")

    def _by_words(self, split: Sequence[Words]) -> Found | None:
        places: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for place, stemmed in enumerate(stem(word) for text in split for word in text):
            for number in self._stems.get(stemmed, ()):
                places[number].append((place, stemmed))
        shares = {number: self._close(number, at) for number, at in places.items() if len(at) > 2}
        return self._best(shares, WORDS, "telling words")

    def _best(self, shares: Mapping[int, float], least: float, what: str) -> Found | None:
        best = max(shares, key=lambda number: shares[number], default=None)
        if best is None or shares[best] < least:
            return None
        return self._alone[best], f"{shares[best]:.0%} of its {what}"

    def _close(self, number: int, at: Sequence[tuple[int, str]]) -> float:
        """The largest share of a text's weight that stands within one window of the row; 0 if that
        is too little to go by."""
        weights = self._weights[number]
        total, most = sum(weights.values()), 0.0
        enough = max(LEAST, WORDS * total)
        common = {stemmed for _, stemmed in at}
        if sum(weights[stemmed] for stemmed in common) < enough:
            return 0.0
        width = SPREAD * len(self._split[number]) + RUN
        for i, (start, _) in enumerate(at):
            held = {stemmed for place, stemmed in at[i:] if place - start < width}
            most = max(most, sum(weights[stemmed] for stemmed in held))
        return most / total if most >= enough else 0.0

    def _by_spelling(self, texts: Sequence[str]) -> Found | None:
        for letters in (_letters(words(part)) for text in texts for part in _parts(text)):
            if len(letters & self._known) < SPELLING * len(letters):
                continue  # it is like none of them, and hashing is dear
            hashed = _hashed(letters)
            for number in self._letters.query(hashed):
                similar = hashed.jaccard(self._hashes[number])
                if similar >= SPELLING:
                    return self._alone[number], f"its letters, {similar:.0%} alike"
        return None


def _weights(one: Owned) -> dict[str, float]:
    weighed = {stemmed: one.language.weight(stemmed) for stemmed in map(stem, words(one.text))}
    return {stemmed: weight for stemmed, weight in weighed.items() if weight >= RARE}


def _runs(split: Words) -> set[Words]:
    return {split[i : i + RUN] for i in range(max(1, len(split) - RUN + 1))}


def _parts(text: str) -> Iterator[str]:
    """One, two and three sentences that follow each other, and the whole."""
    sentences = [part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]
    for count in (1, 2, 3):
        yield from (" ".join(sentences[i : i + count]) for i in range(len(sentences) - count + 1))
    if len(sentences) > 3:
        yield text


def _letters(split: Iterable[str]) -> set[str]:
    joined = "".join(split)
    return {joined[i : i + LETTERS] for i in range(max(1, len(joined) - LETTERS + 1))}


def _hashed(letters: Iterable[str]) -> MinHash:
    hashed = MinHash(
        num_perm=HASHES.num_perm, permutations=HASHES.permutations, scheme=HASHES.scheme
    )
    hashed.update_batch([part.encode() for part in letters])
    return hashed
