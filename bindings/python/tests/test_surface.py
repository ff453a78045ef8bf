"""The generated surface: twins, values, errors, docs."""

import dataclasses
import inspect
import pickle

import pytest
from conftest import LAB

import homelab_sdk
from homelab_sdk import (
    ConfigError,
    HomelabError,
    Lab,
    Location,
    NotFoundError,
    Simulator,
    TimeoutError,
    errors,
)

TWINS = [n.removeprefix("Async") for n in homelab_sdk.__all__ if n.startswith("Async") and n != "AsyncStream"]


def public(cls: type) -> set[str]:
    return {n for n in vars(cls) if not n.startswith("_")}


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_methods(name: str) -> None:
    sync, twin = getattr(homelab_sdk, name), getattr(homelab_sdk, f"Async{name}")
    assert public(sync) == public(twin)
    for method in public(sync):
        one, other = vars(sync)[method], vars(twin)[method]
        if not isinstance(one, property):
            one, other = getattr(sync, method), getattr(twin, method)
            assert inspect.signature(one).parameters == inspect.signature(other).parameters


def test_everything_is_documented() -> None:
    for name in homelab_sdk.__all__:
        thing = getattr(homelab_sdk, name)
        if isinstance(thing, type):
            assert thing.__doc__, name
            for method in public(thing):
                member = inspect.getattr_static(thing, method)
                if inspect.isfunction(member) or isinstance(member, property | staticmethod):
                    assert inspect.getdoc(getattr(thing, method)), f"{name}.{method}"


def test_each_kind_is_one_class() -> None:
    assert {e.code for e in errors.BY_CODE.values()} == set(errors.BY_CODE)
    assert all(issubclass(e, HomelabError) for e in errors.BY_CODE.values())
    assert TimeoutError.code == "Timeout"


def test_an_error_says_where() -> None:
    with pytest.raises(ConfigError) as caught:
        Lab.parse("lab.yaml", "name: [\n")
    assert isinstance(caught.value.location, Location)
    assert caught.value.location.file == "lab.yaml"
    assert caught.value.sent == "no"
    assert str(caught.value).startswith("lab.yaml:")


def test_errors_travel_between_processes() -> None:
    error = NotFoundError("gone", target="pve1", sent="yes")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is NotFoundError
    assert (str(copy), copy.target, copy.sent, copy.code) == ("gone", "pve1", "yes", "NotFound")


def test_values_cannot_be_changed() -> None:
    host = Lab.from_file(LAB).topology.hosts[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        host.name = "other"  # type: ignore[misc]
    assert dataclasses.replace(host, name="other").name == "other"


def test_a_wrong_argument_is_named() -> None:
    with pytest.raises(homelab_sdk.InvalidArgumentError, match="argument text"):
        Lab.parse("lab.yaml", 7)  # type: ignore[arg-type]


def test_the_simulator_stops_with_its_block() -> None:
    with Simulator.start(LAB) as sim:
        assert sim.env()["TALOSCONFIG"]
    with pytest.raises(homelab_sdk.FailedPreconditionError):
        sim.stats()
