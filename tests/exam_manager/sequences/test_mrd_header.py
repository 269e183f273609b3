import pytest

from exam_manager.sequences.mrd_header import check_mrd_header
from scanhub_libraries.errors import UnprocessableError

HEADER = """<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">
  <experimentalConditions><H1resonanceFrequency_Hz>2100000</H1resonanceFrequency_Hz>
  </experimentalConditions>
</ismrmrdHeader>
"""
BOMB = """<?xml version="1.0"?>
<!DOCTYPE ismrmrdHeader [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<ismrmrdHeader>&b;</ismrmrdHeader>
"""
OUTSIDE = """<!DOCTYPE ismrmrdHeader [<!ENTITY a SYSTEM "file:///etc/hostname">]>
<ismrmrdHeader>&a;</ismrmrdHeader>
"""


def test_a_header_with_and_without_its_namespace_is_taken():
    check_mrd_header(HEADER.encode(), "xml_file")
    check_mrd_header(b"<ismrmrdHeader/>", "xml_file")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "well-formed"),
        ("TR = 5", 1, "well-formed"),
        (HEADER[:-5], 5, "well-formed"),
        (HEADER.replace("</experimental", "</other"), 4, "well-formed"),
        ("<html/>", 1, "'html'"),
        (HEADER.replace("/ISMRMRD", "/OTHER"), 2, "ismrmrdHeader"),
        (BOMB, 2, "document type"),
        (OUTSIDE, 1, "document type"),
        ("<ismrmrdHeader>" + "\n<a>" * 100, 65, "inside one another"),
    ],
)
def test_what_is_no_header_is_refused_with_its_line(text, line, reason):
    with pytest.raises(UnprocessableError, match=reason) as caught:
        check_mrd_header(text.encode(), "xml_file")
    assert caught.value.extensions == {"field": "xml_file", "line": line}
