"""get_variable and variable_scope: variables found again by their names."""

from __future__ import annotations

__all__: list[str] = []
