"""Every request is handed out until it is answered or given up, in any history of deaths."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from spot_eval.models.cluster.chunks import MOST_DEATHS, Chunks


@dataclass(frozen=True)
class Item:
    key: str


def items(count: int) -> list[Item]:
    return [Item(str(number)) for number in range(count)]


def test_chunks_shrink_towards_the_end() -> None:
    chunks = Chunks(items(1000), least=10)
    sizes = []
    while chunk := chunks.take(4):
        sizes.append(len(chunk))
    assert sum(sizes) == 1000
    assert sizes[0] == 125
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-2] == 10


@given(st.integers(0, 200), st.integers(1, 40), st.integers(1, 5), st.data())
def test_nothing_is_lost_and_nothing_is_twice(count: int, least: int, engines: int, data: st.DataObject) -> None:
    chunks = Chunks(items(count), least)
    answered: list[str] = []
    given_up: list[str] = []
    deaths = 0
    while chunk := chunks.take(engines):
        done = data.draw(st.integers(0, len(chunk))) if deaths < 30 else len(chunk)
        answered += [one.key for one in chunk[:done]]
        deaths += done < len(chunk)
        given_up += [one.key for one in chunks.give_back(chunk[done:], suspect=data.draw(st.booleans()))]
    assert sorted([*answered, *given_up]) == sorted(one.key for one in items(count))


def test_one_request_that_kills_engines_is_found_and_the_others_are_answered() -> None:
    chunks = Chunks(items(500), least=64)
    answered: set[str] = set()
    deaths, given_up = 0, []
    while chunk := chunks.take(2):
        if any(one.key == "77" for one in chunk):
            deaths += 1
            given_up += chunks.give_back(chunk, suspect=True)
        else:
            answered |= {one.key for one in chunk}
    assert deaths == MOST_DEATHS
    assert "77" in {one.key for one in given_up}
    assert len(given_up) <= 4
    assert len(answered) + len(given_up) == 500


def test_requests_of_a_lost_machine_come_first_and_are_no_suspects() -> None:
    chunks = Chunks(items(100), least=10)
    lost = chunks.take(5)
    for _ in range(10):
        assert chunks.give_back(reversed(lost), suspect=False) == []
        assert chunks.take(5)[:5] == lost[:5]
        lost = lost[:5]
