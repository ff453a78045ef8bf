"""Large answers: one decoded block, and rows that convert a field when it is read.

Nothing here knows a value type.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

from . import _native

T = TypeVar("T")

_Lazy = Callable[[int], Any]
_classes: dict[type, type] = {}


class Rows(Sequence[T]):
    """A list of values that were decoded together: ``rows[0].name``, ``for row in rows``.

    A row is a value like any other of its type (frozen, comparable, a dataclass); its
    fields are converted when they are read. ``to_dicts()`` converts everything at once.
    """

    __slots__ = ("_make", "_native", "_type")

    def __init__(self, native: _native.Rows, row: type[T]) -> None:
        self._native = native
        self._type = row
        self._make: _Lazy | None = None

    def __len__(self) -> int:
        return len(self._native)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            if not len(self):
                return []
            make = self._maker()
            return [make(at) for at in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError("row index out of range")
        row: T = self._maker()(at)
        return row

    def __iter__(self) -> Iterator[T]:
        return map(self._maker(), range(len(self))) if len(self) else iter(())

    def to_dicts(self) -> list[dict[str, Any]]:
        """Every row as a dictionary of its own, by field name."""
        return self._native.to_dicts()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Rows | list | tuple):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} rows of {self._type.__name__}>"

    def _maker(self) -> _Lazy:
        if self._make is None:
            lazy = _classes.get(self._type)
            if lazy is None:
                lazy = _classes[self._type] = _lazy_class(self._type, self._native.names())
            new, cell = object.__new__, self._native.cell
            set_row, set_cell = lazy._at.__set__, lazy._cell.__set__  # type: ignore[attr-defined]

            def make(at: int) -> Any:
                row: Any = new(lazy)
                set_row(row, at)
                set_cell(row, cell)
                return row

            self._make = make
        return self._make


def _lazy_class(row: type, names: tuple[str, ...]) -> type:
    """A subclass of the dataclass whose fields read a cell."""
    fields = [f.name for f in dataclasses.fields(row)]
    # A field that is a word of Python has an underscore behind it.
    columns = {name: names.index(name if name in names else name.rstrip("_")) for name in fields}

    def values(self: object) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in fields)

    def equal(self: object, other: object) -> bool:
        return values(self) == values(other) if isinstance(other, row) else NotImplemented

    body: dict[str, Any] = {
        "__slots__": ("_at", "_cell"),
        "__doc__": row.__doc__,
        "__module__": row.__module__,
        "__qualname__": row.__qualname__,
        # A changed copy (`dataclasses.replace`) is a plain value.
        "__new__": lambda _, **given: row(**given),
        "__eq__": equal,
        "__hash__": lambda self: hash(values(self)),
        "__reduce__": lambda self: (_plain, (row, dict(zip(fields, values(self), strict=True)))),
        **{name: property(_reader(column)) for name, column in columns.items()},
    }
    return type(row.__name__, (row,), body)


def _reader(column: int) -> Callable[[Any], Any]:
    def read(self: Any) -> Any:
        return self._cell(self._at, column)

    return read


def _plain(row: type, fields: Mapping[str, Any]) -> Any:
    return row(**fields)
