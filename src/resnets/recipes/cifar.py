"""How the papers trained on CIFAR-10 and CIFAR-100.

Every recipe takes `model`, a name with options, and `data`, a name or a path. Cost counts the
floating-point operations of the whole training of the recipe's own model: six for each multiply-add of
the network, two forward and four backward; 1 PFLOP is 10^15 of them. All but stochastic depth train on
all 50,000 images and keep the last weights, so that the test images choose nothing.
"""

from __future__ import annotations

from resnets.data.augmentation.settings import Augmentation
from resnets.recipes.classic_parts import (
    STEPS_PER_EPOCH,
    cifar_preprocessing,
    sgd,
    shift_and_flip,
    steps,
    steps_after_warmup,
)
from resnets.recipes.model_options import add_options, num_units
from resnets.recipes.settings import Growth, StochasticDepth, TrainingSettings

_DIVIDED = 32_000 / STEPS_PER_EPOCH, 48_000 / STEPS_PER_EPOCH
"""Epochs after which the ResNet papers divide the learning rate: after 32,000 and 48,000 iterations."""


def resnet_cifar(model: str = "resnet20", data: str = "cifar10") -> TrainingSettings:
    """ResNet on CIFAR: three constant learning rates, shifted and mirrored images.

    Source:
        He et al. 2015, arXiv:1512.03385, sec. 4.2. The paper trains for 64,000 iterations and divides
        the learning rate by 10 after 32,000 and 48,000; at 391 an epoch these are 163.7, 81.8 and 122.8
        epochs, of which the first is rounded up to 164 as in fb.resnet.torch (which divides after 80 and
        121). Networks as deep as ResNet-110, of which the paper says so, start with 0.01 until the
        training error is below 80 %, about one epoch; five are the limit here. Plain SGD, and decay of
        the weights alone, as in Caffe; fb.resnet.torch has Nesterov's momentum and decays norms and
        biases too.

    Command:
        resnets train cifar10 --recipe resnet_cifar --model resnet56

    Cost:
        2.0 PFLOP for ResNet-20; 6.2 for ResNet-56, 12 for ResNet-110.

    Expected:
        Top-1 error on CIFAR-10: ResNet-20 8.75 %, 32 7.51 %, 44 7.17 %, 56 6.97 %, 110 6.43 % (the best
        of five; 6.61 in the mean), 1202 7.93 % (table 6).
    """
    deep = num_units(model) >= 54
    warmed = steps_after_warmup(*_DIVIDED, warmup_epochs=5.0, until_error=0.8)
    return TrainingSettings(
        complete=True,
        data=data,
        model=model,
        epochs=164,
        batch_size=128,
        val_share=0.0,
        preprocessing=cifar_preprocessing(data),
        augmentation=shift_and_flip(),
        optimizer=sgd(nesterov=False, decay="weights"),
        schedule=warmed if deep else steps(*_DIVIDED),
        select="last",
    )


def resnet_v2_cifar(model: str = "resnetv2_164", data: str = "cifar10") -> TrainingSettings:
    """ResNetV2 on CIFAR: as ResNet, after 400 iterations with a tenth of the learning rate.

    Source:
        He et al. 2016, arXiv:1603.05027, appendix: the settings of arXiv:1512.03385, and 0.01 for the
        first 400 iterations in all CIFAR experiments, which pre-activation units do not need. The
        released code (KaimingHe/resnet-1k-layers, for ResNet-1001) runs in fb.resnet.torch with batches
        of 64 for 200 epochs.

    Command:
        resnets train cifar10 --recipe resnet_v2_cifar --model resnetv2_110

    Cost:
        12 PFLOP for ResNetV2-164; 73 for ResNetV2-1001.

    Expected:
        Top-1 error, median of five runs: on CIFAR-10 ResNetV2-110 6.37 %, 164 5.46 %, 1001 4.92 %; on
        CIFAR-100 ResNetV2-164 24.33 %, 1001 22.71 % (tables 3 and 4).
    """
    schedule = steps_after_warmup(*_DIVIDED, warmup_epochs=400 / STEPS_PER_EPOCH)
    return resnet_cifar(model, data).model_copy(update={"schedule": schedule})


