"""Modules and what they hold, the layers against plain NumPy, the losses against their definitions."""

from __future__ import annotations

import copy
import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tapegrad as tg
from tapegrad import nn
from tapegrad.nn import functional, init
from tapegrad.testing import check_gradients


def parameter(*shape):
    return tg.tensor(np.zeros(shape, np.float32), requires_grad=True)


class Net(nn.Module):
    """One of everything that a module may hold."""

    def __init__(self):
        self.first = nn.Linear(3, 4)
        self.blocks = [nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 2), tg.relu)]
        self.heads = {"mean": nn.Linear(2, 1, bias=False), "scale": (parameter(2), "text", 5)}
        self.running = tg.zeros(4)
        self.own = parameter(4)
        self.tied = self.first  # a second name for the same module
        self.also = self.own
        self.labels = np.zeros(7)
        self._cache = tg.zeros(9)

    def forward(self, x):
        self.hidden = self.first(x)
        return self.blocks[1](self.blocks[0](self.hidden * self.own)) * self.heads["scale"][0]


NAMES = [
    "own", "heads.scale.0", "first.weight", "first.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.0.weight",
    "blocks.1.0.bias", "heads.mean.weight",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _seeded():
    tg.random.seed(7)


# What a module holds ------------------------------------------------------------------------------


def test_parameters_are_found_once_wherever_they_are():
    net = Net()
    named = dict(net.named_parameters())
    assert sorted(named) == sorted(NAMES)
    assert named["blocks.1.0.weight"] is net.blocks[1][0].weight
    assert [id(p) for p in net.parameters()] == [id(p) for p in named.values()]


def test_buffers_are_the_tensors_without_a_gradient():
    net = Net()
    assert [name for name, _ in net.named_buffers()] == ["running"]
    assert next(net.buffers()) is net.running


def test_what_forward_leaves_behind_is_not_state():
    net = Net()
    names = set(net.state_dict())
    net(np.ones((5, 3), np.float32))
    assert net.hidden.requires_grad
    assert set(net.state_dict()) == names


def test_a_frozen_parameter_is_still_saved():
    layer = nn.Linear(3, 2)
    layer.weight.requires_grad = False
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
    assert set(layer.state_dict()) == {"weight", "bias"}


def test_modules_are_found_once_the_outer_first():
    net = Net()
    assert [name for name, _ in net.named_modules()] == [
        "", "first", "blocks.0", "blocks.1", "blocks.1.0", "heads.mean"
    ]  # fmt: skip
    net.self = net  # a circle ends
    assert len(list(net.named_modules("net"))) == 6
    assert next(iter(net.named_modules("net")))[0] == "net"
    assert len(list(net.parameters())) == len(NAMES)


def test_training_and_use_reach_every_part():
    net = Net()
    assert net.training
    assert net.eval() is net
    assert [module.training for _, module in net.named_modules()] == [False] * 6
    assert net.train() is net
    assert [module.training for _, module in net.named_modules()] == [True] * 6


def test_a_module_without_forward_says_what_is_missing():
    class Empty(nn.Module):
        pass

    with pytest.raises(AttributeError, match="'Empty' object has no attribute 'forward'"):
        Empty()(1)


def test_arguments_and_options_reach_forward():
    class Weighted(nn.Module):
        def forward(self, x, y, *, weight):
            return x + weight * y

    assert Weighted()(1, 2, weight=3) == 7


# Saving -------------------------------------------------------------------------------------------


def test_a_saved_state_does_not_follow_the_model():
    net = Net()
    saved = net.state_dict()
    before = {name: value.copy() for name, value in saved.items()}
    for p in net.parameters():
        p.assign_(p.numpy() + 1)
    assert all(np.array_equal(saved[name], value) for name, value in before.items())
    with pytest.raises(ValueError, match="read-only"):
        saved["own"][0] = 1


@pytest.mark.parametrize("kind", [np.array, tg.tensor, lambda a: a])
def test_a_state_goes_into_another_model(kind):
    one, other = Net(), Net()
    one.own.assign_([1, 2, 3, 4])
    one.running.assign_([5, 6, 7, 8])
    identities = [id(p) for p in other.parameters()]
    other.load_state_dict({name: kind(value) for name, value in one.state_dict().items()})
    assert [id(p) for p in other.parameters()] == identities
    other.load_state_dict({**dict(one.named_parameters()), **dict(one.named_buffers())})
    for name, value in one.state_dict().items():
        assert np.array_equal(other.state_dict()[name], value)
    x = np.ones((2, 3), np.float32)
    assert np.array_equal(one(x).numpy(), other(x).numpy())


def test_what_was_loaded_is_a_copy():
    layer = nn.Linear(2, 1)
    state = {name: np.array(value) for name, value in layer.state_dict().items()}
    layer.load_state_dict(state)
    state["weight"].fill(99)
    assert layer.weight.numpy().max() < 1


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    layer = nn.Linear(3, 2)
    good = {name: value + 1 for name, value in layer.state_dict().items()}
    before = layer.state_dict()

    def refused(state, error, message):
        with pytest.raises(error, match=message):
            layer.load_state_dict(state)
        assert all(np.array_equal(layer.state_dict()[name], value) for name, value in before.items())

    names = r"Linear.load_state_dict: the names differ; missing: bias; unexpected: scale, shift"
    refused({"weight": good["weight"], "scale": 1, "shift": 2}, ValueError, names)
    refused({**good, "more": 1}, ValueError, "missing: none; unexpected: more")
    refused({**good, "bias": np.zeros(3, np.float32)}, tg.ShapeError, r"bias: expected shape \(2,\), got \(3,\)")
    refused({**good, "bias": np.zeros(2)}, tg.DTypeError, "bias: expected float32, got float64; convert it")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_model_can_be_copied_and_pickled(copied):
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    twin = copied(model)
    x = np.ones((2, 3), np.float32)
    assert np.array_equal(model(x).numpy(), twin(x).numpy())
    twin[0].weight.assign_(np.zeros((3, 4)))
    assert model[0].weight.numpy().any()
    assert len(list(twin.parameters())) == 4


# Another dtype ------------------------------------------------------------------------------------


def test_to_changes_the_dtype_of_all_that_is_floating_point():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4), nn.Linear(4, 2))
    parameters = list(model.parameters())
    before = model.state_dict()
    assert model.to(np.float64) is model
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    for name, value in model.state_dict().items():
        assert value.dtype == (np.int64 if "tracked" in name else np.float64)
        assert np.array_equal(value, before[name])
    x = np.random.default_rng(1).normal(size=(5, 3))
    model(x).backward(np.random.default_rng(2).normal(size=(5, 2)))
    assert {p.grad.dtype for p in parameters} == {np.dtype(np.float64)}
    model.to("float32")
    assert {p.dtype for p in parameters} == {np.dtype(np.float32)}
    assert all(p.grad is None for p in parameters)
    assert model(x.astype(np.float32)).dtype == np.float32
    with pytest.raises(tg.DTypeError, match=r"Sequential.to: expected a floating-point dtype, got int32"):
        model.to(np.int32)


