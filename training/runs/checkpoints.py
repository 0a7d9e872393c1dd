"""Checkpoints that hold no code: one safetensors file, its tensors as they are, all else as JSON beside them.

Lightning's own are pickles, which run whatever their author wished.  What a checkpoint consists of
besides tensors are numbers, words, None, lists, tuples and mappings; JSON holds them all once tuples
and mappings by number are marked.  Anything else is refused when it is written, not when it is read.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.plugins import CheckpointIO
from safetensors import SafetensorError
from torch import Tensor

from corrector.files import whole_file
from training.weights import as_safetensors, opened

if TYPE_CHECKING:
    from collections.abc import Mapping

_KIND = "checkpoint"
_PARTS = {
    "run": dict,
    "facts": dict,
    "random": list,
    "batches": int,
    "state_dict": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
}
"""What a run needs to go on."""
_MARKS = ("$tensor", "$tuple", "$pairs")


class SafetensorsIO(CheckpointIO):
    """Lightning's checkpoints as safetensors files, written whole or not at all; for `Trainer(plugins=…)`.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.safetensors"
    >>> SafetensorsIO().save_checkpoint({"w": torch.ones(2), "betas": (0.9, 0.999), "state": {0: None}}, path)
    >>> SafetensorsIO().load_checkpoint(path)
    {'w': tensor([1., 1.]), 'betas': (0.9, 0.999), 'state': {0: None}}
    """

    def save_checkpoint(self, checkpoint: Mapping[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint; one that was there stays until the new one is on the disk.

        Raises:
            TypeError: it holds something else than tensors, numbers, words, None, lists, tuples, mappings.
        """
        if storage_options is not None:
            raise TypeError(f"expected no storage options for a local file; got {storage_options}")
        tensors: dict[str, Tensor] = {}
        text = json.dumps(_encoded(checkpoint, tensors))
        Path(path).parent.mkdir(parents=True, exist_ok=True)  # which Lightning leaves to this
        with whole_file(path) as draft, draft.open("wb") as file:
            file.write(as_safetensors(tensors, {_KIND: text}))
            file.flush()
            os.fsync(file.fileno())

    def load_checkpoint(
        self,
        path: Any,
        map_location: Any = None,
        weights_only: bool | None = None,  # noqa: ARG002, FBT001 - Lightning's; no code is run in any case
    ) -> dict[str, Any]:
        """Return the checkpoint of a file, its tensors on the CPU or where `map_location` names.

        Raises:
            OSError: there is no such file, or it cannot be read.
            ValueError: it is no safetensors file, or not a checkpoint.
        """
        where = map_location if isinstance(map_location, str | torch.device) else None
        with opened(Path(path), named=False) as file:  # Lightning names them .ckpt
            try:
                loaded = _decoded(json.loads((file.metadata() or {})[_KIND]), file, where)
            except (KeyError, RecursionError, TypeError, ValueError, SafetensorError):
                loaded = None
        if not isinstance(loaded, dict):
            raise ValueError(f"expected a checkpoint of `corrector train` in {path}; got another file")
        return loaded

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint, if it is there."""
        Path(path).unlink(missing_ok=True)


def load_run(path: Path, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the checkpoint of a run that can go on from it.

    Args:
        path: of the checkpoint.
        facts: what is known of the run; the checkpoint's must be the same.
        weights: of the network; the checkpoint's must have their names and shapes.

    Raises:
        OSError, ValueError: as `SafetensorsIO.load_checkpoint`; or parts are missing, or something differs.
    """
    loaded = SafetensorsIO().load_checkpoint(path)
    missing = [name for name, kind in _PARTS.items() if not isinstance(loaded.get(name), kind)]
    if missing:
        raise ValueError(
            f"expected a checkpoint of `corrector train` in {path}; got one without {missing[0]}"
        )
    theirs = loaded["facts"]
    for name in dict.fromkeys((*facts, *theirs)):
        if facts.get(name) != theirs.get(name):
            raise ValueError(
                f"expected {path} to be of this run, {name} {_said(facts.get(name))}; "
                f"got {_said(theirs.get(name))}"
            )
    for name in dict.fromkeys((*weights, *loaded["state_dict"])):
        ours, stored = (
            list(found[name].shape) if name in found else "none" for found in (weights, loaded["state_dict"])
        )
        if ours != stored:
            raise ValueError(f"expected in {path} the weights {name}, shape {ours}; got {stored}")
    return loaded


def _said(value: Any) -> str:
    return "as it is by default" if value is None else str(value)


def _encoded(value: Any, tensors: dict[str, Tensor]) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()  # those that share memory, each by itself
        return {"$tensor": name}
    if isinstance(value, list):
        return [_encoded(entry, tensors) for entry in value]
    if isinstance(value, tuple):
        return {"$tuple": [_encoded(entry, tensors) for entry in value]}
    if isinstance(value, dict):
        pairs = [[_encoded(k, tensors), _encoded(v, tensors)] for k, v in value.items()]
        plain = all(isinstance(key, str) and key not in _MARKS for key in value)
        return dict(pairs) if plain else {"$pairs": pairs}
    raise TypeError(
        "expected tensors, numbers, words, None, lists, tuples and mappings in a checkpoint; "
        f"got {type(value).__name__}"
    )


def _decoded(value: Any, file: Any, where: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(entry, file, where) for entry in value]
    if not isinstance(value, dict):
        return value
    if "$tensor" in value:
        tensor = file.get_tensor(value["$tensor"])
        return tensor if where is None else tensor.to(where)
    if "$tuple" in value:
        return tuple(_decoded(entry, file, where) for entry in value["$tuple"])
    if "$pairs" in value:
        return {_decoded(k, file, where): _decoded(v, file, where) for k, v in value["$pairs"]}
    return {name: _decoded(entry, file, where) for name, entry in value.items()}
