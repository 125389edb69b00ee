#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Times HMR2.0's network in PyTorch beside gpu_hmr2: the same layers and sizes with
random weights, for 1, 2, 4, 8 and 16 people. Eager float32 (TF32 off), eager float16
and float16 with torch.compile; lines as gpu_hmr2 prints them. Crops start and results
end in pinned host memory, as there. Needs PyTorch with CUDA.

    gpu_torch.py [--runs N] [--no-compile]"""
import argparse
import statistics
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError:
    sys.exit("gpu_torch.py: no PyTorch here")


class Block(nn.Module):
    """A layer of ViT-H as 4D-Humans' vit.py has it."""

    def __init__(self, dim=1280, heads=16):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # the authors write the softmax out; this is PyTorch's faster form of it
        y = F.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(y.transpose(1, 2).reshape(b, n, c))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Layer(nn.Module):
    """A layer of the decoder: one query, 8 heads of 64, context 1280."""

    def __init__(self, dim=1024, inner=512, context=1280):
        super().__init__()
        self.norm = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.qkv = nn.Linear(dim, 3 * inner, bias=False)
        self.self_out, self.out = nn.Linear(inner, dim), nn.Linear(inner, dim)
        self.q = nn.Linear(dim, inner, bias=False)
        self.kv = nn.Linear(context, 2 * inner, bias=False)
        self.fc1, self.fc2 = nn.Linear(dim, dim), nn.Linear(dim, dim)

    @staticmethod
    def attend(q, k, v):
        q, k, v = (t.unflatten(2, (8, 64)).transpose(1, 2) for t in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    def forward(self, t, ctx):
        t = t + self.self_out(self.attend(*self.qkv(self.norm[0](t)).chunk(3, 2)))
        t = t + self.out(self.attend(self.q(self.norm[1](t)), *self.kv(ctx).chunk(2, 2)))
        return t + self.fc2(F.gelu(self.fc1(self.norm[2](t))))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 1280, 16, 16, 2)
        self.pos = nn.Parameter(torch.randn(1, 192, 1280) * 0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(32))
        self.last = nn.LayerNorm(1280, eps=1e-6)
        self.token = nn.Parameter(torch.randn(1, 1, 1024))
        self.layers = nn.ModuleList(Layer() for _ in range(6))
        self.dec = nn.Linear(1024, 157)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2) + self.pos
        for b in self.blocks:
            x = b(x)
        x, t = self.last(x), self.token.expand(x.shape[0], -1, -1)
        for l in self.layers:
            t = l(t, x)
        six = self.dec(t)[:, 0]
        a = six[:, :144].float().reshape(-1, 24, 2, 3)
        b1 = F.normalize(a[:, :, 0], dim=-1)
        b2 = F.normalize(a[:, :, 1] - (b1 * a[:, :, 1]).sum(-1, True) * b1, dim=-1)
        rot = torch.stack((b1, b2, torch.linalg.cross(b1, b2)), -1)
        return torch.cat((rot.flatten(1), six[:, 144:].float()), 1)


def measure(name, net, dtype, runs):
    for people in (1, 2, 4, 8, 16):
        crops = torch.randn(people, 3, 256, 192).to(dtype).pin_memory()
        out = torch.empty(people, 229).pin_memory()
        ms = []
        with torch.inference_mode():
            for i in range(runs + 10):
                torch.cuda.synchronize()
                start = time.perf_counter()
                out.copy_(net(crops.cuda(non_blocking=True)), non_blocking=True)
                torch.cuda.synchronize()
                if i >= 10:
                    ms.append((time.perf_counter() - start) * 1e3)
        m = statistics.median(ms)
        print(f"{name}\t{people}\t{m:.3f}\t{people / m * 1e3:.0f}\t-", flush=True)


ap = argparse.ArgumentParser()
ap.add_argument("--runs", type=int, default=50)
ap.add_argument("--no-compile", action="store_true")
a = ap.parse_args()
if not torch.cuda.is_available():
    sys.exit("gpu_torch.py: PyTorch sees no GPU")
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
torch.manual_seed(1)
print(f"# PyTorch {torch.__version__}, {torch.cuda.get_device_name()}")
print("# precision\tpeople\tms\tpeople/s\toff")
net = Net().eval().cuda()
measure("torch f32", net, torch.float32, a.runs)
net = net.half()
measure("torch f16", net, torch.float16, a.runs)
if not a.no_compile:
    measure("torch f16 compiled", torch.compile(net, mode="max-autotune"), torch.float16,
            a.runs)
print(f"# peak {torch.cuda.max_memory_allocated()} bytes")
