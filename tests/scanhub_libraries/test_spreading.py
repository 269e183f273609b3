"""Folders that lie apart on the disk."""

import pytest

from scanhub_libraries.spreading import spread_folders


@pytest.mark.disk
def test_a_folder_spreads_those_that_are_made_in_it(tmp_path):
    folder = tmp_path / "incoming"
    folder.mkdir()
    if not spread_folders(folder):
        pytest.skip("this file system has no such attribute")
    assert spread_folders(folder)  # once more, when it starts again
    (folder / "one").mkdir()


def test_where_there_is_no_such_thing_nothing_is_done(tmp_path):
    assert not spread_folders(tmp_path / "is not there")
