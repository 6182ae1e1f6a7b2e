"""What a classifier answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassProbability:
    """One class and how probable the network finds it.

    Attributes:
        label: name of the class.
        id: of the class in its data set, such as a WordNet id; '' if it has none.
        index: of its score.
        probability: 0 to 1; softmax over all classes.
    """

    label: str
    id: str
    index: int
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The answer for one image.

    Attributes:
        image: path of the image; '' if it came without one.
        classes: the most probable ones, best first.
        notes: what was special about the file, such as that only the first frame was seen.
        abstains: the model is less sure of the best class than `ModelInfo.abstain_below`: most likely
            the image shows none of its classes. Always false of a model without that threshold.
    """

    image: str
    classes: tuple[ClassProbability, ...]
    notes: tuple[str, ...] = ()
    abstains: bool = False

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.classes[0].label

    @property
    def probability(self) -> float:
        """Of that class."""
        return self.classes[0].probability

    def to_dict(self) -> dict[str, object]:
        """Plain values, as `--json` prints them."""
        return {
            "image": self.image,
            "classes": [
                {
                    "label": c.label,
                    "id": c.id,
                    "index": c.index,
                    "probability": round(c.probability, 6),
                }
                for c in self.classes
            ],
            "abstains": self.abstains,
            "notes": list(self.notes),
        }
