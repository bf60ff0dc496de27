"""Make layers.npz: what PyTorch's layers give, forward and backward, in float64.

    python tests/golden/make_layers.py       (needs PyTorch; only to be run when a case is added)

Each case is a layer with random parameters, run on random numbers with a random cotangent. `index` is JSON: `cases`, a
list of the layers, their arguments and their steps, "train" or "eval" each; and `shapes`, the names and shapes of what
lies one after the other in `numbers`. For case 3, `3/state/...` is what the layer holds before the first step, `3/1/x`
and `3/1/g` are the input and the cotangent of step 1, `3/1/y`, `3/1/dx`, `3/1/d/...` the results, and `3/1/state/...`
the buffers after it. Everything has the channels last: images are (N, *spatial, C), filters (*taps, in, out).
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

ONCE = ["train"]
STEPS = ["train", "train", "train", "eval"]
CASES = [  # the layer, its arguments, the shape of x
    ("Conv1d", [4, 6, 3], {"padding": "same"}, (2, 7, 4)),
    ("Conv1d", [4, 6, 5], {"stride": 2, "padding": 2, "groups": 2}, (2, 9, 4)),
    ("Conv2d", [3, 4, 3], {}, (2, 6, 5, 3)),
    ("Conv2d", [3, 4, [3, 2]], {"stride": [2, 1], "padding": [1, 0]}, (2, 6, 5, 3)),
    ("Conv2d", [3, 4, [2, 4]], {"padding": "same"}, (2, 5, 6, 3)),
    ("Conv2d", [4, 6, 3], {"padding": "same", "dilation": 2, "groups": 2}, (2, 6, 5, 4)),
    ("Conv2d", [4, 8, 3], {"padding": 1, "groups": 4, "bias": False}, (2, 5, 5, 4)),
    ("Conv2d", [2, 3, 5], {"stride": 4, "padding": "valid"}, (1, 14, 13, 2)),
    ("Conv3d", [2, 3, 2], {"stride": 2, "padding": 1}, (2, 3, 4, 5, 2)),
    ("Conv3d", [2, 4, 3], {"padding": "same", "groups": 2}, (1, 4, 3, 4, 2)),
    ("ConvTranspose1d", [4, 6, 3], {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2}, (2, 4, 4)),
    ("ConvTranspose2d", [3, 4, 3], {}, (2, 4, 3, 3)),
    ("ConvTranspose2d", [3, 4, 3], {"stride": 2, "padding": 1, "output_padding": 1}, (2, 4, 3, 3)),
    (
        "ConvTranspose2d",
        [4, 6, [3, 2]],
        {"stride": [2, 3], "dilation": [2, 1], "groups": 2, "bias": False},
        (2, 3, 3, 4),
    ),
    ("ConvTranspose3d", [2, 3, 2], {"stride": 2, "padding": [0, 1, 0]}, (1, 2, 3, 2, 2)),
    ("MaxPool1d", [2], {}, (2, 7, 3)),
    ("MaxPool2d", [2], {}, (2, 6, 5, 3)),
    ("MaxPool2d", [3], {"stride": 2, "padding": 1}, (2, 7, 6, 3)),
    ("MaxPool3d", [[2, 3, 2]], {"stride": [2, 1, 1]}, (1, 4, 4, 3, 2)),
    ("AvgPool1d", [3], {"stride": 1, "padding": 1}, (2, 5, 3)),
    ("AvgPool2d", [2], {}, (2, 6, 5, 3)),
    ("AvgPool2d", [3], {"stride": 2, "padding": 1}, (2, 7, 6, 3)),
    ("AvgPool2d", [[3, 2]], {"stride": 2, "padding": [1, 0], "count_include_pad": False}, (2, 7, 6, 3)),
    ("AvgPool3d", [3], {"stride": 2, "padding": 1}, (1, 4, 5, 3, 2)),
    ("AdaptiveAvgPool1d", [3], {}, (2, 7, 3)),
    ("AdaptiveAvgPool2d", [1], {}, (2, 4, 5, 3)),
    ("AdaptiveAvgPool2d", [[3, 7]], {}, (2, 7, 5, 3)),
    ("AdaptiveAvgPool3d", [2], {}, (1, 3, 4, 5, 2)),
    ("BatchNorm", [3], {}, (5, 3)),
    ("BatchNorm", [3], {"momentum": None}, (3, 4, 3)),
    ("BatchNorm", [3], {"momentum": 0.3, "eps": 0.01}, (3, 4, 5, 3)),
    ("BatchNorm", [2], {"affine": False}, (2, 2, 3, 2, 2)),
    ("BatchNorm", [3], {"track_running_stats": False}, (3, 4, 5, 3)),
    ("LayerNorm", [5], {}, (3, 4, 5)),
    ("LayerNorm", [[4, 5]], {"eps": 0.1}, (3, 4, 5)),
    ("LayerNorm", [5], {"elementwise_affine": False}, (3, 5)),
    ("GroupNorm", [2, 6], {}, (3, 4, 5, 6)),
    ("GroupNorm", [3, 6], {"affine": False}, (3, 4, 6)),
    ("GroupNorm", [1, 4], {"eps": 0.1}, (3, 4)),
]


def first(array: np.ndarray) -> np.ndarray:
    """Images with the channels first, (N, C, *spatial), of images with the channels last."""
    return np.moveaxis(array, -1, 1)


def last(array: np.ndarray) -> np.ndarray:
    """Images with the channels last, of images with the channels first."""
    return np.ascontiguousarray(np.moveaxis(array, 1, -1))


def as_here(array: np.ndarray) -> np.ndarray:
    """Filters (*taps, in, out), of filters (out, in, *taps); anything else as it is."""
    return np.ascontiguousarray(array.transpose(*range(2, array.ndim), 1, 0)) if array.ndim > 2 else array


def drawn(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Normal numbers of few digits, which take less room in a file."""
    return np.round(random.standard_normal(shape) * 256) / 256


