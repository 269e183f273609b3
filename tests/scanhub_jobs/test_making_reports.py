"""Text and Markdown as Encapsulated PDF."""

import subprocess

import pytest
from programs_of_dicom import checked, program
from reportlab.pdfbase import pdfmetrics
from series_files import series

from scanhub_jobs import JobContext
from scanhub_jobs.errors import InvalidDocumentError
from scanhub_jobs.making.files import save_dicom
from scanhub_jobs.making.pages import pdf_of_markdown, pdf_of_text

MARKDOWN = """# Findings

Volume **12.5 ml**, *stable* `a<b>`; <b>no HTML</b>.

- first
  1. inner

> quoted

| region | ml |
|---|---|
| left | 6 |

---

    code & more
"""


@pytest.fixture
def ctx(tmp_path):
    return JobContext.local(series(tmp_path / "dicom", 1), out=tmp_path / "out")


def test_markdown_becomes_a_document_of_the_study(ctx, tmp_path):
    made = ctx.dicom.from_markdown(
        MARKDOWN, like=ctx.series, title="Müller", number=9, burned_in=False
    )
    assert (made.DocumentTitle, made.SeriesNumber, made.BurnedInAnnotation) == ("Müller", 9, "NO")
    assert made.StudyInstanceUID == ctx.series.study_uid
    checked([made], tmp_path / "check", "EncapsulatedPDF")
    save_dicom(made, tmp_path / "a.dcm")
    command = [program("dcm2pdf"), tmp_path / "a.dcm", tmp_path / "a.pdf"]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "a.pdf").read_bytes() == pdf_of_markdown(MARKDOWN, title="Müller")


def test_text_is_printed_as_it_is_and_over_several_pages(ctx):
    made = ctx.dicom.from_text("one  <two> & three\n\tfour\n\nfive\n", like=ctx.series)
    assert made.EncapsulatedDocument.startswith(b"%PDF-")
    pages = pdf_of_text("\n\n".join(f"line {n}" for n in range(200))).count(b"/Type /Page\n")
    assert pages > 1
    assert pdf_of_text("") == pdf_of_text("")


def test_characters_that_the_font_lacks_are_named(ctx, tmp_path):
    with pytest.raises(InvalidDocumentError, match=r"no 山 \(U\+5C71\).*say font="):
        ctx.dicom.from_text("山", like=ctx.series)
    (tmp_path / "no.ttf").write_bytes(b"no")
    with pytest.raises(InvalidDocumentError, match=r"no.ttf is no TrueType font"):
        ctx.dicom.from_text("a", like=ctx.series, font=tmp_path / "no.ttf")
    ours = pdfmetrics.getFont("Vera").face.filename
    (tmp_path / "ours.ttf").symlink_to(ours)
    made = ctx.dicom.from_markdown("**b**", like=ctx.series, font=tmp_path / "ours.ttf")
    assert made.MIMETypeOfEncapsulatedDocument == "application/pdf"
