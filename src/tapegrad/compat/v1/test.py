"""Tests of scripts: `tf.test`."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import unittest
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from ._graph import Graph, get_default_graph
from ._missing import not_covered
from ._session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "TestCase", "get_temp_dir", "gpu_device_name", "is_built_with_cuda", "is_gpu_available", "main", "mock",
]  # fmt: skip


class TestCase(unittest.TestCase):
    """unittest's, with sessions and comparisons of arrays. Each test begins with an empty graph."""

    def run(self, result: Any = None) -> Any:
        with Graph().as_default():
            return super().run(result)

    def get_temp_dir(self) -> str:
        """A folder for files of the test."""
        return get_temp_dir()

    @contextlib.contextmanager
    def cached_session(
        self, graph: Any = None, config: Any = None, use_gpu: bool = False, force_gpu: bool = False
    ) -> Iterator[Session]:
        """A session that is the default one."""
        with Session(graph=graph or get_default_graph(), config=config) as session:
            yield session

    session = cached_session

    def test_session(
        self, graph: Any = None, config: Any = None, use_gpu: bool = False, force_gpu: bool = False
    ) -> contextlib.AbstractContextManager[Session]:
        """A session that is the default one: the name that first was, which unittest takes for that of a test."""
        if self._testMethodName == "test_session":
            self.skipTest("not a test")
        return self.cached_session(graph, config)

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors, in the default session or a new one."""
        from ._default_session import get_default_session

        session = get_default_session()
        if session is not None:
            return session.run(tensors)
        with Session() as own:
            return own.run(tensors)

    def assertAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Fail unless two arrays are the same."""
        np.testing.assert_array_equal(a, b, err_msg=msg or "")

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:
        """Fail unless two arrays, or nests of them, are nearly the same."""
        if isinstance(a, dict):
            self.assertEqual(set(a), set(b), msg)
            for key in a:
                self.assertAllClose(a[key], b[key], rtol, atol, msg)
            return
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=msg or "")

    def assertNear(self, f1: float, f2: float, err: float, msg: Any = None) -> None:
        """Fail unless two numbers are at most `err` apart."""
        self.assertLessEqual(abs(f1 - f2), err, msg)

    def assertShapeEqual(self, np_array: Any, tf_tensor: Any, msg: Any = None) -> None:
        """Fail unless an array and a tensor have one shape."""
        self.assertEqual(list(np.shape(np_array)), tf_tensor.get_shape().as_list(), msg)

    @contextlib.contextmanager
    def assertRaisesOpError(self, expected_err_re_or_predicate: str) -> Iterator[None]:
        """Fail unless the block raises an error of a run whose message fits."""
        from .errors import OpError

        with self.assertRaisesRegex(OpError, expected_err_re_or_predicate):
            yield


def main(argv: Any = None) -> None:
    """Run the tests of the program."""
    unittest.main(argv=argv or sys.argv)


def get_temp_dir() -> str:
    """A folder for files of tests."""
    folder = os.path.join(tempfile.gettempdir(), f"tapegrad_test_{os.getpid()}")
    os.makedirs(folder, exist_ok=True)
    return folder


def gpu_device_name() -> str:
    """The name of a graphics card: none."""
    return ""


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether there is a graphics card that is used: no."""
    return False


def is_built_with_cuda() -> bool:
    """Whether graphics cards can be used: no."""
    return False


__getattr__ = not_covered(__name__)