def test_to_keeps_hooks_and_forgets_what_was_recorded_before():
    layer, seen = nn.Linear(3, 2, bias=False), []
    layer.weight.register_hook(lambda g: seen.append(g.dtype))
    old = layer(np.ones((1, 3), np.float32)).sum()
    layer.to(np.float64)
    old.backward()
    assert layer.weight.grad is None
    assert seen == []
    layer(np.ones((1, 3))).sum().backward()
    assert layer.weight.grad.dtype == np.float64
    assert seen == [np.float64]


def test_to_leaves_a_frozen_parameter_frozen():
    layer = nn.Linear(3, 2)
    layer.weight.requires_grad = False
    layer.to(np.float64)
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
    assert layer.weight.dtype == np.float64


# Hooks --------------------------------------------------------------------------------------------


def test_a_forward_hook_sees_and_may_replace_what_comes_out():
    model, seen = nn.Sequential(nn.Linear(3, 4), nn.ReLU()), []
    remove = model[0].register_forward_hook(lambda module, arguments, out: seen.append((module, arguments, out)))
    double = model[1].register_forward_hook(lambda module, arguments, out: 2 * out)
    x = np.ones((2, 3), np.float32)
    y = model(x)
    (found,) = seen
    assert found[0] is model[0]
    assert found[1][0] is x
    assert np.array_equal(y.numpy(), 2 * np.maximum(found[2].numpy(), 0))
    remove()
    double()
    assert np.array_equal(model(x).numpy(), np.maximum(found[2].numpy(), 0))
    assert len(seen) == 1
    remove()  # a second time, nothing
    assert set(model.state_dict()) == {"0.weight", "0.bias"}


