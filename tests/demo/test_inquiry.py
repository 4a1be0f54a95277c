"""What is asked, and what the true answer is."""

from __future__ import annotations

import json

import pytest

from agentsup.demo.house import houses
from agentsup.demo.inquiry import Call, Step, answer_to, directions, request_about, steps_about
from agentsup.demo.part import partition
from agentsup.demo.trouble import Mishap, Trouble, raising_once, troubles
from agentsup.sim import script


def test_directions_are_understood(odd):
    """Whatever the files are called, the simulator reads every line as it was meant."""
    for part in partition(odd.files(), 12):
        steps = steps_about(part)
        read = script.read_script(directions(steps, Trouble(tool_raises=True, stream_breaks="cut")))
        calls = [Call(line.name, line.input) for line in read if isinstance(line, script.Tool)]

        assert not [line for line in read if isinstance(line, script.Misread | script.Echo)]
        assert calls == [steps[0].calls[-1], *(call for step in steps for call in step.calls)]


def test_in_a_hurry(odd):
    """The same is done with less thinking."""
    steps = steps_about(partition(odd.files(), 1)[0])
    slow = [line.split() for line in directions(steps, Trouble()).splitlines()]
    quick = [line.split() for line in directions(steps, Trouble(), hurry=2.0).splitlines()]

    pauses = [(float(one[1]), float(other[1])) for one, other in zip(slow, quick, strict=True) if one[0] == "@sleep"]
    assert len(pauses) == len(steps)
    assert all(one == 2 * other > 0 for one, other in pauses)
    assert [line for line in slow if line[0] != "@sleep"] == [line for line in quick if line[0] != "@sleep"]


def test_batches_are_parallel(odd):
    """A session calls tools at once, and in more than one turn."""
    for part in partition(odd.files(), 3):
        sizes = [len(step.calls) for step in steps_about(part)]

        assert len(sizes) >= 2
        assert max(sizes) >= 2


def test_true_answer(reader):
    """The true answer is what the tools give now, called directly, errors included."""
    steps = (
        Step("Lines:", (Call("count_lines", {"path": "no-newline.txt"}), Call("count_lines", {"path": "huge.bin"}))),
        Step("Names:", (Call("list_files", {"folder": "sub"}),)),
    )

    assert answer_to(steps, reader.tools()) == (
        "Lines: 1, huge.bin is too large: lines are counted up to 32 MiB\n"
        'Names: ["sub/deep/deeper/long.txt", "sub/ünï.txt"]'
    )


def test_request_in_prose_is_no_script(odd):
    """What a thinking agent is asked has no stage directions in it."""
    for part in partition(odd.files(), 12):
        assert isinstance(script.read_script(request_about(part))[0], script.Echo)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 12, 100])
def test_every_trouble_is_there(count):
    """However few sessions there are, a task dies, a tool raises and a stream is cut; what a harness cannot survive is not its lot."""
    where = houses(count)
    found = troubles(where)

    assert len(found) == count
    assert sum(trouble.task_dies for trouble in found) == 1
    assert sum(trouble.tool_raises for trouble in found) == 1
    assert "cut" in {trouble.stream_breaks for trouble in found}
    assert ("eof" in {trouble.stream_breaks for trouble in found}) is (count > 1)
    at_harness = [trouble for trouble, house in zip(found, where, strict=True) if house == "agentcore"]
    assert not any(trouble.task_dies or trouble.stream_breaks for trouble in at_harness)


def test_raises_once(reader):
    """The broken tool raises in its first call and works after that; what the model is told of it does not change."""
    (tool,) = [tool for tool in reader.tools() if tool.name == "count_lines"]
    broken = raising_once(tool)

    with pytest.raises(Mishap):
        broken.function(path="no-newline.txt")

    assert broken.function(path="no-newline.txt") == 1
    assert json.dumps(broken.spec.input_schema) == json.dumps(tool.spec.input_schema)
