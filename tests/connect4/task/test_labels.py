"""Level 3's answers, against playing every game to its end without any score: who wins, in how many moves, and how."""

import pytest

from connect4 import STANDARD, Game, Position, generate_boards, guesses, truth
from connect4.boards.set_files import set_lines
from connect4.boards.strata import SHARES
from connect4.task.answers import Result
from connect4.task.labels import forced_all


def end(board, known):
    """(1 win, 0 draw, -1 loss; winner's moves until then) for the player to move, by looking at every game."""
    if board in known:
        return known[board]
    found = []
    for column in board.legal_moves():
        after = board.play(column)
        if after.winner():
            found.append((1, 1))
            continue
        outcome, moves = end(after, known) if after.legal_moves() else (0, 0)
        found.append((-outcome, moves + (outcome < 0)))  # a win of mine takes this move as well
    # the soonest win, else a draw, else the latest loss
    known[board] = max(found, key=lambda one: (one[0], -one[0] * one[1]))
    return known[board]


def answer(board, known):
    outcome, moves = end(board, known)
    best = set()
    for row, column in board.landing_cells():
        after = board.play(column)
        if after.winner():
            value = (1, 1)
        else:
            theirs, count = end(after, known) if after.legal_moves() else (0, 0)
            value = (-theirs, count + (theirs < 0))
        if value == (outcome, moves):
            best.add((row, column))
    return {"result": Result({1: "win", 0: "draw", -1: "loss"}[outcome], moves), "best": frozenset(best)}


@pytest.mark.parametrize(("game", "plies"), [(STANDARD, 33), (Game(4, 4, 3), 7), (Game(4, 5, 4), 12)], ids=str)
def test_answers_are_those_of_every_game_played_to_its_end(game, plies):
    boards = [puzzle.position for puzzle in generate_boards(60, seed=11, level=2, game=game)]
    boards = [board for board in boards if board.ply >= plies]
    assert len(boards) > 5
    known = {}
    for board, solved in zip(boards, forced_all(boards), strict=True):
        assert solved.truth == answer(board, known)
        assert solved.truth == truth(board, 3)


@pytest.fixture(scope="module")
def boards():
    return generate_boards(100, seed=7, level=3)


def test_shares_are_as_announced_and_nobody_to_move_wins_at_once(boards):
    for kind, share in SHARES[3].items():
        assert sum(puzzle.stratum == kind for puzzle in boards) == share
    for puzzle in boards:
        assert Position.from_moves(puzzle.moves) == puzzle.position
        assert not truth(puzzle.position, 1)["mine"]
        assert puzzle.truth["best"] <= set(puzzle.position.landing_cells())
    assert len({puzzle.position.canonical_key() for puzzle in boards}) == 100


def test_a_seed_gives_the_same_boards_labels_and_difficulty(boards):
    assert set_lines(generate_boards(100, seed=7, level=3)) == set_lines(boards)
    assert all(puzzle.difficulty.keys() == {"plies", "labels", "nodes"} for puzzle in boards)


def test_guessing_gets_nowhere(boards):
    scores = guesses(3, [(puzzle.position, puzzle.truth) for puzzle in boards])
    assert scores.keys() == {"commonest", "at random"}
    assert all(parts["joint"] <= 0.05 for parts in scores.values())


def test_the_mirror_has_the_mirrored_answer(boards):
    for puzzle, solved in zip(boards, forced_all([puzzle.position.mirror() for puzzle in boards]), strict=True):
        assert solved.truth["result"] == puzzle.truth["result"]
        assert {(r, 6 - c) for r, c in solved.truth["best"]} == puzzle.truth["best"]
