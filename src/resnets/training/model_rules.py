"""Rules for the model, the batch and the length of a training: what fits the data and the time."""

from __future__ import annotations

from resnets.data.preprocessing_policy import Preprocessing
from resnets.errors import ResNetsError
from resnets.networks.stem_choice import choose_stem
from resnets.training.machine import Machine
from resnets.training.model_facts import ModelFacts, model_facts
from resnets.training.situation import Answer, Choice, Situation

_SMALL = 64
# Pixels, from which networks are made for photos.
_SMALL_LADDER = ((10_000, "resnet18,stem=cifar"), (0, "resnet20"))
_LADDER = ((100_000, "resnet50"), (0, "resnet18"), (20_000, "resnet18,stem=imagenet"))
# Least number of training images, and name; the first that there is time for is taken, else the last.
_PATIENCE = {"cpu": 2.0, "cuda": 4.0, "mps": 2.0}
# Hours that a training may take where nobody said how long.
_SPEED = {"cuda": 8e12, "mps": 5e11}
# Multiply-adds of the forward pass a second, in training: four fifths of what an A100 reaches with
# ResNet-50 (2,470 images a second, NVIDIA DeepLearningExamples). Of mps nothing is known.
_SPEED_OF_CORE = {True: 3e10, False: 1.2e10}
# Likewise of one core with bf16 and without. ResNets reached 27 to 56e9 with and 15 to 24e9 without bf16
# on processors with AVX-512, DenseNet-BC-100-12 10e9 and 7e9; cores without bf16 are older.

_BATCH, _TUNING_BATCH, _LARGE_BATCH = 128, 64, 256
_LEAST_STEPS = {True: 20, False: 40}
# Of an epoch, with given weights and without: 100 epochs are 4,000 steps then.
_LEAST_BATCH = 8
_LARGE_DATA = 100_000

_STEPS = {"cpu": 10_000, "cuda": 20_000, "mps": 10_000}
_EPOCHS = (10, 100)
_TUNING_STEPS, _TUNING_EPOCHS = 1_500, (5, 30)
_FEWEST_EPOCHS = {True: 3, False: 10}


def choose_batch_size(situation: Situation) -> Answer:
    """128 images (He et al. 2015, sec. 4.2), 64 to fine-tune; fewer where an epoch would have few steps.

    With fewer than 40 steps in an epoch (20 to fine-tune), batches are halved, down to 8 images: small
    data sets need steps more than quiet gradients (Masters and Luschi 2018, arXiv:1804.07612).
    """
    number, repeats = situation.facts.num_train, situation.settings.repeats
    batch, reason = _BATCH, "the usual batch of small networks"
    if situation.fine_tunes:
        batch, reason = _TUNING_BATCH, "the usual batch for fine-tuning"
    elif situation.machine.device == "cuda" and number >= _LARGE_DATA:
        batch, reason = _LARGE_BATCH, "the usual batch for large data sets"
    least = _LEAST_STEPS[situation.fine_tunes]
    while batch > _LEAST_BATCH and number < least * batch:
        batch //= 2
        reason = f"with more, an epoch of {number:,} images would have fewer than {least} steps"
    batch = max(1, batch // repeats) * repeats
    return Answer(batch, (Choice("batch_size", str(batch), reason),))


def choose_model(situation: Situation) -> Answer:
    """The strongest network that can be trained on this machine in reasonable time.

    Below 64 pixels ResNet-20 of the CIFAR paper, or ResNet-18 with a 3x3 stem for 10,000 images and
    more; from 64 pixels on ResNet-18, or ResNet-50 for 100,000 images and more. On large data sets of
    64-pixel images, a slow machine gets ResNet-18 with the stem of ImageNet, a fourth of the work.
    """
    size, number = situation.image_size, situation.facts.num_train
    ladder = _LADDER if size >= _SMALL else _SMALL_LADDER
    names = [name for images, name in ladder if number >= images]
    for name in names:
        model = model_facts(name)
        hours = wanted_epochs(situation) * hours_per_epoch(situation, model)
        if hours <= patience_hours(situation.machine):
            break
    if model.said.get("stem") is None and size >= _SMALL:
        name += f",stem={choose_stem(None, size)}"
    reason = (
        f"for {number:,} images of {size} pixels it takes this machine about {_duration(hours)} "
        f"({situation.machine.cores} cores)"
    )
    return Answer(name, (Choice("model", name, reason),))


def wanted_epochs(situation: Situation) -> int:
    """Epochs that give enough steps: 10,000 in 10 to 100 epochs, 1,500 in 5 to 30 to fine-tune.

    On a GPU twice as many from scratch. BiT takes 500 to fine-tune with batches of 512 (Kolesnikov et
    al. 2019, arXiv:1912.11370, sec. 3.3); FFCV 16 epochs and more of ImageNet from scratch.
    """
    tunes = situation.fine_tunes
    steps = _TUNING_STEPS if tunes else _STEPS[situation.machine.device]
    fewest, most = _TUNING_EPOCHS if tunes else _EPOCHS
    return min(max(round(steps / situation.steps_per_epoch), fewest), most)


def patience_hours(machine: Machine) -> float:
    """How long a training may take where nobody said it.

    Args:
        machine: that it runs on.
    """
    return _PATIENCE[machine.device]


def choose_epochs(situation: Situation) -> Answer:
    """As many as give enough steps and as there is time for; at least ten, or three to fine-tune."""
    assert situation.model is not None
    wanted = wanted_epochs(situation)
    each = hours_per_epoch(situation, situation.model)
    fewest = min(wanted, _FEWEST_EPOCHS[situation.fine_tunes])
    epochs = max(fewest, min(wanted, int(patience_hours(situation.machine) / max(each, 1e-9))))
    steps = epochs * situation.steps_per_epoch
    reason = f"{steps:,} steps, which this machine needs about {_duration(epochs * each)} for"
    if epochs < wanted:
        reason += f"; {wanted} epochs would be better and take {_duration(wanted * each)}"
    return Answer(epochs, (Choice("epochs", str(epochs), reason),))


def hours_per_epoch(situation: Situation, model: ModelFacts) -> float:
    """Guess the hours of an epoch by the network's work and a machine's usual speed; nothing is timed.

    Args:
        situation: with the preprocessing.
        model: that would be trained.
    """
    assert situation.settings.preprocessing is not None
    work = _multiply_adds(model, situation.settings.preprocessing)
    return images_per_epoch(situation) * work / _speed(situation.machine) / 3600


def images_per_epoch(situation: Situation) -> float:
    """Images that take as long to learn from as an epoch; validation has no backward pass.

    Args:
        situation: see there.
    """
    return situation.facts.num_train * situation.settings.repeats + situation.facts.num_val / 3


def _speed(machine: Machine) -> float:
    return _SPEED.get(machine.device) or machine.cores * _SPEED_OF_CORE[machine.has_bf16]


def _multiply_adds(model: ModelFacts, preprocessing: Preprocessing) -> int:
    """Of convolutions and linear layers, for one image; 0 if images and model do not go together."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    size = preprocessing.image_size
    images = torch.empty(1, preprocessing.num_channels, size, size, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        try:
            model.blank_network(preprocessing, num_classes=10).eval()(images)
        except ResNetsError:  # check_requirements says so, with all that is wrong besides
            return 0
    return int(counter.get_total_flops()) // 2


def _duration(hours: float) -> str:
    if hours < 1.5 / 60:
        return "a minute"
    return f"{60 * hours:.0f} minutes" if hours < 1.5 else f"{hours:.1f} hours"
