"""Text as numbers: a vocabulary gives each word an id, and turns texts into bags of ids or into sequences of them.

    training, test = datasets.reviews(folder)
    words = Vocabulary.build(training.texts, training.labels).filter(minimum=51, polarity=0.1)
    bags = words.bags(training.texts, unique=True)

A word is what stands between spaces.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, ShapeError
from ..io.files import write_atomically
from .bags import Bags
from .packed import read_text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

LARGEST = 2**28  # bytes of a vocabulary's file


class Vocabulary:
    """Words, each with its place among `words` for an id, and how often they were seen: `counts` (words,).

    `positive` (words,) is how often in texts that were labelled as positive, or None where there were no labels.
    Raises ShapeError when there are not as many counts as words, and ValueError for a word that is there twice.
    """

    def __init__(self, words: Sequence[str], counts: ArrayLike, positive: ArrayLike | None = None) -> None:
        self.words = tuple(words)
        self.counts = np.asarray(counts, np.int64)
        self.positive = None if positive is None else np.asarray(positive, np.int64)
        self._ids = {word: place for place, word in enumerate(self.words)}
        for seen in (self.counts, self.positive):
            if seen is not None and seen.shape != (len(self.words),):
                raise ShapeError(f"Vocabulary: expected a count of each of {len(self):,} words, got {seen.shape}")
        if len(self._ids) < len(self.words):
            twice = Counter(self.words).most_common(1)[0][0]
            raise ValueError(f"Vocabulary: expected every word once, got {twice!r} several times")

    @classmethod
    def build(cls, texts: Iterable[str], labels: ArrayLike | None = None) -> Vocabulary:
        """The words of `texts`, the most frequent first; `labels`, one a text, are true where it is positive.

        Raises ShapeError when there are not as many labels as texts.
        """
        counts: Counter[str] = Counter()
        positive: Counter[str] = Counter()
        if labels is None:
            for text in texts:
                counts.update(text.split())
        else:
            texts, labels = list(texts), np.asarray(labels)
            if labels.shape != (len(texts),):
                raise ShapeError(f"Vocabulary: expected a label for each of {len(texts):,} texts, got {labels.shape}")
            for text, label in zip(texts, labels, strict=True):
                (positive if label else counts).update(text.split())
            counts.update(positive)
        words = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(
            words, [counts[word] for word in words], None if labels is None else [positive[word] for word in words]
        )

    def filter(self, minimum: int = 1, polarity: float = 0.0) -> Vocabulary:
        """Only the words that were seen `minimum` times or more and that tell something, with new ids.

        What a word tells is |log(positive / negative)| of how often it was seen in either kind of text, infinite for
        one seen in one kind only; it must be at least `polarity`. Raises ValueError for a polarity without labels.
        """
        keep = self.counts >= minimum
        if polarity:
            if self.positive is None:
                raise ValueError("filter: expected labels for a polarity; build the vocabulary with them")
            with np.errstate(divide="ignore"):
                # Each logarithm may be infinite, and both only for a word that was never seen.
                told = np.log(self.positive) - np.log(self.counts - self.positive, where=keep, out=np.zeros(len(self)))
            keep &= np.abs(told) >= polarity
        (places,) = keep.nonzero()
        positive = None if self.positive is None else self.positive[places]
        return Vocabulary([self.words[place] for place in places], self.counts[places], positive)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def __getitem__(self, word: str) -> int:
        """The id of a word. Raises KeyError for one that is not there."""
        return self._ids[word]

    def ids(self, text: str) -> NDArray[np.int64]:
        """The ids of the words of a text, in order; words that are not in the vocabulary are left out."""
        ids = self._ids
        return np.array([ids[word] for word in text.split() if word in ids], np.int64)

    def text(self, ids: Iterable[int]) -> str:
        """The words of ids, in order."""
        return " ".join(self.words[place] for place in ids)

    def bags(self, texts: Iterable[str], unique: bool = False) -> Bags:
        """A bag of ids for each text, with every occurrence of a word, or with `unique` only the first."""
        lists = map(self.ids, texts)
        return (
            Bags.of(ids[np.sort(np.unique(ids, return_index=True)[1])] for ids in lists) if unique else Bags.of(lists)
        )

    def sequences(self, texts: Iterable[str], length: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ids of each text as a row, (N, longest), and how many of each row count, (N,); the rest is zeros.

        Of texts with more than `length` known words the first `length` are taken.
        """
        lists = [self.ids(text)[:length] for text in texts]
        lengths = np.array([len(ids) for ids in lists], np.int64)
        rows = np.zeros((len(lists), lengths.max(initial=0)), np.int64)
        for row, ids in zip(rows, lists, strict=True):
            row[: len(ids)] = ids
        return rows, lengths

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the words and their counts as JSON, whole or not at all. Raises OSError when that cannot be done."""
        content: dict[str, Any] = {"words": self.words, "counts": self.counts.tolist()}
        if self.positive is not None:
            content["positive"] = self.positive.tolist()
        write_atomically(path, [json.dumps(content, ensure_ascii=False, indent=0).encode()])

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read what `save` wrote. Raises DataError for a file that is absent, damaged or something else."""
        path = Path(path)
        try:
            content: Any = json.loads(read_text(path, LARGEST))
            match content:
                case {"words": [*words], "counts": [*counts]} if all(isinstance(word, str) for word in words):
                    return cls(words, counts, content.get("positive"))
        except DataError:
            raise
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise DataError(f"{path}: expected a vocabulary in JSON, found something else ({error})") from None
        raise DataError(f"{path}: expected a vocabulary's words and counts, found something else")

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} words: {', '.join(self.words[:5])}{', ...' if len(self) > 5 else ''})"