def run(place: int, layer: str, arguments: list, options: dict, shape: tuple[int, ...], arrays: dict) -> dict:
    """Run one case, add its numbers to `arrays`, and give what `cases` says of it."""
    random = np.random.default_rng(place)
    name = layer + {2: "1d", 3: "1d", 4: "2d", 5: "3d"}[len(shape)] if layer == "BatchNorm" else layer
    module = getattr(torch.nn, name)(*map(as_tuple, arguments), **{k: as_tuple(v) for k, v in options.items()}).double()
    there, here = (np.asarray, np.asarray) if layer == "LayerNorm" else (first, last)
    filters = as_here if layer.startswith("Conv") else np.asarray
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.tensor(drawn(random, parameter.shape)))
    for name, value in module.state_dict().items():
        arrays[f"{place}/state/{name}"] = filters(value.numpy().copy())
    steps = STEPS if layer == "BatchNorm" else ONCE
    for step, mode in enumerate(steps):
        module.train(mode == "train")
        module.zero_grad()
        given = 2 * drawn(random, shape) + 1
        x = torch.tensor(there(given), requires_grad=True)
        y = module(x)
        result = here(y.detach().numpy())
        g = drawn(random, result.shape)
        y.backward(torch.tensor(there(g)))
        prefix = f"{place}/{step}"
        arrays |= {f"{prefix}/x": given, f"{prefix}/g": g, f"{prefix}/y": result, f"{prefix}/dx": here(x.grad.numpy())}
        for name, parameter in module.named_parameters():
            arrays[f"{prefix}/d/{name}"] = filters(parameter.grad.numpy().copy())
        for name, buffer in module.named_buffers():
            arrays[f"{prefix}/state/{name}"] = buffer.numpy().copy()
    return {"layer": layer, "arguments": arguments, "options": options, "steps": steps}


def as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    arrays: dict[str, np.ndarray] = {}
    cases = [run(place, *case, arrays) for place, case in enumerate(CASES)]
    index = json.dumps({"cases": cases, "shapes": {name: array.shape for name, array in arrays.items()}})
    numbers = np.concatenate([array.ravel() for array in arrays.values()], dtype=np.float64)
    path = Path(__file__).with_name("layers.npz")
    np.savez_compressed(path, torch=torch.__version__, index=index, numbers=numbers)
    sys.stdout.write(f"{path}: {len(cases)} cases, {path.stat().st_size:,} bytes\n")
