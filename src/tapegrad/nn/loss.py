"""The losses as modules, under PyTorch's names; the functions are in `nn.functional`."""

from __future__ import annotations

from typing import Any

from . import functional
from .module import Module


class _Loss(Module):
    """What losses have in common: `reduction`, which is "mean", "sum" or "none"."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def extra_repr(self) -> str:
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """The cross entropy of the softmax of logits (..., classes) with class indices (...) or probabilities."""

    def forward(self, logits: Any, labels: Any) -> Any:
        return functional.cross_entropy(logits, labels, self.reduction)


class NLLLoss(_Loss):
    """Minus the log-probability of each example's class: log-probabilities (..., classes), class indices (...)."""

    def forward(self, log_probabilities: Any, labels: Any) -> Any:
        return functional.nll_loss(log_probabilities, labels, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """The cross entropy of each logit with the probability of its class."""

    def forward(self, logits: Any, target: Any) -> Any:
        return functional.binary_cross_entropy_with_logits(logits, target, self.reduction)


class MSELoss(_Loss):
    """The squared error."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return functional.mse_loss(prediction, target, self.reduction)


class HalfSquaredError(_Loss):
    """Half the squared error, whose gradient is the difference itself."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return functional.half_squared_error(prediction, target, self.reduction)


class L1Loss(_Loss):
    """The absolute error."""

    def forward(self, prediction: Any, target: Any) -> Any:
        return functional.l1_loss(prediction, target, self.reduction)


class HuberLoss(_Loss):
    """Half the squared error up to `delta`, and a straight line beyond."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, prediction: Any, target: Any) -> Any:
        return functional.huber_loss(prediction, target, self.reduction, self.delta)

    def extra_repr(self) -> str:
        return ", ".join(filter(None, [super().extra_repr(), f"delta={self.delta}"]))


class KLDivLoss(_Loss):
    """The divergence of log-probabilities from `target`; `reduction` may also be "batchmean"; see `kl_div`."""

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, log_probabilities: Any, target: Any) -> Any:
        return functional.kl_div(log_probabilities, target, self.reduction, self.log_target)

    def extra_repr(self) -> str:
        return ", ".join(filter(None, [super().extra_repr(), "log_target=True" if self.log_target else ""]))
