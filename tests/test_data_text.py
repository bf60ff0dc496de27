"""Text as numbers: packed files and what may be wrong with them, the film reviews, vocabularies, bags."""

from __future__ import annotations

import gzip
import itertools
import lzma
import re
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapegrad as tg
from tapegrad.data import Bags, Vocabulary, batches, datasets, split
from tapegrad.data.packed import read_text

# Packed files -------------------------------------------------------------------------------------

TEXT = "one\ntwo ü\x85three\n" * 50
ENCODED = TEXT.encode()
PACKERS = {".xz": lzma.compress, ".gz": gzip.compress, "": bytes}
each = pytest.mark.parametrize("suffix", PACKERS)


def written(folder, suffix, content=ENCODED, change=lambda packed: packed):
    path = folder / f"file.txt{suffix}"
    path.write_bytes(change(PACKERS[suffix](content)))
    return path


@each
def test_a_text_is_read_back(tmp_path, suffix):
    assert read_text(written(tmp_path, suffix), 10_000) == TEXT
    assert read_text(written(tmp_path, suffix, b""), 10_000) == ""


@each
def test_a_text_of_the_largest_size_is_read_and_one_byte_more_is_not(tmp_path, suffix):
    path, size = written(tmp_path, suffix), len(TEXT.encode())
    assert read_text(path, size) == TEXT
    with pytest.raises(tg.DataError, match=r"file\.txt.*: expected at most .* bytes of text, found more"):
        read_text(path, size - 1)


@pytest.mark.parametrize("suffix", [".xz", ".gz"])
def test_a_bomb_takes_no_more_memory_than_the_bound(tmp_path, suffix):
    path = written(tmp_path, suffix, bytes(2**26))
    assert path.stat().st_size < 2**17
    tracemalloc.start()
    with pytest.raises(tg.DataError, match="expected at most 1,048,576 bytes of text, found more"):
        read_text(path, 2**20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_an_xz_file_that_wants_a_gigabyte_of_memory_is_refused(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**20}]
    packed = bytearray(lzma.compress(TEXT.encode(), filters=filters, check=lzma.CHECK_NONE))
    # The block's header: its size, flags, the filter's number, the size of its properties, the dictionary's size.
    assert packed[12:17] == bytes([packed[12], 0, 0x21, 1, 16])
    packed[16] = 37  # 1.5 GiB
    packed[20:24] = np.frombuffer(_crc32(bytes(packed[12:20])), np.uint8).tobytes()
    path = tmp_path / "file.txt.xz"
    path.write_bytes(packed)
    with pytest.raises(tg.DataError, match=r"found a damaged one or none \(Memory usage limit"):
        read_text(path, 10_000)


def _crc32(data):
    import zlib

    return zlib.crc32(data).to_bytes(4, "little")


@pytest.mark.parametrize("suffix", [".xz", ".gz"])
def test_what_is_wrong_with_a_packed_file_is_told(tmp_path, suffix):
    for change, found in [
        (lambda packed: packed[:-9], "found one cut short"),
        (lambda packed: packed[:20], "found one cut short"),
        (lambda packed: TEXT.encode(), "found a damaged one or none"),
        (lambda packed: packed[:30] + b"\xff" * 9 + packed[39:], "found a damaged one or none"),
        (lambda packed: packed + b"more", "found a damaged one or none"),
    ]:
        path = written(tmp_path, suffix, change=change)
        with pytest.raises(tg.DataError) as raised:
            read_text(path, 10_000)
        assert str(raised.value).startswith(f"{path}: expected ")
        assert found in str(raised.value)


def test_an_empty_gzip_file_is_an_empty_text(tmp_path):
    """One after the other, gzip files are a gzip file: so is none at all."""
    assert read_text(written(tmp_path, ".gz", change=lambda packed: b""), 10) == ""


@each
def test_a_file_that_is_not_there_or_no_text_or_a_folder(tmp_path, suffix):
    with pytest.raises(tg.DataError, match="found no file of that name"):
        read_text(tmp_path / f"absent{suffix}", 10)
    with pytest.raises(tg.DataError, match="expected text in UTF-8, found byte 0xff"):
        read_text(written(tmp_path, suffix, b"abc\xff"), 10)
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(tg.DataError, match="but it cannot be read"):
        read_text(tmp_path / f"folder{suffix}", 10)


