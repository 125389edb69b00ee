#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Small networks as ONNX at several opsets, with the outputs of PyTorch.

    make.py [FOLDER]        # Debian: python3-torch python3-onnx

For each network NAME-OPSET.onnx and NAME.safetensors, whose tensors are called
input:NAME and output:NAME as those of $HMR_SHARED/data/onnx are. Operators that
changed between the opsets (axes, sizes, splits as inputs; LayerNormalization,
HardSwish as operators of their own) come out in each form. The files here are
committed; they are the seeds of tests/fuzz/fuzz_onnx.c too.
"""
import json
import os
import struct
import sys

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

OPSETS = (11, 13, 15, 17)


def conv(i, o, k=3, s=1, g=1, d=1, bias=False):
    return nn.Sequential(nn.Conv2d(i, o, k, s, d * (k // 2), d, g, bias=bias),
                         nn.BatchNorm2d(o))


class Detector(nn.Module):
    """Focus, cross-stage parts, spatial pyramid, both resizes, heads of boxes."""

    def __init__(self):
        super().__init__()
        self.stem, self.down = conv(12, 8), conv(8, 8, s=2)
        self.a, self.b = conv(4, 4), conv(4, 4, g=4)
        self.mix, self.spp = conv(12, 8, 1), conv(16, 8, 1)
        self.up = nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1, groups=2)
        self.head = nn.Conv2d(12, 2 * 9, 1)

    def forward(self, x):
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2],
                       x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        fine = F.silu(self.stem(x))
        x = F.silu(self.down(fine))
        p, q = x.split((4, 4), 1)
        q = q + F.silu(self.b(F.leaky_relu(self.a(q), .1)))
        x = F.hardswish(self.mix(torch.cat([p, q, p * torch.sigmoid(q)], 1)))
        pool = F.max_pool2d(x, 5, 1, 2)
        x = F.mish(self.spp(torch.cat([x, pool], 1)))
        near = F.interpolate(x, scale_factor=2, mode="nearest")
        line = F.interpolate(fine, size=(10, 8), mode="bilinear", align_corners=False)
        y = self.head(torch.cat([F.relu6(self.up(x)), near + line], 1))
        n, c, h, w = y.shape
        y = y.view(n, 2, 9, h, w).permute(0, 1, 3, 4, 2)
        box, score = y[..., :8], y[..., 8:].sigmoid()
        bins = F.softmax(box.reshape(n, 2, h, w, 2, 4), 5)
        far = (bins * torch.arange(4, dtype=torch.float32)).sum(5)
        return torch.cat([far, score], 4).view(n, -1, 3)


class Mobile(nn.Module):
    """Squeeze and excite, channel shuffle, every activation, a unit vector out."""

    def __init__(self):
        super().__init__()
        self.stem, self.dw = conv(3, 8, 5, 2), conv(8, 8, 5, 1, 8)
        self.s1, self.s2 = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.wide = conv(8, 8, 3, 1, 1, 2)
        self.prelu, self.elu = nn.PReLU(8), nn.ELU(.7)
        self.norm = nn.InstanceNorm2d(8, affine=True)
        self.group = nn.GroupNorm(2, 8)
        self.line = nn.Conv1d(8, 6, 3, padding=1)
        self.bn, self.fc = nn.BatchNorm1d(6), nn.Linear(6, 10)

    def forward(self, x):
        x = F.hardswish(self.stem(F.pad(x, (1, 0, 2, 1), value=.5)))
        s = F.adaptive_avg_pool2d(x, 1)
        x = x * F.hardsigmoid(self.s2(F.relu(self.s1(s))))
        x = self.prelu(self.dw(x)) + self.elu(self.wide(x))
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = F.gelu(self.norm(x)) - self.group(x)
        x = F.avg_pool2d(x, 3, 2, 1) + F.avg_pool2d(x, 3, 2, 1, count_include_pad=False) \
            + F.max_pool2d(x, 2, 2, ceil_mode=True)
        x = torch.tanh(self.line(x.flatten(2))).clamp(-.6, .8)
        x = self.fc(self.bn(x).amax(2))
        return x / x.norm(dim=1, keepdim=True)


class Attention(nn.Module):
    """A vision transformer of one block; positions are a constant."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 12, 4, 4)
        self.cls = nn.Parameter(torch.randn(1, 1, 12) * .5)
        self.pos = nn.Parameter(torch.randn(1, 17, 12) * .5)
        self.n1, self.n2 = nn.LayerNorm(12), nn.LayerNorm(12)
        self.qkv, self.out = nn.Linear(12, 36), nn.Linear(12, 12)
        self.f1, self.f2 = nn.Linear(12, 24), nn.Linear(24, 12)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls, x], 1) + self.pos
        n, l, c = x.shape
        q, k, v = self.qkv(self.n1(x)).reshape(n, l, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        a = F.softmax(q @ k.transpose(-2, -1) * (c // 2) ** -.5, -1)
        x = x + self.out((a @ v).transpose(1, 2).reshape(n, l, c))
        x = x + self.f2(F.gelu(self.f1(self.n2(x))))
        return x[:, 0], x[:, 1:].mean(1)


class Moves(nn.Module):
    """Whatever moves, ranks and compares: what detectors end with."""

    def forward(self, x):
        n, c, h, w = x.shape
        y, z = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack([z, y], 0).float()[None].expand(n, 2, h, w)
        small = F.pixel_unshuffle(x, 2)
        large = F.pixel_shuffle(small, 2) + grid.repeat(1, 2, 1, 1)
        corner = F.interpolate(large, size=(9, 5), mode="bilinear", align_corners=True)
        picked = large[:, [2, 0, 3]].roll(1, 1)
        where = torch.where(picked > 1, picked, -picked).pow(2).sqrt()
        flat = where.flatten(1)
        top, at = flat.topk(7, 1)
        best = large.argmax(1, keepdim=True).float()
        rest = torch.min(torch.max(x, large), torch.full_like(x, 3.)).abs().floor()
        cells = torch.stack([at % w, torch.div(at, w, rounding_mode="floor")], 2).float()
        return corner.exp().log(), top.unsqueeze(1).squeeze(1), best.eq(0).float(), \
            rest.mean((1, 2), keepdim=True), small.std((2, 3), unbiased=False), cells


def write(path, tensors):
    header, at = {}, 0
    for name, v in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(v.shape), "data_offsets": [at, at + v.nbytes]}
        at += v.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 64)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for v in tensors.values():
            f.write(np.ascontiguousarray(v, "<f4").tobytes())


def settle(net):
    """Statistics and scales that are not those of a fresh layer."""
    g = torch.Generator().manual_seed(7)
    for m in net.modules():
        for name, p in list(m.named_parameters(recurse=False)):
            if p.dim() == 1:
                p.data = (torch.rand(p.shape, generator=g) - .3) * 1.5 + (name == "weight") * .5
        if isinstance(m, (nn.BatchNorm2d, nn.BatchNorm1d)):
            m.running_mean = torch.randn(m.running_mean.shape, generator=g) * .2
            m.running_var = torch.rand(m.running_var.shape, generator=g) + .5
    return net.eval()


def strip(path):
    """Leaves out what depends on where it was made."""
    m = onnx.load(path)
    for n in m.graph.node:
        n.ClearField("doc_string")
    onnx.save(m, path)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for name, cls, shape in (("detector", Detector, (1, 3, 20, 16)), ("mobile", Mobile, (1, 3, 17, 14)),
                             ("attention", Attention, (1, 3, 16, 16)), ("moves", Moves, (1, 4, 6, 8))):
        torch.manual_seed(3)
        net = settle(cls())
        x = torch.randn(shape)
        with torch.no_grad():
            y = net(x)
        y = y if isinstance(y, tuple) else (y,)
        names = [f"y{i}" for i in range(len(y))]
        for opset in OPSETS:
            path = os.path.join(folder, f"{name}-{opset}.onnx")
            torch.onnx.export(net, x, path, opset_version=opset, input_names=["x"],
                              output_names=names, dynamic_axes=None)
            strip(path)
        write(os.path.join(folder, f"{name}.safetensors"),
              {"input:x": x.numpy(), **{f"output:{k}": v.float().numpy() for k, v in zip(names, y)}})


if __name__ == "__main__":
    main()
