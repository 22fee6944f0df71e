"""A batch says what a solver says one by one, and refuses what is no position; bulk reading obeys the rules of one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect4 import STANDARD, Game, Position, Solver, parse_moves, solve_all, solve_many
from tests.connect4.search.plain_oracle import oracle_score

# "moves score" by two independent solvers that agree on every line; the first 80 are easy positions of 8 to 14 stones
STORED = [line.split() for line in (Path(__file__).parent / "exact_scores.txt").read_text().splitlines()]
EASY = 80


@pytest.fixture(scope="module")
def stored():
    mover, stones = parse_moves([moves for moves, _ in STORED])
    return mover, stones, [int(score) for _, score in STORED]


def test_scores_are_the_stored_ones_and_easy_positions_take_few_nodes(stored):
    mover, stones, scores = stored
    solved = solve_many(mover, stones)
    assert solved.scores.tolist() == scores
    assert solved.nodes[:EASY].mean() < 1000
    assert solved.best is None


def test_scores_do_not_depend_on_a_table_others_have_filled(stored):
    mover, stones, scores = stored
    warm = Solver(tt_bits=12)
    order = np.random.default_rng(1).permutation(np.r_[0:EASY, EASY + 3 : len(scores)])
    for at in order.tolist():
        assert warm.solve(Position(int(mover[at]), int(stones[at]))) == scores[at]


def test_a_cleared_table_gives_the_same_nodes_however_often_it_was_cleared():
    position = Position.from_moves(STORED[EASY + 40][0])
    solver = Solver(tt_bits=10)  # four bits count generations, so zeros are written every sixteenth time
    nodes = set()
    for _ in range(40):
        solver.reset()
        solver.solve(position)
        nodes.add(solver.node_count)
    assert len(nodes) == 1


def test_games_whose_entries_have_no_bit_left_for_generations_are_solved_too():
    game = Game(7, 8, 4)  # 64 bits
    chance = np.random.default_rng(2)
    checked = 0
    while checked < 6:
        position = Position.empty(game)
        while position.ply < 47 and position.legal_moves():
            position = position.play(int(chance.choice(position.legal_moves())))
        if position.ply == 47 and not position.winner():
            assert solve_all([position], tt_bits=21, workers=1)[0].score == oracle_score(position)
            checked += 1


def test_best_moves_are_those_of_analyze():
    positions = [Position.from_moves(moves) for moves, _ in STORED[EASY + 3 :]]
    ours = Solver(tt_bits=16)
    for position, solution in zip(positions, solve_all(positions, best=True, tt_bits=14), strict=True):
        scores = ours.analyze(position)
        assert [c for c, score in enumerate(scores) if score == solution.score] == list(solution.best)


@pytest.mark.parametrize(
    ("mover", "stones", "message"),
    [
        (0, 2, r"position 1: these stones are not a position of 6x7, connect 4"),  # floats
        (1, 1, r"position 1: these stones"),  # X moved, and is said to move
        (0, 1 << 6, r"position 1: these stones"),  # outside
        (0b0001111, 0b0001111 | 0b111 << 7, r"position 1: these stones"),  # four to three, the mover ahead
        (0b111 << 7, 0b0001111 | 0b111 << 7, r"position 1: X has already won"),
    ],
)
def test_what_is_no_position_is_refused(mover, stones, message):
    with pytest.raises(ValueError, match=message):
        solve_many(np.array([0, mover], np.uint64), np.array([0, stones], np.uint64))
    with pytest.raises(ValueError, match="expected one dimension, equal"):
        solve_many(np.zeros(2, np.uint64), np.zeros(3, np.uint64))


@settings(max_examples=300)
@given(st.text("1234567", max_size=44) | st.text("0189x٤ ", max_size=4), st.sampled_from([STANDARD, Game(4, 5, 3)]))
def test_bulk_reading_and_reading_one_and_playing_agree(moves, game):
    def played():
        position = Position.empty(game)
        for symbol in moves:
            position = position.play("123456789".index(symbol))
        assert position.legal_moves()
        return position

    try:
        expected = played()
    except (ValueError, AssertionError):
        with pytest.raises(ValueError, match=r"move \d+|full") as one:
            Position.from_moves(moves, game)
        with pytest.raises(ValueError, match="position 1: ") as many:
            parse_moves(["1", moves], game)
        assert str(many.value) == f"position 1: {one.value}"
        return
    assert Position.from_moves(moves, game) == expected
    mover, stones = parse_moves(["1", moves], game)
    assert (int(mover[1]), int(stones[1])) == (expected.mover, expected.stones)
