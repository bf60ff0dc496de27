"""Make optim.json: where PyTorch's optimizers take the parameters of a small network in 100 steps of float64.

    python tests/golden/make_optim.py       (needs PyTorch; only to be run when a case is added)

Every case trains `tanh(x @ w + b)` to the targets by half the summed squared error, from the same start, and
halves its learning rate after 50 steps. Parameters are kept every tenth step. The settings are such that differences
in rounding fade; with others, steps in units of the gradient's size end in chaos around the minimum. Learning rates
of the schedules, those that the first 40 steps would use, and clipped gradients come along.
"""

import json
import sys
import warnings
from pathlib import Path

import torch

STEPS = 100
# The case: PyTorch's name, ours where it is another, and the settings, which have the same names.
CASES = {
    "descent": ("SGD", "SGD", {"lr": 0.1}),
    "descent with decay": ("SGD", "SGD", {"lr": 0.1, "weight_decay": 0.05}),
    "momentum": ("SGD", "SGD", {"lr": 0.05, "momentum": 0.9}),
    "momentum with decay": ("SGD", "SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.05}),
    "nesterov": ("SGD", "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "nesterov with decay": ("SGD", "SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
    "adagrad": ("Adagrad", "Adagrad", {"lr": 0.1}),
    "adagrad with all settings": (
        "Adagrad", "Adagrad", {"lr": 0.1, "weight_decay": 0.05, "initial_accumulator_value": 0.2, "eps": 0.01},
    ),
    "adadelta": ("Adadelta", "Adadelta", {}),
    "adadelta with all settings": (
        "Adadelta", "Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.05},
    ),
    "rmsprop": ("RMSprop", "RMSprop", {}),
    "rmsprop with decay": ("RMSprop", "RMSprop", {"lr": 0.005, "alpha": 0.9, "eps": 0.05, "weight_decay": 0.05}),
    "rmsprop with momentum": ("RMSprop", "RMSprop", {"lr": 0.005, "momentum": 0.8}),
    "rmsprop, centred": ("RMSprop", "RMSprop", {"alpha": 0.95, "centered": True}),
    "rmsprop, centred, with momentum": (
        "RMSprop", "RMSprop", {"lr": 0.005, "alpha": 0.9, "momentum": 0.7, "centered": True, "weight_decay": 0.02},
    ),
    "adam": ("Adam", "Adam", {"lr": 0.05}),
    "adam with decay": ("Adam", "Adam", {"lr": 0.05, "weight_decay": 0.05}),
    "adam with large eps": ("Adam", "Adam", {"lr": 0.05, "betas": [0.8, 0.95], "eps": 0.01}),
    "adamw": ("AdamW", "AdamW", {"lr": 0.05}),
    "adamw with decay": ("AdamW", "AdamW", {"lr": 0.05, "weight_decay": 0.3}),
    "nadam": ("NAdam", "Nadam", {"lr": 0.05}),
    "nadam with all settings": (
        "NAdam", "Nadam",
        {"lr": 0.01, "betas": [0.8, 0.95], "eps": 0.01, "weight_decay": 0.05, "momentum_decay": 0.02},
    ),
    "adamax": ("Adamax", "Adamax", {"lr": 0.05}),
    "adamax with decay": ("Adamax", "Adamax", {"lr": 0.05, "betas": [0.8, 0.95], "eps": 0.01, "weight_decay": 0.05}),
}  # fmt: skip
X = [[0.5, -1.2, 0.3], [1.1, 0.4, -0.7], [-0.6, 0.9, 1.5], [0.2, -0.3, -1.0]]
Y = [[0.3, -0.8], [0.9, 0.1], [-0.5, 0.6], [0.0, -0.2]]
W = [[0.1, -0.2], [0.4, 0.3], [-0.5, 0.6]]
B = [0.05, -0.1]

SCHEDULES = {
    "step": lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.5),
    "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40, 0.01),
    "warm-up": lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, 1.0, 9),
    "warm-up, then exponential": lambda o: torch.optim.lr_scheduler.ChainedScheduler(
        [torch.optim.lr_scheduler.LinearLR(o, 0.1, 1.0, 9), torch.optim.lr_scheduler.ExponentialLR(o, 0.9)]
    ),
}
PLATEAU = {"factor": 0.5, "patience": 3, "threshold": 0.05, "min_lr": 0.02}
LOSSES = [1.0, 0.9, 0.8, 0.79, 0.78, 0.77, 0.77, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.71, 0.72, 0.69, 0.68, 0.67, 0.66]
GRADIENTS = [[[0.5, -3.0], [2.0, 0.25]], [-0.1, 4.0, 0.0]]


def run(name: str, options: dict) -> list[dict]:
    x, y = torch.tensor(X, dtype=torch.float64), torch.tensor(Y, dtype=torch.float64)
    w = torch.tensor(W, dtype=torch.float64, requires_grad=True)
    b = torch.tensor(B, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, name)([w, b], **options)
    kept = []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        (((torch.tanh(x @ w + b) - y) ** 2).sum() / 2).backward()
        optimizer.step()
        if step == STEPS // 2:
            optimizer.param_groups[0]["lr"] /= 2
        if step % 10 == 0:
            kept.append({"step": step, "w": w.tolist(), "b": b.tolist()})
    return kept


def rates(make, losses: list) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.4)
    schedule = make(optimizer)
    found = []
    for loss in losses:
        found.append(optimizer.param_groups[0]["lr"])
        schedule.step(*([] if loss is None else [loss]))
    return found


def clipped(how: str, limit: float) -> dict:
    parameters = [torch.zeros_like(torch.tensor(g), requires_grad=True) for g in GRADIENTS]
    for parameter, gradient in zip(parameters, GRADIENTS, strict=True):
        parameter.grad = torch.tensor(gradient)
    norm = getattr(torch.nn.utils, how)(parameters, limit)
    gradients = [parameter.grad.tolist() for parameter in parameters]
    return {"limit": limit, "norm": None if norm is None else norm.item(), "gradients": gradients}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    warnings.simplefilter("ignore")  # schedules warn that no optimizer stepped
    cases = [
        {"name": case, "optimizer": ours, "options": options, "trajectory": run(name, options)}
        for case, (name, ours, options) in CASES.items()
    ]
    problem = {"x": X, "y": Y, "w": W, "b": B, "steps": STEPS}
    schedules = {name: rates(make, [None] * 40) for name, make in SCHEDULES.items()}
    plateau = rates(lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, **PLATEAU), LOSSES)
    found = {
        "torch": torch.__version__,
        "problem": problem,
        "cases": cases,
        "schedules": schedules,
        "plateau": {"options": PLATEAU, "losses": LOSSES, "rates": plateau},
        "clipping": {
            "before": GRADIENTS,
            "norm": [clipped("clip_grad_norm_", limit) for limit in (1.0, 2.5, 100.0)],
            "value": [clipped("clip_grad_value_", limit) for limit in (0.5, 3.0)],
        },
    }
    path = Path(__file__).with_name("optim.json")
    path.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(f"{path}: {len(cases)} cases\n")
