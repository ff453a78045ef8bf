"""The Python runner of `conformance/scenarios/*.json`; the format is described there."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import homelab_sdk
from homelab_sdk import HomelabError, PerNode, Rows

FOLDER = Path(__file__).resolve().parents[3] / "conformance"
SCENARIOS = sorted((FOLDER / "scenarios").glob("*.json"))
STEP = {
    "call", "get", "read", "cancel", "write", "files", "args", "options", "save", "expect", "error",
    "progress", "within_seconds", "until_seconds", "count", "then", "after_seconds", "text",
}  # fmt: skip
LIMIT_SECONDS = 60


async def maybe(value: Any) -> Any:
    """Awaits what the asyncio classes give; the sync ones have waited already."""
    return await value if inspect.isawaitable(value) else value


def plain(value: Any) -> Any:
    """A value as the JSON that scenarios speak of."""
    if isinstance(value, HomelabError):
        names = "code sent retryable operation target request_ref status location failures".split()
        return {"message": str(value), **{n: plain(getattr(value, n)) for n in names}}
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, PerNode | Rows | list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    return value


def mismatch(pattern: Any, value: Any, at: str) -> str | None:
    """Why `value` does not fit `pattern`, as in `conformance/src/pattern.rs`."""
    if isinstance(pattern, dict):
        for key, wanted in pattern.items():
            if key.startswith("$"):
                why = special(key, wanted, value, at)
            elif not isinstance(value, dict) or key not in value:
                why = f"{at}.{key} is missing in {value}"
            else:
                why = mismatch(wanted, value[key], f"{at}.{key}")
            if why:
                return why
        return None
    if isinstance(pattern, list):
        if not isinstance(value, list) or len(value) != len(pattern):
            return f"{at} should be {len(pattern)} items: {value}"
        pairs = enumerate(zip(pattern, value, strict=True))
        return next((w for i, (p, v) in pairs if (w := mismatch(p, v, f"{at}[{i}]"))), None)
    return None if pattern == value else f"{at} should be {pattern!r}: {value!r}"


def special(key: str, wanted: Any, value: Any, at: str) -> str | None:
    rules: dict[str, Callable[[], bool]] = {
        "$contains": lambda: wanted in value,
        "$ends": lambda: value.endswith(wanted),
        "$some": lambda: any(not mismatch(wanted, v, at) for v in value),
        "$every": lambda: all(not mismatch(wanted, v, at) for v in value),
        "$count": lambda: len(value) == wanted,
        "$at_least": lambda: value >= wanted,
        "$one_of": lambda: value in wanted,
    }
    return None if rules[key]() else f"{at} should fit {key} {wanted}: {value}"


class Runner:
    def __init__(self, directory: Path, twins: bool) -> None:
        self.directory = directory
        self.twins = twins
        self.saved: dict[str, Any] = {}

    async def run(self, file: Path) -> None:
        scenario = json.loads(file.read_text())
        for number, step in enumerate(scenario["steps"], 1):
            unknown = step.keys() - STEP
            assert not unknown, f"step {number}: unknown {unknown}"
            why = await self.step(step)
            assert why is None, f"step {number}: {why}\n{scenario['about']}"

    async def step(self, step: dict[str, Any]) -> str | None:
        start = time.monotonic()
        while True:
            progress: list[Any] = []
            value, error = None, None
            try:
                value = await asyncio.wait_for(self.act(step, progress), LIMIT_SECONDS)
            except HomelabError as e:
                error = e
            took = time.monotonic() - start
            why = self.judge(step, value, error, progress)
            if why is None:
                limit = step.get("within_seconds")
                return f"took {took:.1f} s" if limit and took > limit else None
            if took > step.get("until_seconds", 0):
                if error is not None and "error" not in step:
                    raise error
                return why
            await asyncio.sleep(0.05)

    def judge(self, step: dict[str, Any], value: Any, error: Any, progress: list[Any]) -> str | None:
        if "progress" in step and (why := mismatch(step["progress"], plain(progress), "progress")):
            return why
        if "error" in step:
            if error is None:
                return f"no error, but expected {step['error']}"
            return mismatch(step["error"], plain(error), "error")
        if error is not None:
            return repr(error)
        if "expect" in step and (
            why := mismatch(self.expected(step["expect"]), plain(value), "value")
        ):
            return why
        if "save" in step:
            self.saved[step["save"]] = value
        return None

    async def act(self, step: dict[str, Any], progress: list[Any]) -> Any:
        if "write" in step:
            return (self.directory / step["write"]).write_text(step["text"])
        if "files" in step:
            folder = self.directory / step["files"]
            return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        if "get" in step:
            name, attribute = step["get"].split(".")
            return getattr(self.saved[name], attribute)
        if "call" in step:
            keywords = {"on_progress": progress.append} if "progress" in step else {}
            return await maybe(self.method(step["call"])(**self.arguments(step), **keywords))
        if "read" in step:
            return await self.read(self.method(step["read"])(**self.arguments(step)), step)
        if "cancel" in step:
            return await self.cancel(step)
        raise AssertionError("a step that does nothing")

    def method(self, target: str) -> Any:
        name, method = target.split(".")
        if not name[0].isupper():
            return getattr(self.saved[name], method)
        twin = f"Async{name}" if self.twins and hasattr(homelab_sdk, f"Async{name}") else name
        return getattr(getattr(homelab_sdk, twin), method)

    def arguments(self, step: dict[str, Any]) -> dict[str, Any]:
        given = {**step.get("args", {}), **step.get("options", {})}
        return {name: self.resolve(value) for name, value in given.items()}

    def resolve(self, value: Any) -> Any:
        if isinstance(value, dict) and "$merge" in value:
            return {k: v for part in value["$merge"] for k, v in self.resolve(part).items()}
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        name, _, rest = value[1:].partition("/")
        folders = {"dir": self.directory, "labs": FOLDER.parent / "examples" / "labs"}
        return folders[name] / rest if name in folders else self.saved[name]

    def expected(self, pattern: Any) -> Any:
        """A pattern with what was saved in place of `$name`."""
        if isinstance(pattern, dict):
            return {key: self.expected(value) for key, value in pattern.items()}
        return plain(self.resolve(pattern)) if isinstance(pattern, str) else pattern

    async def read(self, stream: Any, step: dict[str, Any]) -> list[Any]:
        then = step.get("then", "drop")
        items: list[Any] = []
        if self.twins:
            while len(items) < step.get("count", 0) or then == "end":
                try:
                    items.append(await anext(stream))
                except StopAsyncIteration:
                    return items
            if then == "cancel":
                # As a task that reads the stream and is cancelled.
                task = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(0.2)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
        else:
            while len(items) < step.get("count", 0) or then == "end":
                try:
                    items.append(next(stream))
                except StopIteration:
                    return items
        if then == "close" or (then == "cancel" and not self.twins):
            stream.close()
        return items

    async def cancel(self, step: dict[str, Any]) -> Any:
        if not self.twins:
            return self.interrupt(step)
        task = asyncio.ensure_future(self.method(step["cancel"])(**self.arguments(step)))
        await asyncio.sleep(step["after_seconds"])
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            raise homelab_sdk.CancelledError("the task was cancelled") from None

    def interrupt(self, step: dict[str, Any]) -> Any:
        """A sync call ends when a signal's handler raises, as Ctrl-C's does."""

        def handler(*_: object) -> None:
            raise homelab_sdk.CancelledError("interrupted")

        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, step["after_seconds"])
        try:
            return self.method(step["cancel"])(**self.arguments(step))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
