"""Sequential: parts that run one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Sequential(Module):
    """Runs `layers` in order, each on what the one before gave. They are modules, or functions such as `tg.relu`."""

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        for place, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(
                    f"Sequential: expected modules or functions, got {type(layer).__name__} at place {place}; "
                    "pass them one by one: Sequential(a, b, c)"
                )
        self.layers = layers

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def members(self) -> Iterator[tuple[str, Any]]:
        """The layers, each by its place: the first layer's weight is `0.weight`."""
        return ((str(place), layer) for place, layer in enumerate(self.layers))

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, place: int) -> Any:
        return self.layers[place]
