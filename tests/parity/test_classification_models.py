"""classification_models' networks, built once more in NumPy after its code, and their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import resnets
from resnets.weights.from_keras import identify_keras, keras_to_ours, ours_to_keras
from resnets.weights.hdf5 import read_hdf5
from resnets.weights.keras_writer import write_keras_h5

from .numpy_keras import Array, Builder, Layer, convolve, file_order, max_pool, pad_image, write_file

pytestmark = pytest.mark.parity

CLASSES = 7
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
PIXELS = np.random.default_rng(3).uniform(0, 255, (2, 48, 48, 3))
SENET_EPSILON = 9.999999747378752e-06


def squeeze_excite(make: Builder, x: Layer) -> Layer:
    channels = x.value.shape[-1]
    y = make.apply("global_average_pooling2d", lambda v: v.mean((1, 2)), x)
    y = make.apply("lambda", lambda v: v[:, None, None, :], y)
    y = make.relu(make.conv(y, channels // 16, 1, bias=True))
    y = make.conv(y, channels, 1, bias=True)
    y = make.apply("activation", lambda v: 1 / (1 + np.exp(-v)), y)
    return make.apply("multiply", np.multiply, x, y)


def grouped(make: Builder, x: Layer, filters: int, *, stride: int, groups: int = 32) -> Layer:
    """Slices, convolutions, concatenation."""
    x = make.apply("zero_padding2d", lambda v: pad_image(v, 1), x)
    step = x.value.shape[-1] // groups
    slices = [
        make.apply("lambda", lambda v, i=i: v[..., i * step : (i + 1) * step], x) for i in range(groups)
    ]
    parts = [make.conv(part, filters // groups, 3, stride=stride) for part in slices]
    return make.apply("concatenate", lambda *v: np.concatenate(v, -1), *parts)


def add(make: Builder, x: Layer, shortcut: Layer) -> Layer:
    return make.apply("add", np.add, x, shortcut)


def stem(make: Builder, x: Layer, *, named: bool) -> Layer:
    if named:
        x = make.norm(x, name="bn_data", scale=False)
    x = make.conv(x, 64, 7, stride=2, pad=3, name="conv0" if named else "")
    x = make.relu(make.norm(x, name="bn0" if named else ""))
    x = make.apply("zero_padding2d", lambda v: pad_image(v, 1), x)
    return make.apply("max_pooling2d", lambda v: max_pool(v, 3, 2), x)


def top(make: Builder, x: Layer, *, named: bool) -> Layer:
    x = make.apply("global_average_pooling2d", lambda v: v.mean((1, 2)), x)
    return make.dense(x, CLASSES, name="fc1" if named else "")


def preactivation_net(make: Builder, x: Layer, depth: int, *, se: bool) -> Layer:
    x = stem(make, x, named=True)
    for s, units in enumerate(DEPTHS[depth]):
        for u in range(units):
            name, width, stride = f"stage{s + 1}_unit{u + 1}_", 64 * 2**s, 2 if s and not u else 1
            a = make.relu(make.norm(x, name=f"{name}bn1"))
            bottleneck = depth >= 50
            shortcut = x
            if u == 0:
                out = width * 4 if bottleneck else width
                shortcut = make.conv(a, out, 1, stride=stride, name=f"{name}sc")
            if bottleneck:
                y = make.conv(a, width, 1, name=f"{name}conv1")
                y = make.relu(make.norm(y, name=f"{name}bn2"))
                y = make.conv(y, width, 3, stride=stride, pad=1, name=f"{name}conv2")
                y = make.relu(make.norm(y, name=f"{name}bn3"))
                y = make.conv(y, width * 4, 1, name=f"{name}conv3")
            else:
                y = make.conv(a, width, 3, stride=stride, pad=1, name=f"{name}conv1")
                y = make.relu(make.norm(y, name=f"{name}bn2"))
                y = make.conv(y, width, 3, pad=1, name=f"{name}conv2")
            x = add(make, squeeze_excite(make, y) if se else y, shortcut)
    return top(make, make.relu(make.norm(x, name="bn1")), named=True)


def resnext(make: Builder, x: Layer, depth: int) -> Layer:
    x = stem(make, x, named=True)
    for s, units in enumerate(DEPTHS[depth]):
        for u in range(units):
            name, width, stride = f"stage{s + 1}_unit{u + 1}_", 128 * 2**s, 2 if s and not u else 1
            y = make.relu(make.norm(make.conv(x, width, 1, name=f"{name}conv1"), name=f"{name}bn1"))
            y = make.relu(make.norm(grouped(make, y, width, stride=stride), name=f"{name}bn2"))
            y = make.norm(make.conv(y, width * 2, 1, name=f"{name}conv3"), name=f"{name}bn3")
            shortcut = x
            if u == 0:
                shortcut = make.conv(x, width * 2, 1, stride=stride, name=f"{name}sc")
                shortcut = make.norm(shortcut, name=f"{name}sc_bn")
            x = make.relu(add(make, y, shortcut))
    return top(make, x, named=True)


def senet(make: Builder, x: Layer, depth: int, *, groups: int) -> Layer:
    x = stem(make, x, named=False)
    for s, units in enumerate(DEPTHS[depth]):
        for u in range(units):
            filters, stride = 256 * 2**s, 2 if s and not u else 1
            width = filters // 2 if groups > 1 else filters // 4
            first, second = (1, stride) if groups > 1 else (stride, 1)
            y = make.relu(make.norm(make.conv(x, width, 1, stride=first)))
            if groups > 1:
                y = grouped(make, y, width, stride=second)
            else:
                y = make.conv(y, width, 3, stride=second, pad=1)
            y = make.norm(make.conv(make.relu(make.norm(y)), filters, 1))
            shortcut = make.norm(make.conv(x, filters, 1, stride=stride)) if u == 0 else x
            x = make.relu(add(make, squeeze_excite(make, y), shortcut))
    return top(make, x, named=False)


def build(name: str) -> Layer:
    if name.startswith(("seresnet50", "seresnext")):
        make, images = Builder(0, SENET_EPSILON), (PIXELS - 128) / 64
        return senet(make, Layer("input", images), 50, groups=32 if "next" in name else 1)
    make, data = Builder(0, 2e-5), Layer("data", PIXELS)
    if name == "resnext50_cm":
        return resnext(make, data, 50)
    depth = int(name.partition("resnet")[2].removesuffix("_cm"))
    return preactivation_net(make, data, depth, se=name.startswith("se"))


@pytest.mark.parametrize(
    "name",
    [
        "resnet18_cm",
        "resnet34_cm",
        "resnet50_cm",
        "resnext50_cm",
        "seresnet18_cm",
        "seresnet50_cm",
        "seresnext50_cm",
    ],
)
def test_there_and_back(name: str, tmp_path: Path) -> None:
    output = build(name)
    saved = write_file(tmp_path / "theirs.h5", output)
    layers = read_hdf5(tmp_path / "theirs.h5")
    found = identify_keras(layers)
    assert found is not None
    assert found.architecture == name
    assert found.publisher == "classification_models"
    assert found.options == {"num_classes": CLASSES}

    network = resnets.create_model(name, num_classes=CLASSES)
    network.load_state_dict(keras_to_ours(layers, network))
    images = output
    while images.inputs:
        images = images.inputs[0]
    scale = np.abs(output.value).max()
    assert scale > 0.01
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-11)):
        with torch.no_grad():
            got = network.to(dtype).eval()(nchw(images.value).to(dtype)).numpy()
        assert np.abs(got - output.value).max() / scale <= tolerance

    write_keras_h5(tmp_path / "ours.h5", ours_to_keras(network))
    back = read_hdf5(tmp_path / "ours.h5")
    assert len(back) == len(saved)
    for ours, theirs in zip(back, saved, strict=True):
        assert ours.name == theirs.name or "_" in theirs.name  # an unnamed one is numbered otherwise
        for one, other in zip(ours.weights.values(), theirs.weights.values(), strict=True):
            assert np.array_equal(one, other), theirs.name


def test_order_of_a_projected_unit() -> None:
    """As Keras' ResNet has it, whose order is known from its files."""
    make, x = Builder(0, 1e-5), Layer("in", PIXELS)
    shortcut = make.norm(make.conv(x, 8, 1, name="0_conv"), name="0_bn")
    y = make.relu(make.norm(make.conv(x, 2, 1, name="1_conv"), name="1_bn"))
    y = make.relu(make.norm(make.conv(y, 2, 3, pad=1, name="2_conv"), name="2_bn"))
    y = make.norm(make.conv(y, 8, 1, name="3_conv"), name="3_bn")
    names = [layer.name for layer in file_order(add(make, shortcut, y)) if layer.weights]
    assert names == ["1_conv", "1_bn", "2_conv", "2_bn", "0_conv", "3_conv", "0_bn", "3_bn"]