# Showing ------------------------------------------------------------------------------------------


def test_a_summary_is_a_table_of_modules_shapes_and_counts():
    inner = nn.Linear(4, 4)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4), nn.Dropout(0.5), nn.Sequential(inner, nn.LSTM(4, 2), len))
    model[0].register_forward_hook(lambda module, arguments, out: out[None])
    assert model.summary().splitlines() == [
        "name   layer                                  parameters",
        "--------------------------------------------------------",
        "       Sequential()",
        "0      Linear(in_features=3, out_features=4)          16",
        "1      BatchNorm(4, eps=1e-05, momentum=0.1)           8",
        "2      Dropout(p=0.5)",
        "3      Sequential()",
        "3.0    Linear(in_features=4, out_features=4)          20",
        "3.1    LSTM(4, 2)                                     64",
        "--------------------------------------------------------",
        "total                                                108",
    ]
    before, stream = model.state_dict(), tg.random.get_state()
    model[1].eval()
    with_shapes = model.summary(np.ones((5, 3), np.float32))
    assert with_shapes.splitlines() == [
        "name   layer                                  output shape                     parameters",
        "-----------------------------------------------------------------------------------------",
        "       Sequential()                           ()",
        "0      Linear(in_features=3, out_features=4)  (1, 5, 4)                                16",
        "1      BatchNorm(4, eps=1e-05, momentum=0.1)  (1, 5, 4)                                 8",
        "2      Dropout(p=0.5)                         (1, 5, 4)",
        "3      Sequential()                           ()",
        "3.0    Linear(in_features=4, out_features=4)  (1, 5, 4)                                20",
        "3.1    LSTM(4, 2)                             (1, 5, 2), (1, 5, 2), (1, 5, 2)          64",
        "-----------------------------------------------------------------------------------------",
        "total                                                                                 108",
    ]
    # Looking changes nothing.
    assert tg.random.get_state() == stream
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
    assert [module.training for _, module in model.named_modules()] == [True, True, False, True, True, True, True]
    assert all(len(module._forward_hooks) == (module is model[0]) for _, module in model.named_modules())


def test_a_summary_counts_what_is_shared_once_and_ends_well_when_the_model_does_not():
    layer = nn.Linear(3, 3, bias=False)
    other = nn.Linear(3, 3, bias=False)
    other.weight = layer.weight
    model = nn.Sequential(layer, other)
    assert model.summary().splitlines()[-1].split() == ["total", "9"]
    assert sum(line.endswith(" 9") for line in model.summary().splitlines()) == 2
    with pytest.raises(tg.ShapeError):
        model.summary(np.ones((2, 4), np.float32))
    assert model.training
    assert all(not module._forward_hooks for _, module in model.named_modules())


def test_a_model_prints_as_a_tree_with_counts():
    model = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Sequential(nn.Linear(300, 10, bias=False), nn.Softmax()))
    assert repr(model).splitlines() == [
        "Sequential()  # 238,500 parameters",
        "  0: Linear(in_features=784, out_features=300)  # 235,500 parameters",
        "  1: ReLU()",
        "  2: Sequential()  # 3,000 parameters",
        "    0: Linear(in_features=300, out_features=10, bias=False)  # 3,000 parameters",
        "    1: Softmax(dim=-1)",
    ]