@given(st.data())
def test_any_damage_is_a_data_error_or_another_text(tmp_path_factory, data):
    suffix = data.draw(st.sampled_from(list(PACKERS)))

    def damage(packed):
        content = bytearray(packed)
        for _ in range(data.draw(st.integers(1, 3))):
            start = data.draw(st.integers(0, len(content)))
            content[start : start + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
        return bytes(content)

    path = written(tmp_path_factory.getbasetemp(), suffix, change=damage)
    told = None
    try:
        text = read_text(path, 10_000)
    except tg.DataError as error:
        told = str(error)
    assert told.startswith(f"{path}: expected ") if told else isinstance(text, str)


# Film reviews -------------------------------------------------------------------------------------


def small_reviews(folder, texts=None, labels=None, suffixes=(".xz", ".gz")):
    """Two files like those of the reviews, of 25,000 short lines."""
    texts = [f"film {place} ." for place in range(25_000)] if texts is None else texts
    labels = list(itertools.islice(itertools.cycle(["positive", "negative"]), 25_000)) if labels is None else labels
    for name, lines, suffix in (("reviews", texts, suffixes[0]), ("labels", labels, suffixes[1])):
        (folder / f"{name}.txt{suffix}").write_bytes(PACKERS[suffix]("".join(f"{line}\n" for line in lines).encode()))
    return folder


@pytest.mark.parametrize("suffixes", [(".xz", ".gz"), ("", "")])
def test_reviews_are_read_and_split_in_order(tmp_path, monkeypatch, suffixes):
    (tmp_path / "reviews").mkdir()
    folder = small_reviews(tmp_path / "reviews", suffixes=suffixes)
    monkeypatch.setenv("TAPEGRAD_DATA", str(tmp_path))
    for training, test in (datasets.reviews(folder), datasets.reviews(str(folder)), datasets.reviews()):
        assert len(training.texts) == len(training.labels) == 20_000
        assert len(test.texts) == len(test.labels) == 5_000
        assert training.texts[-1] == "film 19999 ."
        assert test.texts[0] == "film 20000 ."
        assert training.labels[:3].tolist() == [1, 0, 1]
        assert test.labels.dtype == np.int64


def test_a_line_of_the_reviews_ends_with_a_newline_only(tmp_path):
    folder = small_reviews(tmp_path, ["one\x85two\u2028three\x0bfour\r"] * 25_000)
    assert datasets.reviews(folder)[0].texts[7] == "one\x85two\u2028three\x0bfour\r"


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a"] * 24_999, None, r"reviews\.txt\.xz: expected 25,000 lines, found 24,999"),
        (None, ["positive"] * 25_001, r"labels\.txt\.gz: expected 25,000 lines, found 25,001"),
        (None, ["positive"] * 24_999 + ["good"], r"labels\.txt\.gz: .*\"negative\", found 'good' in line 25,000"),
    ],
)
def test_files_that_are_not_the_reviews_are_refused(tmp_path, texts, labels, message):
    with pytest.raises(tg.DataError, match=message):
        datasets.reviews(small_reviews(tmp_path, texts, labels))


