"""Make modules.npz: what PyTorch's recurrent layers, attention, activations and losses give, in float64.

    python tests/golden/make_modules.py       (needs PyTorch; only to be run when a case is added)

Each case is a module with random parameters, run on random numbers with a random cotangent for each result. `index` is
JSON: `cases`, a list of the modules, their arguments, the names of their inputs and how many results they gave; and
`shapes`, the names and shapes of what lies one after the other in `numbers`. For case 3, `3/state/...` are its
parameters, `3/in/...` the inputs by name, `3/out/0` the first result, `3/g/0` its cotangent, `3/d/...` the gradients
for parameters and `3/d_in/...` those for inputs. Weights of matrices are (in, out).
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

L, N, I, H = 5, 3, 4, 2  # noqa: E741  steps, rows, inputs, hidden
LENGTHS = [3, 5, 1]
TWO = {"num_layers": 2, "bidirectional": True}
MASK = [[False, True, True, False], [False, False, True, False], [True, False, False, False]]
PADDING = [[False, False, False, True], [False, True, False, True]]
LABELS = [2, 0, 3, 1, 2]


def recurrent(layer: str, options: dict, inputs: dict) -> tuple:
    return layer, [I, H], options, inputs


def attention(options: dict, inputs: dict, forward: dict | None = None) -> tuple:
    return "MultiHeadAttention", [6, 2], options, inputs, forward or {}


QKV = {"query": (3, 2, 6), "key": (4, 2, 6), "value": (4, 2, 6)}
FIRST = {"query": (2, 3, 6), "key": (2, 4, 6), "value": (2, 4, 6)}
CASES = [  # the module, its arguments, its options, the shapes or values of its inputs, options of the call
    *[
        recurrent(layer, options, {"x": (L, N, I)} | more)
        for layer in ("RNN", "LSTM", "GRU")
        for options, more in [
            ({}, {}),
            ({"bias": False}, {}),
            (TWO, {"lengths": LENGTHS}),
            (TWO, {"h": (4, N, H)} | ({"c": (4, N, H)} if layer == "LSTM" else {})),
        ]
    ],
    recurrent("RNN", {"nonlinearity": "relu", "batch_first": True}, {"x": (N, L, I), "lengths": LENGTHS}),
    recurrent("LSTM", {"batch_first": True, "num_layers": 2}, {"x": (N, L, I), "lengths": LENGTHS}),
    recurrent("GRU", {"batch_first": True, "bidirectional": True}, {"x": (N, L, I), "lengths": LENGTHS}),
    recurrent("RNNCell", {}, {"x": (N, I)}),
    recurrent("RNNCell", {"nonlinearity": "relu"}, {"x": (N, I), "h": (N, H)}),
    recurrent("LSTMCell", {}, {"x": (N, I)}),
    recurrent("LSTMCell", {"bias": False}, {"x": (N, I), "h": (N, H), "c": (N, H)}),
    recurrent("GRUCell", {}, {"x": (N, I), "h": (N, H)}),
    recurrent("GRUCell", {"bias": False}, {"x": (N, I)}),
    attention({}, QKV),
    attention({"bias": False}, QKV, {"average_attn_weights": False}),
    attention({"batch_first": True}, {**FIRST, "key_padding_mask": PADDING}),
    attention({}, {**QKV, "attn_mask": MASK, "key_padding_mask": PADDING}),
    attention({}, {**QKV, "attn_mask": (3, 4)}),
    attention({"batch_first": True}, {**FIRST, "attn_mask": (4, 3, 4)}, {"need_weights": False}),
    ("Embedding", [6, 3], {}, {"ids": [[1, 4, 1], [0, 4, 2]]}),
    ("EmbeddingBag", [6, 3], {"mode": "sum"}, {"ids": [1, 4, 1, 0, 4, 2], "offsets": [0, 3, 3, 5]}),
    ("EmbeddingBag", [6, 3], {}, {"ids": [1, 4, 1, 0, 4, 2], "offsets": [0, 3, 3, 5]}),
    ("EmbeddingBag", [6, 3], {}, {"ids": [[1, 4, 1], [0, 4, 2]]}),
    *[
        (name, [], options, {"x": (3, 4)})
        for name, options in [
            ("LeakyReLU", {}),
            ("LeakyReLU", {"negative_slope": 0.3}),
            ("ELU", {}),
            ("ELU", {"alpha": 0.5}),
            ("GELU", {}),
            ("SiLU", {}),
            ("Softplus", {}),
            ("ReLU", {}),
            ("Sigmoid", {}),
            ("Tanh", {}),
            ("Softmax", {"dim": 0}),
            ("LogSoftmax", {"dim": -1}),
        ]
    ],
    *[
        (name, [], options | {"reduction": reduction}, inputs)
        for reduction in ("mean", "sum", "none")
        for name, options, inputs in [
            ("CrossEntropyLoss", {}, {"logits": (5, 4), "labels": LABELS}),
            ("CrossEntropyLoss", {}, {"logits": (5, 4), "labels": "probabilities"}),
            ("NLLLoss", {}, {"x": (5, 4), "labels": LABELS}),
            ("BCEWithLogitsLoss", {}, {"logits": (5, 4), "labels": "probabilities"}),
            ("MSELoss", {}, {"x": (5, 4), "y": (5, 4)}),
            ("L1Loss", {}, {"x": (5, 4), "y": (5, 4)}),
            ("HuberLoss", {}, {"x": (5, 4), "y": (5, 4)}),
            ("HuberLoss", {"delta": 0.4}, {"x": (5, 4), "y": (5, 4)}),
            ("KLDivLoss", {}, {"x": (5, 4), "y": "probabilities"}),
            ("KLDivLoss", {"log_target": True}, {"x": (5, 4), "y": (5, 4)}),
        ]
    ],
    ("KLDivLoss", [], {"reduction": "batchmean"}, {"x": (5, 4), "y": "probabilities"}),
]
THEIRS = {"MultiHeadAttention": "MultiheadAttention"}


def drawn(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal numbers of few digits, which take less room in a file."""
    return np.round(random.standard_normal(shape) * 256) / 256


