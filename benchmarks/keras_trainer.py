"""Keras on TensorFlow: its way to read class folders, and `fit` on networks of the same layers.

Loads no torch, so that it runs in an environment of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training_tasks import MEAN, RATE, STD, Clock, Task

os.environ["KERAS_BACKEND"] = "tensorflow"


def read_batches(
    folder: Path,
    *,
    image_size: int,
    pad: int,
    batch_size: int,
    seed: int,
    steps: int = -1,
    in_memory: bool = False,
) -> Any:
    """Read as Keras' guides do: image_dataset_from_directory, layers that augment, tf.data's threads.

    It has no random boxes: photos are resized to 256 pixels, and a random square is cut out of them.

    Args:
        folder: of class folders.
        image_size: of what the network sees, in pixels.
        pad: how far an image is shifted, in pixels; 0 for photos.
        batch_size: images of a step.
        seed: of the order.
        steps: of an epoch; -1 for all.
        in_memory: read all images before the first batch.
    """
    import keras
    import tensorflow as tf

    size = image_size if pad else 256
    layers = keras.layers
    shift = pad / size
    place = (
        layers.RandomTranslation(shift, shift, "constant")
        if pad
        else layers.RandomCrop(image_size, image_size)
    )
    variance = [(255 * std) ** 2 for std in STD]
    normal = layers.Normalization(mean=[255 * mean for mean in MEAN], variance=variance)
    augment = keras.Sequential([place, layers.RandomFlip("horizontal"), normal])
    read = keras.utils.image_dataset_from_directory(
        folder,
        image_size=(size, size),
        batch_size=None if in_memory else batch_size,
        seed=seed,
        verbose=False,
    )
    if in_memory:
        read = read.cache()
        count = sum(1 for _ in read)
        read = read.shuffle(count).batch(batch_size)
    augmented = read.take(steps).map(
        lambda images, labels: (augment(images, training=True), labels),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return augmented.prefetch(tf.data.AUTOTUNE)


def convolve(x: Any, width: int, kernel: int = 3, stride: int = 1) -> Any:
    """A convolution without bias, padded to keep the size."""
    import keras

    layer = keras.layers.Conv2D(width, kernel, stride, padding="same", use_bias=False)
    return layer(x)


def activate(x: Any) -> Any:
    """Batch norm and ReLU."""
    import keras

    return keras.layers.ReLU()(keras.layers.BatchNormalization()(x))


def basic(x: Any, width: int, stride: int) -> Any:
    """The residual unit of two convolutions, projected where the shape changes."""
    import keras

    residual = convolve(activate(convolve(x, width, 3, stride)), width)
    residual = keras.layers.BatchNormalization()(residual)
    if stride != 1 or x.shape[-1] != width:
        x = keras.layers.BatchNormalization()(convolve(x, width, 1, stride))
    return keras.layers.ReLU()(x + residual)


def preactivated(x: Any, width: int, stride: int) -> Any:
    """The same with norm and ReLU first, as in wide residual networks."""
    activated = activate(x)
    residual = convolve(activate(convolve(activated, width, 3, stride)), width)
    if stride != 1 or x.shape[-1] != width:
        x = convolve(activated, width, 1, stride)
    return x + residual


def dense_network(x: Any) -> Any:
    """DenseNet-BC-100-12 up to its last activation."""
    import keras

    x = convolve(x, 24)
    for stage in range(3):
        for _ in range(16):
            added = convolve(activate(convolve(activate(x), 48, 1)), 12)
            x = keras.layers.Concatenate()([x, added])
        if stage < 2:
            x = keras.layers.AveragePooling2D(2)(convolve(activate(x), x.shape[-1] // 2, 1))
    return activate(x)


def staged(x: Any, unit: Callable[[Any, int, int], Any], widths: list[int], depth: int) -> Any:
    """Stages of units; all but the first halve the image."""
    for stage, width in enumerate(widths):
        for index in range(depth):
            x = unit(x, width, 2 if stage and index == 0 else 1)
    return x


def stem(x: Any) -> Any:
    """The first layers for large images."""
    import keras

    return keras.layers.MaxPooling2D(3, 2, padding="same")(activate(convolve(x, 64, 7, 2)))


BODIES: dict[str, Callable[[Any], Any]] = {
    "resnet20": lambda x: staged(activate(convolve(x, 16)), basic, [16, 32, 64], 3),
    "wrn-16-4": lambda x: activate(staged(convolve(x, 16), preactivated, [64, 128, 256], 2)),
    "densenet-bc-100-12": dense_network,
    "resnet18": lambda x: staged(stem(x), basic, [64, 128, 256, 512], 2),
}


def make_network(task: Task) -> Any:
    """A network of Keras' own, or of its layers."""
    import keras

    if task.network == "resnet50":
        return keras.applications.ResNet50(
            weights=None, classes=task.num_classes, classifier_activation=None
        )
    size = task.spec.image_size
    images = keras.Input((size, size, 3))
    features = keras.layers.GlobalAveragePooling2D()(BODIES[task.network](images))
    return keras.Model(images, keras.layers.Dense(task.num_classes)(features))


def fit(task: Task, clock: Clock) -> None:
    """Keras' `fit`, in float32 as it comes."""
    import keras

    spec = task.spec
    batches = read_batches(
        Path(task.folder),
        image_size=spec.image_size,
        pad=spec.pad,
        batch_size=task.batch_size,
        seed=0,
        in_memory=task.in_memory,
    )
    network = make_network(task)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(RATE, momentum=0.9, weight_decay=1e-4)
    network.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    tell = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: clock.step(task.batch_size)
    )
    network.fit(batches, epochs=10_000, shuffle=False, callbacks=[tell], verbose=0)