@pytest.mark.parametrize(
    ("size", "stride", "pad"), [(1, 1, 0), (1, 2, 0), (3, 1, 1), (3, 2, 1), (7, 2, 3)]
)
def test_numpy_convolution_is_torchs(size: int, stride: int, pad: int) -> None:
    random = np.random.default_rng(0)
    image, kernel = random.normal(size=(2, 13, 11, 5)), random.normal(size=(size, size, 5, 4))
    got = convolve(pad_image(image, pad), kernel, stride)
    expected = functional.conv2d(
        nchw(image), torch.from_numpy(kernel).permute(3, 2, 0, 1), None, stride, pad
    )
    np.testing.assert_allclose(got, nhwc(expected), rtol=1e-10, atol=1e-10)


def test_numpy_layers_are_torchs() -> None:
    random = np.random.default_rng(0)
    image = np.maximum(random.normal(size=(2, 13, 11, 8)), 0)
    pooled = functional.max_pool2d(nchw(image), 3, 2, 1)
    np.testing.assert_array_equal(max_pool(pad_image(image, 1), 3, 2), nhwc(pooled))

    make = Builder(0, 2e-5)
    normed = make.norm(Layer("x", image))
    gamma, beta, mean, variance = (torch.from_numpy(a).double() for a in normed.weights.values())
    expected = functional.batch_norm(nchw(image), mean, variance, gamma, beta, eps=2e-5)
    np.testing.assert_allclose(normed.value, nhwc(expected), rtol=1e-6, atol=1e-6)

    split = grouped(make, Layer("x", image), 16, stride=2, groups=4)
    kernels = [part.weights["kernel:0"] for part in split.inputs]
    weight = torch.cat([torch.from_numpy(k).double().permute(3, 2, 0, 1) for k in kernels])
    expected = functional.conv2d(nchw(image), weight, None, 2, 1, groups=4)
    np.testing.assert_allclose(split.value, nhwc(expected), rtol=1e-6, atol=1e-6)


def nchw(image: Array) -> torch.Tensor:
    return torch.from_numpy(image).permute(0, 3, 1, 2)


def nhwc(maps: torch.Tensor) -> Array:
    array: Array = maps.permute(0, 2, 3, 1).numpy()
    return array
