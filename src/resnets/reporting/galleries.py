"""Pictures worth looking at: the worst mistakes, the least certain answers, labels that may be wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from resnets.data.dataset import Dataset
from resnets.data.decoding import ImageSource
from resnets.data.file_checks import plural
from resnets.data.pages import picture
from resnets.data.splitting import relative_names
from resnets.evaluation.evaluation import Evaluation, ImageAnswer
from resnets.reporting.facts import TrainingFacts
from resnets.reporting.label_errors import LabelError, find_label_errors
from resnets.reporting.markup import name, path, share
from resnets.reporting.words import percent

MOST_PICTURES = 24
"""Of each kind."""

_LEAST_IMAGES = 50
"""With fewer, the averages that a label is held against mean nothing."""


def gallery_sections(
    facts: TrainingFacts, judged: Evaluation, suspects: Sequence[LabelError]
) -> Iterator[str]:
    """Show the pictures.

    Args:
        facts: of the training, with the data set that the pictures are in.
        judged: the evaluation to show.
        suspects: of `suspected_labels`.
    """
    worst = [a for a in judged.worst(MOST_PICTURES) if a.label != a.predicted]
    unsure = judged.least_certain(MOST_PICTURES)
    shown = suspects[:MOST_PICTURES]
    wanted = {*(a.image for a in worst), *(a.image for a in unsure)}
    wanted |= {judged.images[s.index] for s in shown}
    sources = image_sources(facts.dataset, wanted)
    yield from _section(
        "mistakes",
        "Worst mistakes",
        "The images whose class it thought least probable: look whether the image, the label or the "
        "network is at fault.",
        [_figure(a.image, sources, *_mistake(a)) for a in worst],
    )
    yield from _section(
        "unsure",
        "Least certain",
        "The images of whose class it was least sure: more images like these would teach it most.",
        [_figure(a.image, sources, *_answer(a)) for a in unsure],
    )
    yield from _section(
        "labels",
        "Labels that may be wrong",
        _label_lead(judged, suspects),
        [_figure(judged.images[s.index], sources, *_suspect(judged, s)) for s in shown],
        more=f"{len(shown)} of {len(suspects):,} shown" if len(shown) < len(suspects) else "",
    )


def suspected_labels(judged: Evaluation) -> list[LabelError]:
    """Labels of the evaluated images that are probably wrong; none where too few images were evaluated.

    Args:
        judged: see there.
    """
    if len(judged) < _LEAST_IMAGES:
        return []
    return find_label_errors(judged.labels, judged.probabilities)


def image_sources(dataset: Dataset, names: Iterable[str]) -> dict[str, ImageSource]:
    """Find images by the names that an evaluation gives them.

    Args:
        dataset: that they are in.
        names: paths in the data set, or places such as 'val[17]'.
    """
    wanted, found = set(names), dict[str, ImageSource]()
    for split in dataset.splits.values():
        if isinstance(split.images, np.ndarray):
            listed: Sequence[str] = [f"{split.name}[{i}]" for i in range(len(split))]
        else:
            listed = relative_names(split.images, dataset.root)
        found.update((n, split.images[i]) for i, n in enumerate(listed) if n in wanted)
    return found


def _section(
    key: str, heading: str, lead: str, figures: Sequence[str], *, more: str = ""
) -> Iterator[str]:
    if not figures:
        return
    yield f'<section id="{key}"><h2>{heading}</h2><p class="lead">{lead}</p>'
    yield f'<div class="panel"><div class="gallery">{"".join(figures)}</div>'
    yield (f'<p class="more">{more}</p>' if more else "") + "</div></section>"


def _figure(image: str, sources: dict[str, ImageSource], first: str, second: str) -> str:
    shown = picture(sources.get(image), words=image) or '<div class="none">no picture</div>'
    return (
        f'<figure><div class="pictures">{shown}</div><figcaption><span class="truth">{first}</span> '
        f'<span class="answer">{second}</span>{path(image)}</figcaption></figure>'
    )


def _mistake(answer: ImageAnswer) -> tuple[str, str]:
    taken = f"taken for {name(answer.predicted)}, {share(answer.probability)}"
    return f"<b>{name(answer.label)}</b>", taken


def _answer(answer: ImageAnswer) -> tuple[str, str]:
    if answer.label == answer.predicted:
        return f"<b>{name(answer.label)}</b>", f"recognised, {share(answer.probability)}"
    return _mistake(answer)


def _suspect(judged: Evaluation, suspect: LabelError) -> tuple[str, str]:
    given, suggested = (judged.class_names[i] for i in (suspect.given, suspect.suggested))
    label = f"labelled <b>{name(given)}</b>, {share(suspect.given_probability)}"
    return label, f"rather {name(suggested)}, {share(suspect.suggested_probability)}"


def _label_lead(judged: Evaluation, suspects: Sequence[LabelError]) -> str:
    suspected = percent(len(suspects) / max(len(judged), 1))
    doubt = (
        "A network that is often wrong suspects many labels that are right. "
        if judged.top1 < 0.9
        else ""
    )
    return (
        f"{len(suspects):,} of {plural(len(judged), 'label')} are suspected ({suspected}), the most "
        f"suspicious first, by confident learning (Northcutt et al. 2021). {doubt}Only images that were "
        "kept aside can be judged like this: of its training images a network learns the wrong labels, "
        "too."
    )
