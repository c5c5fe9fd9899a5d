"""Convolutions as their definition says, pixel by pixel in NumPy."""

import numpy as np


def padding(length, size, stride):
    """How many windows there are with the padding SAME, and how many zeros come before them."""
    count = -(-length // stride)
    lacking = max(0, (count - 1) * stride + size - length)
    return count, lacking - lacking // 2


def pairs(length, size, stride, same):
    """Along one axis: (pixel of the image, element of the kernel, pixel of the result)."""
    count, before = padding(length, size, stride) if same else ((length - size) // stride + 1, 0)
    every = [(i * stride + a - before, a, i) for i in range(count) for a in range(size)]
    return count, [(pixel, a, i) for pixel, a, i in every if 0 <= pixel < length]


def convolve(x, kernel, stride=1, same=True):
    rows, vertical = pairs(x.shape[1], kernel.shape[0], stride, same)
    columns, horizontal = pairs(x.shape[2], kernel.shape[1], stride, same)
    out = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for v, a, i in vertical:
        for u, b, j in horizontal:
            out[:, i, j] += x[:, v, u] @ kernel[a, b]
    return out


def convolve_transposed(x, kernel, size, stride=1, same=True):
    _, vertical = pairs(size[0], kernel.shape[0], stride, same)
    _, horizontal = pairs(size[1], kernel.shape[1], stride, same)
    out = np.zeros((len(x), *size, kernel.shape[2]))
    for v, a, i in vertical:
        for u, b, j in horizontal:
            out[:, v, u] += x[:, i, j] @ kernel[a, b].T
    return out


def slope_by_kernel(x, y, shape, stride=1, same=True):
    """Of Σ y · convolve(x, kernel), by the kernel."""
    _, vertical = pairs(x.shape[1], shape[0], stride, same)
    _, horizontal = pairs(x.shape[2], shape[1], stride, same)
    out = np.zeros(shape)
    for v, a, i in vertical:
        for u, b, j in horizontal:
            out[a, b] += x[:, v, u].T @ y[:, i, j]
    return out


def pool(x, size):
    rows, columns = x.shape[1] // size, x.shape[2] // size
    out = np.empty((len(x), rows, columns, x.shape[3]))
    for i in range(rows):
        for j in range(columns):
            window = x[:, i * size : (i + 1) * size, j * size : (j + 1) * size]
            out[:, i, j] = window.max(axis=(1, 2))
    return out


def dense(x, layer):
    return x.reshape(len(x), -1) @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])


def norm_relu(x, layer, groups):
    """Group by group, image by image; then ReLU."""
    out = np.empty_like(x)
    size = x.shape[3] // groups
    for image in range(len(x)):
        for group in range(groups):
            channels = slice(group * size, (group + 1) * size)
            values = x[image, :, :, channels]
            mean = values.sum() / values.size
            variance = ((values - mean) ** 2).sum() / values.size
            out[image, :, :, channels] = (values - mean) / np.sqrt(variance + 1e-5)
    return np.maximum(out * np.asarray(layer["scale"]) + np.asarray(layer["bias"]), 0)
