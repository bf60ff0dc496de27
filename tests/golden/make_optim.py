"""Make optim.json: where PyTorch's optimizers take the parameters of a small network in 100 steps of float64.

    python tests/golden/make_optim.py       (needs PyTorch; only to be run when a case is added)

Every case trains `tanh(x @ w + b)` to the targets by half the summed squared error, from the same start, and
halves its learning rate after 50 steps. Parameters are kept every tenth step.
"""

import json
import sys
from pathlib import Path

import torch

STEPS = 100
CASES = {
    "descent": ("SGD", {"lr": 0.1}),
    "descent with decay": ("SGD", {"lr": 0.1, "weight_decay": 0.05}),
    "momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "momentum with decay": ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.05}),
    "nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "nesterov with decay": ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
    "adam": ("Adam", {"lr": 0.05}),
    "adam with decay": ("Adam", {"lr": 0.05, "weight_decay": 0.05}),
    "adam with large eps": ("Adam", {"lr": 0.05, "betas": [0.8, 0.95], "eps": 0.01}),
}
X = [[0.5, -1.2, 0.3], [1.1, 0.4, -0.7], [-0.6, 0.9, 1.5], [0.2, -0.3, -1.0]]
Y = [[0.3, -0.8], [0.9, 0.1], [-0.5, 0.6], [0.0, -0.2]]
W = [[0.1, -0.2], [0.4, 0.3], [-0.5, 0.6]]
B = [0.05, -0.1]


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


if __name__ == "__main__":
    cases = [
        {"name": case, "optimizer": name, "options": options, "trajectory": run(name, options)}
        for case, (name, options) in CASES.items()
    ]
    problem = {"x": X, "y": Y, "w": W, "b": B, "steps": STEPS}
    path = Path(__file__).with_name("optim.json")
    path.write_text(json.dumps({"torch": torch.__version__, "problem": problem, "cases": cases}, indent=1) + "\n")
    sys.stdout.write(f"{path}: {len(cases)} cases\n")
