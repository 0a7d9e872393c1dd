"""How a network is applied to its own output: its buffers, its random masks, its wrappers.

A rule applies f again to y = f(x).  Those passes must not leave traces: a batch normalisation that
counted them would average over the batches f(x), f(y), f(f(y)), …, which is what the notes' code does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parallel import DistributedDataParallel

from analysis.frameworks import in_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Buffers = Literal["keep", "update", "eval"]


class Adapted(nn.Module):
    """A network whose output, or input, is not one tensor, as a function of one tensor.

    Args:
        net: what `input` is passed to and `output` takes from; its parameters are this module's.
        output: the key (of a dict or a named tuple) or the index under which `net` returns the tensor
            that is f(x); or a function that makes it of what `net` returns.
        input: the name of the keyword under which `net` takes x; or a function that makes a dict of keyword
            arguments of x.  None: x is the only positional argument.

    Raises:
        TypeError: the output has no such part, or it is no tensor.

    >>> class Pair(nn.Module):
    ...     def forward(self, *, image):
    ...         return {"image": image.tanh(), "latent": image.mean()}
    >>> Adapted(Pair(), output="image", input="image")(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        net: nn.Module,
        output: str | int | Callable[[Any], Tensor],
        input: str | Callable[[Tensor], dict[str, Any]] | None = None,  # noqa: A002 - the pair of `output`
    ) -> None:
        super().__init__()
        self.net, self.output, self.input = net, output, input

    def forward(self, x: Tensor) -> Tensor:
        """Return f(x)."""
        if self.input is None:
            returned = self.net(x)
        else:
            returned = self.net(**({self.input: x} if isinstance(self.input, str) else self.input(x)))
        part = self.output(returned) if callable(self.output) else self._part(returned)
        if not isinstance(part, Tensor):
            raise TypeError(f"expected a tensor at {self.output!r} of what `net` returns; got {_kind(part)}")
        return part

    def _part(self, returned: Any) -> Any:
        key: Any = self.output
        named = isinstance(key, str) and not isinstance(returned, Mapping | Tensor)
        try:
            return getattr(returned, key) if named else returned[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            raise TypeError(
                f"expected `net` to return something with a part {self.output!r}; got {_kind(returned)}"
            ) from None


@contextmanager
def shared_masks(net: nn.Module) -> Iterator[None]:
    """Let every pass of `net` within the context draw the same random numbers.

    Dropout then drops the same units in f(x), f(f(x)), …: all passes are of one thinned network, whose
    idempotent error is what the value is.  Without it each pass draws masks of its own, and even an
    idempotent network has an error, the variance that its dropout makes.

    The first pass draws as usual; the later ones start from the state of the generators that it started
    from (the CPU's and that of the device of `net`), and leave them as it left them.

    Args:
        net: whose forward passes are meant: what is called, so the compiled network if there is one; of a
            data parallel wrapper, the wrapped network's passes.

    Raises:
        ValueError: from a pass whose input has another shape than the first one's.
        RuntimeError: at the end, if no pass was seen.

    >>> net = nn.Sequential(nn.Linear(4, 4), nn.Dropout())
    >>> with shared_masks(net):
    ...     bool((net(torch.ones(1, 4)) == net(torch.ones(1, 4))).all())
    True
    """
    inner = unwrapped(net)
    devices = sorted({p.device for p in inner.parameters() if p.device.type == "cuda"}, key=str)
    start: list[list[Tensor]] = []
    end: list[list[Tensor]] = []
    shapes: list[torch.Size] = []

    def before(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        shapes.extend(value.shape for value in inputs[:1] if isinstance(value, Tensor))
        if len({*shapes}) > 1:
            want, got = tuple(shapes[0]), tuple(shapes[-1])
            raise ValueError(f"masks are shared by passes of one shape: expected {want}; got {got}")
        now = _states(devices)
        if not start:
            start.append(now)
            return
        end.append(now)
        _set_states(start[0], devices)

    def after(*_: object) -> None:
        if end:
            _set_states(end.pop(), devices)

    with ExitStack() as hooks:
        hooks.callback(inner.register_forward_pre_hook(before).remove)
        hooks.callback(inner.register_forward_hook(after, always_call=True).remove)
        yield
    if not start:
        raise RuntimeError(
            "expected a pass of `net` within shared_masks; got none: name what is called, the compiled "
            "network if there is one"
        )


def unwrapped(net: Any) -> Any:
    """The network inside a data parallel wrapper, whose own forward expects one backward pass each."""
    return net.module if isinstance(net, DistributedDataParallel) else net


def quiet(net: Callable[[Tensor], Tensor], buffers: Buffers) -> Callable[[Tensor], Tensor]:
    """Return f for the passes beside the caller's own, which leave the buffers of a module as `buffers` says.

    They share one copy of the buffers, made here.
    """
    inner = unwrapped(net)
    if not isinstance(inner, nn.Module) or buffers == "update":
        return partial(application, inner)
    spare = _copies(inner)

    def f(y: Tensor) -> Tensor:
        # What is compiled may be in a function transform, which refuses to change what it did not make.
        held = _copies(inner) if torch.compiler.is_compiling() else spare
        with in_mode(inner, "eval") if buffers == "eval" else nullcontext():
            image: Tensor = functional_call(inner, held, (y,)) if held else inner(y)
        return image

    return partial(application, f)


def application(f: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
    """f(y), of the shape of y, which stays as it is.

    Raises:
        TypeError: f(y) is no tensor.
        ValueError: f(y) has another shape, or f has changed y in place.
    """
    compiling = torch.compiler.is_compiling()
    tracked = not compiling and not y.is_inference()
    version = _changes(y) if tracked else 0
    image = f(y.clone() if compiling else y)  # a copy that a compiler leaves out if it is not needed
    if tracked and _changes(y) != version:
        raise ValueError(
            "`net` must leave its input as it is; got one that changes it in place (as a first ReLU with "
            "inplace=True does): take inplace=False, or lambda x: net(x.clone())"
        )
    if not isinstance(image, Tensor):
        raise TypeError(
            f"`net` must return a tensor; got {_kind(image)}: `Adapted` picks one out of what it returns"
        )
    if image.shape != y.shape:
        raise ValueError(
            "`net` must map its output space into itself: expected f(y) of shape "
            f"{tuple(y.shape)}; got {tuple(image.shape)}"
        )
    return image


def _changes(x: Tensor) -> int:
    """How often x was changed in place."""
    count: int = x._version  # noqa: SLF001 - what autograd itself looks at; torch has no other name for it
    return count


def _copies(net: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in net.named_buffers()}


def _states(devices: list[torch.device]) -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in devices)]


def _set_states(states: list[Tensor], devices: list[torch.device]) -> None:
    torch.set_rng_state(states[0])
    for state, device in zip(states[1:], devices, strict=True):
        torch.cuda.set_rng_state(state, device)


def _kind(value: object) -> str:
    names = f" with {', '.join(map(repr, value))}" if isinstance(value, dict) else ""
    size = f" of {len(value)}" if isinstance(value, tuple | list) else ""
    return f"{type(value).__name__}{names}{size}"
