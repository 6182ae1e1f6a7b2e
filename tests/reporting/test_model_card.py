"""The model card, read by the Hub's own library."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from resnets.data.checking import check
from resnets.reporting.markdown import plain, yaml_lines
from resnets.reporting.model_card import model_card

from .trainings import confused, evaluated, facts_of, rows

hub = pytest.importorskip("huggingface_hub")

HOSTILE = 'x: #y\n---\n| `a` | <b> [l](http://z.invalid) ![i](j) $m$ @me\u202e\x1b[31m "q" \\ \ud83d'
MATRIX = [[40, 5, 0], [6, 38, 1], [0, 0, 50]]


def front_matter(card: str) -> dict[str, Any]:
    matter: dict[str, Any] = hub.ModelCard(card).data.to_dict()
    return matter


def test_the_front_matter_is_what_the_hub_expects() -> None:
    evaluation = confused(MATRIX, class_names=["cat", "dog", "fish"])
    data = hub.ModelCard(model_card(facts_of(evaluation))).data
    assert data.library_name == "resnets"
    assert data.pipeline_tag == "image-classification"
    assert data.license == "cc-by-4.0"
    assert data.datasets == ["pets"]
    assert data.tags == ["resnets", "image-classification", "resnet20"]
    (result,) = data.eval_results
    assert (result.task_type, result.metric_type) == ("image-classification", "accuracy")
    assert (result.dataset_name, result.dataset_type, result.dataset_split) == ("pets", "pets", "val")
    assert result.metric_value == pytest.approx(128 / 140, abs=1e-6)


def test_licences_that_the_hub_does_not_know() -> None:
    evaluation = confused(MATRIX)
    card = model_card(facts_of(evaluation, info={"licence": {"weights": "My own: terms!"}}))
    assert {**front_matter(card)}["license"] == "other"
    assert front_matter(card)["license_name"] == "my-own-terms"
    assert front_matter(model_card(facts_of(evaluation, info={"licence": None})))["license"] == "unknown"


def test_hostile_names_stay_names() -> None:
    evaluation = confused(MATRIX, class_names=[HOSTILE, "dog", "yes"], data=HOSTILE)
    card = model_card(facts_of(evaluation))
    matter = front_matter(card)
    shown = matter["model-index"][0]["name"]
    assert shown.startswith("resnet20 on x: #y\\n---\\n| `a` | <b>")
    assert "datasets" not in matter
    body = card.split("\n---\n", 1)[1]
    assert "\x1b" not in card
    assert "\u202e" not in card
    assert not re.search(r"(?<!\\)<b>", body)
    assert not re.search(r"(?<!\\)\]\(", body)
    rows_of_tables = [line for line in body.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows_of_tables} == {6}
    card.encode("utf-8")


def test_the_card_says_what_one_should_know() -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    evaluation = confused(MATRIX, class_names=["cat", "dog", "fish"])
    facts = facts_of(evaluation, history=rows(8), settings={"seed": 7})
    train = facts.dataset.splits["train"]
    report = check(facts.dataset)
    card = model_card(
        facts_of(evaluation, history=rows(8), settings={"seed": 7}, findings=report.findings)
    )
    assert re.findall("^#+ (.*)$", card, re.MULTILINE) == [
        "resnet20 on pets",
        "How to use it",
        "Figures",
        "Each class, the weakest first",
        "Known failures",
        "Calibration",
        "Training data",
        "Preprocessing",
        "Training",
        "Licence",
        "Limits",
    ]
    assert 'model = resnets.load("model.safetensors")' in card
    assert "| recognised (top-1) | pets val | 91.4 % | 85.6 to 95.0 % | 140 |" in card
    assert "| dog | 45 | 84.4 % | 71.2 to 92.3 % | 88.4 % |" in card
    assert "- 'dog' is taken for 'cat': 6 of 45 images" in card
    assert "turned upright by EXIF" in card
    assert f"SHA-256 {'ab' * 32}" in card
    assert all(plain(finding.sentence) in card for finding in report.findings)
    assert "- weights: CC-BY-4.0\n- data: own photographs" in card
    assert "seed = 7" in card
    assert "```bash\nresnets train --config config.toml\n```" in card
    assert "It knows 3 classes" in card
    assert len(images) > len(train)


def test_folders_of_the_writer_are_not_told() -> None:
    settings = {"data": "/home/jane/secret/pets", "model": "/home/jane/old.safetensors"}
    card = model_card(facts_of(confused(MATRIX), settings=settings))
    assert "jane" not in card
    assert 'data = "pets"\nmodel = "old.safetensors"' in card


def test_both_splits_are_measured() -> None:
    card = model_card(facts_of(confused(MATRIX), test=confused(MATRIX, split="test")))
    assert "| pets test | 91.4 % |" in card
    assert "| pets val | 91.4 % |" in card
    assert "chosen by the same images" not in card
    assert "chosen by the same images" in model_card(facts_of(confused(MATRIX)))


def test_many_classes_are_shortened() -> None:
    labels = np.arange(600) % 300
    table = np.full((600, 300), 1e-4)
    table[np.arange(600), labels] = 0.9
    card = model_card(facts_of(evaluated(labels, table)))
    assert "### Each class, the 100 weakest of 300" in card
    assert card.count("| class ") == 101
    assert "It made no mistake on these images." in card


def test_without_anything_kept_aside() -> None:
    card = model_card(facts_of(None))
    assert "model-index" not in front_matter(card)
    assert "## Figures" not in card
    assert "how well it recognises others is not known" in card


def test_yaml_words_that_mean_something_are_quoted() -> None:
    values = ["yes", "null", "1.5", "on", "plain", "a: b", "", "ünï", "#", "- x"]
    card = "\n".join(["---", *yaml_lines({"tags": list(values)}), "---", ""])
    assert hub.ModelCard(card).data.tags == values


def test_the_card_lies_in_the_model_file() -> None:
    facts = facts_of(confused(MATRIX))
    card = model_card(facts)
    info = facts.info.model_copy(update={"card": card})
    assert type(info).model_validate_json(info.model_dump_json()).card == card


def test_what_a_network_in_the_package_adds() -> None:
    facts = facts_of(
        None,
        test=confused(MATRIX, split="test"),
        info={"abstain_below": 0.314},
        made_by="resnets train pets --seed 7",
        measured_by="resnets evaluate resnet20:pets pets",
        notes=["The images are JPEG copies."],
    )
    card = model_card(facts)
    assert "Started by\n\n```bash\nresnets train pets --seed 7\n```" in card
    assert "The same figures again:\n\n```bash\nresnets evaluate resnet20:pets pets\n```" in card
    assert "- The images are JPEG copies." in card
    assert (
        "- It knows 3 classes, and says that an image most likely shows none of them if less than 31.4 % "
        "sure. It can be sure of an image that shows none.\n"
    ) in card
