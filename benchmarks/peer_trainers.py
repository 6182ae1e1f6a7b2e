"""How others train in torch: the usual script, torchvision's references, timm's script.

None of them loads this package or changes how memory is kept.
"""

from __future__ import annotations

import importlib
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from alternation import PEERS
from torch import Tensor, nn
from training_tasks import MEAN, RATE, STD, Clock, Task

_KEPT: dict[str, Any] = {}
# What stands for torchvision's compiled operators, for as long as it is used.


class InMemory(torch.utils.data.Dataset[tuple[Any, int]]):
    """Images in memory as the usual scripts hold them.

    Args:
        images: (N, H, W, 3), uint8.
        labels: (N,).
        transform: of a Pillow image.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, transform: Callable[..., Any] | None
    ) -> None:
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        assert self.transform is not None
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def import_peers() -> None:
    """Make torchvision, and what needs it, importable where its compiled operators are not."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        exec(PEERS, _KEPT)


def make_dataset(task: Task, transform: Callable[..., Any] | None) -> Any:
    """An ImageFolder; small images are decoded once, as torchvision's CIFAR10 holds them."""
    from torchvision.datasets import ImageFolder

    folder = ImageFolder(task.folder, None if task.in_memory else transform)
    if not task.in_memory:
        return folder
    images = np.stack([np.asarray(image) for image, _ in folder])
    return InMemory(images, np.array(folder.targets), transform)


def popular_network(task: Task) -> nn.Module:
    """The network as scripts have it: pytorchcv's for CIFAR, torchvision's for photos."""
    from pytorchcv.models.densenet_cifar import get_densenet_cifar
    from pytorchcv.models.resnet_cifar import get_resnet_cifar
    from pytorchcv.models.wrn_cifar import get_wrn_cifar
    from torchvision import models

    classes = task.num_classes
    makers: dict[str, Callable[[], nn.Module]] = {
        "resnet20": lambda: get_resnet_cifar(classes, blocks=20, bottleneck=False),
        "wrn-16-4": lambda: get_wrn_cifar(classes, blocks=16, width_factor=4),
        "densenet-bc-100-12": lambda: get_densenet_cifar(
            classes, blocks=100, growth_rate=12, bottleneck=True
        ),
        "resnet18": lambda: models.resnet18(num_classes=classes),
        "resnet50": lambda: models.resnet50(num_classes=classes),
    }
    return makers[task.network]().to(task.device)


def usual(task: Task, clock: Clock) -> None:
    """The script of the popular CIFAR repositories, and of the tutorials for photos: float32, NCHW."""
    import_peers()
    from torchvision import transforms

    size, pad = task.spec.image_size, task.spec.pad
    is_photo = task.spec.data == "photos"
    place = transforms.RandomResizedCrop(size) if is_photo else transforms.RandomCrop(size, padding=pad)
    flip, normalize = transforms.RandomHorizontalFlip(), transforms.Normalize(MEAN, STD)
    transform = transforms.Compose([place, flip, transforms.ToTensor(), normalize])
    dataset = make_dataset(task, transform)
    loader = torch.utils.data.DataLoader(
        dataset, task.batch_size, shuffle=True, num_workers=task.workers
    )
    network = popular_network(task)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, weight_decay=5e-4)
    for _ in itertools.count():
        network.train()
        train_loss, correct, total = 0.0, 0, 0
        for images, labels in loader:
            inputs, targets = images.to(task.device), labels.to(task.device)
            optimizer.zero_grad()
            outputs = network(inputs)
            loss = criterion(outputs, targets)
            loss.backward()
            optimizer.step()
            train_loss += loss.item()
            correct += outputs.max(1)[1].eq(targets).sum().item()
            total += len(targets)
            clock.step(len(targets))


def torchvisions(task: Task, clock: Clock) -> None:
    """The steps of torchvision's references/classification/train.py, with its presets and meters."""
    import_peers()
    from torchvision import transforms

    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(task.spec.image_size, antialias=True),
            transforms.RandomHorizontalFlip(0.5),
            transforms.PILToTensor(),
            transforms.ConvertImageDtype(torch.float),
            transforms.Normalize(MEAN, STD),
        ]
    )
    dataset = make_dataset(task, transform)
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=task.batch_size,
        sampler=torch.utils.data.RandomSampler(dataset),
        num_workers=task.workers,
        pin_memory=task.device == "cuda",
    )
    network = popular_network(task)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    for _ in itertools.count():
        network.train()
        meters: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=20))
        ended = time.time()
        for images, labels in loader:
            meters["data"].append(time.time() - ended)
            begun = time.time()
            image, target = images.to(task.device), labels.to(task.device)
            output = network(image)
            loss = criterion(output, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            top1, top5 = accuracy(output, target, (1, 5))
            meters["loss"].append(loss.item())
            meters["lr"].append(optimizer.param_groups[0]["lr"])
            meters["acc1"].append(top1.item())
            meters["acc5"].append(top5.item())
            meters["img/s"].append(len(image) / (time.time() - begun))
            ended = time.time()
            clock.step(len(target))


def accuracy(output: Tensor, target: Tensor, top: tuple[int, ...]) -> list[Tensor]:
    """Percentages of images whose class is among the first so many."""
    with torch.inference_mode():
        correct = output.topk(max(top), 1)[1].t().eq(target[None])
        return [correct[:k].flatten().sum(dtype=torch.float32) * (100 / len(target)) for k in top]


def timms(task: Task, clock: Clock) -> None:
    """The pieces and the steps of timm's train.py without options, but without its colour jitter."""
    import_peers()
    names = ("timm", "timm.data", "timm.loss", "timm.optim", "timm.scheduler", "timm.utils")
    timm, data, losses, optimizers, schedulers, utils = map(importlib.import_module, names)
    dataset = (
        make_dataset(task, None)
        if task.in_memory
        else data.create_dataset("", root=task.folder, is_training=True, batch_size=task.batch_size)
    )
    size = task.spec.image_size
    loader = data.create_loader(
        dataset,
        input_size=(3, size, size),
        batch_size=task.batch_size,
        is_training=True,
        use_prefetcher=task.device == "cuda",
        color_jitter=None,
        interpolation="random",
        mean=MEAN,
        std=STD,
        num_workers=task.workers,
        device=torch.device(task.device),
    )
    has_network = task.network in {"resnet18", "resnet50"}
    network = (
        timm.create_model(task.network, num_classes=task.num_classes).to(task.device)
        if has_network
        else popular_network(task)
    )
    criterion = losses.LabelSmoothingCrossEntropy(smoothing=0.1)
    optimizer = optimizers.create_optimizer_v2(
        network, opt="sgd", lr=RATE, weight_decay=2e-5, momentum=0.9
    )
    scheduler, _ = schedulers.create_scheduler_v2(
        optimizer, num_epochs=300, updates_per_epoch=len(loader)
    )
    num_updates = 0
    for _ in itertools.count():
        network.train()
        mean_loss, updates, waits = (utils.AverageMeter() for _ in range(3))
        ended = time.time()
        optimizer.zero_grad()
        for images, labels in loader:
            inputs, targets = images.to(task.device), labels.to(task.device)
            waits.update(time.time() - ended)
            loss = criterion(network(inputs), targets)
            loss.backward()
            optimizer.step()
            mean_loss.update(loss.item(), len(inputs))
            num_updates += 1
            optimizer.zero_grad()
            updates.update(time.time() - ended)
            scheduler.step_update(num_updates=num_updates, metric=mean_loss.avg)
            ended = time.time()
            clock.step(len(targets))
