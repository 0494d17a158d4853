"""What is there when a node has started is nothing that the collector walks through again."""

from __future__ import annotations

import gc

from server.garbage import YOUNG, settle


def test_what_is_loaded_is_left_alone_and_what_comes_is_still_collected() -> None:
    before = gc.get_threshold()
    old: list[object] = [[]]
    try:
        settle()
        new: list[object] = [[]]
        seen = {id(thing) for thing in gc.get_objects()}
        assert id(old) not in seen
        assert id(new) in seen
        assert gc.isenabled()
        assert gc.get_threshold()[0] == YOUNG
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
