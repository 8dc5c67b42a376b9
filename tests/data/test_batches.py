"""Every example once a pass, every batch of one size, and an order that only the seed and the epoch decide."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.data.batches import Batches

ABOUT = st.builds(
    dict,
    count=st.integers(1, 200),
    batch_size=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
    steps_per_epoch=st.integers(0, 40),
)
EPOCH = st.integers(0, 10_000)
fewer = settings(max_examples=100)


def batches(**about):
    return Batches(fetch=lambda chosen, *when: (chosen, *when), **about)


@fewer
@given(ABOUT, EPOCH)
def test_every_batch_has_one_size_and_holds_examples(about, epoch):
    given_ = batches(**about)
    order = given_.order(epoch)
    assert given_.size == min(about["batch_size"], about["count"])
    assert order.shape == (given_.steps * given_.size,)
    for step in range(given_.steps):
        chosen, when, *_ = given_.batch(order, step, epoch)
        assert len(chosen) == given_.size
        assert when == epoch
        assert chosen.min() >= 0
        assert chosen.max() < about["count"]


@fewer
@given(ABOUT, EPOCH)
def test_a_pass_has_every_example_once_and_no_example_is_two_ahead_of_another(about, epoch):
    given_ = batches(**about)
    order = given_.order(epoch)
    times = np.bincount(order, minlength=about["count"])
    assert times.max() - times.min() <= 1
    if not about["steps_per_epoch"]:
        assert times.min() == 1
        more = len(order) - about["count"]
        assert more < given_.size
        assert np.array_equal(order[about["count"] :], order[:more])
    whole = order[: len(order) // about["count"] * about["count"]].reshape(-1, about["count"])
    for one_pass in whole:
        assert np.array_equal(np.sort(one_pass), np.arange(about["count"]))


@fewer
@given(ABOUT, EPOCH)
def test_the_batches_of_an_epoch_are_its_order_cut_up(about, epoch):
    given_ = batches(**about)
    order = given_.order(epoch)
    cut = [given_.batch(order, step, epoch)[0] for step in range(given_.steps)]
    assert np.array_equal(np.concatenate(cut), order)


@fewer
@given(ABOUT, EPOCH)
def test_the_order_is_the_seed_s_and_the_epoch_s_and_nothing_before_matters(about, epoch):
    given_ = batches(**about)
    first = given_.order(epoch)
    given_.order(epoch + 1)
    np.random.seed(5)  # noqa: NPY002 - the global one is what must not matter
    assert np.array_equal(given_.order(epoch), first)
    assert np.array_equal(batches(**about).order(epoch), first)
    if len(set(first)) > 20:  # fewer could agree by chance
        assert not np.array_equal(given_.order(epoch + 1), first)
        assert not np.array_equal(batches(**{**about, "seed": about["seed"] ^ 1}).order(epoch), first)
