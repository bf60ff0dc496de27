"""Optimizers: they take the gradients that `backward` left and move the parameters."""

from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam, Adamax, AdamW, Nadam
from .clipping import clip_grad_norm, clip_grad_value
from .lbfgs import LBFGS
from .lion import Lion
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .schedules import ConstantLR, CosineAnnealingLR, ExponentialLR, ReduceLROnPlateau, Schedule, StepLR
from .sgd import SGD, Momentum, Nesterov

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "Lion",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "Schedule",
    "StepLR",
    "clip_grad_norm",
    "clip_grad_value",
]
