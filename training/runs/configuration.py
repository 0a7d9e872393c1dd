"""Options in a YAML file: a mapping from their names to what the command line would give them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml

from corrector.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """YAML without code, in which no key is said twice: of two the first would be lost."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = next((key for i, key in enumerate(keys) if key in keys[:i]), None)
    if twice is not None:
        mark = next(key.start_mark for key, _ in reversed(node.value) if key.value == str(twice))
        raise yaml.constructor.ConstructorError(None, None, f"{twice} twice", mark)
    found: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)

_ELSEWHERE = ("config", "output", "resume")
"""Options that no file can hold: they say which one, or where."""
_MAPPED = {"network-argument": "width=128", "ramp": "idempotency=0.2-0.5"}
"""Options that may be given often, each time with a name of its own, as here; in YAML mappings."""


def read_options(path: Path, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the options of a YAML file by the names of their parameters, as `click` takes defaults.

    Args:
        path: of the file; it runs no code, whatever it holds.
        names: from the options' names to their parameters'.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is no YAML, no mapping, names an unknown option, or gives one what it cannot take.
    """
    try:
        found = yaml.load(path.read_bytes(), _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"expected plain YAML in {path}; got: {error}") from None
    if not isinstance(found, dict):
        kind = "nothing" if found is None else type(found).__name__
        raise ValueError(f"expected a mapping from options to values in {path}; got {kind}")
    options = {}
    for key, value in found.items():
        if value is None:  # the option's default
            continue
        name = str(key).replace("_", "-")
        if name in _ELSEWHERE:
            raise ValueError(f"expected --{name} on the command line; got it in {path}")
        if name not in names:
            near = get_close_matches(name, names, 1, cutoff=0)[0]
            raise ValueError(f"expected options of this command in {path}; got {key}: the nearest is {near}")
        options[names[name]] = _given(name, value, path)
    return options


def write_options(path: Path, head: str, options: Mapping[str, Any]) -> None:
    """Write options as `read_options` reads them, under a line of comment."""
    text = yaml.safe_dump(dict(options), sort_keys=False, allow_unicode=True)
    with whole_file(path) as draft:
        draft.write_text(f"# {head}\n{text}", encoding="utf-8")


def parsed_arguments(given: tuple[str, ...], option: str = "network-argument") -> dict[str, Any]:
    """Return what `name=value` pairs say, each value read as YAML.

    >>> parsed_arguments(("width=128", "bias=false", "rates=[1, 2]"))
    {'width': 128, 'bias': False, 'rates': [1, 2]}
    """
    arguments = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(f"expected --{option} as in {_MAPPED[option]}; got {pair}")
        try:
            arguments[name] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ValueError(f"expected a value in YAML for {name}; got {text}") from None
    return arguments


def _given(name: str, value: Any, path: Path) -> Any:
    """A value as the command line would have it."""
    if name in _MAPPED and isinstance(value, dict):
        flow = {key: yaml.safe_dump(entry, default_flow_style=True) for key, entry in value.items()}
        return [f"{key}={text.removesuffix('...' + chr(10)).strip()}" for key, text in flow.items()]
    if name not in _MAPPED and isinstance(value, list) and not any(isinstance(x, list | dict) for x in value):
        return ",".join(map(str, value))
    if name in _MAPPED or isinstance(value, list | dict):
        kind = "a mapping" if name in _MAPPED else "one value or a list"
        raise ValueError(f"expected {kind} for {name} in {path}; got {type(value).__name__}")
    return str(value)  # a number would be cut to what the option takes
