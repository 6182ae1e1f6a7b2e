"""Rules for how a network learns: rates, schedule, loss, average, and how given weights are adapted.

The default for a user's folder is a short recipe of what has proved itself: SGD with Nesterov momentum
and a cosine after a warm-up, label smoothing, no decay of norms and biases (He, Zhang et al. 2018,
arXiv:1812.01187), and an average of the weights.
"""

from __future__ import annotations

import math

from resnets.errors import ResNetsError
from resnets.recipes.settings import Averaging, FineTuning, Schedule
from resnets.training.memory import estimate_memory, parts_that_fit
from resnets.training.situation import Answer, Choice, Situation

_SMALL = 64
# Pixels below which networks are those of the CIFAR papers, with their rates.
_MANY = 500_000
# Images, from which ImageNet's weight decay is used.
_MOST_WARMUP = 5
# Epochs (Goyal et al. 2017, arXiv:1706.02677, sec. 2.2).
_MEMORY_SHARE = 0.6
# Of a machine's memory that a training may take by itself.


def choose_learning_rate(situation: Situation) -> Answer:
    """In proportion to the batch for SGD (Goyal et al. 2017), to its square root for Adam and LAMB.

    SGD: 0.1 at 128 images for CIFAR's networks (He et al. 2015, sec. 4.2) and at 256 for ImageNet's
    (sec. 3.4); 0.01 at 64 for given weights, the tenth part at the batch that is usual for them
    (Kornblith et al. 2019, arXiv:1805.08974, find about 0.01 best). AdamW: 0.001 at 256 images, Adam's
    own default. LAMB: 0.005 at 2048 (Wightman et al. 2021, arXiv:2110.00476). A tenth to fine-tune.
    """
    settings = situation.settings
    batch, name = settings.batch_size or 1, settings.optimizer.name
    if name == "sgd":
        if situation.fine_tunes:
            base, at = 0.01, 64
        else:
            base, at = 0.1, 128 if situation.image_size < _SMALL else 256
        rate, how = base * batch / at, "in proportion to the batch"
    else:
        base, at = (0.001, 256) if name == "adamw" else (0.005, 2048)
        base = base / 10 if situation.fine_tunes else base
        rate, how = base * math.sqrt(batch / at), "with the square root of the batch"
    rate = float(f"{rate:.3g}")
    reason = f"{base:g} for {at} images, {how}"
    return Answer(rate, (Choice("optimizer.learning_rate", f"{rate:g}", reason),))


def choose_weight_decay(situation: Situation) -> Answer:
    """SGD: 5e-4 (Zagoruyko and Komodakis 2016), 1e-4 for 500,000 images and more and for given weights.

    AdamW: 0.05 (Liu et al. 2022, arXiv:2201.03545); LAMB: 0.02 (Wightman et al. 2021).
    """
    name = situation.settings.optimizer.name
    if name != "sgd":
        decay, reason = {"adamw": 0.05, "lamb": 0.02}[name], f"usual for {name}"
    elif situation.fine_tunes:
        decay, reason = 1e-4, "given weights are not to be pulled to zero"
    elif situation.facts.num_train >= _MANY:
        decay, reason = 1e-4, "so many images keep a network from learning them by heart"
    else:
        decay, reason = 5e-4, "as for Wide ResNets: short trainings of few images need more than 1e-4"
    return Answer(decay, (Choice("optimizer.weight_decay", f"{decay:g}", reason),))


def choose_decay(situation: Situation) -> Answer:
    """Norms and biases are not decayed (He, Zhang et al. 2018, sec. 3.1)."""
    reason = "norms and biases need no decay, and do a little better without"
    return Answer("weights", (Choice("optimizer.decay", "weights", reason),))


def choose_schedule(situation: Situation) -> Answer:
    """A cosine to zero (Loshchilov and Hutter 2016) after a warm-up of a tenth, at most 5 epochs.

    Given weights have no warm-up: the epoch that teaches the new classifier takes its place.
    """
    epochs = situation.settings.epochs or 1
    warmup = 0.0 if situation.fine_tunes else round(min(_MOST_WARMUP, epochs / 10), 2)
    reason = "a cosine needs no more to be chosen than the length of the run"
    choices = [Choice("schedule.shape", "cosine", reason)]
    if warmup:
        reason = "a tenth of the run, at most 5 epochs, until the first large gradients are over"
        choices.append(Choice("schedule.warmup_epochs", f"{warmup:g}", reason))
    return Answer(Schedule(shape="cosine", warmup_epochs=warmup), tuple(choices))


