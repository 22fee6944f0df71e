"""The program of a reply: the last block that defines what was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spot_eval.graders.code.program import blocks, defines, is_body, program

ADD = "def add(a, b):\n    return a + b"


@pytest.mark.parametrize(
    "reply",
    [
        f"Here it is:\n```python\n{ADD}\n```\nIt adds.",
        f"```\n{ADD}\n```",
        f"```py\n{ADD}",  # cut before the fence was closed
        f"~~~Python\n{ADD}\n~~~",
        ADD,
        f"1. First:\n   ```python\n   {ADD.replace(chr(10), chr(10) + '   ')}\n   ```",
        f"```python\ndef add(a, b):\n    return 0\n```\nWait:\n```python\n{ADD}\n```",
        f"```python\n{ADD}\n```\nUse it so:\n```python\nprint(add(1, 2))\n```",
        f"```python\n{ADD}\n```\n```bash\npython add.py\n```",
        f"```python\n{ADD}\n```\n```python\nthis is no program\n```",
    ],
)
def test_the_program_is_found(reply):
    assert program(reply, "add") == ADD


@pytest.mark.parametrize("reply", ["", "I cannot do this.", "```python\nif\n```", "42", "```bash\nls\n```", "x\0y"])
def test_no_program(reply):
    assert program(reply, "add") is None


def test_inner_fences_belong_to_the_program():
    code = 'def add(a, b):\n    """\n    ```\n    add(1, 2)\n    ```\n    """\n    return a + b'
    assert program(f"````python\n{code}\n````", "add") == code


@pytest.mark.parametrize(
    "code",
    [ADD, "add = lambda a, b: a + b", "from operator import add", "import x as add", "add: int = 1", "class add: pass"],
)
def test_what_defines_a_name(code):
    assert defines(code, "add")
    assert not defines(code, "sub")


def test_a_body_is_told_from_a_program():
    assert is_body("return a + b")
    assert is_body("    for x in a:\n        yield x")
    assert not is_body(ADD)
    assert not is_body("a + ")


@given(st.text(alphabet=st.sampled_from("`~ \n\tdefaub():=python"), max_size=200))
def test_any_reply_gives_a_program_or_none(reply):
    list(blocks(reply))
    found = program(reply, "add")
    assert found is None or isinstance(found, str)
