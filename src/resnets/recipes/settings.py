"""How a network is trained, as settings: recipes, users' TOML files and runs hold the same fields.

What is None is chosen from the data and the machine before a run starts
(`resnets.training.choices`), and the run's `config.toml` holds the answer.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from resnets.config import Count, Settings, Switch, as_list
from resnets.data.augmentation.settings import Augmentation
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.preprocessing_policy import Preprocessing

Whole = Annotated[int, Field(strict=True, ge=0)]
Positive = Annotated[float, Field(strict=True, gt=0.0)]
Amount = Annotated[float, Field(strict=True, ge=0.0)]
Share = Annotated[float, Field(strict=True, ge=0.0, lt=1.0)]
Milestones = Annotated[tuple[Positive, ...], BeforeValidator(as_list)]
Names = Annotated[tuple[str, ...], BeforeValidator(as_list)]
Betas = Annotated[tuple[Share, Share], BeforeValidator(as_list)]


class Optimizer(Settings):
    """How gradients change the weights.

    Attributes:
        name: 'sgd' with momentum as PyTorch has it (v = m v + g; p -= lr v), 'adamw', or 'lamb'.
        learning_rate: the highest of the run. [by the batch size: `resnets.training.choices`]
        momentum: of sgd.
        nesterov: of sgd.
        betas: of adamw and lamb.
        epsilon: of adamw and lamb.
        weight_decay: pulls weights to zero; multiplied by the learning rate in all three.
        decay: which parameters it pulls: 'all', as in fb.resnet.torch, or 'weights' for all but biases
            and norms.
    """

    name: Literal["sgd", "adamw", "lamb"] = "sgd"
    learning_rate: Positive | None = None
    momentum: Share = 0.9
    nesterov: Switch = True
    betas: Betas = (0.9, 0.999)
    epsilon: Positive = 1e-8
    weight_decay: Amount = 1e-4
    decay: Literal["all", "weights"] = "all"


class Schedule(Settings):
    """How the learning rate changes from step to step, as a factor of the highest.

    Attributes:
        shape: 'constant'; 'step' multiplies by `gamma` at each of `milestones`; 'cosine' and
            'polynomial' fall to `final`; 'one_cycle' rises to 1 at `peak` and falls to `final`, both
            straight.
        warmup_epochs: at the start, before the shape takes over; they count as part of the run.
        warmup: 'linear' rises from `warmup_start` to 1; 'constant' stays at `warmup_start`.
        warmup_start: factor at the first step.
        warmup_until_error: ends a constant warm-up as soon as the training error of the last 100 steps
            is below this share; `warmup_epochs` is then the longest that it may last.
        milestones: of 'step', in epochs.
        gamma: of 'step'.
        final: factor after the last step.
        power: of 'polynomial'; 1 is a straight line.
        peak: of 'one_cycle', as a share of the run.
    """

    shape: Literal["constant", "step", "cosine", "polynomial", "one_cycle"] = "cosine"
    warmup_epochs: Amount = 0.0
    warmup: Literal["linear", "constant"] = "linear"
    warmup_start: Share = 0.0
    warmup_until_error: Share | None = None
    milestones: Milestones = ()
    gamma: Share = 0.1
    final: Share = 0.0
    power: Positive = 1.0
    peak: Share = 0.25

    @model_validator(mode="after")
    def _parts_agree(self) -> Schedule:
        if (self.shape == "step") != bool(self.milestones):
            raise ValueError("milestones belong to shape 'step', which needs some")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones must ascend, got {list(self.milestones)}")
        if self.warmup_until_error is not None and self.warmup != "constant":
            raise ValueError("warmup_until_error needs warmup = 'constant'")
        return self


class Loss(Settings):
    """What is minimised.

    Attributes:
        name: 'cross_entropy' over the classes, or 'binary_cross_entropy' for each class by itself
            (Wightman et al. 2021, arXiv:2110.00476, sec. 2), the mean over images and classes.
        label_smoothing: share of a label that is spread over all classes.
        target_threshold: of 'binary_cross_entropy': a class whose share of a mixed image is above this
            counts as wholly present (the same paper: 0.2 in its code).
        class_weights: 'balanced' weighs an image by the inverse of its class's frequency, 1 in the mean.
    """

    name: Literal["cross_entropy", "binary_cross_entropy"] = "cross_entropy"
    label_smoothing: Share = 0.0
    target_threshold: Share | None = None
    class_weights: Literal["none", "balanced"] = "none"


class Averaging(Settings):
    """An exponential moving average of the weights (EMA), which is then what is evaluated and kept.

    Attributes:
        decay: of the average at each update; lower in the first updates, (1 + n) / (10 + n).
        every: steps from one update to the next.
    """

    decay: Share = 0.999
    every: Count = 1


class FineTuning(Settings):
    """How given weights are adapted: the new classifier first, then everything, early layers less.

    Attributes:
        head_epochs: at the start, in which only the classifier learns.
        head_learning_rate: of those, constant. [the optimizer's]
        stage_decay: from each part (stem, each stage, classifier) to the one before it, the learning
            rate is multiplied by this.
    """

    head_epochs: Whole = 1
    head_learning_rate: Positive | None = None
    stage_decay: Annotated[float, Field(strict=True, gt=0.0, le=1.0)] = 0.5


class StochasticDepth(Settings):
    """Units left out at random, the same for all images of a step (arXiv:1603.09382).

    For stochastic depth per image, the network has the option `drop_path_rate`.

    Attributes:
        last: probability that the last unit runs; it falls linearly from 1.
    """

    last: Annotated[float, Field(strict=True, gt=0.0, le=1.0)] = 0.5


class Growth(Settings):
    """Depth from an epoch on.

    Attributes:
        epoch: the first with this depth, from 0.
        every: of each stage, the first unit and every k-th after it run.
    """

    epoch: Whole
    every: Count


class EarlyStopping(Settings):
    """Ends a run that no longer gets better by more than chance explains.

    Attributes:
        patience: epochs without a real improvement. An improvement is real when top-1 exceeds that of
            the last one by `standard_errors` of the difference between two paired measurements of it.
        standard_errors: see there.
    """

    patience: Count = 10
    standard_errors: Amount = 1.0


class Checkpoints(Settings):
    """When a run is saved, so that it can be resumed.

    Attributes:
        every_minutes: at most this long between two.
        every_steps: instead of by the clock.
        keep: how many of the newest; the best by validation is kept besides.
    """

    every_minutes: Positive = 10.0
    every_steps: Count | None = None
    keep: Count = 2


class TrainingSettings(Settings):
    """A whole training.

    Attributes:
        complete: what is not said keeps its default, as recipes and finished runs want it; otherwise the
            default recipe fills in optimizer, schedule, loss and average as well.
        data: path of the data set, or name of a published one.
        model: name with options ('resnet18,stem=small'), with weights ('resnet50:torchvision_v2'), or a
            path of a model file, to fine-tune. [by the images]
        epochs: of training. [by the number of images]
        seed: of weights, order, augmentation and everything else that is drawn.
        batch_size: images of one step of the optimizer. [by the number of images]
        accumulation: parts that a batch is divided into, one after the other, to save memory.
        val_share: of the training images that are kept aside, where the data has no validation split; 0
            trains on all and keeps the last weights.
        preprocessing: of the images. [by their size]
        train_image_size: height and width of training images, in pixels, where evaluation sees larger
            ones (Touvron et al. 2019, arXiv:1906.06423). [preprocessing's]
        crop: random boxes of photos, cut while decoding.
        augmentation: of batches; {} for none. [by the size of the images]
        repeats: times that each image comes in a step, each time augmented anew (Hoffer et al. 2019,
            arXiv:1901.09335).
        balanced: every class equally often in every epoch.
        optimizer: see there. What is not said in these three is the default recipe's, unless `complete`.
        schedule: see there.
        loss: see there.
        averaging: of the weights; a decay of 0 for none. [on in the default recipe]
        fine_tuning: see there. [with given weights only]
        freeze: names of parts that never learn, such as 'stem' or 'stages.0', their batch norms'
            statistics included.
        clip_norm: longest gradient, over all parameters; longer ones are scaled down.
        stochastic_depth: per step.
        progressive_depth: grows the network in the run.
        early_stopping: see there.
        select: 'best' keeps the weights of the best epoch by validation, 'last' the final ones. ['best'
            with a validation split]
        precision: of convolutions and matrix products. [by a rule]
        channels_last: layout of images in memory. [by a rule]
        compile: the whole network. [on a GPU]
        sync_batch_norm: batch norms take the mean and variance of the images of all processes; on GPUs
            only.
        workers: processes that read images. [one for each core, at most 8]
        threads: that compute a step on a processor. [OMP_NUM_THREADS; the command times one and all]
        checkpoints: see there.
    """

    complete: Switch = False
    data: str = ""
    model: str = ""
    epochs: Count | None = None
    seed: Whole = 0
    batch_size: Count | None = None
    accumulation: Count = 1
    val_share: Share = 0.2
    preprocessing: Preprocessing | None = None
    train_image_size: Count | None = None
    crop: RandomResizedCrop | None = None
    augmentation: Augmentation | None = None
    repeats: Count = 1
    balanced: Switch = False
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    loss: Loss = Loss()
    averaging: Averaging | None = None
    fine_tuning: FineTuning | None = None
    freeze: Names = ()
    clip_norm: Positive | None = None
    stochastic_depth: StochasticDepth | None = None
    progressive_depth: Annotated[tuple[Growth, ...], BeforeValidator(as_list)] = ()
    early_stopping: EarlyStopping | None = None
    select: Literal["best", "last"] | None = None
    precision: Literal["float32", "bf16", "fp16"] | None = None
    channels_last: Switch | None = None
    compile: Switch | None = None
    sync_batch_norm: Switch = False
    workers: Whole | None = None
    threads: Count | None = None
    checkpoints: Checkpoints = Checkpoints()

    @model_validator(mode="after")
    def _parts_agree(self) -> TrainingSettings:
        if self.stochastic_depth and self.progressive_depth:
            raise ValueError("stochastic_depth and progressive_depth exclude each other: choose one")
        starts = [growth.epoch for growth in self.progressive_depth]
        if starts and (starts[0] != 0 or starts != sorted(set(starts))):
            raise ValueError(f"progressive_depth must start at epoch 0 and ascend, got {starts}")
        if self.balanced and self.loss.class_weights == "balanced":
            raise ValueError("balanced and loss.class_weights both even out the classes: choose one")
        return self
