"""Downloads: all of a file with the right checksum, or an error that says what to do. No test leaves this machine."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import socket
import struct
import threading

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.data import datasets
from tapegrad.data import download as module
from tapegrad.data.download import File, download

CONTENT = np.random.default_rng(0).bytes(300_000)
FILE = File("data.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives what `server.files` has, in the way that the first part of the address asks for."""

    def do_GET(self):
        self.server.asked.append(self.path)
        _, way, name = self.path.split("/", 2)
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        if way != "lengthless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if way == "short":
            content = content[:100_000]
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.files, running.asked = {"data.bin": CONTENT}, []
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("way", ["plain", "lengthless"])
def test_a_file_is_downloaded(server, tmp_path, capsys, way):
    path = download(FILE, tmp_path, [f"{server.url}/{way}/"])
    assert path == tmp_path / "data.bin"
    assert path.read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["data.bin"]
    assert capsys.readouterr() == ("", "data.bin: 300,000 bytes\n")


def test_a_terminal_sees_it_grow(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    download(FILE, tmp_path, [f"{server.url}/plain"])
    text = capsys.readouterr().err
    assert text.endswith(f"\rdata.bin {'━' * 30} 0.3 MB\n")
    assert text.count("\r") > 3


def test_the_next_source_is_asked_when_one_fails(server, tmp_path):
    sources = [f"{server.url}/short", f"{server.url}/other/folder", f"{server.url}/plain"]
    assert download(FILE, tmp_path, sources).read_bytes() == CONTENT
    assert server.asked == ["/short/data.bin", "/other/folder/data.bin", "/plain/data.bin"]


def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize(
    ("file", "way", "message"),
    [
        (FILE._replace(sha256="0" * 64), "plain", f"has the checksum {FILE.sha256} instead of 000"),
        (FILE._replace(size=299_999), "plain", "has more instead of 299,999 bytes"),
        (FILE._replace(size=300_001), "plain", "has 300,000 instead of 300,001 bytes"),
        (FILE._replace(size=300_001), "lengthless", "has 300,000 instead of 300,001 bytes"),
        (FILE, "short", r"(has 100,000 instead of|stopped after .* of) 300,000 bytes"),
        (FILE._replace(name="other.bin"), "plain", "other.bin cannot be reached .HTTP Error 404"),
    ],
)
def test_what_is_wrong_is_told_and_leaves_nothing(server, tmp_path, file, way, message):
    (tmp_path / "kept").touch()
    with pytest.raises(tg.DataError, match=message) as raised:
        download(file, tmp_path, [f"{server.url}/{way}"])
    text = str(raised.value)
    assert text.startswith(f"{file.name}: expected it at one of 1 addresses, found it at none: ")
    assert f"put it into {tmp_path}" in text
    assert os.listdir(tmp_path) == ["kept"]


def test_without_a_network_it_says_so(tmp_path):
    with pytest.raises(tg.DataError, match=r"127\.0\.0\.1:\d+/data\.bin cannot be reached \(.*Connection refused"):
        download(FILE, tmp_path, [f"http://127.0.0.1:{closed_port()}"])
    assert os.listdir(tmp_path) == []


def test_a_source_that_says_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(tg.DataError, match=r"cannot be reached .*timed out"):
            download(FILE, tmp_path, [f"http://127.0.0.1:{silent.getsockname()[1]}"])


def test_a_folder_that_cannot_be_written_to_is_told(server, tmp_path):
    with pytest.raises(FileNotFoundError, match="cannot write the file"):
        download(FILE, tmp_path / "nowhere", [f"{server.url}/plain"])


# MNIST --------------------------------------------------------------------------------------------


@pytest.fixture
def small(server, monkeypatch):
    """MNIST's files, but small, at a source of this machine, and no folder that has them."""
    for half, count in (("train", 6), ("t10k", 3)):
        images = bytes([0, 0, 8, 3]) + struct.pack(">3I", count, 28, 28) + bytes(count * 784)
        labels = bytes([0, 0, 8, 1]) + struct.pack(">I", count) + bytes(range(count))
        server.files[f"{half}-images-idx3-ubyte.gz"] = gzip.compress(images)
        server.files[f"{half}-labels-idx1-ubyte.gz"] = gzip.compress(labels)
    files = [
        File(file.name, len(c := server.files[file.name]), hashlib.sha256(c).hexdigest()) for file in datasets.FILES
    ]
    monkeypatch.setattr(datasets, "FILES", files)
    monkeypatch.setattr(datasets, "SOURCES", [f"{server.url}/plain"])
    monkeypatch.delenv("TAPEGRAD_DATA", raising=False)
    return server


def test_mnist_is_downloaded_once_and_found_again(small, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(tg.DataError, match=r"set TAPEGRAD_DATA to a folder .*mnist\(download=True\) gets them"):
        datasets.mnist()
    training, test = datasets.mnist(download=True)
    assert len(small.asked) == 4
    assert training.y.tolist() == [0, 1, 2, 3, 4, 5]
    assert len(test.x) == 3
    assert sorted(os.listdir(tmp_path / "tapegrad" / "mnist")) == sorted(file.name for file in datasets.FILES)
    datasets.mnist()
    (tmp_path / "tapegrad" / "mnist" / datasets.FILES[2].name).unlink()
    datasets.mnist(download=True)
    assert len(small.asked) == 5  # only what was missing


def test_mnist_is_downloaded_to_where_it_is_looked_for(small, tmp_path, monkeypatch):
    datasets.mnist(tmp_path / "here", download=True)
    assert len(os.listdir(tmp_path / "here")) == 4
    monkeypatch.setenv("TAPEGRAD_DATA", str(tmp_path / "sets"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    datasets.mnist(download=True)
    assert len(os.listdir(tmp_path / "sets" / "mnist")) == 4
    assert not (tmp_path / "cache").exists()


def test_the_cache_is_asked_when_the_folder_of_data_sets_has_none(small, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    datasets.mnist(download=True)
    (tmp_path / "sets").mkdir()
    monkeypatch.setenv("TAPEGRAD_DATA", str(tmp_path / "sets"))
    assert len(datasets.mnist()[0].x) == 6


def test_the_cache_is_in_the_home_folder_unless_told_otherwise(small, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    datasets.mnist(download=True)
    assert len(os.listdir(tmp_path / ".cache" / "tapegrad" / "mnist")) == 4


def test_the_real_files_have_the_published_checksums(data_folder):
    for file in datasets.FILES:
        content = (data_folder / "mnist" / file.name).read_bytes()
        assert len(content) == file.size
        assert hashlib.sha256(content).hexdigest() == file.sha256
    assert all(source.startswith("https://") for source in datasets.SOURCES)