def resnext_cifar(model: str = "resnext29_8x64d", data: str = "cifar10") -> TrainingSettings:
    """ResNeXt on CIFAR: 300 epochs with a stronger weight decay.

    Source:
        Xie et al. 2016, arXiv:1611.05431, with the released code (facebookresearch/ResNeXt,
        train.lua and README): Nesterov, decay of all parameters, the learning rate divided by 10 after
        147 and 222 epochs. The paper's own numbers are from pre-activation units and batches of 256; the
        authors recommend what is here.

    Command:
        resnets train cifar10 --recipe resnext_cifar --model resnext29_32x4d

    Cost:
        485 PFLOP for ResNeXt-29 (8x64d); 962 for 16x64d.

    Expected:
        Top-1 error, mean of ten runs: on CIFAR-10 8x64d 3.65 %, 16x64d 3.58 %; on CIFAR-100 17.77 % and
        17.31 % (table 7).
    """
    return TrainingSettings(
        complete=True,
        data=data,
        model=model,
        epochs=300,
        batch_size=128,
        val_share=0.0,
        preprocessing=cifar_preprocessing(data),
        augmentation=shift_and_flip(),
        optimizer=sgd(weight_decay=5e-4),
        schedule=steps(147.0, 222.0),
        select="last",
    )


def wide_resnet_cifar(model: str = "wrn-28-10", data: str = "cifar10") -> TrainingSettings:
    """Wide ResNet on CIFAR: 200 epochs, mirrored borders, three steps down by 0.2.

    Source:
        Zagoruyko & Komodakis 2016, arXiv:1605.07146, "Implementation details", and the released code
        (szagoruyko/wide-residual-networks, scripts/train_cifar.sh; it steps an epoch earlier than the
        paper says, and leaves out the last, smaller batch of an epoch). Weights start with fan-in
        variance, as in that code since September 2016 (models/utils.lua; it was fan-out before).
        Networks with dropout: wrn-28-10-dropout0.3.

    Command:
        resnets train cifar10 --recipe wide_resnet_cifar --model wrn-16-4

    Cost:
        315 PFLOP for WRN-28-10; 24 for WRN-16-4.

    Expected:
        Top-1 error, median of five runs, mean/std normalisation (table 5): on CIFAR-10 WRN-28-10 4.00 %,
        WRN-16-8 4.27 %, WRN-40-4 4.53 %; on CIFAR-100 19.25 %, 20.43 %, 21.18 %. WRN-28-10 with dropout
        3.89 % and 18.85 % (table 6). The errors of table 4 are of whitened images and do not compare.
    """
    return TrainingSettings(
        complete=True,
        data=data,
        model=add_options(model, init="fan_in"),
        epochs=200,
        batch_size=128,
        val_share=0.0,
        preprocessing=cifar_preprocessing(data),
        augmentation=shift_and_flip("reflect"),
        optimizer=sgd(weight_decay=5e-4),
        schedule=steps(60.0, 120.0, 160.0, gamma=0.2),
        select="last",
    )


def densenet_cifar(model: str = "densenet-bc-100-12", data: str = "cifar10") -> TrainingSettings:
    """DenseNet on CIFAR: 300 epochs of batches of 64.

    Source:
        Huang et al. 2016, arXiv:1608.06993, sec. 4.1 and 4.2, and the released code
        (liuzhuang13/DenseNet), which runs in fb.resnet.torch: Nesterov, decay of all parameters, the
        learning rate divided by 10 at 50 % and 75 % of the epochs (the code: an epoch earlier).

    Command:
        resnets train cifar10 --recipe densenet_cifar --model densenet-bc-100-12,memory_saving=true

    Cost:
        26 PFLOP for DenseNet-BC-100-12; 24 for DenseNet-40-12.

    Expected:
        Top-1 error on CIFAR-10 and CIFAR-100 (table 2, "+"): DenseNet-40-12 5.24 % and 24.42 %,
        DenseNet-BC-100-12 4.51 % and 22.27 %, DenseNet-BC-250-24 3.62 % and 17.60 %, DenseNet-BC-190-40
        3.46 % and 17.18 %.
    """
    return TrainingSettings(
        complete=True,
        data=data,
        model=model,
        epochs=300,
        batch_size=64,
        val_share=0.0,
        preprocessing=cifar_preprocessing(data),
        augmentation=shift_and_flip(),
        optimizer=sgd(),
        schedule=steps(150.0, 225.0),
        select="last",
    )


