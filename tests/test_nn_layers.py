"""The layers of convolutional networks: against PyTorch's numbers, finite differences, and what they promise."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from test_nn_golden import GOLDEN as MODULES
from test_nn_golden import Golden

import tapegrad as tg
from tapegrad import nn
from tapegrad.errors import DTypeError, ShapeError
from tapegrad.nn import functional
from tapegrad.testing import check_gradients


@pytest.fixture(autouse=True)
def _seeded():
    tg.random.seed(3)


@pytest.fixture
def float64():
    before = tg.get_default_dtype()
    tg.set_default_dtype(np.float64)
    yield
    tg.set_default_dtype(before)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# What PyTorch gives; see golden/make_layers.py -----------------------------------------------------


GOLDEN = Golden("layers.npz")


def made(case):
    arguments = [tuple(a) if isinstance(a, list) else a for a in case["arguments"]]
    options = {name: tuple(a) if isinstance(a, list) else a for name, a in case["options"].items()}
    return getattr(nn, case["layer"])(*arguments, **options)


def name_of(place):
    case = GOLDEN.cases[place]
    return f"{place}-{case['layer']}{case['arguments']}{case['options']}"


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("place", range(len(GOLDEN.cases)), ids=name_of)
def test_results_gradients_and_statistics_are_pytorchs(place):
    case = GOLDEN.cases[place]
    layer = made(case)
    layer.load_state_dict(
        {n: a.astype(layer.state_dict()[n].dtype) for n, a in GOLDEN.under(f"{place}/state/").items()}
    )
    for step, mode in enumerate(case["steps"]):
        prefix = f"{place}/{step}"
        layer.train(mode == "train")
        for parameter in layer.parameters():
            parameter.grad = None
        x = tg.tensor(GOLDEN[f"{prefix}/x"], requires_grad=True)
        y = layer(x)
        np.testing.assert_allclose(y.numpy(), GOLDEN[f"{prefix}/y"], rtol=1e-11, atol=1e-11)
        y.backward(GOLDEN[f"{prefix}/g"])
        np.testing.assert_allclose(x.grad.numpy(), GOLDEN[f"{prefix}/dx"], rtol=1e-10, atol=1e-10)
        gradients = GOLDEN.under(f"{prefix}/d/")
        assert {name for name, _ in layer.named_parameters()} == set(gradients)
        for name, parameter in layer.named_parameters():
            np.testing.assert_allclose(parameter.grad.numpy(), gradients[name], rtol=1e-10, atol=1e-10, err_msg=name)
        buffers = GOLDEN.under(f"{prefix}/state/")
        assert {name for name, _ in layer.named_buffers()} == set(buffers)
        for name, buffer in layer.named_buffers():
            np.testing.assert_allclose(buffer.numpy(), buffers[name], rtol=1e-12, err_msg=name)


def test_every_layer_has_a_case():
    plain = {
        "ChannelsFirst",
        "Dropout",
        "Flatten",
        "HalfSquaredError",
        "Linear",
        "Module",
        "Sequential",
    }
    layers = {getattr(nn, name).__name__ for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    assert {case["layer"] for case in (*GOLDEN.cases, *MODULES.cases)} == layers - plain


# Finite differences, to the second order, and to the third where rules are made of each other ------

DIFFERENTIATED = {
    "conv2d": (lambda: nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), (2, 4, 5, 2)),
    "conv1d": (lambda: nn.Conv1d(2, 3, 2, padding="same", dilation=2), (2, 5, 2)),
    "conv transpose": (lambda: nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1), (1, 3, 2, 2)),
    "average": (lambda: nn.AvgPool2d(3, stride=2, padding=1), (1, 5, 4, 2)),
    "adaptive average": (lambda: nn.AdaptiveAvgPool2d((3, 2)), (1, 4, 5, 2)),
    "maximum": (lambda: nn.MaxPool2d(3, stride=2, padding=1), (1, 5, 4, 2)),
    "batch norm": (lambda: nn.BatchNorm(2), (2, 3, 2, 2)),
    "batch norm in use": (lambda: nn.BatchNorm(2).eval(), (2, 3, 2)),
    "layer norm": (lambda: nn.LayerNorm((2, 3)), (3, 2, 3)),
    "group norm": (lambda: nn.GroupNorm(2, 4), (2, 3, 4)),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_gradients_are_those_of_finite_differences(name):
    make, shape = DIFFERENTIATED[name]
    layer = make()
    names = [n for n, _ in layer.named_parameters()]
    values = [normal(*p.shape, seed=seed) for seed, p in enumerate(layer.parameters(), 1)]

    def function(x, *parameters):
        for n, parameter in zip(names, parameters, strict=True):
            setattr(layer, n, parameter)
        return layer(x)

    check_gradients(function, normal(*shape), *values, order=3 if "norm" in name else 2)


# What a new layer starts with ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "shape", "fan"),
    [
        (lambda: nn.Conv2d(16, 32, (3, 5)), (3, 5, 16, 32), 240),
        (lambda: nn.Conv1d(16, 32, 9, groups=4), (9, 4, 32), 36),
        (lambda: nn.Conv3d(8, 64, 3), (3, 3, 3, 8, 64), 216),
        (lambda: nn.ConvTranspose2d(16, 32, (3, 5)), (3, 5, 32, 16), 480),
        (lambda: nn.ConvTranspose1d(64, 32, 9, groups=4), (9, 8, 64), 72),
    ],
)
def test_filters_and_bias_start_uniform_within_the_root_of_the_fan_in(make, shape, fan):
    layer = make()
    weight, bound = layer.weight.numpy(), fan**-0.5
    assert weight.shape == shape
    assert 0.98 * bound < np.abs(weight).max() <= bound
    assert abs(weight.mean()) < 0.1 * bound
    assert weight.std() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert layer.bias.shape == (layer.out_channels,)
    assert 0.7 * bound < np.abs(layer.bias.numpy()).max() <= bound


@pytest.mark.parametrize("layer", [nn.BatchNorm, nn.LayerNorm, lambda n: nn.GroupNorm(1, n)])
def test_normalisations_start_without_effect(layer):
    layer = layer(4)
    np.testing.assert_array_equal(layer.weight.numpy(), np.ones(4))
    np.testing.assert_array_equal(layer.bias.numpy(), np.zeros(4))


def test_parameters_have_the_default_dtype_or_the_one_asked_for():
    layers = [
        (nn.Conv2d, 2, 2, 1),
        (nn.ConvTranspose2d, 2, 2, 1),
        (nn.BatchNorm, 2),
        (nn.LayerNorm, 2),
        (nn.GroupNorm, 1, 2),
    ]
    for layer, *arguments in layers:
        assert {p.dtype for p in layer(*arguments).parameters()} == {np.dtype(np.float32)}
        assert {p.dtype for p in layer(*arguments, dtype=np.float64).parameters()} == {np.dtype(np.float64)}
    assert nn.BatchNorm(2, dtype=np.float64).running_var.dtype == np.float64


EVERY = {  # of the layers here, how to make one, and the shape of an x for it
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3), (2, 6, 3)),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3, padding="same"), (2, 6, 5, 3)),
    "Conv3d": (lambda: nn.Conv3d(3, 4, 2), (2, 3, 4, 5, 3)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(3, 4, 3), (2, 6, 3)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3), (2, 6, 5, 3)),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(3, 4, 2), (2, 3, 4, 5, 3)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (2, 6, 5, 3)),
    "AvgPool2d": (lambda: nn.AvgPool2d(2, padding=1), (2, 6, 5, 3)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(1), (2, 6, 5, 3)),
    "BatchNorm": (lambda: nn.BatchNorm(3), (2, 6, 5, 3)),
    "LayerNorm": (lambda: nn.LayerNorm(3), (2, 6, 5, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(1, 3), (2, 6, 5, 3)),
    "Dropout": (lambda: nn.Dropout(0.4), (2, 6, 5, 3)),
    "Flatten": (lambda: nn.Flatten(), (2, 6, 5, 3)),
    "ChannelsFirst": (lambda: nn.ChannelsFirst(nn.Conv2d(3, 4, 3)), (2, 3, 6, 5)),
}


@pytest.mark.parametrize("name", EVERY)
def test_single_precision_stays_single(name):
    make, shape = EVERY[name]
    layer = make()
    x = tg.tensor(normal(*shape).astype(np.float32), requires_grad=True)
    y = layer(x)
    assert y.dtype == np.float32
    y.backward(normal(*y.shape))
    assert x.grad.dtype == np.float32
    assert {p.grad.dtype for p in layer.parameters()} <= {np.dtype(np.float32)}
    assert {b.dtype for n, b in layer.named_buffers() if "running" in n} <= {np.dtype(np.float32)}


@pytest.mark.parametrize("name", EVERY)
def test_layers_take_and_leave_plain_arrays_alone(name):
    make, shape = EVERY[name]
    layer = make()
    x = normal(*shape).astype(np.float32)
    before = x.copy()
    with tg.random.Generator(seed=1):
        y = layer(x)
    with tg.random.Generator(seed=1):
        same = layer(tg.tensor(x))
    np.testing.assert_array_equal(tg.asarray(y).numpy(), same.numpy())
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_batch_gives_an_empty_result_or_is_refused(name):
    make, shape = EVERY[name]
    layer, x = make(), np.zeros((0, *shape[1:]), np.float32)
    if name == "BatchNorm":
        with pytest.raises(ShapeError, match="at least two numbers a channel"):
            layer(x)
        layer.eval()
    assert np.shape(layer(x)) == (0, *np.shape(layer(np.zeros(shape, np.float32)))[1:])


# Saving --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_what_is_saved_makes_an_equal_layer(name):
    make, shape = EVERY[name]
    layer = make()
    x = normal(*shape).astype(np.float32)
    layer(x)  # moves statistics, where there are any
    other = copy.deepcopy(layer)
    for tensor in [*other.parameters(), *other.buffers()]:
        tensor.assign_(np.full(tensor.shape, 7))
    other.load_state_dict(layer.state_dict())
    third = pickle.loads(pickle.dumps(layer))
    layer.eval(), other.eval(), third.eval()
    np.testing.assert_array_equal(tg.asarray(other(x)).numpy(), tg.asarray(layer(x)).numpy())
    np.testing.assert_array_equal(tg.asarray(third(x)).numpy(), tg.asarray(layer(x)).numpy())


def test_state_of_a_network_is_named_by_layer():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm(4), tg.relu, nn.ConvTranspose2d(4, 2, 2))
    assert list(model.state_dict()) == [
        "0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
        "3.weight", "3.bias",
    ]  # fmt: skip
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "1.weight", "1.bias", "3.weight", "3.bias"]


# BatchNorm in training and in use ------------------------------------------------------------------


def test_batch_norm_normalises_by_the_batch_in_training_and_by_the_past_in_use():
    layer, x = nn.BatchNorm(3, momentum=1.0), 5 + 2 * normal(64, 7, 3).astype(np.float32)
    y = layer(x).numpy()
    np.testing.assert_allclose(y.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var((0, 1)), 1, atol=1e-4)
    layer.eval()
    np.testing.assert_allclose(layer.running_mean.numpy(), x.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), x.var((0, 1), ddof=1), rtol=1e-5)
    np.testing.assert_allclose(layer(x).numpy(), y, atol=0.01)  # the unbiased variance is a little larger
    before = layer.state_dict()
    layer(x + 1)
    assert all(np.array_equal(before[name], value) for name, value in layer.state_dict().items())


def test_batch_norm_in_use_sees_each_example_by_itself():
    layer, x = nn.BatchNorm(3), normal(6, 4, 3).astype(np.float32)
    layer(x)
    layer.eval()
    np.testing.assert_array_equal(layer(x).numpy()[2:3], layer(x[2:3]).numpy())
    assert layer(x[:1, :1]).shape == (1, 1, 3)


@pytest.mark.parametrize(
    "layer", [nn.BatchNorm(8), nn.GroupNorm(2, 8), nn.LayerNorm(8)], ids=lambda v: type(v).__name__
)
def test_a_large_mean_costs_no_more_digits_than_single_precision_has(layer):
    x = (1000 + normal(50, 20, 8)).astype(np.float32)
    double = copy.deepcopy(layer)
    double.weight, double.bias = tg.ones(8, np.float64), tg.zeros(8, np.float64)
    np.testing.assert_allclose(layer(x).numpy(), double(x.astype(np.float64)).numpy(), atol=2e-3)


def test_batch_norm_without_momentum_averages_all_batches():
    layer, x = nn.BatchNorm(2, momentum=None, dtype=np.float64), normal(5, 8, 2)
    for batch in x:
        layer(batch)
    np.testing.assert_allclose(layer.running_mean.numpy(), x.mean((0, 1)), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), x.var(1, ddof=1).mean(0), rtol=1e-12)
    assert layer.num_batches_tracked.item() == 5


def test_running_statistics_are_not_recorded_and_leave_old_arrays_alone():
    layer = nn.BatchNorm(3)
    x = tg.tensor(normal(4, 3), dtype=np.float32, requires_grad=True)
    old = layer.running_mean.numpy()
    y = layer(x)
    for buffer in layer.buffers():
        assert buffer.is_leaf
        assert not buffer.requires_grad
    np.testing.assert_array_equal(old, np.zeros(3))
    assert np.abs(layer.running_mean.numpy()).min() > 0
    layer(x)  # a second batch before the backward pass of the first
    gradients = []
    for _ in range(2):
        x.grad = None
        y.backward(np.arange(12.0).reshape(4, 3) ** 2, retain_graph=True)
        gradients.append(x.grad.numpy())
    np.testing.assert_array_equal(*gradients)


def test_batch_norm_moves_its_statistics_inside_transforms_and_without_recording():
    layer = nn.BatchNorm(3)
    tg.grad(lambda x: (layer(x) ** 3).sum())(normal(4, 3))
    with tg.no_grad():
        layer(normal(4, 3))
    assert layer.num_batches_tracked.item() == 2
    assert layer.running_mean.dtype == np.float32


# Dropout -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_zeroes_or_scales(p, dtype):
    x = tg.tensor(1 + np.abs(normal(200, 300)), dtype, requires_grad=True)
    y = functional.dropout(x, p)
    kept = y.numpy() != 0
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy(), np.where(kept, x.numpy() / dtype(1 - p), 0), rtol=1e-6)
    assert kept.mean() == pytest.approx(1 - p, abs=0.01)
    g = normal(200, 300, seed=1)
    y.backward(g)
    np.testing.assert_allclose(x.grad.numpy(), np.where(kept, g / (1 - p), 0), rtol=1e-5)


def test_dropout_without_chance_does_nothing_and_with_certainty_leaves_nothing():
    x = tg.tensor(normal(4, 5), requires_grad=True)
    assert functional.dropout(x, 0.0) is x
    y = functional.dropout(x, 1.0)
    np.testing.assert_array_equal(y.numpy(), np.zeros((4, 5)))
    y.backward(normal(4, 5))
    np.testing.assert_array_equal(x.grad.numpy(), np.zeros((4, 5)))


def test_dropout_draws_from_the_generator_each_time():
    x = np.ones((8, 8), np.float32)
    tg.random.seed(1)
    first, second = functional.dropout(x).numpy(), functional.dropout(x).numpy()
    tg.random.seed(1)
    np.testing.assert_array_equal(functional.dropout(x).numpy(), first)
    assert not np.array_equal(first, second)


def test_dropout_in_use_gives_x_itself_and_draws_nothing():
    layer, x = nn.Dropout(0.3).eval(), np.ones(4)
    before = tg.random.get_state()
    assert layer(x) is x
    assert functional.dropout(x, 0.3, training=False) is x
    assert tg.random.get_state() == before
    assert not np.array_equal(layer.train()(np.ones(1000)).numpy(), np.ones(1000))


def test_a_model_drops_out_in_training_only():
    model = nn.Sequential(nn.Linear(10, 50), nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.5)))
    x = normal(4, 10).astype(np.float32)
    assert (model(x).numpy() == 0).mean() > 0.5
    assert (model.eval()(x).numpy() == 0).mean() == 0
    assert (model.train()(x).numpy() == 0).mean() > 0.5


# Flatten and ChannelsFirst -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ((), (2, 60)),
        ((0,), (120,)),
        ((1, 2), (2, 12, 5)),
        ((-2,), (2, 3, 20)),
        ((2, 2), (2, 3, 4, 5)),
        ((0, -2), (24, 5)),
    ],
)
def test_flatten_joins_dimensions(arguments, shape):
    x = tg.tensor(normal(2, 3, 4, 5), requires_grad=True)
    y = nn.Flatten(*arguments)(x)
    np.testing.assert_array_equal(y.numpy(), x.numpy().reshape(shape))
    g = normal(*shape)
    y.backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), g.reshape(2, 3, 4, 5).astype(x.dtype))


@pytest.mark.parametrize("spatial", [(6,), (6, 5), (3, 4, 5)])
def test_channels_first_is_transposing_by_hand(spatial):
    inner = [nn.Conv1d, nn.Conv2d, nn.Conv3d][len(spatial) - 1](3, 4, 3, padding="same", dtype=np.float64)
    x, g = tg.tensor(normal(2, 3, *spatial), requires_grad=True), normal(2, 4, *spatial, seed=1)
    y = nn.ChannelsFirst(inner)(x)
    y.backward(g)
    gradients = [x.grad.numpy(), inner.weight.grad.numpy()]
    x.grad = inner.weight.grad = None
    by_hand = inner(np.moveaxis(x, 1, -1))
    by_hand.backward(np.moveaxis(g, 1, -1))
    np.testing.assert_array_equal(y.numpy(), np.moveaxis(by_hand.numpy(), -1, 1))
    np.testing.assert_array_equal(gradients[0], x.grad.numpy())
    np.testing.assert_array_equal(gradients[1], inner.weight.grad.numpy())


def test_channels_first_passes_modes_and_names_on():
    model = nn.ChannelsFirst(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5)))
    model.eval()
    assert not model.module[1].training
    assert list(model.state_dict()) == ["module.0.weight", "module.0.bias"]


@pytest.mark.parametrize(
    ("head", "shape"), [(nn.Sequential(nn.Flatten(), nn.Linear(60, 10)), (2, 10)), (np.ravel, (120,))]
)
def test_channels_first_leaves_alone_what_has_no_spatial_dimensions(head, shape):
    assert nn.ChannelsFirst(head)(np.ones((2, 3, 5, 4), np.float32)).shape == shape


# Text ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Conv2d(3, 64, 5), "Conv2d(3, 64, kernel_size=(5, 5))  # 4,864 parameters"),
        (
            nn.Conv2d(4, 8, (3, 1), stride=2, padding=(1, 0), dilation=2, groups=4, bias=False),
            (
                "Conv2d(4, 8, kernel_size=(3, 1), stride=(2, 2), padding=(1, 0), dilation=(2, 2), groups=4, bias=False)"
                "  # 24 parameters"
            ),
        ),
        (nn.Conv1d(1, 2, 3, padding="SAME"), "Conv1d(1, 2, kernel_size=(3,), padding='same')  # 8 parameters"),
        (
            nn.ConvTranspose2d(3, 2, 2, stride=2, output_padding=1),
            "ConvTranspose2d(3, 2, kernel_size=(2, 2), stride=(2, 2), output_padding=(1, 1))  # 26 parameters",
        ),
        (nn.MaxPool2d(2), "MaxPool2d(kernel_size=(2, 2))"),
        (nn.MaxPool1d(3, 2, 1), "MaxPool1d(kernel_size=(3,), stride=(2,), padding=(1,))"),
        (
            nn.AvgPool2d(3, padding=1, count_include_pad=False),
            "AvgPool2d(kernel_size=(3, 3), padding=(1, 1), count_include_pad=False)",
        ),
        (nn.AdaptiveAvgPool2d(1), "AdaptiveAvgPool2d(output_size=(1, 1))"),
        (nn.BatchNorm(3), "BatchNorm(3, eps=1e-05, momentum=0.1)  # 6 parameters"),
        (
            nn.BatchNorm(3, affine=False, track_running_stats=False),
            "BatchNorm(3, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)",
        ),
        (nn.LayerNorm(3), "LayerNorm((3,), eps=1e-05)  # 6 parameters"),
        (nn.LayerNorm((2, 3), elementwise_affine=False), "LayerNorm((2, 3), eps=1e-05, elementwise_affine=False)"),
        (nn.GroupNorm(2, 4), "GroupNorm(2, 4, eps=1e-05)  # 8 parameters"),
        (nn.GroupNorm(2, 4, affine=False), "GroupNorm(2, 4, eps=1e-05, affine=False)"),
        (nn.Dropout(), "Dropout(p=0.5)"),
        (nn.Flatten(), "Flatten()"),
        (nn.Flatten(0, 1), "Flatten(start_dim=0, end_dim=1)"),
        (nn.ChannelsFirst(nn.Dropout()), "ChannelsFirst()\n  module: Dropout(p=0.5)"),
    ],
)
def test_layers_show_what_they_are(layer, text):
    assert repr(layer) == text


ZEROS = {ndim: np.zeros((2, *[8] * (ndim - 2), 3), np.float32) for ndim in range(1, 6)}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: nn.Conv2d(3, 8, 3)(np.zeros((2, 3, 8, 9), np.float32)),
            ShapeError,
            (
                "Conv2d: expected x as (N, H, W, 3), channels last, got shape (2, 3, 8, 9); "
                "wrap the model in nn.ChannelsFirst if its data are (N, 3, H, W)"
            ),
        ),
        (
            lambda: nn.ConvTranspose1d(4, 8, 3)(ZEROS[3]),
            ShapeError,
            (
                "ConvTranspose1d: expected x as (N, W, 4), channels last, got shape (2, 8, 3); "
                "wrap the model in nn.ChannelsFirst if its data are (N, 4, W)"
            ),
        ),
        (
            lambda: nn.Conv3d(3, 8, 3)(ZEROS[4]),
            ShapeError,
            (
                "Conv3d: expected x as (N, D, H, W, 3), channels last, got shape (2, 8, 8, 3); "
                "wrap the model in nn.ChannelsFirst if its data are (N, 3, D, H, W)"
            ),
        ),
        (
            lambda: nn.Conv2d(3, 8, 3)(np.zeros((2, 8, 8, 3), np.int64)),
            DTypeError,
            "conv2d: expected floating-point numbers, but x is int64; convert with astype",
        ),
        (lambda: nn.Conv2d(0, 8, 3), ValueError, "Conv2d: in_channels must be a positive integer, got 0"),
        (
            lambda: nn.Conv2d(3, 8, (3, 3, 3)),
            ValueError,
            "Conv2d: kernel_size must be a positive integer, or 2 of them, got (3, 3, 3)",
        ),
        (
            lambda: nn.Conv2d(3, 8, 3, stride=0),
            ValueError,
            "Conv2d: stride must be a positive integer, or 2 of them, got 0",
        ),
        (
            lambda: nn.Conv2d(3, 8, 3, padding="full"),
            ValueError,
            "Conv2d: padding must be an integer of at least 0, or 2 of them, 'same' or 'valid', got 'full'",
        ),
        (
            lambda: nn.Conv2d(3, 8, 3, padding=-1),
            ValueError,
            "Conv2d: padding must be an integer of at least 0, or 2 of them, 'same' or 'valid', got -1",
        ),
        (lambda: nn.Conv2d(3, 8, 3, groups=2), ValueError, "Conv2d: in_channels=3 does not divide into 2 groups"),
        (lambda: nn.Conv2d(4, 7, 3, groups=2), ValueError, "Conv2d: out_channels=7 does not divide into 2 groups"),
        (
            lambda: nn.ConvTranspose2d(3, 8, 3, padding="same"),
            ValueError,
            "ConvTranspose2d: padding must be an integer of at least 0, or 2 of them, got 'same'",
        ),
        (
            lambda: nn.ConvTranspose2d(3, 8, 3, stride=2, output_padding=2),
            ValueError,
            "ConvTranspose2d: output_padding must be less than the stride (2, 2), got (2, 2)",
        ),
        (
            lambda: nn.MaxPool2d(2)(ZEROS[3]),
            ShapeError,
            "MaxPool2d: expected x as (N, H, W, channels), got shape (2, 8, 3)",
        ),
        (
            lambda: nn.AvgPool1d(2)(ZEROS[4]),
            ShapeError,
            "AvgPool1d: expected x as (N, W, channels), got shape (2, 8, 8, 3)",
        ),
        (
            lambda: nn.AdaptiveAvgPool2d(0),
            ValueError,
            "AdaptiveAvgPool2d: output_size must be a positive integer, or 2 of them, got 0",
        ),
        (
            lambda: nn.AdaptiveAvgPool1d(2)(np.zeros((2, 8, 3), np.uint8)),
            DTypeError,
            "AdaptiveAvgPool1d: expected floating-point numbers, got uint8",
        ),
        (
            lambda: nn.BatchNorm(4)(ZEROS[4]),
            ShapeError,
            (
                "BatchNorm: expected x as (N, ..., 4), channels last, got shape (2, 8, 8, 3); "
                "wrap the model in nn.ChannelsFirst if its data are (N, 4, ...)"
            ),
        ),
        (
            lambda: nn.BatchNorm(3)(np.zeros((1, 3), np.float32)),
            ShapeError,
            (
                "BatchNorm: expected at least two numbers a channel to take a variance of, got shape (1, 3); "
                "train on larger batches, or call eval() to use the model"
            ),
        ),
        (
            lambda: nn.LayerNorm((8, 4))(ZEROS[3]),
            ShapeError,
            "LayerNorm: expected x to end in (8, 4), got shape (2, 8, 3)",
        ),
        (
            lambda: nn.GroupNorm(2, 4)(ZEROS[3]),
            ShapeError,
            (
                "GroupNorm: expected x as (N, ..., 4), channels last, got shape (2, 8, 3); "
                "wrap the model in nn.ChannelsFirst if its data are (N, 4, ...)"
            ),
        ),
        (lambda: nn.GroupNorm(2, 3), ValueError, "GroupNorm: num_channels=3 does not divide into 2 groups"),
        (lambda: nn.Dropout(1.5), ValueError, "Dropout: a probability lies between 0 and 1, got p=1.5"),
        (
            lambda: functional.dropout(ZEROS[2], -0.1),
            ValueError,
            "dropout: a probability lies between 0 and 1, got p=-0.1",
        ),
        (
            lambda: functional.dropout(np.arange(3)),
            DTypeError,
            "dropout: expected floating-point numbers, got int64; convert with astype",
        ),
        (
            lambda: nn.Flatten(1, 3)(ZEROS[3]),
            ShapeError,
            "Flatten: an x of shape (2, 8, 3) has no dimensions 1 to 3",
        ),
    ],
)
def test_errors_say_what_was_expected_and_what_came(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message
