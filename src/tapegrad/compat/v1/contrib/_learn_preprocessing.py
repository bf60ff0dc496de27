"""Texts as numbers of words: `tf.contrib.learn.preprocessing`."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .._missing import not_covered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["CategoricalVocabulary", "VocabularyProcessor", "tokenizer"]

__getattr__ = not_covered(__name__)

_CAPITALS = r"[A-Z]{2,}(?![a-z])"  # a word of its own: of "HTMLpage" no, of "HTML page" and "HTML5" yes
_HUMP = r"[A-Z][a-z]+(?=[A-Z])"  # "camelCase" is one word, "CamelCase" two
_WORD = re.compile(rf"{_CAPITALS}|{_HUMP}|['\w\-]+")


def tokenizer(iterator: Iterable[str]) -> Iterator[list[str]]:
    """The words of each text."""
    for text in iterator:
        yield _WORD.findall(text)


class CategoricalVocabulary:
    """Words and their numbers, from 1; 0 is for all others."""

    def __init__(self, unknown_token: str = "<UNK>", support_reverse: bool = True) -> None:
        self._unknown = unknown_token
        self._mapping: dict[str, int] = {unknown_token: 0}
        self._count: Counter[str] = Counter()
        self._frozen = False

    def __len__(self) -> int:
        return len(self._mapping)

    def freeze(self, freeze: bool = True) -> None:
        """Let new words be unknown from now on."""
        self._frozen = freeze

    def get(self, category: str) -> int:
        """The number of a word: a new one for a new word, unless frozen."""
        if category not in self._mapping and not self._frozen:
            self._mapping[category] = len(self._mapping)
        return self._mapping.get(category, 0)

    def add(self, category: str, count: int = 1) -> None:
        """Count a word."""
        if self.get(category) > 0:
            self._count[category] += count

    def trim(self, min_frequency: int, max_frequency: int = -1) -> None:
        """Keep the words that came more than `min_frequency` times, the most frequent first."""
        kept = sorted(self._count.items(), key=lambda pair: (-pair[1], pair[0]))
        kept = [(word, n) for word, n in kept if n > min_frequency and (max_frequency <= 0 or n < max_frequency)]
        self._count = Counter(dict(kept))
        self._mapping = {self._unknown: 0, **{word: place for place, (word, _) in enumerate(kept, 1)}}

    def reverse(self, class_id: int) -> str:
        """The word of a number."""
        return list(self._mapping)[class_id]


class VocabularyProcessor:
    """Texts as rows of `max_document_length` numbers of words, cut there or filled up with 0."""

    def __init__(
        self,
        max_document_length: int,
        min_frequency: int = 0,
        vocabulary: CategoricalVocabulary | None = None,
        tokenizer_fn: Callable[[Iterable[str]], Iterable[Iterable[str]]] | None = None,
    ) -> None:
        self.max_document_length, self.min_frequency = max_document_length, min_frequency
        self.vocabulary_ = CategoricalVocabulary() if vocabulary is None else vocabulary
        self._tokenizer = tokenizer if tokenizer_fn is None else tokenizer_fn

    def fit(self, raw_documents: Iterable[str], unused_y: Any = None) -> VocabularyProcessor:
        """Learn the words of texts."""
        for words in self._tokenizer(raw_documents):
            for word in words:
                self.vocabulary_.add(word)
        if self.min_frequency > 0:
            self.vocabulary_.trim(self.min_frequency)
        self.vocabulary_.freeze()
        return self

    def fit_transform(self, raw_documents: Iterable[str], unused_y: Any = None) -> Iterator[Any]:
        """Learn the words of texts, and give their numbers."""
        texts = list(raw_documents)
        return self.fit(texts).transform(texts)

    def transform(self, raw_documents: Iterable[str]) -> Iterator[Any]:
        """The numbers of the words of each text, int64."""
        for words in self._tokenizer(raw_documents):
            row = np.zeros(self.max_document_length, np.int64)
            for place, word in zip(range(self.max_document_length), words, strict=False):
                row[place] = self.vocabulary_.get(word)
            yield row

    def reverse(self, documents: Iterable[Iterable[int]]) -> Iterator[str]:
        """The texts that rows of numbers stand for."""
        for row in documents:
            yield " ".join(self.vocabulary_.reverse(int(number)) for number in row)

    def save(self, filename: Any) -> None:
        """Write the words to a file, as JSON: a processor with a tokenizer of its own needs it at restore, too."""
        with open(filename, "w", encoding="utf-8") as file:
            words = list(self.vocabulary_._mapping)
            json.dump({"length": self.max_document_length, "least": self.min_frequency, "words": words}, file)

    @classmethod
    def restore(cls, filename: Any) -> VocabularyProcessor:
        """The processor that was saved in a file."""
        with open(filename, encoding="utf-8") as file:
            found = json.load(file)
        words = CategoricalVocabulary(found["words"][0])
        for word in found["words"][1:]:
            words.add(word)
        words.freeze()
        return cls(found["length"], found["least"], words)
