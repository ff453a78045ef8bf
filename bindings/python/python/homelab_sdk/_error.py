"""The base of every exception of this package. The classes are in errors.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .types import Failure, Location, Sent


class HomelabError(Exception):
    """What every call of this package raises when it fails.

    Each kind of failure has a subclass: ``except NotFoundError``. The
    attributes tell what a caller needs in order to act.

    Attributes:
        code: The kind's stable name, the same in every language: ``"NotFound"``.
        sent: Whether the request may have reached the server: ``"no"``
            (nothing has changed), ``"maybe"`` (look before trying again) or
            ``"yes"`` (the server answered).
        retryable: Whether the same call may sensibly be tried again.
        operation: What was being done, in the protocol's words.
        target: Whom it was asked of: a host, a node, a guest.
        request_ref: The server's own reference of the request or job.
        status: The protocol's status, as text.
        location: The place in the user's file, for bad input.
        failures: What failed, by target, for ``PartialFailureError``.
    """

    code: str = "Unknown"
    sent: Sent
    retryable: bool
    operation: str | None
    target: str | None
    request_ref: str | None
    status: str | None
    location: Location | None
    failures: tuple[Failure, ...]

    def __init__(
        self,
        message: str = "",
        *,
        sent: Sent = "no",
        retryable: bool = False,
        operation: str | None = None,
        target: str | None = None,
        request_ref: str | None = None,
        status: str | None = None,
        location: Location | None = None,
        failures: tuple[Failure, ...] = (),
    ) -> None:
        super().__init__(message)
        self.sent = sent
        self.retryable = retryable
        self.operation = operation
        self.target = target
        self.request_ref = request_ref
        self.status = status
        self.location = location
        self.failures = failures

    def __reduce__(self) -> tuple[Any, ...]:
        # Attributes travel to other processes in __dict__; __init__ takes the message.
        return (type(self), self.args, self.__dict__)


def decode_error(data: Any) -> HomelabError:
    """The exception for an ``ErrorData``."""
    # Here, as both build on this module.
    from . import errors, types

    kind = errors.BY_CODE.get(data["code"], HomelabError)
    location = data["location"]
    return kind(
        data["message"],
        sent=data["sent"],
        retryable=data["retryable"],
        operation=data["operation"],
        target=data["target"],
        request_ref=data["request_ref"],
        status=data["status"],
        location=None if location is None else types.decode_location(location),
        failures=tuple(types.decode_failure(failure) for failure in data["failures"]),
    )
