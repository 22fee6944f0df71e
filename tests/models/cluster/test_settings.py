"""What can be said to a cluster, and what is refused in one sentence."""

from __future__ import annotations

import pytest

from spot_eval.core.errors import UserError
from spot_eval.models.cluster.settings import START_TIMEOUT_S, ClusterSettings
from spot_eval.models.vllm.engine import VllmSettings


def parse(**arguments: str) -> ClusterSettings:
    return ClusterSettings.parse("vllm", {"cluster": "ray", **arguments}, VllmSettings)


def test_arguments_of_the_cluster_and_of_the_engine_are_told_apart() -> None:
    theirs = {"tensor_parallel_size": "2", "max_model_len": "99"}
    found = parse(ray_address="head:6379", engines="3", start_timeout="60", **theirs)
    assert (found.address, found.engines, found.start_timeout_s) == ("head:6379", 3, 60.0)
    assert found.arguments == theirs
    assert (found.gpus_an_engine, found.needs_gpus) == (2, False)
    assert parse(**{"tensor-parallel-size": "4", "pipeline_parallel_size": "2"}).gpus_an_engine == 8
    assert parse(device="cpu").gpus_an_engine == 0
    assert parse(device="cuda").needs_gpus
    assert parse().start_timeout_s == START_TIMEOUT_S


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"cluster": "slurm"}, "there is cluster=ray"),
        ({"engines": "0"}, "engines=0: expected a whole number from 1"),
        ({"start_timeout": "soon"}, "start_timeout=soon: expected a whole number"),
        ({"data_parallel_size": "2"}, "engines=N says how many"),
        ({"model": "other"}, "not to be set here"),
    ],
)
def test_what_cannot_be_said_is_one_sentence(arguments: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        parse(**arguments)
