"""The batches of a run: functions of their number, the same in however many processes."""

import random

import numpy as np
import pytest
import torch

from training import digits
from training.runs.batches import Batches, Parts, chance
from training.runs.history import History, columns, read_history
from training.runs.module import Noisy


class Drawn(torch.utils.data.Dataset):
    """Items that no generator but the global ones decides."""

    def __len__(self):
        return 23

    def __getitem__(self, i):
        drawn = random.random() + np.random.rand()  # noqa: NPY002 - the global generator, as data of others draw
        return torch.stack([torch.tensor(float(i)), torch.rand(()), torch.tensor(drawn)])


def batches(data=None, noise=0.0, **where):
    data = torch.arange(23.0)[:, None] if data is None else data
    return Batches(Parts(data, torch.arange(23), None, None), where.pop("size", 5), 3, noise, 7, **where)


def test_an_epoch_goes_through_the_data_once_in_an_order_of_its_own():
    made = batches()
    assert len(made) == 3 * 4
    epochs = [torch.cat([made[4 * e + i] for i in range(4)]).flatten().tolist() for e in range(3)]
    for epoch in epochs:
        assert len(set(epoch)) == 20
    assert epochs[0] != epochs[1] != epochs[2]


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_batch_depends_on_its_number_alone(noise):
    made, again = batches(Drawn(), noise), batches(Drawn(), noise)
    torch.manual_seed(5)
    forward = [made[k] for k in range(12)]
    backward = [again[k] for k in reversed(range(12))][::-1]
    for a, b in zip(forward, backward, strict=True):
        assert torch.equal(a[0], b[0]) if noise else torch.equal(a, b)
    assert len({float(batch[0][0][1] if noise else batch[0][1]) for batch in forward}) == 12


def test_two_processes_share_what_one_with_batches_twice_as_large_has():
    one = batches(size=10, noise=0.3)
    two = [batches(size=5, noise=0.3, rank=rank, world=2) for rank in range(2)]
    assert len(one) == len(two[0]) == len(two[1])
    for k in range(len(one)):
        parts = [made[k] for made in two]
        assert torch.equal(torch.cat([part.x for part in parts]), one[k].x)
        assert torch.equal(torch.cat([part.clean for part in parts]), one[k].clean)


def test_noise_has_its_deviation_and_leaves_the_target_alone():
    data = torch.zeros(23, 4000)
    batch = batches(data, 0.5)[3]
    assert isinstance(batch, Noisy)
    assert not batch.clean.any()
    assert float(batch.x.std()) == pytest.approx(0.5, rel=0.02)


def test_loaders_begin_where_they_are_told_and_draw_nothing():
    made = batches(Drawn())
    state = torch.get_rng_state()
    found = list(made.loader(3, 7, 0))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, made[k]) for a, k in zip(found, range(3, 7), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pictures_are_taken_as_their_rows_would_be(dtype):
    part = digits().part("test").viewed(64)
    order = torch.arange(len(part))
    made = [
        Batches(Parts(data, order, None, None, dtype), 7, 2, 0.1, 3) for data in (part, part[:].to(dtype))
    ]
    for k in (0, 50):
        ours, rows = (batch[k] for batch in made)
        assert ours.x.dtype == dtype
        assert torch.equal(ours.x, rows.x)
        assert torch.equal(ours.clean, rows.clean)


def test_chance_is_put_back():
    states = random.getstate(), torch.get_rng_state()
    with chance(1, 2):
        inside = random.random(), float(torch.rand(()))
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
    with chance(1, 2):
        assert (random.random(), float(torch.rand(()))) == inside


def test_more_than_there_is_fills_no_batch():
    with pytest.raises(
        ValueError, match="expected --batch-size of at most 11, the samples to train on in each"
    ):
        batches(size=12, rank=0, world=2)


def test_a_table_goes_on_where_its_checkpoint_was_written(tmp_path):
    history = History(tmp_path / "metrics.csv", None, ["task"])
    history.write({"step": 1, "task": 0.5})
    length = history.settled()
    history.write({"step": 2, "task": 0.25})
    with history.path.open("a") as file:
        file.write("3,0,0.1")
    again = History(history.path, length, ["task"])
    again.write({"step": 2, "validation_kept": 0.125})
    found = read_history(history.path)
    assert tuple(found) == columns(["task"])
    assert found["step"] == [1, 2]
    assert found["task"][0] == 0.5
    assert np.isnan(found["task"][1])
    assert found["validation_kept"][1] == 0.125


def test_a_table_that_lost_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="as the checkpoint knows it, 10 bytes or more; got less"):
        History(tmp_path / "metrics.csv", 10, ["task"])


def test_data_are_known_by_all_their_numbers():
    """Those with a gradient too, and in any order: another number, or another order, is other data."""
    x = torch.arange(12.0).reshape(6, 2).requires_grad_()
    parts = Parts(x, torch.arange(4), x[4:5], x[5:])
    same = Parts(x.detach().clone(), torch.arange(4), x[4:5], x[5:])
    assert parts.checksum() == same.checksum()
    other = x.detach().clone()
    other[0, 0] += 1
    assert Parts(other, torch.arange(4), x[4:5], x[5:]).checksum() != parts.checksum()
    assert Parts(x, torch.arange(4).flip(0), x[4:5], x[5:]).checksum() != parts.checksum()
