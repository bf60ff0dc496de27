"""Optional packages: asked for before a long run starts, not found missing at its end."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import MissingExtraError


def require(*packages: str, extra: str) -> None:
    """Raise MissingExtraError unless all of `packages`, which tapegrad's `extra` brings, can be imported."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise MissingExtraError(f'{" and ".join(missing)} not installed; run: pip install "tapegrad[{extra}]"')
