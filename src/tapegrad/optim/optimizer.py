"""What all optimizers share: the parameters in groups, the settings of each, what is kept for each, and saving it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tape import Tensor
from ..errors import DTypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

ARRAYS = np.ndarray | np.generic
Group = dict[str, Any]  # the Tensors under "params", and a value for each setting
State = dict[str, Any]  # what an optimizer keeps for one parameter, by name: arrays and numbers


class Setting:
    """A setting of an optimizer as its attribute: that of every group, when they agree; to set it sets it in all."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        if optimizer is None:
            return self
        value, *others = [group[self.name] for group in optimizer.param_groups]
        if any(other != value for other in others):
            raise ValueError(
                f"{type(optimizer).__name__}.{self.name}: the groups have different ones, "
                f"{', '.join(map(str, [value, *others]))}; read or change each, as param_groups[0]['{self.name}']"
            )
        return value

    def __set__(self, optimizer: Any, value: Any) -> None:
        for group in optimizer.param_groups:
            group[self.name] = _plain(value)


class Optimizer(ABC):
    """The base of the optimizers: `step()` moves each parameter by the gradient that `backward` left in `.grad`.

    `parameters` are Tensors, or groups with settings of their own, `{"params": [...], "lr": 0.01}`, the others being
    those that the optimizer was made with. `param_groups` has them all, and may be changed between steps, as may the
    attributes (`optimizer.lr = 0.01`), which stand for all groups. A parameter that is given twice is moved once, by
    the sum of its gradients. One without a gradient stays, and its state with it.

    Raises TypeError for what is no parameter, and ValueError for none, for a setting that there is not or that makes
    no sense, and for a parameter in two groups.
    """

    below_one: tuple[str, ...] = ()  # the settings that weigh the past

    def __init__(self, parameters: Iterable[Tensor] | Iterable[Group], **settings: Any) -> None:
        given: list[Any] = list(parameters)
        groups = given if given and all(isinstance(g, dict) for g in given) else [{"params": given}]
        self.param_groups: list[Group] = []
        places: dict[int, int] = {}
        for number, group in enumerate(groups):
            self.param_groups.append(self._group(group, settings))
            for parameter in self.param_groups[-1]["params"]:
                if places.setdefault(id(parameter), number) != number:
                    raise ValueError(
                        f"{type(self).__name__}: a parameter of {parameter.shape} is in two groups, "
                        f"{places[id(parameter)]} and {number}; which settings should it have?"
                    )
        if not places:
            raise ValueError(f"{type(self).__name__}: expected at least one parameter, got none")
        self.state: list[State] = [{} for _ in self.parameters]

    def _group(self, group: Group, settings: Group) -> Group:
        """A group with all its settings, and its parameters once each."""
        name = type(self).__name__
        given = list(group.get("params", ()))
        for place, parameter in enumerate(given):
            if not isinstance(parameter, Tensor):
                raise TypeError(
                    f"{name}: expected Tensors, got {type(parameter).__name__} at place {place}; "
                    "pass model.parameters(), or dicts with such under 'params'"
                )
            if not (parameter.requires_grad and parameter.is_leaf):
                raise TypeError(
                    f"{name}: the Tensor at place {place} is not a parameter, which is made by "
                    "tapegrad.tensor(..., requires_grad=True) and not computed"
                )
        strange = group.keys() - settings.keys() - {"params"}
        if strange:
            raise ValueError(
                f"{name}: a group has {', '.join(sorted(strange))}, and the settings are {', '.join(settings)}"
            )
        own = {key: _plain(group.get(key, value)) for key, value in settings.items()}
        self.check(own)
        return {"params": list({id(parameter): parameter for parameter in given}.values()), **own}

    def check(self, settings: Group) -> None:
        """Raise ValueError for settings that make no sense."""
        name = type(self).__name__
        numbers = {key: value for key, value in settings.items() if not isinstance(value, bool)}
        if any(not number >= 0 for value in numbers.values() for number in np.ravel(value)):
            got = ", ".join(f"{key}={value}" for key, value in numbers.items())
            raise ValueError(f"{name}: expected no negative number, got {got}")
        for key in self.below_one:
            if any(number >= 1 for number in np.ravel(settings[key])):
                raise ValueError(f"{name}: expected {key} of at least 0 and below 1, got {settings[key]}")

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters of all groups, in order; `state` has one for each."""
        return [parameter for group in self.param_groups for parameter in group["params"]]

    @abstractmethod
    def step(self, *arguments: Any) -> Any:
        """Move every parameter that has a gradient. The old arrays are left as they are."""

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next `backward` starts from none."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """The settings of each group, and a copy of what is kept for each parameter, in order."""
        return {
            "param_groups": [_settings(group) | {"params": len(group["params"])} for group in self.param_groups],
            "state": [_copied(state) for state in self.state],
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, for the same parameters in the same groups and order.

        Raises ValueError for the settings of another optimizer or another number of parameters, ShapeError or
        DTypeError for arrays that do not fit; the optimizer is then unchanged.
        """
        name = f"{type(self).__name__}.load_state_dict"
        groups, states = saved["param_groups"], saved["state"]
        if len(groups) != len(self.param_groups):
            raise ValueError(f"{name}: expected {len(self.param_groups)} groups, got {len(groups)}")
        settings: list[Group] = []
        for mine, group in zip(self.param_groups, groups, strict=True):
            if group.keys() != mine.keys():
                expected, got = (", ".join(key for key in keys if key != "params") for keys in (mine, group))
                raise ValueError(f"{name}: expected the settings {expected}, got {got}")
            if group["params"] != len(mine["params"]):
                raise ValueError(f"{name}: expected a group of {len(mine['params'])} parameters, got {group['params']}")
            settings.append({key: _plain(value) for key, value in _settings(group).items()})
            self.check(settings[-1])
        if len(states) != len(self.state):
            raise ValueError(f"{name}: expected states of {len(self.state)} parameters, got {len(states)}")
        of_each = ((p, own) for mine, own in zip(self.param_groups, settings, strict=True) for p in mine["params"])
        for place, (state, (parameter, own)) in enumerate(zip(states, of_each, strict=True)):
            if state:
                self.fits(f"{name}: %s of parameter {place}", state, parameter._array, own)
        for mine, new in zip(self.param_groups, settings, strict=True):
            mine.update(new)
        self.state = [_copied(state) for state in states]

    @abstractmethod
    def start(self, parameter: NDArray[Any], settings: Group) -> State:
        """The state of a parameter before the first step: arrays like it, and numbers."""

    def fits(self, what: str, state: State, parameter: NDArray[Any], settings: Group) -> None:
        """Raise an error unless a saved state has the names, shapes and types that a parameter's own has."""
        expected = self.start(parameter, settings)
        if state.keys() != expected.keys():
            raise ValueError(f"{what % 'state'}: expected {', '.join(expected)}, got {', '.join(state)}")
        for key, value in state.items():
            like = expected[key]
            if not isinstance(like, ARRAYS):
                if type(value) is not type(like):
                    raise ValueError(f"{what % key}: expected {type(like).__name__}, got {type(value).__name__}")
                continue
            if np.shape(value) != like.shape:
                raise ShapeError(f"{what % key}: expected shape {like.shape}, got {np.shape(value)}")
            if np.asarray(value).dtype != like.dtype:
                raise DTypeError(f"{what % key}: expected {like.dtype}, got {np.asarray(value).dtype}")

    def __repr__(self) -> str:
        parameters = self.parameters
        count = sum(parameter._array.size for parameter in parameters)
        groups = [", ".join(f"{key}={value}" for key, value in _settings(g).items()) for g in self.param_groups]
        settings = groups[0] if len(set(groups)) == 1 else f"groups of {'; '.join(groups)}"
        return f"{type(self).__name__}({len(parameters)} parameters of {count:,} numbers, {settings})"


def number(loss: Any) -> float:
    """A loss as a number, of which no gradient is wanted."""
    return float(loss.item() if isinstance(loss, Tensor) else loss)


def _settings(group: Group) -> Group:
    return {key: value for key, value in group.items() if key != "params"}


def _plain(value: Any) -> Any:
    """A setting as Python has it."""
    if isinstance(value, bool | int | None):
        return value
    return tuple(map(float, value)) if isinstance(value, tuple | list) else float(value)


def _copied(state: State) -> State:
    return {key: np.array(value) if isinstance(value, ARRAYS) else value for key, value in state.items()}