def test_reviews_without_files_say_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(tg.DataError, match=r"expected reviews\.txt, reviews\.txt\.xz or reviews\.txt\.gz in it"):
        datasets.reviews(tmp_path)
    monkeypatch.delenv("TAPEGRAD_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(tg.DataError, match=r"reviews: .* set TAPEGRAD_DATA to a folder that has reviews/; they are"):
        datasets.reviews()


@pytest.fixture(scope="module")
def real(data_folder):
    return datasets.reviews(data_folder / "reviews")


def test_the_real_reviews(real):
    training, test = real
    assert training.texts[0].startswith("bromwell high is a cartoon comedy .")
    assert training.labels.mean() == test.labels.mean() == 0.5
    everything = Vocabulary.build([*training.texts, *test.texts])
    assert len(everything) == 74_073
    assert everything.words[:4] == ("the", ".", "and", "a")


def test_the_real_vocabulary_with_its_filters(real):
    training, _ = real
    words = Vocabulary.build(training.texts, training.labels)
    kept = words.filter(minimum=51, polarity=0.1)
    positive, negative = Counter(), Counter()
    for text, label in zip(*training, strict=True):
        (positive if label else negative).update(text.split())
    expected = {
        word
        for word in positive | negative
        if positive[word] + negative[word] > 50
        and (not positive[word] or not negative[word] or abs(np.log(positive[word] / negative[word])) >= 0.1)
    }
    assert set(kept.words) == expected
    bags = kept.bags(training.texts[:50], unique=True)
    for place, text in enumerate(training.texts[:50]):
        assert set(kept.text(bags[place]).split()) == set(text.split()) & expected


# Vocabularies -------------------------------------------------------------------------------------

TEXTS = ["good film good end", "bad film", "  good   bad\tplot ", ""]
LABELS = [1, 0, 1, 0]


def test_a_vocabulary_has_the_most_frequent_words_first():
    words = Vocabulary.build(TEXTS, LABELS)
    assert words.words == ("good", "bad", "film", "end", "plot")
    assert words.counts.tolist() == [3, 2, 2, 1, 1]
    assert words.positive.tolist() == [3, 1, 1, 1, 1]
    assert len(words) == 5
    assert words["film"] == 2
    assert "film" in words
    assert "the" not in words
    with pytest.raises(KeyError):
        words["the"]
    assert Vocabulary.build(iter(TEXTS)).words == words.words
    assert Vocabulary.build(TEXTS).positive is None
    assert repr(words) == "Vocabulary(5 words: good, bad, film, end, plot)"


@pytest.mark.parametrize(
    ("minimum", "polarity", "kept"),
    [
        (1, 0.0, "good bad film end plot"),
        (2, 0.0, "good bad film"),
        (1, 0.1, "good end plot"),  # bad and film are seen as often in either kind
        (2, 0.1, "good"),
        (9, 0.0, ""),
        (0, 0.1, "good end plot"),
    ],
)
def test_filters(minimum, polarity, kept):
    words = Vocabulary.build(TEXTS, LABELS).filter(minimum, polarity)
    assert words.words == tuple(kept.split())
    assert [words[word] for word in words.words] == list(range(len(words)))
    assert words.counts.tolist() == [{"good": 3, "bad": 2, "film": 2}.get(word, 1) for word in words.words]


def test_the_polarity_is_at_least_the_cut_off():
    words = Vocabulary(["a", "b"], [4, 40], [3, 10])  # |log(3/1)| and |log(10/30)|: the same
    told = np.log(3)
    assert len(words.filter(polarity=told * (1 - 1e-12))) == 2
    assert len(words.filter(polarity=told * (1 + 1e-12))) == 0


def test_texts_become_ids_and_back():
    words = Vocabulary.build(TEXTS)
    assert words.ids("film the good film").tolist() == [2, 0, 2]
    assert words.ids("").dtype == np.int64
    assert words.text(words.ids("bad plot unknown end")) == "bad plot end"


def test_texts_become_bags_and_sequences():
    words = Vocabulary.build(TEXTS)
    bags = words.bags(TEXTS)
    assert [bags[place].tolist() for place in range(4)] == [[0, 2, 0, 3], [1, 2], [0, 1, 4], []]
    bags = words.bags(TEXTS, unique=True)
    assert [bags[place].tolist() for place in range(4)] == [[0, 2, 3], [1, 2], [0, 1, 4], []]
    rows, lengths = words.sequences(TEXTS)
    assert rows.tolist() == [[0, 2, 0, 3], [1, 2, 0, 0], [0, 1, 4, 0], [0, 0, 0, 0]]
    assert lengths.tolist() == [4, 2, 3, 0]
    rows, lengths = words.sequences(TEXTS, length=2)
    assert rows.tolist() == [[0, 2], [1, 2], [0, 1], [0, 0]]
    assert lengths.tolist() == [2, 2, 2, 0]
    assert words.sequences([])[0].shape == (0, 0)


@given(st.lists(st.text(max_size=20), max_size=6), st.data())
def test_any_texts_are_counted_saved_and_read_back(tmp_path_factory, texts, data):
    labels = data.draw(st.none() | st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    words = Vocabulary.build(texts, labels)
    counts = Counter(word for text in texts for word in text.split())
    assert dict(zip(words.words, words.counts.tolist(), strict=True)) == counts
    for text in texts:
        assert words.text(words.ids(text)).split() == text.split()
    path = tmp_path_factory.getbasetemp() / "words.json"
    try:
        words.save(path)
    except UnicodeEncodeError:  # half of a pair of surrogates is no text in UTF-8
        assert any(re.search(r"[\ud800-\udfff]", text) for text in texts)
        return
    read = Vocabulary.load(path)
    assert read.words == words.words
    assert read.counts.tolist() == words.counts.tolist()
    assert (read.positive is None) is (labels is None)
    assert labels is None or read.positive.tolist() == words.positive.tolist()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b'{"words": ["a"]}',
        b'{"words": ["a"], "counts": [1, 2]}',
        b'{"words": ["a"], "counts": ["x"]}',
        b'{"words": ["a", "a"], "counts": [1, 1]}',
        b'{"words": [1], "counts": [1]}',
        b'{"words": ["a"], "counts": [1], "positive": [[1]]}',
        b'{"words": ["a"], "counts": [99999999999999999999]}',
        b'{"words": "a", "counts": "1"}',
    ],
)
def test_what_is_no_vocabulary_is_told(tmp_path, content):
    path = tmp_path / "words.json"
    path.write_bytes(content)
    with pytest.raises(tg.DataError) as raised:
        Vocabulary.load(path)
    assert str(raised.value).startswith(f"{path}: expected ")