def densenet_cifar_unaugmented(
    model: str = "densenet-bc-100-12", data: str = "cifar10"
) -> TrainingSettings:
    """DenseNet on CIFAR without augmentation: dropout instead.

    Source:
        Huang et al. 2016, arXiv:1608.06993, sec. 4.2: dropout of 0.2 after every convolution but the
        first, where images are not augmented; the rest as in `densenet_cifar`.

    Command:
        resnets train cifar10 --recipe densenet_cifar_unaugmented

    Cost:
        26 PFLOP for DenseNet-BC-100-12.

    Expected:
        Top-1 error on CIFAR-10 and CIFAR-100 (table 2): DenseNet-40-12 7.00 % and 27.55 %,
        DenseNet-BC-100-12 5.92 % and 24.15 %, DenseNet-BC-250-24 5.19 % and 19.64 %.
    """
    recipe = densenet_cifar(add_options(model, dropout=0.2), data)
    return recipe.model_copy(update={"augmentation": Augmentation()})


def stochastic_depth_cifar(
    model: str = "resnet110,shortcut=A-pool", data: str = "cifar10"
) -> TrainingSettings:
    """ResNet with stochastic depth on CIFAR: 500 epochs, half of the last units' steps left out.

    Source:
        Huang et al. 2016, arXiv:1603.09382, sec. 4, and the released code
        (yueatsprograms/Stochastic_Depth, main.lua): Nesterov, decay of all parameters, p_L = 0.5, 45,000
        images to train on and 5,000 to choose the epoch by. ResNet-1202 has its own schedule: 300
        epochs, the first ten with a tenth of the learning rate. Weights start with fan-in variance, as
        in that code. Its convolutions have biases too, which the norms behind them cancel.

    Command:
        resnets train cifar10 --recipe stochastic_depth_cifar

    Cost:
        34 PFLOP for ResNet-110 with all units, of which a quarter is left out. The authors: 15 h 07 min
        on a GPU of 2016, 20 h 42 min with all units.

    Expected:
        Top-1 error of the epoch with the lowest validation error: ResNet-110 5.25 % on CIFAR-10 and
        24.98 % on CIFAR-100 (table 1; with all units 6.41 % and 27.76 %); ResNet-1202 4.91 % on
        CIFAR-10.
    """
    deep = num_units(model) >= 600
    usual = steps(250.0, 375.0)
    return TrainingSettings(
        complete=True,
        data=data,
        model=add_options(model, init="fan_in"),
        epochs=300 if deep else 500,
        batch_size=128,
        val_share=0.1,
        preprocessing=cifar_preprocessing(data),
        augmentation=shift_and_flip(),
        optimizer=sgd(),
        schedule=steps_after_warmup(150.0, 225.0, warmup_epochs=10.0) if deep else usual,
        stochastic_depth=StochasticDepth(last=0.5),
        select="best",
    )


def progressive_depth_cifar(model: str = "resnet56", data: str = "cifar10") -> TrainingSettings:
    """ResNet that grows on CIFAR: a third of the units for 30 epochs, half for 30, then all.

    Source:
        Ours. The settings of `resnet_cifar`; units that open start as the identity, so that the output
        does not change. Both openings lie before the learning rate falls for the first time.

    Command:
        resnets train cifar10 --recipe progressive_depth_cifar

    Cost:
        6.2 PFLOP for ResNet-56 with all units all the time; about a fifth less with this growth.

    Expected:
        Not measured yet. ResNet-56 of full depth has 6.97 % (arXiv:1512.03385, table 6).
    """
    growth = (Growth(epoch=0, every=4), Growth(epoch=30, every=2), Growth(epoch=60, every=1))
    return resnet_cifar(model, data).model_copy(update={"progressive_depth": growth})


def highway_cifar(model: str = "highway-11", data: str = "cifar10") -> TrainingSettings:
    """Highway network on CIFAR, with values of our own.

    Source:
        Srivastava et al. 2015, arXiv:1507.06228, sec. 3: SGD with momentum, a learning rate that decays
        on a fixed schedule, small translations and mirrored images. It does not say which values, and
        global contrast normalisation is replaced by the mean and standard deviation of each channel:
        what is here is our choice.

    Command:
        resnets train cifar10 --recipe highway_cifar

    Cost:
        1.7 PFLOP for Highway-11; 20 for Highway-19.

    Expected:
        The paper (table 2), with its own widths and values: 10.82 % top-1 error with 11 layers, 7.54 %
        with 19 (7.72 in the mean of five) and 8.80 % with 32. Not measured with these values yet.
    """
    return TrainingSettings(
        complete=True,
        data=data,
        model=model,
        epochs=120,
        batch_size=128,
        val_share=0.0,
        preprocessing=cifar_preprocessing(data),
        augmentation=shift_and_flip(),
        optimizer=sgd(learning_rate=0.05, nesterov=False, decay="weights"),
        schedule=steps(60.0, 90.0),
        select="last",
    )
