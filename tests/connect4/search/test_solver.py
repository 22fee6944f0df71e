"""Scores are exact, from the first moves to the last: as an independent engine, a plain oracle and the rules say."""

import random

import bitbully.bitbully_core as bitbully
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect4 import STANDARD, Game, Position, Solver, distance, solve_all
from connect4.search import solver
from connect4.search.table import least_table_bits
from tests.connect4.search.plain_oracle import oracle_score

SMALL = Game(4, 4, 3)
FIVE = Game(5, 6, 5)


chances = st.integers(0, 2**32).map(random.Random)


@pytest.fixture(scope="module")
def our() -> Solver:
    return Solver(tt_bits=20)


def walk(chance, plies, game=STANDARD):
    """A random game of so many plies that nobody has won, and its moves."""
    while True:
        position, moves = Position.empty(game), ""
        for _ in range(plies):
            column = chance.choice(position.legal_moves())
            position, moves = position.play(column), f"{moves}{column + 1}"
            if position.winner():
                break
        else:
            return position, moves


def bitbully_says(engine, moves):
    board = bitbully.BoardCore()
    assert board.play([int(column) - 1 for column in moves])
    return engine.nullWindow(board)


def test_scores_are_those_of_an_independent_engine_from_early_to_the_last_stone(our):
    engine = bitbully.BitBullyCore()
    chance = random.Random(5)
    for plies in [9, 10, 11] + [*range(12, 42)] * 5:
        position, moves = walk(chance, plies)
        assert our.solve(position) == bitbully_says(engine, moves), moves


def test_columns_are_scored_as_an_independent_engine_scores_them(our):
    engine = bitbully.BitBullyCore()
    chance = random.Random(6)
    for plies in [12, 14, *range(16, 41)]:
        position, moves = walk(chance, plies)
        board = bitbully.BoardCore()
        board.play([int(column) - 1 for column in moves])
        theirs = engine.scoreMoves(board)
        scores = our.analyze(position)
        assert [score for score in scores if score is not None] == [theirs[c] for c in position.legal_moves()], moves
        assert {c for c, score in enumerate(scores) if score is not None} == set(position.legal_moves())


@settings(max_examples=50)
@given(chances, st.integers(34, 41))
def test_late_positions_score_as_played_out_to_the_end(our, chance, plies):
    position, _ = walk(chance, plies)
    assert our.solve(position) == oracle_score(position)


@pytest.mark.parametrize(("game", "plies"), [(SMALL, range(4, 12)), (FIVE, range(22, 30))])
def test_other_sizes_and_lengths_score_as_played_out_to_the_end(game, plies):
    ours = Solver(least_table_bits(game), game)
    chance = random.Random(7)
    for ply in [*plies] * 3:
        position, _ = walk(chance, ply, game)
        assert ours.solve(position) == oracle_score(position), position


@settings(max_examples=30)
@given(chances, st.integers(16, 40))
def test_a_position_is_worth_its_best_column_and_as_much_in_the_mirror(our, chance, plies):
    position, _ = walk(chance, plies)
    score, scores = our.solve(position), our.analyze(position)
    assert our.solve(position.mirror()) == score
    assert our.analyze(position.mirror()) == scores[::-1]
    assert max(known for known in scores if known is not None) == score
    assert our.best_moves(position) == [c for c, known in enumerate(scores) if known == score]
    for column in position.legal_moves():
        after = position.play(column)
        assert scores[column] == (position.game.won_at(plies) if after.winner() else -our.solve(after))


@settings(max_examples=20)
@given(chances, st.integers(14, 36))
def test_best_play_ends_when_it_was_said_to(our, chance, plies):
    position, _ = walk(chance, plies)
    mover, said = position.player, our.win_in(position)
    moved = {"X": 0, "O": 0}
    while position.legal_moves():
        moved[position.player] += 1
        position = position.play(chance.choice(our.best_moves(position)))
    winner = position.winner()
    assert said == (None if winner is None else moved[winner] if winner == mover else -moved[winner])


def test_the_convention_counts_stones_from_the_end():
    ours = Solver(tt_bits=12)
    three = Position.from_moves("415161")
    assert (ours.solve(three), ours.win_in(three)) == (18, 1)
    assert ours.best_moves(three) == [2, 6]
    between = Position.from_moves("44556")
    assert (ours.solve(between), ours.win_in(between)) == (-18, -1)
    assert distance(three, 0) is None


def test_neither_table_size_nor_its_old_contents_nor_pauses_change_a_score(monkeypatch):
    chance = random.Random(8)
    positions = [walk(chance, plies)[0] for plies in range(16, 40)]
    fresh = [Solver(tt_bits=16).solve(position) for position in positions]
    least = Solver(tt_bits=least_table_bits(STANDARD))
    monkeypatch.setattr(solver, "NODES_A_CALL", 3)
    assert [least.solve(position) for position in positions] == fresh
    assert [least.solve(position) for position in reversed(positions)] == fresh[::-1]


def test_a_batch_says_what_one_solver_says_and_counts_the_same_nodes_on_any_number_of_threads(our):
    chance = random.Random(9)
    positions = [walk(chance, plies)[0] for plies in range(18, 40)]
    done = []
    two = solve_all(positions, best=True, tt_bits=16, workers=2, progress=done.append)
    assert two == solve_all(positions, best=True, tt_bits=16, workers=1)
    assert [solution.score for solution in two] == [our.solve(position) for position in positions]
    assert [list(solution.best) for solution in two] == [our.best_moves(position) for position in positions]
    assert sum(done) == len(positions)
    assert solve_all([]) == []


def test_a_batch_can_be_stopped(monkeypatch):
    positions = [walk(random.Random(10), 20)[0], Position.empty(), Position.empty()]  # two that take minutes

    def stop(count):
        raise KeyboardInterrupt

    monkeypatch.setattr(solver, "NODES_A_CALL", 1000)
    with pytest.raises(KeyboardInterrupt):
        solve_all(positions, workers=2, progress=stop)


def test_what_cannot_be_solved_is_refused(our):
    won = Position.from_moves("414141").play(3)
    with pytest.raises(ValueError, match="X has already won"):
        our.solve(won)
    with pytest.raises(ValueError, match="position 1: X has already won"):
        solve_all([Position.empty(), won])
    with pytest.raises(ValueError, match="a position of 4x4, connect 3, and a solver for 6x7, connect 4"):
        our.analyze(Position.empty(SMALL))
    with pytest.raises(ValueError, match="different games"):
        solve_all([Position.empty(), Position.empty(SMALL)])
    with pytest.raises(ValueError, match="tt_bits is 4"):
        Solver(tt_bits=4)


def test_a_full_board_is_a_draw_without_moves(our):
    chance = random.Random(11)
    position, _ = walk(chance, 41)
    while position.play(position.legal_moves()[0]).winner():
        position, _ = walk(chance, 41)
    full = position.play(position.legal_moves()[0])
    assert (our.solve(full), our.analyze(full), our.best_moves(full)) == (0, [None] * 7, [])