def test_what_makes_no_vocabulary_is_refused():
    with pytest.raises(tg.ShapeError, match=r"a count of each of 2 words, got \(1,\)"):
        Vocabulary(["a", "b"], [1])
    with pytest.raises(ValueError, match="expected every word once, got 'a' several times"):
        Vocabulary(["a", "b", "a"], [1, 1, 1])
    with pytest.raises(ValueError, match="expected labels for a polarity"):
        Vocabulary.build(TEXTS).filter(polarity=0.1)
    with pytest.raises(tg.ShapeError, match=r"a label for each of 4 texts, got \(3,\)"):
        Vocabulary.build(TEXTS, LABELS[:3])


# Bags ---------------------------------------------------------------------------------------------

LISTS = st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=8)


@given(LISTS, st.data())
def test_bags_are_lists_of_ids(lists, data):
    bags = Bags.of(lists)
    assert len(bags) == len(lists)
    assert [ids.tolist() for ids in bags] == lists
    assert bags.ids.tolist() == [place for ids in lists for place in ids]
    assert bags.offsets.tolist() == [sum(map(len, lists[:place])) for place in range(len(lists))]
    rows = data.draw(st.lists(st.integers(-len(lists), len(lists) - 1), max_size=9) if lists else st.just([]))
    assert [ids.tolist() for ids in bags[np.array(rows, int)]] == [lists[row] for row in rows]
    start, stop = data.draw(st.integers(0, 8)), data.draw(st.integers(0, 8))
    assert [ids.tolist() for ids in bags[start:stop]] == lists[start:stop]
    for part in (bags, bags[np.array(rows, int)], bags[start:stop]):
        again = Bags(part.ids, part.offsets)  # two arrays say it all
        assert [ids.tolist() for ids in again] == [ids.tolist() for ids in part]


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_of_bags_are_ids_and_offsets(shuffle):
    lists = [[place] * (place % 4) for place in range(10)]
    y = np.arange(10)
    seen = []
    for (ids, offsets), labels in batches(Bags.of(lists), y, 3, shuffle, seed=0):
        ends = [*offsets[1:], len(ids)]
        for label, start, end in zip(labels, offsets, ends, strict=True):
            assert ids[start:end].tolist() == lists[label]
            seen.append(label)
    assert sorted(seen) == y.tolist()
    assert (seen == y.tolist()) is not shuffle


def test_batches_and_splits_of_tuples():
    x, lengths, y = np.arange(20).reshape(10, 2), np.arange(10), np.arange(10) * 7
    for (a, b), label in batches((x, lengths), y, 4, seed=1):
        assert np.array_equal(a, x[b])
        assert np.array_equal(label, b * 7)
    bags = Bags.of([[place] for place in range(10)])
    train, test = split((x, bags), y, seed=0)
    for (a, part), label in (train, test):
        assert np.array_equal(a[:, 0] // 2 * 7, label)
        assert [ids.tolist() for ids in part] == (label // 7)[:, None].tolist()
    with pytest.raises(tg.ShapeError, match=r"got x \(\(10, 2\), Bags\(9 bags of 9 ids\)\) and y \(10,\)"):
        batches((x, bags[:9]), y, 3)


@pytest.mark.parametrize(
    ("ids", "offsets", "error", "message"),
    [
        ([1.5], [0], tg.DTypeError, "expected integers for ids, got float64"),
        ([1], [[0]], tg.ShapeError, r"expected one row of offsets, got shape \(1, 1\)"),
        ([1, 2], [1], tg.ShapeError, "offsets that start at 0, never fall and stay within the 2 ids"),
        ([1, 2], [0, 2, 1], tg.ShapeError, "offsets that start at 0, never fall"),
        ([1, 2], [0, 3], tg.ShapeError, "stay within the 2 ids"),
        ([1, 2], [], tg.ShapeError, "offsets that say where the 2 ids belong, got none"),
    ],
)
def test_what_makes_no_bags_is_refused(ids, offsets, error, message):
    with pytest.raises(error, match=message):
        Bags(ids, offsets)