def test_a_module_that_holds_itself_prints():
    class Node(nn.Module):
        pass

    node = Node()
    node.child = Node()
    node.child.parent = node
    assert repr(node).splitlines() == ["Node()", "  child: Node()", "    parent: Node()  # as above"]


# Layers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (5, 3), (0, 3), (2, 5, 3)])
def test_linear_is_x_w_plus_b(shape):
    layer = nn.Linear(3, 4, dtype=np.float64)
    x = np.random.default_rng(1).normal(size=shape)
    assert np.allclose(layer(x).numpy(), x @ layer.weight.numpy() + layer.bias.numpy(), rtol=1e-14)
    assert nn.Linear(3, 4, bias=False)(x).shape == (*shape[:-1], 4)


def test_affine_is_linear_by_another_name():
    assert nn.Affine is nn.Linear


def test_linear_starts_as_pytorchs_does():
    layer = nn.Linear(400, 300)
    for p in (layer.weight, layer.bias):
        assert p.dtype == np.float32
        assert np.abs(p.numpy()).max() <= 1 / 20
        assert p.numpy().std() == pytest.approx(1 / 20 / 3**0.5, rel=0.1)
    assert layer.weight.shape == (400, 300)
    assert nn.Linear(3, 4, dtype=np.float64).bias.dtype == np.float64
    assert nn.Linear(0, 2)(np.zeros((5, 0), np.float32)).shape == (5, 2)


@pytest.mark.parametrize("shape", [(), (4,), (3, 4)])
def test_linear_refuses_another_width(shape):
    with pytest.raises(tg.ShapeError, match="Linear: expected x with 3 features in its last dimension, got shape"):
        nn.Linear(3, 2)(np.zeros(shape))


def test_linear_gives_gradients_to_weights_and_never_to_data():
    layer, x = nn.Linear(3, 2, dtype=np.float64), np.random.default_rng(1).normal(size=(5, 3))
    g = np.random.default_rng(2).normal(size=(5, 2))
    layer(x).backward(g)
    assert np.allclose(layer.weight.grad.numpy(), x.T @ g, rtol=1e-14)
    assert np.allclose(layer.bias.grad.numpy(), g.sum(axis=0), rtol=1e-14)


