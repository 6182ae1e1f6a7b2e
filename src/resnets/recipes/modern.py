"""How ResNets are trained on ImageNet today.

Every recipe takes `model`, a name with options, and `data`, the path of a copy of ImageNet. Cost and
errors are counted as in `resnets.recipes.imagenet`.
"""

from __future__ import annotations

from resnets.data.augmentation.settings import (
    Augmentation,
    ColourJitter,
    Erasing,
    Mixing,
    RandAugment,
    TrivialAugment,
)
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.preprocessing_policy import Preprocessing
from resnets.recipes.classic_parts import sgd, steps
from resnets.recipes.model_options import add_options
from resnets.recipes.settings import Averaging, Loss, Optimizer, Schedule, TrainingSettings


def torchvision_v1(model: str = "resnet50", data: str = "") -> TrainingSettings:
    """Torchvision's first weights: boxes and mirrored images, and nothing else.

    Source:
        pytorch/vision, references/classification, as for the weights IMAGENET1K_V1: 90 epochs (ResNeXt
        100) of 8 x 32 images. The epochs of ResNeXt are in its README; the other values are the scripts'
        defaults, recalled.

    Command:
        resnets train IMAGENET --recipe torchvision_v1 --model resnet18

    Cost:
        2.8 EFLOP for ResNet-50.

    Expected:
        Top-1 error (metadata of the weights, torchvision 0.28): ResNet-18 30.242 %, 34 26.686 %, 50
        23.870 %, 101 22.626 %, 152 21.688 %; ResNeXt-50 (32x4d) 22.382 %; Wide ResNet-50-2 21.532 %;
        DenseNet-121 25.566 %.
    """
    longer = model.startswith("resnext")
    return TrainingSettings(
        complete=True,
        data=data,
        model=model,
        epochs=100 if longer else 90,
        batch_size=256,
        val_share=0.0,
        preprocessing=Preprocessing(image_size=224, resize_size=256),
        crop=RandomResizedCrop(),
        augmentation=Augmentation(flip=0.5),
        optimizer=sgd(nesterov=False),
        schedule=steps(30.0, 60.0, 90.0) if longer else steps(30.0, 60.0),
        select="last",
    )


def torchvision_v2(model: str = "resnet50", data: str = "") -> TrainingSettings:
    """Torchvision's second weights: 600 epochs of small, much changed images, averaged weights.

    Source:
        pytorch/vision issue 3995 and its command: batches of 8 x 128, TrivialAugment, mixup, cutmix,
        erasing, smoothed labels, each image four times in a row, trained at 176 pixels and tested at
        224. The weights are averaged every 32 steps; the scripts' 0.99998 is not the decay itself, which
        they make of it, the batch and the epochs: 1 - 0.00002 x 1024 x 32 / 600 = 0.99891. Geometric
        operations are bilinear, the scripts' default. Norms do not decay; the classifier's bias, the
        only one in these networks, decays there and not here.

    Command:
        resnets train IMAGENET --recipe torchvision_v2

    Cost:
        12 EFLOP for ResNet-50.

    Expected:
        Top-1 error (metadata of the weights, torchvision 0.28): ResNet-50 19.142 %, 101 18.114 %, 152
        17.716 %; ResNeXt-50 (32x4d) 18.802 %, ResNeXt-101 (64x4d) 16.754 %; Wide ResNet-50-2 18.398 %.
    """
    return TrainingSettings(
        complete=True,
        data=data,
        model=model,
        epochs=600,
        batch_size=1024,
        val_share=0.0,
        preprocessing=Preprocessing(image_size=224, resize_size=232),
        train_image_size=176,
        crop=RandomResizedCrop(),
        augmentation=Augmentation(
            flip=0.5,
            trivial_augment=TrivialAugment(fill="black", interpolation="bilinear"),
            erasing=Erasing(probability=0.1),
            mixing=Mixing(mixup_alpha=0.2, cutmix_alpha=1.0),
        ),
        repeats=4,
        optimizer=sgd(learning_rate=0.5, nesterov=False, weight_decay=2e-5, decay="weights"),
        schedule=Schedule(shape="cosine", warmup_epochs=5.0, warmup="linear", warmup_start=0.01),
        loss=Loss(name="cross_entropy", label_smoothing=0.1),
        averaging=Averaging(decay=1 - 2e-5 * 1024 * 32 / 600, every=32),
        select="last",
    )


def _strikes_back(
    model: str,
    data: str,
    *,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
    magnitude: float,
    mixup_alpha: float,
) -> TrainingSettings:
    return TrainingSettings(
        complete=True,
        data=data,
        model=add_options(model, zero_init_residual=True),
        epochs=epochs,
        batch_size=2048,
        val_share=0.0,
        preprocessing=Preprocessing(image_size=224, resize_size=236, interpolation="bicubic"),
        crop=RandomResizedCrop(),
        augmentation=Augmentation(
            flip=0.5,
            rand_augment=RandAugment(
                operations="increasing",
                num_operations=2,
                magnitude=magnitude,
                magnitude_std=0.5,
                probability=0.5,
                interpolation="bilinear",
            ),
            mixing=Mixing(mixup_alpha=mixup_alpha, cutmix_alpha=1.0),
        ),
        optimizer=Optimizer(
            name="lamb",
            learning_rate=learning_rate,
            betas=(0.9, 0.999),
            epsilon=1e-6,
            weight_decay=weight_decay,
            decay="weights",
        ),
        schedule=Schedule(
            shape="cosine",
            warmup_epochs=5.0,
            warmup="linear",
            warmup_start=1e-4,
            final=1e-6 / learning_rate,
        ),
        loss=Loss(name="binary_cross_entropy", target_threshold=0.2),
        clip_norm=1.0,  # timm's LAMB does so by itself
        select="last",
    )


