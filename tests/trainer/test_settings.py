"""Settings and recipes: every recipe is valid, what is given wins, what is unknown is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainer.errors import TrainError
from trainer.objectives import TERMS, Objective
from trainer.settings import Lora, Settings, learning_rate_factor, read_recipe, recipe_for, recipe_names, settings_from


def test_there_is_a_recipe_for_every_objective() -> None:
    assert set(recipe_names()) == set(TERMS)
    for name in recipe_names():
        large, small = (settings_from(read_recipe(f"{name}{scale}")) for scale in ("", "/miniature"))
        assert str(Objective.parse(large.objective)) == small.objective == name
        assert (large.batch_size, large.learning_rate, large.epochs) == (32, 1e-6, 2)
        assert (small.dtype, small.steps) == ("float32", 100)


def test_the_published_settings_are_the_defaults() -> None:
    assert settings_from(read_recipe("spot-bco")) == Settings()


def test_a_recipe_goes_by_name_objective_and_model() -> None:
    assert recipe_for(None, "dpo", miniature=True) == read_recipe("dpo/miniature")
    assert recipe_for("sft", "dpo", miniature=True) == read_recipe("sft")
    assert recipe_for(None, "spot-bce + 0.1*sft", miniature=False) is None


def test_what_is_given_wins_over_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('objective = "dpo"\nlearning_rate = 2e-5\nlora = {rank = 4, alpha = 8.0}\n')
    found = settings_from(read_recipe(str(file)), learning_rate=1e-4, beta=None)
    assert (found.objective, found.learning_rate, found.beta, found.lora) == ("dpo", 1e-4, 0.1, Lora(4, 8.0))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rate = 1", "'rate' is no setting"),
        ('beta = "x"', "beta is 'x'; expected float"),
        ("batch_size = 1.5", "batch_size is 1.5; expected int"),
        ("beta = 0", "beta is 0; expected a number above 0"),
        ('dtype = "int8"', "dtype 'int8' is not known; there are bfloat16, float32"),
        ("warmup = 1", "warmup is 1"),
        ("lora = {r = 4}", "lora has no setting 'r'"),
        ("=", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(TrainError, match=says):
        settings_from(read_recipe(str(file)))
    with pytest.raises(TrainError, match="no recipe 'spott'; there are dft, dpo"):
        read_recipe("spott")


@pytest.mark.parametrize("kind", ["cosine", "linear", "constant"])
def test_schedules_are_those_of_transformers(kind: str) -> None:
    from transformers import get_scheduler

    name = "constant_with_warmup" if kind == "constant" else kind
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_scheduler(name, optimizer, num_warmup_steps=3, num_training_steps=25)
    for step in range(25):
        assert learning_rate_factor(kind, step, 25, 0.1) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
