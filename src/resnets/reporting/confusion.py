"""What was taken for what: a table of few classes, a picture of many, and the most frequent mistakes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resnets.data.file_checks import plural
from resnets.data.pages import safe
from resnets.evaluation.evaluation import Evaluation
from resnets.evaluation.metrics import Classes, confused_pairs
from resnets.reporting.markup import name, scrolling
from resnets.reporting.words import percent

_MOST_IN_TABLE = 26
_PIXELS = 600  # side of the picture
_NUM_PAIRS = 12
_NUM_POINTED = 200  # cells that tell their classes to a pointer
_MOST_ORDERED = 1500  # classes; the time grows with their cube, to some seconds at this
_RIGHT, _WRONG = (43, 127, 222), (226, 112, 20)  # for all kinds of sight, on light and dark


def confusion_section(judged: Evaluation) -> Iterator[str]:
    """Show what was taken for what.

    Args:
        judged: the evaluation to show.
    """
    few = len(judged.class_names) <= _MOST_IN_TABLE
    yield '<section id="confusion"><h2>What it confuses</h2>'
    yield '<div class="panel"><div class="beside wide">'
    yield "<div>"
    if few:
        yield '<p class="more">Rows: what it is. Columns: what was answered. Numbers: images.</p>'
        yield scrolling("Confusion matrix", _table(judged))
    else:
        yield from _picture(judged)
    yield "</div>"
    yield from _pairs(judged)
    yield "</div></div></section>"


def _table(judged: Evaluation) -> Iterator[str]:
    names, matrix = judged.class_names, judged.confusion
    counts = matrix.sum(1)
    shares = matrix / np.maximum(counts, 1)[:, None]
    most = max(1e-9, float((shares - np.diag(np.diag(shares))).max()))
    heads = "".join(f'<th scope="col"><span>{name(n)}</span></th>' for n in names)
    yield '<table class="matrix" aria-label="Images of each class by what was answered"><thead><tr>'
    yield f"<td></td>{heads}</tr></thead><tbody>"
    for i, row in enumerate(matrix.tolist()):
        cells = [
            _cell(count, share=float(shares[i, j]), most=most, right=i == j, said=_said(judged, i, j))
            for j, count in enumerate(row)
        ]
        yield f'<tr><th scope="row">{name(names[i])}</th>{"".join(cells)}</tr>'
    yield "</tbody></table>"


def _cell(count: int, *, share: float, most: float, right: bool, said: str) -> str:
    if not count:
        return '<td class="zero">0</td>'
    depth = 0.12 + 0.5 * share if right else 0.08 + 0.62 * (share / most) ** 0.7
    kind = "right" if right else "wrong"
    return f'<td class="{kind}" style="--v:{depth:.2f}" title="{said}">{count:,}</td>'


def _said(judged: Evaluation, i: int, j: int) -> str:
    names, matrix = judged.class_names, judged.confusion
    total = int(matrix[i].sum())
    what = "recognised" if i == j else f"taken for {safe(names[j])}"
    share = percent(matrix[i, j] / max(total, 1))
    return f"{safe(names[i])} {what}: {int(matrix[i, j]):,} of {total:,} ({share})"


def _picture(judged: Evaluation) -> Iterator[str]:
    order = similarity_order(judged.confusion)
    matrix = judged.confusion[np.ix_(order, order)]
    size, place = len(order), np.argsort(order)
    words = (
        f"Confusion of {size:,} classes as a picture; the most frequent mistakes are listed beside it"
    )
    yield f'<svg class="picture" viewBox="0 0 {size} {size}" role="img" aria-label="{words}">'
    yield f'<image width="{size}" height="{size}" href="{_png(matrix)}"/>'
    # A cell of 1,000 classes is too small to be pointed at.
    side = max(1.0, size / 120)
    for i, j, _ in confused_pairs(judged.confusion, _NUM_POINTED):
        x, y = place[j] + 0.5 - side / 2, place[i] + 0.5 - side / 2
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}">'
            f"<title>{_said(judged, i, j)}</title></rect>"
        )
    yield "</svg>"
    yield (
        '<p class="more">Rows: what it is. Columns: what was answered. Blue: recognised, orange: taken '
        "for another. Classes that are confused with each other stand together. Point at a mistake to "
        "read it.</p>"
    )


def _png(matrix: Classes) -> str:
    """Colours that are more or less transparent, so that they suit a light and a dark page."""
    fold = ceil(len(matrix) / _PIXELS)
    shares = matrix / np.maximum(matrix.sum(1), 1)[:, None]
    right = _folded(np.diag(np.diag(shares)), fold)
    wrong = _folded(shares - np.diag(np.diag(shares)), fold)
    most = max(1e-9, float(wrong.max()))
    depth = np.where(wrong > 0, 0.4 + 0.6 * (wrong / most) ** 0.5, 0)
    diagonal = right >= np.maximum(wrong, 1e-9)
    depth = np.where(diagonal, 0.4 + 0.6 * right, depth)
    pixels = np.zeros((*depth.shape, 4), np.uint8)
    pixels[..., :3] = np.where(diagonal[..., None], _RIGHT, _WRONG)
    pixels[..., 3] = (255 * depth).round().astype(np.uint8) // 8 * 8
    pixels[pixels[..., 3] == 0] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _folded(cells: NDArray[np.float64], fold: int) -> NDArray[np.float64]:
    """The largest of each square of cells, where there are more cells than pixels."""
    size = ceil(len(cells) / fold)
    padded = np.zeros((size * fold, size * fold))
    padded[: len(cells), : len(cells)] = cells
    most: NDArray[np.float64] = padded.reshape(size, fold, size, fold).max((1, 3))
    return most


def similarity_order(matrix: Classes) -> list[int]:
    """Order classes so that those that are confused with each other stand together.

    By the Fiedler vector of the graph of mistakes (Atkins et al. 1998, doi:10.1137/S0097539795285771).

    Args:
        matrix: of confusion; of very many classes, the order is left as it is.
    """
    if len(matrix) > _MOST_ORDERED:
        return list(range(len(matrix)))
    mistakes = (matrix + matrix.T).astype(np.float64)
    np.fill_diagonal(mistakes, 0.0)
    # A little of everything keeps classes without mistakes in the graph.
    mistakes += 1e-3 * max(1.0, float(mistakes.max())) / len(matrix)
    degree = mistakes.sum(1)
    scale = 1 / np.sqrt(degree)
    laplacian = np.diag(degree) - mistakes
    _, vectors = np.linalg.eigh(laplacian * scale[:, None] * scale)
    along = vectors[:, 1] * scale
    if along[0] > along[-1]:
        along = -along
    order: list[int] = np.argsort(along.round(9), kind="stable").tolist()
    return order


def _pairs(judged: Evaluation) -> Iterator[str]:
    pairs = confused_pairs(judged.confusion, _NUM_PAIRS)
    if not pairs:
        yield "<p>It made no mistake.</p>"
        return
    errors = int(len(judged) - judged.hits.sum())
    most, counts = pairs[0][2], judged.confusion.sum(1)
    yield '<table class="plain pairs"><caption><span>The most frequent of '
    yield f'{plural(errors, "mistake")}</span></caption><thead><tr><th scope="col">it is</th>'
    yield '<th scope="col">taken for</th><th scope="col">images</th></tr></thead><tbody>'
    for i, j, count in pairs:
        said = f"{count:,} of {int(counts[i]):,}"
        bar = f'<span class="bar" style="width:{100 * count / most:.0f}%"></span>'
        yield (
            f"<tr><td>{name(judged.class_names[i])}</td><td>{name(judged.class_names[j])}</td>"
            f"<td>{said}{bar}</td></tr>"
        )
    yield "</tbody></table>"