def strikes_back_a1(model: str = "resnet50", data: str = "") -> TrainingSettings:
    """ResNet strikes back, A1: 600 epochs, the best of the three.

    Source:
        Wightman, Touvron & Jégou 2021, arXiv:2110.00476, with what open-mmlab/mmpretrain writes out
        (resnet50_8xb256-rsb-a1-600e_in1k.py) and timm's defaults: LAMB with gradients no longer than 1,
        binary cross-entropy in the mean over images and classes, RandAugment, mixup, cutmix, each image
        three times. A class counts as wholly present where its share of a mixed image is above 0.2.
        Norms and biases do not decay. The last norm of each unit starts at 0.

    Command:
        resnets train IMAGENET --recipe strikes_back_a1

    Cost:
        19 EFLOP for ResNet-50.

    Expected:
        Top-1 error: ResNet-50 19.6 % (abstract; the released weights 19.618 %, mmpretrain 19.88 %).
        Weights that timm released (results-imagenet.csv): ResNet-18 28.496 %, 34 23.580 %, 101 18.506 %,
        152 18.002 %.
    """
    made = add_options(model, drop_path_rate=0.05)
    recipe = _strikes_back(
        made,
        data,
        epochs=600,
        learning_rate=0.005,
        weight_decay=0.01,
        magnitude=7.0,
        mixup_alpha=0.2,
    )
    smoothed = recipe.loss.model_copy(update={"label_smoothing": 0.1})
    return recipe.model_copy(update={"repeats": 3, "loss": smoothed})


def strikes_back_a2(model: str = "resnet50", data: str = "") -> TrainingSettings:
    """ResNet strikes back, A2: 300 epochs.

    Source:
        Wightman, Touvron & Jégou 2021, arXiv:2110.00476; see `strikes_back_a1`. No smoothed
        labels, twice the weight decay, half the mixup.

    Command:
        resnets train IMAGENET --recipe strikes_back_a2

    Cost:
        9.4 EFLOP for ResNet-50.

    Expected:
        Top-1 error: ResNet-50 20.2 % (the released weights 20.172 %, mmpretrain 20.45 %). Weights that
        timm released: ResNet-18 29.366 %, 34 24.480 %, 101 18.656 %, 152 18.236 %.
    """
    recipe = _strikes_back(
        add_options(model, drop_path_rate=0.05),
        data,
        epochs=300,
        learning_rate=0.005,
        weight_decay=0.02,
        magnitude=7.0,
        mixup_alpha=0.1,
    )
    return recipe.model_copy(update={"repeats": 3})


def strikes_back_a3(model: str = "resnet50", data: str = "") -> TrainingSettings:
    """ResNet strikes back, A3: 100 epochs at 160 pixels, the cheapest.

    Source:
        Wightman, Touvron & Jégou 2021, arXiv:2110.00476; see `strikes_back_a1`. Neither
        stochastic depth nor repeated images; trained at 160 pixels, tested at 224.

    Command:
        resnets train IMAGENET --recipe strikes_back_a3

    Cost:
        1.6 EFLOP for ResNet-50.

    Expected:
        Top-1 error: ResNet-50 21.9 % (the released weights 21.948 %); trained at 224 pixels by
        mmpretrain 21.70 %.
    """
    recipe = _strikes_back(
        model,
        data,
        epochs=100,
        learning_rate=0.008,
        weight_decay=0.02,
        magnitude=6.0,
        mixup_alpha=0.1,
    )
    return recipe.model_copy(update={"train_image_size": 160})


def bag_of_tricks(model: str = "resnet50", data: str = "") -> TrainingSettings:
    """Bag of tricks: large batches, cosine, smoothed labels, mixup, units that start as their shortcut.

    Source:
        He, Zhang et al. 2018, arXiv:1812.01187: batches of 1024 at 0.4 (0.1 for each 256), five epochs
        of warm-up, no decay of norms and biases, the stem of three 3x3 convolutions and the shortcut
        that averages before it projects (ResNet-D, sec. 4.2), 200 epochs with mixup. Without the paper's
        distillation. Colours: hue, brightness and saturation by up to 40 %; in MXNet a hue of 0.4 turns
        the colour wheel by up to a fifth. The paper fills convolutions by Xavier's rule.

    Command:
        resnets train IMAGENET --recipe bag_of_tricks

    Cost:
        6.7 EFLOP for ResNet-50-D.

    Expected:
        ResNet-50-D: 20.85 % top-1 and 5.42 % top-5 error with mixup and without distillation, 20.71 %
        and 5.37 % with both (table 1).
    """
    return TrainingSettings(
        complete=True,
        data=data,
        model=add_options(model, stem="deep", shortcut="B-pool", zero_init_residual=True),
        epochs=200,
        batch_size=1024,
        val_share=0.0,
        preprocessing=Preprocessing(
            image_size=224,
            resize_size=256,
            mean=(123.68 / 255, 116.779 / 255, 103.939 / 255),
            std=(58.393 / 255, 57.12 / 255, 57.375 / 255),
        ),
        crop=RandomResizedCrop(scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)),
        augmentation=Augmentation(
            flip=0.5,
            jitter=ColourJitter(brightness=0.4, saturation=0.4, hue=0.2),
            lighting=0.1,
            mixing=Mixing(mixup_alpha=0.2),
        ),
        optimizer=sgd(learning_rate=0.4, decay="weights"),
        schedule=Schedule(shape="cosine", warmup_epochs=5.0, warmup="linear"),
        loss=Loss(name="cross_entropy", label_smoothing=0.1),
        select="last",
    )
