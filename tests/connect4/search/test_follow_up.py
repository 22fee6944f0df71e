"""The follow-up bound never claims less than a game is worth when it is played out to its end."""

import random

import numpy as np

from connect4.rules.position import Position
from connect4.search.follow_up import NO_BOUND, follow_up_bound
from tests.connect4.search.plain_oracle import oracle_score


def bound_of(position: Position, alpha: int) -> int | None:
    """The bound as the search asks for it; None where the search does not ask."""
    game, own, stones = position.game, position.mover, position.stones
    theirs, landing = own ^ stones, game.landing(stones)
    threats = game.completing(theirs) & ~stones & game.board
    if game.completing(own) & landing or not landing & ~(threats >> 1):
        return None
    odd = sum(game.bottom << row for row in range(game.rows) if (game.rows - row) % 2)
    cells = [np.uint64(bits) for bits in (own, theirs, landing, threats)]
    return follow_up_bound(
        *cells, alpha, position.ply, np.uint64(game.board), np.uint64(odd), game.height, game.connect, game.size
    )


def late_position(chance: random.Random) -> Position:
    """A position of 28 to 38 stones that nobody has won."""
    while True:
        position = Position.empty()
        for _ in range(chance.randint(28, 38)):
            position = position.play(chance.choice(position.legal_moves()))
            if position.winner():
                break
        else:
            return position


def test_a_bound_is_never_below_the_score_and_is_often_found():
    chance, found = random.Random(3), {0: 0, -1: 0, -2: 0}
    for _ in range(300):
        position = late_position(chance)
        for alpha in found:
            bound = bound_of(position, alpha)
            if bound is None or bound == NO_BOUND:
                continue
            found[alpha] += 1
            assert bound <= alpha
            assert oracle_score(position) <= bound, position
    assert min(found.values()) >= 5, found
