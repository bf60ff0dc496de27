"""Optimizers, schedules, checkpoints, input queues and training sessions: `tf.train`."""

from __future__ import annotations

from ._batch_queues import *
from ._checkpoint_files import *
from ._checkpoint_reader import *
from ._checkpoint_state import *
from ._coordinator import *
from ._examples import *
from ._global_step import *
from ._hooks import *
from ._input_producers import *
from ._meta_graphs import *
from ._missing import not_covered
from ._monitored import *
from ._moving_average import *
from ._old_summaries import SummaryWriter
from ._optimizer import *
from ._optimizers import *
from ._proximal import *
from ._queues import QueueRunner, add_queue_runner, start_queue_runners
from ._saver import *
from ._schedules import *
from ._sequence_examples import FeatureList, FeatureLists, SequenceExample
from ._supervisor import *

__getattr__ = not_covered(__name__)