@pytest.mark.parametrize(
    ("layer", "reference"),
    [
        (nn.ReLU(), lambda x: np.where(x > 0, x, 0)),
        (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
        (nn.Tanh(), np.tanh),
        (nn.Softmax(), lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)),
        (nn.Softmax(dim=0), lambda x: np.exp(x) / np.exp(x).sum(axis=0, keepdims=True)),
        (nn.LogSoftmax(dim=0), lambda x: np.log(np.exp(x) / np.exp(x).sum(axis=0, keepdims=True))),
        (nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
        (nn.ELU(alpha=0.5), lambda x: np.where(x > 0, x, 0.5 * (np.exp(x) - 1))),
        (nn.GELU(), lambda x: x * (1 + np.vectorize(math.erf)(x / 2**0.5)) / 2),
        (nn.SiLU(), lambda x: x / (1 + np.exp(-x))),
        (nn.Softplus(), lambda x: np.log(1 + np.exp(x))),
    ],
    ids=lambda value: repr(value) if isinstance(value, nn.Module) else "",
)
def test_activations(layer, reference):
    x = np.random.default_rng(3).normal(size=(4, 5))
    assert np.allclose(layer(tg.tensor(x)).numpy(), reference(x), rtol=1e-12)
    check_gradients(layer, x, order=2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_activations_keep_the_dtype_and_do_not_overflow(dtype):
    x = np.array([-1e4, -30.0, 0.0, 30.0, 1e4], dtype)
    for layer in (nn.LeakyReLU(), nn.ELU(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.LogSoftmax()):
        recorded = tg.tensor(x, requires_grad=True)
        y = layer(recorded)
        y.backward(np.array([1, 2, 3, 4, 5], dtype))
        for result in (y, recorded.grad):
            assert result.dtype == dtype
            assert np.isfinite(result.numpy()).all()


def test_the_normal_distribution_is_the_same_without_a_compiler(monkeypatch):
    import numba

    x = np.random.default_rng(3).normal(size=(3, 7)) * 3
    compiled = functional.gelu(x), functional.gelu(x.astype(np.float32))
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    assert np.allclose(functional.gelu(x), compiled[0], rtol=1e-14)
    assert np.allclose(functional.gelu(x.astype(np.float32)), compiled[1], rtol=1e-6)


def test_sequential_runs_in_order_and_takes_functions():
    model = nn.Sequential(lambda x: x + 1, nn.ReLU(), lambda x: x * 10)
    assert model(np.array([-3.0, 2.0])).tolist() == [0.0, 30.0]
    assert len(model) == 3
    assert isinstance(model[1], nn.ReLU)
    assert nn.Sequential()(5) == 5
    with pytest.raises(TypeError, match="got list at place 0; pass them one by one"):
        nn.Sequential([nn.ReLU()])


# Initialisers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(200, 300), (5, 5, 20, 30)])
@pytest.mark.parametrize(
    ("draw", "variance", "bounded"),
    [
        (init.xavier_uniform, lambda i, o: 2 / (i + o), True),
        (init.xavier_normal, lambda i, o: 2 / (i + o), False),
        (init.he_uniform, lambda i, o: 2 / i, True),
        (init.he_normal, lambda i, o: 2 / i, False),
    ],
)
def test_initialisers_have_the_variance_of_their_fans(shape, draw, variance, bounded):
    window = np.prod(shape[:-2])
    expected = variance(window * shape[-2], window * shape[-1])
    drawn = draw(shape).numpy()
    assert drawn.dtype == np.float32
    assert drawn.mean() == pytest.approx(0, abs=5 * (expected / drawn.size) ** 0.5)
    assert drawn.var() == pytest.approx(expected, rel=0.05)
    largest = np.abs(drawn).max() / (3 * expected) ** 0.5
    assert (largest <= 1 + 1e-6) == bounded
    assert draw(shape, dtype=np.float64).dtype == np.float64


def test_the_gain_of_xavier_scales():
    for draw in (init.xavier_uniform, init.xavier_normal):
        tg.random.seed(1)
        one = draw((4, 5)).numpy()
        tg.random.seed(1)
        assert np.allclose(draw((4, 5), gain=3).numpy(), 3 * one, rtol=1e-6)


def test_the_plain_initialisers():
    assert init.zeros((2, 3)).numpy().tolist() == [[0] * 3] * 2
    assert init.constant((2, 3), 0.5).numpy().tolist() == [[0.5] * 3] * 2
    assert init.truncated_normal is tg.random.truncated_normal
    for shape in [(), (3,), (0, 4)]:
        with pytest.raises(tg.ShapeError, match=r"init: expected a shape \(..., inputs, outputs\) without zeros"):
            init.he_normal(shape)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5), (2, 3, 4, 6)])
def test_orthogonal_matrices(shape):
    drawn = init.orthogonal(shape, gain=2.0, dtype=np.float64)
    assert drawn.shape == shape
    matrix = drawn.numpy().reshape(-1, shape[-1])
    small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    assert np.allclose(small @ small.T, 4 * np.eye(len(small)), atol=1e-12)
    tg.random.seed(1)
    one = init.orthogonal(shape)
    tg.random.seed(1)
    assert one.dtype == np.float32
    assert np.array_equal(one.numpy(), init.orthogonal(shape).numpy())
    with pytest.raises(tg.ShapeError, match=r"for an orthogonal matrix, got \(3,\)"):
        init.orthogonal((3,))


def test_orthogonal_matrices_are_all_as_likely():
    """Without choosing signs, the QR of LAPACK gives a first element that is never positive."""
    first = [init.orthogonal((2, 2)).numpy()[0, 0] for _ in range(200)]
    assert 60 < sum(value > 0 for value in first) < 140


