"""How the papers trained on ImageNet.

All but SE and ResNet itself say that they follow fb.resnet.torch (facebookarchive/fb.resnet.torch,
opts.lua, train.lua, datasets/): boxes of 8 to 100 % of the area, resized to 224 pixels, mirrored;
brightness, contrast and saturation changed by up to 40 % in random order; noise along the axes of
colour; SGD with Nesterov's momentum, weight decay on all parameters, norms and biases included.

Every recipe takes `model`, a name with options, and `data`, the path of a copy of ImageNet. Cost counts
the floating-point operations of the whole training of the recipe's own model: six for each multiply-add
of the network at the size of the training images, two forward and four backward; 1 EFLOP is 10^18 of
them. Errors are of the 50,000 validation images, one view each. The last weights are kept, so that these
images choose nothing.
"""

from __future__ import annotations

from resnets.data.augmentation.settings import Augmentation, ColourJitter
from resnets.data.crop_policy import RandomResizedCrop
from resnets.data.preprocessing_policy import Preprocessing
from resnets.recipes.classic_parts import sgd, steps
from resnets.recipes.settings import Schedule, StochasticDepth, TrainingSettings


def _fb_resnet_torch(
    model: str, data: str, *, epochs: int, schedule: Schedule, batch_size: int = 256
) -> TrainingSettings:
    return TrainingSettings(
        complete=True,
        data=data,
        model=model,
        epochs=epochs,
        batch_size=batch_size,
        val_share=0.0,
        preprocessing=Preprocessing(image_size=224, resize_size=256, interpolation="bicubic"),
        crop=RandomResizedCrop(scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)),
        augmentation=Augmentation(
            flip=0.5,
            jitter=ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4),
            lighting=0.1,
        ),
        optimizer=sgd(),
        schedule=schedule,
        select="last",
    )


def resnet_imagenet(model: str = "resnet50", data: str = "") -> TrainingSettings:
    """ResNet on ImageNet, as everyone trained it after fb.resnet.torch.

    Source:
        fb.resnet.torch, by authors of the ResNet paper's group, whose errors are lower than the paper's.
        He et al. 2015, arXiv:1512.03385, sec. 3.4, differs: the shorter side uniform in 256 to 480
        before a crop of 224, colours by the noise alone, the mean of each pixel subtracted, the learning
        rate divided when the error stops falling, about 120 epochs, and the stride on the first 1x1
        convolution (resnet50_v1).

    Command:
        resnets train IMAGENET --recipe resnet_imagenet --model resnet18

    Cost:
        2.8 EFLOP for ResNet-50; 5.4 for ResNet-101.

    Expected:
        Top-1 and top-5 error (pretrained/README): ResNet-18 30.43 % and 10.76 %, 34 26.73 % and 8.74 %,
        50 24.01 % and 7.02 %, 101 22.44 % and 6.21 %, 152 22.16 % and 6.16 %. The paper's own networks:
        ResNet-50 24.7 % and 7.8 % (KaimingHe/deep-residual-networks).
    """
    return _fb_resnet_torch(model, data, epochs=90, schedule=steps(30.0, 60.0))


def resnet_v2_imagenet(model: str = "resnetv2_200", data: str = "") -> TrainingSettings:
    """ResNetV2 on ImageNet: trained at 224 pixels, tested at 320.

    Source:
        He et al. 2016, arXiv:1603.05027, appendix and table 5, the entry with boxes of any scale and
        shape: no warm-up, the learning rate divided by 10 after 30 and 60 epochs, a crop of 320 pixels
        of images of shorter side 320. The paper does not say how many epochs: 90, as in fb.resnet.torch.

    Command:
        resnets train IMAGENET --recipe resnet_v2_imagenet --model resnetv2_50

    Cost:
        10 EFLOP for ResNetV2-200.

    Expected:
        Top-1 and top-5 error: ResNetV2-200 20.1 % and 4.8 % at 320 pixels (table 5); with the paper's
        other augmentation 20.7 % and 5.3 %, ResNetV2-152 21.1 % and 5.5 %. fb.resnet.torch reaches 21.66
        % and 5.79 % at 224 pixels.
    """
    recipe = _fb_resnet_torch(model, data, epochs=90, schedule=steps(30.0, 60.0))
    tested = Preprocessing(image_size=320, resize_size=320, interpolation="bicubic")
    return recipe.model_copy(update={"preprocessing": tested, "train_image_size": 224})


