"""The handwritten ground under the generated classes: calls, streams, results per node.

Nothing here knows a method or a value type.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar, cast, overload

from . import _native
from ._error import HomelabError, decode_error
from ._rows import Rows as Rows

T = TypeVar("T")
P = TypeVar("P")
S = TypeVar("S")

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""Any JSON value: what the raw calls take and give."""

Args = Mapping[str, object]
ROOT = _native.Handle.root()


def error_from_json(text: str) -> HomelabError:
    """Called by the native module with the error of a call."""
    return decode_error(json.loads(text))


def encode(args: Args) -> str:
    """Arguments as JSON. Unset ones are left out; paths become strings, values objects."""
    given = {name: value for name, value in args.items() if value is not None}
    return json.dumps(given, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be an argument")


def shown(thing: object, attributes: Sequence[str]) -> str:
    """``ProxmoxTask(upid='...')``: a thing with the attributes that tell it from others."""
    parts = []
    for name in attributes:
        try:
            parts.append(f"{name}={getattr(thing, name)!r}")
        except HomelabError:
            parts.append("closed")
            break
    return f"{type(thing).__name__}({', '.join(parts)})"


def call(handle: _native.Handle, method: str, args: Args) -> Any:
    """Waits for a value."""
    return json.loads(cast(str, handle.call(method, encode(args))))


def call_now(handle: _native.Handle, method: str, args: Args) -> Any:
    """Reads a value that is there."""
    return json.loads(cast(str, handle.call_now(method, encode(args))))


async def call_async(handle: _native.Handle, method: str, args: Args) -> Any:
    """Awaits a value."""
    return json.loads(cast(str, await handle.call_async(method, encode(args))))


def rows(handle: _native.Handle, method: str, args: Args, row: type[T]) -> Rows[T]:
    """Waits for many rows."""
    return Rows(cast(_native.Rows, handle.call(method, encode(args))), row)


async def rows_async(handle: _native.Handle, method: str, args: Args, row: type[T]) -> Rows[T]:
    """Awaits many rows."""
    return Rows(cast(_native.Rows, await handle.call_async(method, encode(args))), row)


def open(handle: _native.Handle, method: str, args: Args) -> _native.Handle:
    """Waits for a handle."""
    return cast(_native.Handle, handle.call(method, encode(args)))


def open_now(handle: _native.Handle, method: str, args: Args) -> _native.Handle:
    """Makes a handle from what is there."""
    return cast(_native.Handle, handle.call_now(method, encode(args)))


async def open_async(handle: _native.Handle, method: str, args: Args) -> _native.Handle:
    """Awaits a handle."""
    return cast(_native.Handle, await handle.call_async(method, encode(args)))


def follow(handle: _native.Handle, method: str, args: Args) -> _native.Stream:
    """A stream that starts when it is read."""
    return cast(_native.Stream, handle.call_now(method, encode(args)))


def run(
    steps: _native.Stream,
    on_progress: Callable[[P], None] | None,
    decode_progress: Callable[[Any], P],
    decode_result: Callable[[Any], T],
) -> T:
    """Waits for the result of a long call, reporting on the way.

    An exception from ``on_progress`` ends the call and is raised.
    """
    try:
        while (text := steps.next()) is not None:
            step = json.loads(text)
            if "result" in step:
                return decode_result(step["result"])
            if on_progress is not None:
                on_progress(decode_progress(step["progress"]))
    finally:
        steps.close()
    raise HomelabError("the call ended without a result")


async def run_async(
    steps: _native.Stream,
    on_progress: Callable[[P], None] | None,
    decode_progress: Callable[[Any], P],
    decode_result: Callable[[Any], T],
) -> T:
    """Awaits the result of a long call, reporting on the way."""
    try:
        while (text := await steps.next_async()) is not None:
            step = json.loads(text)
            if "result" in step:
                return decode_result(step["result"])
            if on_progress is not None:
                on_progress(decode_progress(step["progress"]))
    finally:
        steps.close()
    raise HomelabError("the call ended without a result")


class Stream(Generic[T]):
    """Items as they arrive: ``for item in stream``.

    The request behind it ends with the stream: at the end, on ``close()``, on
    leaving a ``with`` block, or when the last reference goes.
    """

    __slots__ = ("_decode", "_native")

    def __init__(self, native: _native.Stream, decode: Callable[[Any], T]) -> None:
        self._native = native
        self._decode = decode

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        text = self._native.next()
        if text is None:
            raise StopIteration
        return self._decode(json.loads(text))

    def close(self) -> None:
        """Ends the stream now, on the wire too."""
        self._native.close()

    def __enter__(self: S) -> S:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncStream(Generic[T]):
    """Items as they arrive: ``async for item in stream``.

    The request behind it ends with the stream: at the end, on ``close()``, on
    leaving an ``async with`` block, or when the last reference goes, as it does
    when the task that reads it is cancelled.
    """

    __slots__ = ("_decode", "_native")

    def __init__(self, native: _native.Stream, decode: Callable[[Any], T]) -> None:
        self._native = native
        self._decode = decode

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        text = await self._native.next_async()
        if text is None:
            raise StopAsyncIteration
        return self._decode(json.loads(text))

    def close(self) -> None:
        """Ends the stream now, on the wire too."""
        self._native.close()

    async def __aenter__(self: S) -> S:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class NodeResult(Generic[T]):
    """One node's answer or error; the other is ``None``."""

    node: str
    """The node, as it was named in the call."""
    value: T | None
    """The answer."""
    error: HomelabError | None
    """Why there is none."""


class PerNode(Sequence[NodeResult[T]]):
    """One answer or one error for each node asked, in the order asked."""

    __slots__ = ("_results",)

    def __init__(self, results: Sequence[NodeResult[T]]) -> None:
        self._results = tuple(results)

    @overload
    def __getitem__(self, index: int) -> NodeResult[T]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[NodeResult[T]]: ...
    def __getitem__(self, index: int | slice) -> NodeResult[T] | Sequence[NodeResult[T]]:
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        return f"PerNode({list(self._results)!r})"

    def answers(self) -> dict[str, T]:
        """The nodes that answered."""
        return {r.node: cast(T, r.value) for r in self._results if r.error is None}

    def failures(self) -> dict[str, HomelabError]:
        """The nodes that did not."""
        return {r.node: r.error for r in self._results if r.error is not None}

    def get(self, node: str) -> NodeResult[T] | None:
        """The result of one node, ``None`` if it was not asked."""
        return next((r for r in self._results if r.node == node), None)


def per_node(data: Any, decode: Callable[[Any], T]) -> PerNode[T]:
    """Decodes the results of several nodes."""
    return PerNode(
        [
            NodeResult(r["node"], decode(r["value"]), None)
            if r["error"] is None
            else NodeResult(r["node"], None, decode_error(r["error"]))
            for r in data
        ]
    )
