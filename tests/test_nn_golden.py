"""Recurrent layers, attention, activations and losses against PyTorch's numbers; see golden/make_modules.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn


class Golden:
    """Stored numbers by name, and what the file says of its cases."""

    def __init__(self, file_name):
        with np.load(Path(__file__).parent / "golden" / file_name) as file:
            index, numbers = json.loads(str(file["index"])), file["numbers"]
        self.cases = index["cases"]
        sizes = [int(np.prod(shape)) for shape in index["shapes"].values()]
        parts = np.split(numbers, np.cumsum(sizes)[:-1])
        self._arrays = {
            name: part.reshape(shape) for (name, shape), part in zip(index["shapes"].items(), parts, strict=True)
        }

    def __getitem__(self, name):
        return self._arrays[name]

    def under(self, prefix):
        return {name[len(prefix) :]: array for name, array in self._arrays.items() if name.startswith(prefix)}


GOLDEN = Golden("modules.npz")


def name_of(place):
    case = GOLDEN.cases[place]
    return f"{place}-{case['layer']}{case['options']}{','.join(case['inputs'])}"


def call(module, inputs, forward):
    """What a module gives on its inputs by name."""
    inputs = dict(inputs)
    if isinstance(module, nn.MultiHeadAttention):
        return module(inputs.pop("query"), inputs.pop("key"), inputs.pop("value"), **inputs, **forward)
    if "h" not in inputs and "lengths" not in inputs:
        return module(*inputs.values())
    options = {"lengths": inputs["lengths"]} if "lengths" in inputs else {}
    hx = (inputs["h"], inputs["c"]) if "c" in inputs else inputs.get("h")
    return module(inputs["x"], hx, **options)


def flat(results):
    if isinstance(results, tuple):
        return [one for each in results for one in flat(each)]
    return [] if results is None else [results]


@pytest.mark.parametrize("place", range(len(GOLDEN.cases)), ids=name_of)
def test_results_and_gradients_are_pytorchs(place):
    case = GOLDEN.cases[place]
    state = GOLDEN.under(f"{place}/state/")
    module = getattr(nn, case["layer"])(*case["arguments"], **case["options"])
    if state:
        module.to(np.float64)
        module.load_state_dict(state)
    inputs = {
        name: tg.tensor(GOLDEN[f"{place}/in/{name}"].astype(f"{kind}8" if kind != "b" else bool))
        for name, kind in case["inputs"].items()
    }
    for tensor in inputs.values():
        tensor.requires_grad = tensor.dtype.kind == "f"
    results = flat(call(module, inputs, case["forward"]))
    assert len(results) == case["results"]
    total = 0
    for i, result in enumerate(results):
        np.testing.assert_allclose(result.numpy(), GOLDEN[f"{place}/out/{i}"], rtol=1e-11, atol=1e-12)
        total = total + (result * GOLDEN[f"{place}/g/{i}"]).sum()
    total.backward()
    gradients = GOLDEN.under(f"{place}/d/")
    assert {name for name, _ in module.named_parameters()} == set(gradients)
    for name, parameter in module.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), gradients[name], rtol=1e-10, atol=1e-12, err_msg=name)
    differentiated = GOLDEN.under(f"{place}/d_in/")
    assert {name for name, tensor in inputs.items() if tensor.requires_grad} == set(differentiated)
    for name, gradient in differentiated.items():
        np.testing.assert_allclose(inputs[name].grad.numpy(), gradient, rtol=1e-10, atol=1e-12, err_msg=name)