def test_an_initialiser_refills_a_layer():
    layer = nn.Linear(50, 50)
    layer.weight.assign_(init.he_normal(layer.weight.shape))
    assert np.abs(layer.weight.numpy()).max() > 1 / 50**0.5
    assert layer.weight.requires_grad


# Losses -------------------------------------------------------------------------------------------


def cross_entropies(logits, probabilities):
    """By definition, one example and one class at a time."""
    losses = []
    for row, target in zip(logits, probabilities, strict=True):
        total = sum(np.exp(z) for z in row)
        losses.append(-sum(p * np.log(np.exp(z) / total) for z, p in zip(row, target, strict=True)))
    return np.array(losses)


REDUCE = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


@pytest.mark.parametrize("reduction", REDUCE)
def test_cross_entropy(reduction):
    numbers = np.random.default_rng(4)
    logits, labels, soft = numbers.normal(size=(6, 4)), numbers.integers(0, 4, 6), numbers.dirichlet(np.ones(4), 6)
    for target, probabilities in ((labels, np.eye(4)[labels]), (soft, soft)):
        loss = functional.cross_entropy(logits, target, reduction)
        assert np.allclose(loss, REDUCE[reduction](cross_entropies(logits, probabilities)), rtol=1e-13)
        check_gradients(lambda z, t=target: functional.cross_entropy(z, t, reduction), logits)


@pytest.mark.parametrize("reduction", REDUCE)
def test_mse_loss(reduction):
    numbers = np.random.default_rng(5)
    x, y = numbers.normal(size=(2, 3, 4))
    squares = np.array([[(a - b) ** 2 for a, b in zip(p, q, strict=True)] for p, q in zip(x, y, strict=True)])
    assert np.allclose(functional.mse_loss(x, y, reduction), REDUCE[reduction](squares), rtol=1e-14)
    check_gradients(lambda x, y: functional.mse_loss(x, y, reduction), x, y)


PAIRS = np.random.default_rng(8).normal(size=(2, 4, 3)) * 2
SHARES = np.random.default_rng(9).dirichlet(np.ones(3), 4)
LOSSES = {  # a function, its module, arguments, one loss by definition
    "half": (functional.half_squared_error, nn.HalfSquaredError, PAIRS, lambda x, y: (x - y) ** 2 / 2),
    "l1": (functional.l1_loss, nn.L1Loss, PAIRS, lambda x, y: abs(x - y)),
    "huber": (
        functional.huber_loss,
        nn.HuberLoss,
        PAIRS,
        lambda x, y: (x - y) ** 2 / 2 if abs(x - y) <= 1 else abs(x - y) - 0.5,
    ),
    "binary": (
        functional.binary_cross_entropy_with_logits,
        nn.BCEWithLogitsLoss,
        (PAIRS[0], SHARES),
        lambda z, t: -t * math.log(1 / (1 + math.exp(-z))) - (1 - t) * math.log(1 - 1 / (1 + math.exp(-z))),
    ),
    "kl": (functional.kl_div, nn.KLDivLoss, (PAIRS[0], SHARES), lambda x, t: t * (math.log(t) - x)),
}


@pytest.mark.parametrize("reduction", REDUCE)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_their_definitions(name, reduction):
    function, module, (x, y), one = LOSSES[name]
    losses = np.array([[one(a, b) for a, b in zip(p, q, strict=True)] for p, q in zip(x, y, strict=True)])
    assert np.allclose(function(x, y, reduction), REDUCE[reduction](losses), rtol=1e-12)
    assert np.allclose(module(reduction)(tg.tensor(x), tg.tensor(y)).numpy(), REDUCE[reduction](losses), rtol=1e-12)
    smooth = {"step": 1e-5} if name == "kl" else {}
    check_gradients(lambda x, y: function(x, y, reduction), x, np.maximum(y, 0.05) if name == "kl" else y, **smooth)


