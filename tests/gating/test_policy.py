"""The gate's policy: what is wrong with a file is one sentence naming file and place."""

from __future__ import annotations

from pathlib import Path

import pytest

from spot_eval.core.errors import UserError
from spot_eval.gating.policy import SHARES, Policy, load_policy

SUITE = {"families": {"in_domain": ["a", "b"], "general": ["c"]}}


def test_the_default_in_reports_is_what_the_code_defaults_to_but_for_floors() -> None:
    policy, source = load_policy(None)
    assert source == "default"
    assert policy == Policy(floors={"gpqa_diamond": 0.25})
    assert policy.margins(SUITE) == {"in_domain": 0.03, "general": 0.03}


def test_the_shares_spend_alpha_once() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
    assert Policy(alpha=0.1).share("families") == pytest.approx(0.07)


def test_named_families_are_the_gated_ones(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text("margin = 0.1\ninconclusive = 'warn'\n[families]\ngeneral = 0.02\n[guards]\ntasks = {a = 0.2}\n")
    policy, source = load_policy(file)
    assert source == str(file)
    assert policy.margins(SUITE) == {"general": 0.02}
    assert policy.guards.tasks == {"a": 0.2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alpha = 0.05\nmargin = = 1\n", r"gate\.toml: broken TOML \(.*line 2"),
        ("margin = 3\n", "margin: 3 is not between 0 and 1; these are fractions, so three points are 0.03"),
        ("margins = 0.03\n", "margins: there is no such setting"),
        ("alpha = 0.7\n", "alpha: "),
        ("inconclusive = 'ignore'\n", "inconclusive: "),
        ("[families]\n", "families: "),
        ("[families]\ngeneral = -0.1\n", "families.general: -0.1 is not between 0 and 1"),
        ("[limits]\ntruncated = 'few'\n", "limits.truncated: "),
        ("guards = 3\n", "guards: expected a mapping"),
    ],
)
def test_a_broken_policy_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "gate.toml").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load_policy(tmp_path / "gate.toml")
    assert str(tmp_path / "gate.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_policy_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.toml: cannot be read"):
        load_policy(tmp_path / "nowhere.toml")
    (tmp_path / "gate.toml").write_bytes(b"margin = 0.0\xff")
    with pytest.raises(UserError, match="is not UTF-8"):
        load_policy(tmp_path / "gate.toml")


def test_the_policy_in_the_docs_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
    file = tmp_path / "gate.toml"
    file.write_text(page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    policy, _ = load_policy(file)
    assert policy.families == {"in_domain": 0.05, "general": 0.02}
    assert policy.guards.tasks == {"aime24": 0.1}
