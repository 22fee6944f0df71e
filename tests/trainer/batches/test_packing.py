"""Layouts and plans: every token stands where its sequence has it, every answer token counts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.batches.packing import (
    BOTH,
    CHOSEN,
    REJECTED,
    Kind,
    MicroBatch,
    common_prefix,
    common_suffix,
    lay_out,
    tokens_of,
)
from trainer.batches.plan import make_plan
from trainer.batches.tokenize import Example

ids = st.lists(st.integers(0, 3), min_size=1, max_size=6).map(tuple)
pairs = st.builds(Example, st.just("x"), ids, ids, ids).filter(lambda example: example.chosen != example.rejected)


def paths(batch: MicroBatch) -> list[tuple[list[int], list[int]]]:
    """(flat offsets, positions) of what each unit attends to: its trunk, then itself."""
    positions = batch.positions.reshape(-1)
    if batch.kind is Kind.SEPARATE:
        length = batch.tokens.shape[1]
        units = [list(range(row * length, (row + 1) * length)) for row in range(len(batch.tokens))]
    else:
        units = [[*range(u.trunk_start, u.trunk_start + u.trunk_length), *range(u.start, u.end)] for u in batch.units]
    return [(unit, positions[unit].tolist()) for unit in units]


@pytest.mark.parametrize("kind", list(Kind))
@given(examples=st.lists(pairs, min_size=1, max_size=4))
def test_every_answer_token_is_predicted_from_what_stands_before_it(kind: Kind, examples: list[Example]) -> None:
    batch = lay_out(examples, range(len(examples)), kind)
    tokens = batch.tokens.reshape(-1)
    reached = paths(batch)
    assert all(positions == list(range(len(positions))) for _, positions in reached)
    for number, example in enumerate(examples):
        for answer, other in ((example.chosen, REJECTED), (example.rejected, CHOSEN)):
            mine = (batch.pair == number) & (batch.side != other)
            assert batch.target[mine].tolist() == list(answer)
            # the token that predicts the k-th of the answer has prompt and answer[:k] before and under it
            full = example.prompt + answer
            for place, source in enumerate(batch.source[mine].tolist()):
                seen = [path[: path.index(source) + 1] for path, _ in reached if source in path]
                wanted = list(full[: len(example.prompt) + place])
                assert wanted in [tokens[path].tolist() for path in seen]


@given(examples=st.lists(pairs, min_size=1, max_size=4))
def test_sharing_lays_the_common_prefix_once(examples: list[Example]) -> None:
    batch = lay_out(examples, range(len(examples)), Kind.SHARED)
    assert batch.tokens.shape == (1, sum(tokens_of(example, Kind.SHARED) for example in examples))
    for number, example in enumerate(examples):
        prefix = common_prefix(example.chosen, example.rejected)
        assert int(((batch.pair == number) & (batch.side == BOTH)).sum()) == prefix
        assert min(len(example.chosen), len(example.rejected)) > prefix


def test_edited_tokens_lie_between_common_beginning_and_end() -> None:
    example = Example("x", (9,), (1, 2, 3, 4, 5), (1, 2, 7, 8, 4, 5))
    for kind in Kind:
        batch = lay_out([example], [0], kind)
        edited = [(int(side), int(token)) for side, token in zip(batch.side, batch.target, strict=True)]
        assert [pair for pair, flag in zip(edited, batch.edited, strict=True) if flag] == [
            (CHOSEN, 3),
            (REJECTED, 7),
            (REJECTED, 8),
        ]
    assert common_suffix(example.chosen, example.rejected, 2) == 2


def test_one_sided_examples_are_sequences() -> None:
    example = Example("x", (9, 8), (1, 2))
    batch = lay_out([example], [0], Kind.SHARED)
    assert batch.tokens.tolist() == [[9, 8, 1, 2]]
    assert batch.source.tolist() == [1, 2]
    assert set(batch.side.tolist()) == {CHOSEN}


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("budget", [1, 60, 100_000])
def test_a_plan_has_every_example_once(examples: Callable[..., list[Example]], processes: int, budget: int) -> None:
    found = examples(50, 90)
    plan = make_plan(found, kind=Kind.SHARED, batch_size=8, token_budget=budget, processes=processes)
    assert Counter(index for step in plan.steps for batch in step for index in batch) == Counter(range(50))
    assert [plan.pairs_in(step) for step in range(len(plan.steps))] == [8] * 6 + [2]
    for step in plan.steps:
        assert len(step) % processes == 0
        for batch in step:
            assert len(batch) <= 1 or sum(tokens_of(found[index], Kind.SHARED) for index in batch) <= budget


def test_which_pairs_make_a_step_depends_on_seed_and_batch_size_alone(examples: Callable[..., list[Example]]) -> None:
    found = examples(40, 90)

    def groups(**options: int) -> list[list[int]]:
        plan = make_plan(found, **{"kind": Kind.SHARED, "batch_size": 8, "token_budget": 90, **options})  # type: ignore[arg-type]
        return [sorted(index for batch in step for index in batch) for step in plan.steps]

    assert groups() == groups(token_budget=500) == groups(processes=2)
    assert groups() != groups(seed=1)


def test_epochs_differ_in_order_only(examples: Callable[..., list[Example]]) -> None:
    plan = make_plan(examples(80, 90), kind=Kind.SHARED, batch_size=4, token_budget=200)
    assert plan.order(0) == list(range(20))
    assert sorted(plan.order(1)) == plan.order(0) != plan.order(1)
    assert plan.order(1) == plan.order(1) != plan.order(2)


def test_the_digest_sees_tokens_and_packing(examples: Callable[..., list[Example]]) -> None:
    found = examples(20, 90)
    plan = make_plan(found, kind=Kind.SHARED, batch_size=4, token_budget=200)
    assert plan.digest == make_plan(found, kind=Kind.SHARED, batch_size=4, token_budget=200).digest
    changed = [*found[:-1], found[-1]._replace(chosen=(*found[-1].chosen, 5))]
    others = (
        make_plan(changed, kind=Kind.SHARED, batch_size=4, token_budget=200),
        make_plan(found, kind=Kind.PACKED, batch_size=4, token_budget=200),
        make_plan(found, kind=Kind.SHARED, batch_size=4, token_budget=50),
    )
    assert len({plan.digest, *(other.digest for other in others)}) == 4


def test_padding_stands_after_everything(examples: Callable[..., list[Example]]) -> None:
    batch = lay_out(examples(3, 90), range(3), Kind.SEPARATE)
    packed = lay_out(examples(3, 90), range(3), Kind.PACKED)
    for row, unit in zip(batch.tokens, packed.units, strict=True):
        length = unit.end - unit.start
        assert row[:length].tolist() == packed.tokens[0, unit.start : unit.end].tolist()
        assert not np.any(row[length:])