def test_nll_loss_of_log_softmax_is_cross_entropy():
    numbers = np.random.default_rng(4)
    logits, labels = numbers.normal(size=(2, 6, 4)), numbers.integers(0, 4, (2, 6))
    for reduction in REDUCE:
        loss = functional.nll_loss(functional.log_softmax(logits), labels, reduction)
        assert np.allclose(loss, functional.cross_entropy(logits, labels, reduction), rtol=1e-13)
        assert np.allclose(nn.NLLLoss(reduction)(functional.log_softmax(logits), tg.tensor(labels)), loss)
    check_gradients(lambda x: functional.nll_loss(x, labels), logits)


def test_the_divergence_is_zero_where_the_target_is():
    x = tg.tensor(np.log([[0.5, 0.25, 0.25]]), requires_grad=True)
    t = np.array([[1.0, 0.0, 0.0]])
    loss = functional.kl_div(x, t, "batchmean")
    assert loss.item() == pytest.approx(math.log(2))
    loss.backward()
    assert np.allclose(x.grad.numpy(), -t)
    same = functional.kl_div(x.detach(), np.array([[0.5, 0.25, 0.25]]), "sum")
    assert same.item() == pytest.approx(0, abs=1e-15)


def test_losses_show_what_they_are():
    assert repr(nn.HuberLoss("sum", 0.5)) == "HuberLoss(reduction='sum', delta=0.5)"
    assert repr(nn.KLDivLoss(log_target=True)) == "KLDivLoss(log_target=True)"
    assert repr(nn.MSELoss()) == "MSELoss()"
    assert repr(nn.LeakyReLU(0.2)) == "LeakyReLU(negative_slope=0.2)"
    assert repr(nn.ELU()) == "ELU(alpha=1.0)"
    assert repr(nn.LogSoftmax()) == "LogSoftmax(dim=-1)"


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.array([0]), tg.ShapeError, r"nll_loss: .* labels are integers of shape \(2,\), got \(1,\)"),
        (np.array([0.0, 1.0]), tg.DTypeError, "nll_loss: labels are integers, got float64"),
        (np.array([0, 3]), IndexError, "nll_loss: labels run from 0 to 3, but there are 3 classes"),
        (np.array([-1, 0]), IndexError, "nll_loss: labels run from -1 to 0"),
    ],
)
def test_nll_loss_refuses_labels_that_are_none(labels, error, message):
    with pytest.raises(error, match=message):
        functional.nll_loss(np.zeros((2, 3)), labels)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_refuse_shapes_that_would_broadcast(name):
    function = LOSSES[name][0]
    with pytest.raises(tg.ShapeError, match=rf"{function.__name__}: expected a target of the prediction's shape"):
        function(np.zeros((3, 1)), np.zeros(3))
    more = ', "batchmean"' if name == "kl" else ""
    with pytest.raises(ValueError, match=rf'{function.__name__}: expected reduction "mean", "sum"{more} or "none"'):
        function(np.ones(3), np.ones(3), "average")


def test_losses_refuse_what_is_never_meant():
    with pytest.raises(
        tg.ShapeError, match=r"mse_loss: expected a target of the prediction's shape \(3, 1\), got \(3,\)"
    ):
        functional.mse_loss(np.zeros((3, 1)), np.zeros(3))
    for loss, target in ((functional.mse_loss, np.zeros((3, 2))), (functional.cross_entropy, np.zeros(3, int))):
        with pytest.raises(ValueError, match='expected reduction "mean", "sum" or "none", got \'average\''):
            loss(np.zeros((3, 2)), target, "average")
    with pytest.raises(tg.ShapeError, match="softmax_cross_entropy"):
        functional.cross_entropy(np.zeros((3, 2)), np.zeros((2, 2)))


# Sharing ------------------------------------------------------------------------------------------


class Tied(nn.Module):
    """A network whose last layer is the transpose of its first."""

    def __init__(self, dtype=np.float64):
        self.first = nn.Linear(5, 4, dtype=dtype)
        self.middle = nn.Linear(4, 4, dtype=dtype)
        self.shift = tg.zeros(5, dtype, requires_grad=True)

    def forward(self, x):
        hidden = self.middle(tg.sigmoid(self.first(x)))
        return tg.sigmoid(hidden) @ self.first.weight.T + self.shift


