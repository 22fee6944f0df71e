"""Draws are the same everywhere: golden numbers of the published generator, and numba's twin of it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from connect4.boards.random_stream import GAMMA, Stream, mix, state_of

words = st.integers(0, 2**64 - 1)


def test_the_generator_is_splitmix64():
    # the first outputs for seed 1234567, as listed by Rosetta Code's task "Pseudo-random numbers/Splitmix64"
    state, found = 1234567, []
    for _ in range(5):
        state = (state + GAMMA) % 2**64
        found.append(mix(state))
    assert found == [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
    ]  # fmt: skip


@given(words)
def test_numba_mixes_alike(z):
    from connect4.boards.playouts import mix as compiled

    assert int(compiled(np.uint64(z))) == mix(z)


@given(st.lists(words, max_size=4), st.integers(1, 1000))
def test_draws_stay_below_their_limit(names, limit):
    stream = Stream(*names)
    assert all(0 <= stream.below(limit) < limit for _ in range(20))


def test_draws_are_even():
    stream = Stream(5)
    counts = np.bincount([stream.below(7) for _ in range(70_000)])
    assert len(counts) == 7
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 27.9  # chi-square, 6 degrees of freedom, one in ten thousand


def test_names_make_streams_of_their_own():
    states = {state_of(*names) for names in [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (7, 3), (3, 7)]}
    assert len(states) == 8


def test_shuffled_keeps_every_item_and_the_same_order_for_a_name():
    assert Stream(9).shuffled("abcdefgh") == list("ebcdfgah")
    assert sorted(Stream(9).shuffled(range(100))) == list(range(100))
