"""Training: the Trainer, what it can watch and measure, and progress bars and plots of how it goes."""

from .metrics import accuracy
from .trainer import Trainer
from .watch import Watch, statistics

__all__ = ["Trainer", "Watch", "accuracy", "statistics"]
