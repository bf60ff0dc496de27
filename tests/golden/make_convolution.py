"""Make convolution.json: what PyTorch and JAX give for convolutions of small whole numbers, and for their gradients.

    python tests/golden/make_convolution.py       (needs PyTorch and JAX; only to be run when a case is added)

PyTorch computes where the padding is explicit, JAX where it is "SAME", for which it follows TensorFlow; so does its
transposed convolution. Each case keeps its arguments, in tapegrad's terms, and the results, flattened. `numbers` makes
the inputs, here and in the test.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch

jax.config.update("jax_enable_x64", True)

# x, filters, strides, padding, dilation, groups
CONVOLUTIONS = [
    ((2, 5, 4, 3), (3, 3, 3, 2), (1, 1), "SAME", (1, 1), 1),
    ((1, 6, 5, 2), (3, 2, 2, 3), (2, 2), "SAME", (1, 1), 1),
    ((1, 7, 6, 2), (5, 4, 2, 2), (2, 3), "SAME", (1, 1), 1),
    ((1, 8, 7, 4), (3, 3, 2, 6), (2, 1), "SAME", (2, 2), 2),
    ((2, 6, 6, 3), (3, 3, 1, 6), (2, 2), "SAME", (1, 1), 3),
    ((1, 9, 4), (4, 4, 3), (3,), "SAME", (1,), 1),
    ((1, 4, 5, 3, 2), (2, 3, 2, 2, 2), (2, 1, 2), "SAME", (1, 1, 1), 1),
    ((1, 6, 6, 2), (3, 3, 2, 3), (1, 1), "VALID", (1, 1), 1),
    ((2, 7, 5, 2), (3, 2, 2, 2), (2, 3), ((2, 2), (1, 1)), (1, 2), 1),
    ((1, 6, 7, 4), (2, 3, 2, 4), (2, 2), ((0, 0), (1, 1)), (2, 1), 2),
    ((1, 8, 2), (3, 2, 2), (2,), ((1, 1),), (2,), 1),
    ((1, 4, 5, 4, 1), (2, 2, 3, 1, 2), (1, 2, 1), ((1, 1), (0, 0), (2, 2)), (1, 2, 1), 1),
]
TRANSPOSED = [
    ((1, 3, 4, 2), (3, 3, 3, 2), (1, 1), "SAME", (1, 1), 1),
    ((2, 3, 3, 2), (3, 3, 2, 2), (2, 2), "SAME", (1, 1), 1),
    ((1, 3, 2, 2), (4, 5, 2, 2), (2, 3), "SAME", (1, 1), 1),
    ((1, 4, 3), (2, 2, 3), (3,), "SAME", (1,), 1),
    ((1, 3, 4, 2), (3, 2, 3, 2), (2, 3), "VALID", (1, 1), 1),
    ((1, 3, 3, 4), (3, 3, 2, 4), (2, 2), ((1, 1), (1, 1)), (1, 1), 2),
    ((2, 4, 3, 2), (2, 3, 2, 2), (2, 1), ((0, 0), (2, 2)), (1, 2), 1),
    ((1, 2, 3, 2, 1), (2, 2, 3, 2, 1), (2, 1, 2), "VALID", (1, 1, 1), 1),
]


def numbers(shape: tuple[int, ...], salt: int) -> np.ndarray:
    return ((np.arange(np.prod(shape)) * 7 + salt) % 11 - 5).reshape(shape).astype(np.float64)


def by_torch(x, filters, strides, padding, dilation, groups, transposed):
    ndim = x.ndim - 2
    spatial = range(1, ndim + 1)
    function = getattr(torch.nn.functional, f"conv{'_transpose' if transposed else ''}{ndim}d")
    y = function(
        x.permute(0, ndim + 1, *spatial),
        filters.permute(ndim + 1, ndim, *range(ndim)),
        stride=strides,
        padding=0 if padding == "VALID" else [before for before, _ in padding],
        dilation=dilation,
        groups=groups,
    )
    return y.permute(0, *(d + 1 for d in spatial), 1)


def by_jax(x, filters, strides, dilation, groups, transposed):
    spatial = "DHW"[5 - x.ndim :]
    options = {"rhs_dilation": dilation, "dimension_numbers": (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")}
    if transposed:
        return jax.lax.conv_transpose(x, filters, strides, "SAME", transpose_kernel=True, **options)
    return jax.lax.conv_general_dilated(x, filters, strides, "SAME", feature_group_count=groups, **options)


def case(x_shape, filters_shape, strides, padding, dilation, groups, transposed):
    x, filters = numbers(x_shape, 3), numbers(filters_shape, 5)
    if padding == "SAME":
        y, pullback = jax.vjp(lambda x, w: by_jax(x, w, strides, dilation, groups, transposed), x, filters)
        gradients = pullback(jnp.asarray(numbers(y.shape, 8)))
    else:
        inputs = [torch.tensor(a, requires_grad=True) for a in (x, filters)]
        y = by_torch(*inputs, strides, padding, dilation, groups, transposed)
        gradients = torch.autograd.grad(y, inputs, torch.tensor(numbers(tuple(y.shape), 8)))
        y = y.detach()
    results = [np.asarray(a) for a in (y, *gradients)]
    assert all((a == np.round(a)).all() for a in results)
    return {
        "transposed": transposed,
        "x": x_shape,
        "filters": filters_shape,
        "arguments": {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups},
        "shape": results[0].shape,
        **{name: a.astype(int).ravel().tolist() for name, a in zip(("y", "dx", "dfilters"), results, strict=True)},
    }


cases = [case(*c, False) for c in CONVOLUTIONS] + [case(*c, True) for c in TRANSPOSED]
lines = ",\n".join(json.dumps(c) for c in cases)
Path(__file__).with_name("convolution.json").write_text(f"[\n{lines}\n]\n", "utf-8")