def choose_label_smoothing(situation: Situation) -> Answer | None:
    """0.1 (Szegedy et al. 2015, arXiv:1512.00567, sec. 7), unless mixing smooths labels already."""
    augmentation = situation.settings.augmentation
    if situation.settings.loss.name != "cross_entropy" or (augmentation and augmentation.mixing):
        return None
    reason = "keeps a network from being surer than it is right"
    return Answer(0.1, (Choice("loss.label_smoothing", "0.1", reason),))


def choose_averaging(situation: Situation) -> Answer:
    """Over the last 1,000 steps or so, 100 in runs of fewer than 5,000 steps."""
    steps = (situation.settings.epochs or 1) * situation.steps_per_epoch
    decay = 0.999 if steps >= 5000 else 0.99
    reason = (
        f"the average of the last {round(1 / (1 - decay)):,} steps or so is better than the last one"
    )
    return Answer(Averaging(decay=decay), (Choice("averaging.decay", f"{decay:g}", reason),))


def choose_fine_tuning(situation: Situation) -> Answer | None:
    """The new classifier for an epoch, then everything, each part at half the rate of the one behind it.

    Howard and Ruder 2018, arXiv:1801.06146, sec. 3.2 and 3.3; fast.ai's fine_tune does the same.
    """
    if not situation.fine_tunes:
        return None
    tuning = FineTuning(head_epochs=1 if (situation.settings.epochs or 1) > 1 else 0)
    head = "a new classifier would send large gradients through good weights"
    stages = "early layers see edges and colours, which are the same everywhere"
    return Answer(
        tuning,
        (
            Choice("fine_tuning.head_epochs", str(tuning.head_epochs), head),
            Choice("fine_tuning.stage_decay", f"{tuning.stage_decay:g}", stages),
        ),
    )


def choose_select(situation: Situation) -> Answer:
    """The best epoch where there are images to tell it by."""
    if situation.facts.has_val:
        reason = f"{situation.facts.num_val:,} images of validation tell which epoch is best"
        return Answer("best", (Choice("select", "best", reason),))
    reason = "without images of validation nothing tells which epoch is best"
    return Answer("last", (Choice("select", "last", reason),))


def choose_compile(situation: Situation) -> Answer:
    """On Nvidia's GPUs, for networks whose units all run in every step.

    On processors it costs one to two minutes and gives nothing on top of bf16 and channels last.
    """
    settings = situation.settings
    if settings.stochastic_depth or settings.progressive_depth:
        compiles, reason = False, "a depth that varies would be compiled again and again"
    elif situation.machine.device == "cuda":
        compiles, reason = True, "on a GPU the minute that it takes is soon made up for"
    else:
        compiles, reason = False, "on this device it takes a minute or two and makes nothing faster"
    return Answer(compiles, (Choice("compile", str(compiles).lower(), reason),))


def choose_accumulation(situation: Situation) -> Answer | None:
    """Batches are divided where they would take more than 60 % of the machine's whole memory."""
    settings, model = situation.settings, situation.model
    assert model is not None
    assert settings.preprocessing is not None
    try:
        estimate = estimate_memory(
            model.blank_network(settings.preprocessing, max(2, situation.facts.num_classes)),
            image_size=settings.train_image_size or settings.preprocessing.image_size,
            in_channels=settings.preprocessing.num_channels,
            batch_size=settings.batch_size or 1,
            precision=settings.precision or "float32",
            optimizer=settings.optimizer.name,
            averaging=settings.averaging is not None,
        )
    except ResNetsError:  # check_requirements says so, with all that is wrong besides
        return None
    limit = _MEMORY_SHARE * situation.machine.memory_bytes
    parts = parts_that_fit(estimate, settings.batch_size or 1, limit)
    if parts is None or parts == 1:
        return None
    reason = "a whole batch would take more than 60 % of the memory"
    return Answer(parts, (Choice("accumulation", str(parts), reason),))
