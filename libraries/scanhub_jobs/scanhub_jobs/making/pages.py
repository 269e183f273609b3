"""Text and Markdown as pages of PDF; the same text always gives the same bytes."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from scanhub_jobs.errors import InvalidDocumentError
from scanhub_jobs.extras import load

_MARGIN_PT, _BODY_PT, _LEADING = 56, 10, 1.4
_HEADING_PT = {"h1": 16, "h2": 13, "h3": 11}
_INDENT_PT = 14
_MOST_NAMED = 8
_load = partial(load, extra="reports")


def pdf_of_text(text: str, *, title: str = "", font: Path | None = None) -> bytes:
    """Return lines of text as a PDF.

    Args:
        text: Lines as they are; an empty line ends a paragraph.
        title: Printed above, and in the properties of the document.
        font: A TrueType font; none: one for Latin scripts.

    Raises:
        InvalidDocumentError: The font lacks characters, or is none.
    """
    press = _Press.with_font(font, text + title)
    blocks = text.replace("\r\n", "\n").expandtabs(8).split("\n\n")
    flow = [press.paragraph("<br/>".join(map(_kept_spaces, block.split("\n")))) for block in blocks]
    return press.printed(flow, title)


def pdf_of_markdown(text: str, *, title: str = "", font: Path | None = None) -> bytes:
    """Return Markdown (CommonMark, with tables) as a PDF; HTML in it is text.

    Args:
        text: The Markdown.
        title: Printed above, and in the properties of the document.
        font: A TrueType font; none: one for Latin scripts.

    Raises:
        InvalidDocumentError: The font lacks characters, or is none.
    """
    press = _Press.with_font(font, text + title)
    parser = _load("markdown_it").MarkdownIt("commonmark", {"html": False}).enable("table")
    tree = _load("markdown_it.tree").SyntaxTreeNode(parser.parse(text))
    return press.printed(list(_blocks(press, tree.children, 0)), title)


def _kept_spaces(line: str) -> str:
    return escape(line).replace("  ", "\u00a0 ")


@dataclass
class _Press:
    """Fonts and styles, and what makes paragraphs of them."""

    regular: str
    bold: str
    italic: str

    @classmethod
    def with_font(cls, font: Path | None, text: str) -> "_Press":
        """Register fonts that have all characters of a text."""
        if font is not None:
            name = _registered(f"scanhub-{font.stem}", font)
            found = cls(name, name, name)
        else:
            found = cls(*(_registered(name, Path(f"{name}.ttf")) for name in _LATIN))
        metrics = _load("reportlab.pdfbase.pdfmetrics")
        known = metrics.getFont(found.regular).face.charToGlyph
        lacking = sorted({c for c in text if ord(c) not in known and not c.isspace()})
        if lacking:
            named = ", ".join(f"{c} (U+{ord(c):04X})" for c in lacking[:_MOST_NAMED])
            raise InvalidDocumentError(
                f"The font has no {named}: say font= a TrueType font that has them."
            )
        return found

    def paragraph(self, markup: str, *, level: int = 0, size_pt: float = _BODY_PT) -> Any:
        """Return a paragraph; its markup is escaped text with b, i, font and br."""
        heading = size_pt > _BODY_PT
        style = _load("reportlab.lib.styles").ParagraphStyle(
            "any",
            fontName=self.bold if heading else self.regular,
            fontSize=size_pt,
            leading=size_pt * _LEADING,
            leftIndent=level * _INDENT_PT,
            spaceBefore=size_pt * 0.6 if heading else 0,
            spaceAfter=size_pt * 0.5,
        )
        return _load("reportlab.platypus").Paragraph(markup, style)

    def printed(self, flow: Sequence[Any], title: str) -> bytes:
        """Return the document."""
        platypus = _load("reportlab.platypus")
        above = [self.paragraph(escape(title), size_pt=_HEADING_PT["h1"])] if title else []
        buffer = io.BytesIO()
        document = platypus.SimpleDocTemplate(
            buffer,
            pagesize=_load("reportlab.lib.pagesizes").A4,
            title=title or "Report",
            author="",
            creator="scanhub-jobs",
            invariant=1,
            **{f"{side}Margin": _MARGIN_PT for side in ("left", "right", "top", "bottom")},
        )
        document.build([*above, *flow] or [self.paragraph("")])
        return buffer.getvalue()


_LATIN = ("Vera", "VeraBd", "VeraIt")


def _registered(name: str, path: Path) -> str:
    """Register a font once; reportlab finds those that it comes with by their name."""
    metrics, ttfonts = _load("reportlab.pdfbase.pdfmetrics"), _load("reportlab.pdfbase.ttfonts")
    if name not in metrics.getRegisteredFontNames():
        try:
            metrics.registerFont(ttfonts.TTFont(name, str(path)))
        except ttfonts.TTFError as error:
            raise InvalidDocumentError(f"{path.name} is no TrueType font: {error}") from error
    return name


def _blocks(press: _Press, nodes: Sequence[Any], level: int) -> Iterator[Any]:
    """Set blocks of Markdown."""
    for node in nodes:
        if node.type == "heading":
            size = _HEADING_PT.get(node.tag, _BODY_PT + 0.5)
            yield press.paragraph(_inline(press, node.children), size_pt=size)
        elif node.type in {"bullet_list", "ordered_list"}:
            yield from _items(press, node, level)
        elif node.type == "blockquote":
            yield from _blocks(press, node.children, level + 1)
        elif node.type in {"fence", "code_block"}:
            lines = map(_kept_spaces, node.content.rstrip("\n").split("\n"))
            yield press.paragraph("<br/>".join(lines), level=level + 1)
        elif node.type == "hr":
            yield _load("reportlab.platypus").HRFlowable(width="100%")
        elif node.type == "table":
            yield _table(press, node)
        else:
            yield press.paragraph(_inline(press, node.children), level=level)


def _items(press: _Press, node: Any, level: int) -> Iterator[Any]:
    first = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else 0
    for number, item in enumerate(node.children):
        mark = f"{first + number}." if node.type == "ordered_list" else "\u2022"
        begun = False
        for child in item.children:
            if child.type == "paragraph" and not begun:
                yield press.paragraph(f"{mark} {_inline(press, child.children)}", level=level + 1)
            else:
                yield from _blocks(press, [child], level + 1)
            begun = True


def _table(press: _Press, node: Any) -> Any:
    rows = [
        [press.paragraph(_inline(press, cell.children)) for cell in row.children]
        for part in node.children
        for row in part.children
    ]
    grey = _load("reportlab.lib.colors").grey
    style = [("GRID", (0, 0), (-1, -1), 0.5, grey), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    return _load("reportlab.platypus").Table(rows, style=style, hAlign="LEFT")


def _inline(press: _Press, nodes: Sequence[Any]) -> str:
    """Return what stands in a line as markup."""
    faces = {"strong": press.bold, "em": press.italic}
    parts = []
    for node in nodes:
        if node.type in {"softbreak", "hardbreak"}:
            parts.append(" " if node.type == "softbreak" else "<br/>")
        elif node.type in faces:
            inner = _inline(press, node.children)
            parts.append(f'<font face="{faces[node.type]}">{inner}</font>')
        elif node.children:
            parts.append(_inline(press, node.children))
        else:
            parts.append(escape(node.content))
    return "".join(parts)