def test_a_weight_tied_through_a_transpose_gets_both_gradients():
    net, (x, g) = Tied(), np.random.default_rng(1).normal(size=(2, 6, 5))
    names = [name for name, _ in net.named_parameters()]
    values = [p.numpy() for p in net.parameters()]

    def loss(*values):
        for p, value in zip(net.parameters(), values, strict=True):
            p.assign_(value)
        with tg.no_grad():
            return (net(x) * g).sum().item()

    net(x).backward(g)
    gradients = [p.grad.numpy() for p in net.parameters()]
    for place, name in enumerate(names):
        for index in np.ndindex(values[place].shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [value.copy() for value in values]
                moved[place][index] += step
                ends.append(loss(*moved))
            assert gradients[place][index] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-8), name


def test_a_tied_weight_is_one_parameter_moved_once_and_saved_once():
    net, x = Tied(), np.random.default_rng(1).normal(size=(6, 5))
    names = ["first.weight", "first.bias", "middle.weight", "middle.bias", "shift"]
    assert sorted(net.state_dict()) == sorted(names)
    before = net.first.weight.numpy()
    optimizer = tg.optim.SGD([*net.parameters(), net.first.weight], 0.1)
    net(x).sum().backward()
    gradient = net.first.weight.grad.numpy()
    optimizer.step()
    assert np.allclose(net.first.weight.numpy(), before - 0.1 * gradient, rtol=1e-14)
    other = Tied()
    other.load_state_dict(net.state_dict())
    assert np.array_equal(other(x).numpy(), net(x).numpy())
    learned = net(x)
    net.first.weight.assign_(net.first.weight.numpy() * 2)
    assert not np.array_equal(net(x).numpy(), learned.numpy())  # both ends follow


def test_a_layer_used_twice_and_a_weight_of_two_layers_are_shared():
    twice = nn.Linear(3, 3, bias=False, dtype=np.float64)
    one, other = nn.Linear(3, 3, bias=False, dtype=np.float64), nn.Linear(3, 3, bias=False, dtype=np.float64)
    one.weight = other.weight = tg.tensor(twice.weight.numpy(), requires_grad=True)
    x, g = np.random.default_rng(1).normal(size=(2, 4, 3))
    twice(tg.tanh(twice(x))).backward(g)
    both = nn.Sequential(one, tg.tanh, other)
    both(x).backward(g)
    assert list(both.state_dict()) == ["0.weight"]
    assert np.array_equal(one.weight.grad.numpy(), twice.weight.grad.numpy())
    w, hidden = twice.weight.numpy(), np.tanh(x @ twice.weight.numpy())
    expected = hidden.T @ g + x.T @ ((g @ w.T) * (1 - hidden**2))
    assert np.allclose(one.weight.grad.numpy(), expected, rtol=1e-12)


# Together -----------------------------------------------------------------------------------------


def trained(seed):
    """The weights of a model after a short training in which everything random comes from `seed`."""
    with tg.random.Generator(seed):
        model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
        x = tg.random.normal((64, 4)).numpy()
        optimizer = tg.optim.Adam(model.parameters(), 0.01)
        data = tg.data.batches(x, x.argmax(axis=1) % 3, 16)
        for _ in range(10):
            for rows, labels in data:
                optimizer.zero_grad()
                functional.cross_entropy(model(rows), labels).backward()
                optimizer.step()
    return [p.numpy() for p in model.parameters()]


def test_eight_threads_train_what_one_thread_trains():
    alone = [trained(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(trained, range(8)))
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(p, q) for p, q in zip(one, other, strict=True))
    assert not np.array_equal(alone[0][0], alone[1][0])


def test_a_first_training():
    numbers = np.random.default_rng(6)
    x = numbers.normal(size=(200, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)  # not linear: needs the hidden layer
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = tg.optim.Adam(model.parameters(), 0.05)
    for _ in range(100):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    with tg.no_grad():
        assert (model(x).numpy().argmax(axis=1) == y).mean() > 0.95
