"""Optimizers, schedules, checkpoints, input queues and training sessions: `tf.train`."""

from __future__ import annotations

from ._global_step import *
from ._optimizers import *
from ._saver import *
from ._schedules import *