def resnext_imagenet(model: str = "resnext50_32x4d", data: str = "") -> TrainingSettings:
    """ResNeXt on ImageNet: as ResNet, ten epochs longer.

    Source:
        Xie et al. 2016, arXiv:1611.05431, sec. 4, and the released code (facebookresearch/ResNeXt,
        opts.lua and train.lua): the learning rate divided by 10 every 30 epochs, 100 epochs.

    Command:
        resnets train IMAGENET --recipe resnext_imagenet --model resnext101_64x4d

    Cost:
        3.3 EFLOP for ResNeXt-50 (32x4d); 12 for ResNeXt-101 (64x4d).

    Expected:
        Top-1 error, and top-5 where it is stated: ResNeXt-50 (32x4d) 22.2 %; ResNeXt-101 (32x4d) 21.2 %
        and 5.6 %, (64x4d) 20.4 % and 5.3 % (tables 3 and 4).
    """
    return _fb_resnet_torch(model, data, epochs=100, schedule=steps(30.0, 60.0, 90.0))


def se_imagenet(model: str = "seresnet50_v1", data: str = "") -> TrainingSettings:
    """SE networks on ImageNet: batches of 1024 at a learning rate of 0.6.

    Source:
        Hu et al. 2017, arXiv:1709.01507, sec. 5.1 and 6: boxes of any scale and shape, mirrored, the
        mean colour subtracted; the learning rate divided by 10 every 30 epochs, 100 epochs. The strength
        of the weight decay is not stated; colours are divided by their standard deviation here, which
        the norm behind the first convolution cancels. The networks that the authors released were
        trained longer, with rotations and noise.

    Command:
        resnets train IMAGENET --recipe se_imagenet --model seresnext50_32x4d

    Cost:
        3.0 EFLOP for SE-ResNet-50.

    Expected:
        Top-1 and top-5 error (table 2): SE-ResNet-50 23.29 % and 6.62 %, 101 22.38 % and 6.07 %, 152
        21.57 % and 5.73 %; SE-ResNeXt-50 (32x4d) 21.10 % and 5.49 %, 101 20.70 % and 5.01 %.
    """
    return TrainingSettings(
        complete=True,
        data=data,
        model=model,
        epochs=100,
        batch_size=1024,
        val_share=0.0,
        preprocessing=Preprocessing(image_size=224, resize_size=256),
        crop=RandomResizedCrop(scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)),
        augmentation=Augmentation(flip=0.5),
        optimizer=sgd(learning_rate=0.6, nesterov=False, decay="weights"),
        schedule=steps(30.0, 60.0, 90.0),
        select="last",
    )


def wide_resnet_imagenet(model: str = "wide_resnet50_2", data: str = "") -> TrainingSettings:
    """Wide ResNet on ImageNet: exactly as ResNet.

    Source:
        Zagoruyko & Komodakis 2016, arXiv:1605.07146: on ImageNet the settings of
        fb.resnet.torch.

    Command:
        resnets train IMAGENET --recipe wide_resnet_imagenet

    Cost:
        7.9 EFLOP for WRN-50-2.

    Expected:
        Top-1 and top-5 error: WRN-50-2 21.9 % and 6.03 % (table 8; table 9 prints 5.79 % for top-5).
    """
    return resnet_imagenet(model, data)


def densenet_imagenet(model: str = "densenet121", data: str = "") -> TrainingSettings:
    """DenseNet on ImageNet: exactly as ResNet.

    Source:
        Huang et al. 2016, arXiv:1608.06993, sec. 4.2: batches of 256, 90 epochs, the learning rate
        divided by 10 after 30 and 60; the rest as in fb.resnet.torch.

    Command:
        resnets train IMAGENET --recipe densenet_imagenet --model densenet121,memory_saving=true

    Cost:
        2.0 EFLOP for DenseNet-121; 3.0 for DenseNet-201.

    Expected:
        Top-1 and top-5 error (table 3): DenseNet-121 25.02 % and 7.71 %, 169 23.80 % and 6.85 %, 201
        22.58 % and 6.34 %, 264 22.15 % and 6.12 %.
    """
    return resnet_imagenet(model, data)


def stochastic_depth_imagenet(model: str = "resnet152", data: str = "") -> TrainingSettings:
    """ResNet-152 with stochastic depth on ImageNet: 30 epochs more, and fewer units in each step.

    Source:
        Huang et al. 2016, arXiv:1603.09382, sec. 4: the settings of fb.resnet.torch with batches of 128
        and p_L = 0.5; 90 epochs, and 30 more with a learning rate of 0.0001.

    Command:
        resnets train IMAGENET --recipe stochastic_depth_imagenet

    Cost:
        11 EFLOP for ResNet-152 with all units, of which a quarter is left out.

    Expected:
        Top-1 error: 21.98 %; 23.38 % after 90 epochs. With all units 21.78 % and 23.06 %: on ImageNet
        stochastic depth saved time, and won nothing.
    """
    recipe = _fb_resnet_torch(model, data, epochs=120, schedule=steps(30.0, 60.0, 90.0), batch_size=128)
    return recipe.model_copy(update={"stochastic_depth": StochasticDepth(last=0.5)})