def made(random: np.random.Generator, given: Any) -> np.ndarray:
    """An input: random numbers of a shape, probabilities, or values that are given."""
    if isinstance(given, str):
        return random.dirichlet(np.ones(4), 5)
    return drawn(random, given) if isinstance(given, tuple) else np.array(given)


def as_here(layer: str, array: np.ndarray) -> np.ndarray:
    """Weights (in, out), of weights (out, in); the rows of an embedding as they are."""
    return array if layer.startswith("Embedding") else np.ascontiguousarray(array.T)


def flat(results: Any) -> list[torch.Tensor]:
    if isinstance(results, torch.Tensor):
        return [results]
    return [] if results is None else [one for each in results for one in flat(each)]


def call(module: torch.nn.Module, inputs: dict[str, torch.Tensor], forward: dict) -> list[torch.Tensor]:
    """What a module gives on its inputs, in PyTorch's own way to say it."""
    inputs = dict(inputs)
    if isinstance(module, torch.nn.MultiheadAttention):
        q, k, v = (inputs.pop(name) for name in ("query", "key", "value"))
        return flat(module(q, k, v, **inputs, **forward))
    if not isinstance(module, torch.nn.RNNBase | torch.nn.RNNCellBase):
        return flat(module(*inputs.values()))
    x, lengths = inputs.pop("x"), inputs.pop("lengths", None)
    hx = tuple(inputs.values()) if len(inputs) > 1 else next(iter(inputs.values()), None)
    if lengths is None:
        return flat(module(x, hx))
    first = module.batch_first
    packed, states = module(pack_padded_sequence(x, lengths, first, enforce_sorted=False), hx)
    return flat((pad_packed_sequence(packed, first, total_length=x.shape[int(first)])[0], states))


def run(
    place: int, arrays: dict, layer: str, arguments: list, options: dict, inputs: dict, forward: Any = None
) -> dict:
    """Run one case, add its numbers to `arrays`, and give what `cases` says of it."""
    random = np.random.default_rng(place)
    module = getattr(torch.nn, THEIRS.get(layer, layer))(*arguments, **options).double()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(torch.tensor(drawn(random, parameter.shape)))
            arrays[f"{place}/state/{name}"] = as_here(layer, parameter.numpy().copy())
    values = {name: made(random, given) for name, given in inputs.items()}
    tensors = {name: torch.tensor(value) for name, value in values.items()}
    for tensor in tensors.values():
        tensor.requires_grad = tensor.is_floating_point()
    results = call(module, tensors, forward or {})
    cotangents = [drawn(random, tuple(result.shape)) for result in results]
    torch.autograd.backward(results, [torch.tensor(g) for g in cotangents])
    arrays |= {f"{place}/in/{name}": value for name, value in values.items()}
    arrays |= {f"{place}/out/{i}": result.detach().numpy() for i, result in enumerate(results)}
    arrays |= {f"{place}/g/{i}": g for i, g in enumerate(cotangents)}
    arrays |= {f"{place}/d/{name}": as_here(layer, p.grad.numpy().copy()) for name, p in module.named_parameters()}
    arrays |= {f"{place}/d_in/{name}": t.grad.numpy() for name, t in tensors.items() if t.grad is not None}
    kinds = {name: value.dtype.kind for name, value in values.items()}
    return {
        "layer": layer, "arguments": arguments, "options": options, "inputs": kinds, "forward": forward or {},
        "results": len(results),
    }  # fmt: skip


if __name__ == "__main__":
    arrays: dict[str, np.ndarray] = {}
    cases = [run(place, arrays, *case) for place, case in enumerate(CASES)]
    index = json.dumps({"cases": cases, "shapes": {name: array.shape for name, array in arrays.items()}})
    numbers = np.concatenate([array.ravel() for array in arrays.values()], dtype=np.float64)
    path = Path(__file__).with_name("modules.npz")
    np.savez_compressed(path, torch=torch.__version__, index=index, numbers=numbers)
    sys.stdout.write(f"{path}: {len(cases)} cases, {path.stat().st_size:,} bytes\n")
