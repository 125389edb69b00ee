#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint of HMR2.0's structure with random weights, in PyTorch's zip
container and without PyTorch: for measuring speed and memory, nothing else.

    hmr2_checkpoint.py [--depth N] [--dim N] [--heads N] [--onnx FILE] OUT.ckpt

--onnx writes the same network's backbone as ONNX too (weights beside it in
FILE.data), for ONNX Runtime. Needs python3-numpy."""
import argparse
import struct
import zipfile

import numpy as np

ap = argparse.ArgumentParser()
ap.add_argument("--depth", type=int, default=32)
ap.add_argument("--dim", type=int, default=1280)
ap.add_argument("--heads", type=int, default=16)
ap.add_argument("--onnx")
ap.add_argument("out")
a = ap.parse_args()
rng = np.random.default_rng(1)
dim, mlp, H, inner, hmlp = a.dim, 4 * a.dim, 1024, 512, 1024


def shapes():
    """Names, shapes and standard deviations of all tensors, in order."""
    yield "backbone.pos_embed", (1, 193, dim), 0.02
    yield "backbone.patch_embed.proj.weight", (dim, 3, 16, 16), 0.02
    yield "backbone.patch_embed.proj.bias", (dim,), 0.02
    for i in range(a.depth):
        p = f"backbone.blocks.{i}."
        for name, out, into in (("attn.qkv", 3 * dim, dim), ("attn.proj", dim, dim),
                                ("mlp.fc1", mlp, dim), ("mlp.fc2", dim, mlp)):
            if name in ("attn.qkv", "mlp.fc1"):
                n = p + ("norm1" if name == "attn.qkv" else "norm2")
                yield n + ".weight", (dim,), None
                yield n + ".bias", (dim,), 0.02
            yield p + name + ".weight", (out, into), 0.02
            yield p + name + ".bias", (out,), 0.02
    yield "backbone.last_norm.weight", (dim,), None
    yield "backbone.last_norm.bias", (dim,), 0.02
    yield "smpl_head.init_body_pose", (1, 144), 0.5
    yield "smpl_head.init_betas", (1, 10), 0.1
    yield "smpl_head.init_cam", (1, 3), None
    t = "smpl_head.transformer."
    yield t + "to_token_embedding.weight", (H, 1), 0.02
    yield t + "to_token_embedding.bias", (H,), 0.02
    yield t + "pos_embedding", (1, 1, H), 0.5
    for i in range(6):
        p = f"{t}transformer.layers.{i}."
        for k in range(3):
            yield f"{p}{k}.norm.weight", (H,), None
            yield f"{p}{k}.norm.bias", (H,), 0.02
        yield p + "0.fn.to_qkv.weight", (3 * inner, H), 0.03
        yield p + "1.fn.to_kv.weight", (2 * inner, dim), 0.03
        yield p + "1.fn.to_q.weight", (inner, H), 0.03
        for k in range(2):
            yield f"{p}{k}.fn.to_out.0.weight", (H, inner), 0.03
            yield f"{p}{k}.fn.to_out.0.bias", (H,), 0.02
        for k, (out, into) in ((0, (hmlp, H)), (3, (H, hmlp))):
            yield f"{p}2.fn.net.{k}.weight", (out, into), 0.03
            yield f"{p}2.fn.net.{k}.bias", (out,), 0.02
    for n, k in (("pose", 144), ("shape", 10), ("cam", 3)):
        yield f"smpl_head.dec{n}.weight", (k, H), 0.01
        yield f"smpl_head.dec{n}.bias", (k,), 0.01


def values(shape, std):
    n = int(np.prod(shape))
    if std is None:
        return np.ones(n, "<f4")
    # uniform is drawn faster than normal and serves as well
    return (rng.random(n, dtype="f4") - np.float32(0.5)) * np.float32(std * 12**0.5)


# pickle opcodes, protocol 2
def text(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def number(i):
    return b"J" + struct.pack("<i", i)


def numbers(t):
    return b"(" + b"".join(map(number, t)) + b"t"


def tensor(key, shape):
    stride = [1]
    for s in reversed(shape[1:]):
        stride.insert(0, stride[0] * s)
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
            b"ctorch\nFloatStorage\n" + text(str(key)) + text("cpu") +
            number(int(np.prod(shape))) + b"tQ" + number(0) + numbers(shape) +
            numbers(stride) + b"\x89ccollections\nOrderedDict\n)RtR")


def field(n, kind, data):
    """A protobuf field: kind 2 is bytes, 0 a varint."""
    def varint(v):
        out = b""
        while v > 127:
            out += bytes([v & 127 | 128])
            v >>= 7
        return out + bytes([v])
    if kind == 0:
        return varint(n << 3) + varint(data)
    return varint(n << 3 | 2) + varint(len(data)) + data


class Onnx:
    """The backbone as a graph of opset 20, weights in one file beside it."""

    def __init__(self, path):
        self.path, self.at, self.nodes, self.init, self.n = path, 0, [], [], 0
        self.data = open(path + ".data", "wb")

    def weight(self, name, shape, v):
        self.data.write(v.tobytes())
        loc = path_leaf(self.path) + ".data"
        t = b"".join(field(1, 0, s) for s in shape) + field(2, 0, 1)
        t += field(8, 2, name.encode())
        for k, x in (("location", loc), ("offset", str(self.at)), ("length", str(v.nbytes))):
            t += field(13, 2, field(1, 2, k.encode()) + field(2, 2, x.encode()))
        self.init.append(t + field(14, 0, 1))
        self.at += v.nbytes
        pad = -self.at % 64
        self.data.write(bytes(pad))
        self.at += pad
        return name

    def const(self, name, v):
        v = np.atleast_1d(v) if v.dtype == np.int64 else v
        t = b"".join(field(1, 0, s) for s in v.shape)
        t += field(2, 0, 7 if v.dtype == np.int64 else 1) + field(8, 2, name.encode())
        self.init.append(t + field(9, 2, v.tobytes()))
        return name

    def node(self, op, ins, attrs=(), outs=1):
        self.n += 1
        names = [f"v{self.n}_{i}" for i in range(outs)]
        m = b"".join(field(1, 2, i.encode()) for i in ins)
        m += b"".join(field(2, 2, o.encode()) for o in names)
        m += field(4, 2, op.encode())
        for k, v in attrs:
            x = field(1, 2, k.encode())
            if isinstance(v, float):
                x += b"\x15" + struct.pack("<f", v) + field(20, 0, 1)
            elif isinstance(v, int):
                x += field(3, 0, v & (1 << 64) - 1) + field(20, 0, 2)
            elif isinstance(v, str):
                x += field(4, 2, v.encode()) + field(20, 0, 3)
            else:
                x += b"".join(field(8, 0, i) for i in v) + field(20, 0, 7)
            m += field(5, 2, x)
        self.nodes.append(m)
        return names[0] if outs == 1 else names

    def finish(self, out):
        def value(name, dims):
            shape = b"".join(field(1, 2, field(2, 2, d.encode()) if isinstance(d, str)
                                   else field(1, 0, d)) for d in dims)
            return field(1, 2, name.encode()) + field(
                2, 2, field(1, 2, field(1, 0, 1) + field(2, 2, shape)))
        self.node_identity(out)
        g = b"".join(field(1, 2, n) for n in self.nodes) + field(2, 2, b"vit")
        g += b"".join(field(5, 2, t) for t in self.init)
        g += field(11, 2, value("crop", ["n", 3, 256, 192]))
        g += field(12, 2, value("tokens", ["n", 192, dim]))
        m = field(1, 0, 9) + field(7, 2, g) + field(8, 2, field(1, 2, b"") + field(2, 0, 20))
        with open(self.path, "wb") as f:
            f.write(m)
        self.data.close()

    def node_identity(self, out):
        self.nodes.append(field(1, 2, out.encode()) + field(2, 2, b"tokens") +
                          field(4, 2, b"Identity"))


def path_leaf(p):
    return p.rsplit("/", 1)[-1]


def write_onnx(w):
    g, hw = Onnx(a.onnx), dim // a.heads

    def linear(x, name):
        v = w[name + ".weight"]
        g.weight(name + ".w", v.T.shape, np.ascontiguousarray(v.T))
        b = g.weight(name + ".b", w[name + ".bias"].shape, w[name + ".bias"])
        return g.node("Add", [g.node("MatMul", [x, name + ".w"]), b])

    def norm(x, name):
        s = g.weight(name + ".s", (dim,), w[name + ".weight"])
        b = g.weight(name + ".o", (dim,), w[name + ".bias"])
        return g.node("LayerNormalization", [x, s, b],
                      [("axis", -1), ("epsilon", 1e-6)])

    pw = g.weight("pw", (dim, 3, 16, 16), w["backbone.patch_embed.proj.weight"])
    pb = g.weight("pb", (dim,), w["backbone.patch_embed.proj.bias"])
    x = g.node("Conv", ["crop", pw, pb], [("kernel_shape", [16, 16]),
                                          ("pads", [2, 2, 2, 2]), ("strides", [16, 16])])
    x = g.node("Reshape", [x, g.const("flat", np.array([0, dim, 192], "i8"))])
    x = g.node("Transpose", [x], [("perm", [0, 2, 1])])
    pos = w["backbone.pos_embed"]
    x = g.node("Add", [x, g.weight("pos", (1, 192, dim), pos[:, 1:] + pos[:, :1])])
    split = g.const("split", np.array([0, 192, 3, a.heads, hw], "i8"))
    join = g.const("join", np.array([0, 192, dim], "i8"))
    three = g.const("three", np.array([1, 1, 1], "i8"))
    axis = g.const("axis", np.array([2], "i8"))
    scale = g.const("scale", np.array(hw**-0.5, "f4"))
    for i in range(a.depth):
        p = f"backbone.blocks.{i}."
        y = linear(norm(x, p + "norm1"), p + "attn.qkv")
        y = g.node("Reshape", [y, split])
        q, k, v = g.node("Split", [y, three], [("axis", 2)], 3)
        q, k, v = (g.node("Squeeze", [t, axis]) for t in (q, k, v))
        q = g.node("Transpose", [q], [("perm", [0, 2, 1, 3])])
        k = g.node("Transpose", [k], [("perm", [0, 2, 3, 1])])
        v = g.node("Transpose", [v], [("perm", [0, 2, 1, 3])])
        s = g.node("MatMul", [g.node("Mul", [q, scale]), k])
        s = g.node("MatMul", [g.node("Softmax", [s], [("axis", -1)]), v])
        s = g.node("Reshape", [g.node("Transpose", [s], [("perm", [0, 2, 1, 3])]), join])
        x = g.node("Add", [x, linear(s, p + "attn.proj")])
        y = g.node("Gelu", [linear(norm(x, p + "norm2"), p + "mlp.fc1")])
        x = g.node("Add", [x, linear(y, p + "mlp.fc2")])
    g.finish(norm(x, "backbone.last_norm"))


index = list(shapes())
pkl = b"\x80\x02}(" + text("epoch") + number(0) + text("state_dict")
pkl += b"ccollections\nOrderedDict\n)R("
for key, (name, shape, std) in enumerate(index):
    pkl += text(name) + tensor(key, shape)
pkl += b"uu."
kept = {}
with zipfile.ZipFile(a.out, "w", zipfile.ZIP_STORED, allowZip64=True) as z:
    z.writestr("random/data.pkl", pkl)
    for key, (name, shape, std) in enumerate(index):
        v = values(shape, std)
        z.writestr(f"random/data/{key}", v.tobytes())
        if a.onnx and name.startswith("backbone"):
            kept[name] = v.reshape(shape)
    z.writestr("random/version", "3\n")
if a.onnx:
    write_onnx(kept)
