# SPDX-License-Identifier: Apache-2.0
"""Small TensorFlow Lite models with what they must compute, for tests.

    tflite.py make FOLDER       for each case NAME.tflite, NAME.in and NAME.want
                                (safetensors), made with numpy alone
    tflite.py same WANT GOT     fails where the outputs differ by more than 1e-5
    tflite.py list              the names of all cases

The FlatBuffers are written front to back: a vtable, its table, then what it
refers to.
"""
import json
import os
import struct
import sys

import numpy as np

F32, F16, I32, U8, I64, I8 = 0, 1, 2, 3, 4, 9
TYPES = {"float32": F32, "float16": F16, "int32": I32, "int64": I64, "int8": I8, "uint8": U8}
SAME, VALID = 0, 1


class Buffer:
    def __init__(self):
        self.b = bytearray(8)

    def align(self, n):
        self.b += bytes(-len(self.b) % n)

    def table(self, fields):
        """{field: value}: int and float are written, bytes too (one byte), a callable
        is called later and returns where the thing is."""
        n = max(fields, default=-1) + 1
        self.align(4)
        vtable = len(self.b)
        size = 4 + 4 * n
        self.b += struct.pack("<HH", 4 + 2 * n, size)
        self.b += b"".join(struct.pack("<H", 4 + 4 * k if k in fields else 0) for k in range(n))
        self.align(4)
        at = len(self.b)
        self.b += struct.pack("<i", at - vtable) + bytes(4 * n)
        for k, v in fields.items():
            slot = at + 4 + 4 * k
            if callable(v):
                struct.pack_into("<I", self.b, slot, v() - slot)
            elif isinstance(v, float):
                struct.pack_into("<f", self.b, slot, v)
            elif isinstance(v, bytes):
                self.b[slot:slot + 1] = v
            else:
                struct.pack_into("<i", self.b, slot, v)
        return at

    def vector(self, data, count):
        self.align(16)
        self.b += bytes(12) + struct.pack("<I", count)
        at = len(self.b) - 4
        self.b += data
        return at

    def ints(self, v):
        return lambda: self.vector(np.array(v, "<i4").tobytes(), len(v))

    def text(self, s):
        return lambda: self.vector(s.encode() + b"\0", len(s))

    def array(self, a):
        return lambda: self.vector(a.tobytes(), a.nbytes)

    def tables(self, makers):
        def make():
            at = self.vector(bytes(4 * len(makers)), len(makers))
            for i, m in enumerate(makers):
                slot = at + 4 + 4 * i
                struct.pack_into("<I", self.b, slot, m() - slot)
            return at
        return make


class Model:
    """Tensors by name; operators in order."""

    def __init__(self):
        self.tensors, self.ops, self.inputs, self.outputs = [], [], [], []

    def tensor(self, name, shape, dtype="float32", data=None, quant=None):
        self.tensors.append((name, shape, dtype, data, quant))
        return len(self.tensors) - 1

    def const(self, a, dtype=None, quant=None):
        a = np.asarray(a, dtype or np.float32)
        return self.tensor(f"const{len(self.tensors)}", a.shape, a.dtype.name, a, quant)

    def op(self, code, inputs, outputs, options=None, version=1, custom=None):
        self.ops.append((code, inputs, outputs, options, version, custom))

    def write(self):
        f = Buffer()
        data = [None] + [t[3] for t in self.tensors if t[3] is not None]

        def buffer(a):
            return lambda: f.table({} if a is None else {0: f.array(a)})

        def quantization(q):
            return lambda: f.table({
                2: lambda: f.vector(np.array(q[0], "<f4").tobytes(), len(q[0])),
                3: lambda: f.vector(np.array(q[1], "<i8").tobytes(), len(q[1])), 6: q[2]})

        def tensor(t):
            name, shape, dtype, a, quant = t
            fields = {0: f.ints(shape), 1: bytes([TYPES[dtype]]), 3: f.text(name),
                      2: 0 if a is None else next(i for i, d in enumerate(data) if d is a)}
            if quant:
                fields[4] = quantization(quant)
            return lambda: f.table(fields)

        def code(o):
            fields = {0: bytes([min(o[0], 127)]), 2: o[4], 3: o[0]}
            if o[5]:
                fields[1] = f.text(o[5])
            return lambda: f.table(fields)

        def operator(i, o):
            fields = {0: i, 1: f.ints(o[1]), 2: f.ints(o[2])}
            if o[3] is not None:
                fields[3] = bytes([1])
                fields[4] = lambda: f.table(o[3])
            return lambda: f.table(fields)

        def graph():
            return f.table({0: f.tables([tensor(t) for t in self.tensors]),
                            1: f.ints(self.inputs), 2: f.ints(self.outputs),
                            3: f.tables([operator(i, o) for i, o in enumerate(self.ops)])})

        root = f.table({0: 3, 1: f.tables([code(o) for o in self.ops]),
                        2: f.tables([graph]), 3: f.text("made by tflite.py"),
                        4: f.tables([buffer(a) for a in data])})
        struct.pack_into("<I4s", f.b, 0, root, b"TFL3")
        return bytes(f.b)


def one(code, x, consts, want, options=None, before=False, version=1):
    """A model of one operator; consts come after the input, or before it."""
    m = Model()
    i = m.tensor("x", x.shape)
    c = [k if isinstance(k, int) else m.const(*k) if isinstance(k, tuple) else m.const(k)
         for k in consts]
    m.inputs = [i]
    want = want if isinstance(want, list) else [want]
    m.outputs = [m.tensor(f"y{k}", w.shape) for k, w in enumerate(want)]
    m.op(code, c + [i] if before else [i] + c, m.outputs, options, version)
    return m, {"x": x}, {f"y{k}": w for k, w in enumerate(want)}


def pads(size, k, s, padding, d=1):
    k = (k - 1) * d + 1
    if padding == VALID:
        return (size - k) // s + 1, 0
    out = -(-size // s)
    return out, max((out - 1) * s + k - size, 0) // 2


def conv(x, w, stride, padding, dilate=1, group=1):
    """w [O,kh,kw,I]"""
    n, h, wd, c = x.shape
    oh, top = pads(h, w.shape[1], stride, padding, dilate)
    ow, left = pads(wd, w.shape[2], stride, padding, dilate)
    y = np.zeros((n, oh, ow, w.shape[0]))
    per = w.shape[0] // group
    for i in range(oh):
        for j in range(ow):
            for a in range(w.shape[1]):
                for b in range(w.shape[2]):
                    r, q = i * stride + a * dilate - top, j * stride + b * dilate - left
                    if not (0 <= r < h and 0 <= q < wd):
                        continue
                    for g in range(group):
                        part = x[:, r, q, g * c // group:(g + 1) * c // group]
                        y[:, i, j, g * per:(g + 1) * per] += part @ w[g * per:(g + 1) * per, a, b].T
    return y


def pool(x, k, s, padding, how):
    n, h, w, c = x.shape
    (oh, top), (ow, left) = pads(h, k, s, padding), pads(w, k, s, padding)
    y = np.zeros((n, oh, ow, c))
    for i in range(oh):
        for j in range(ow):
            r, q = i * s - top, j * s - left
            y[:, i, j] = how(x[:, max(r, 0):r + k, max(q, 0):q + k], (1, 2))
    return y


def resize(x, size, corners, half, nearest):
    def place(i, m, n):
        if corners:
            return i * (m - 1) / (n - 1)
        return (i + 0.5) * m / n - (0 if nearest else 0.5) if half else i * m / n

    def axis(m, n):
        t = np.zeros((n, m))
        for i in range(n):
            s = place(i, m, n)
            if nearest:
                t[i, min(int(np.floor(s + 0.5 if corners else s)), m - 1)] = 1
            else:
                lo = int(np.floor(s))
                t[i, np.clip(lo, 0, m - 1)] += 1 - (s - lo)
                t[i, np.clip(lo + 1, 0, m - 1)] += s - lo
        return t
    return np.einsum("ih,nhwc,jw->nijc", axis(x.shape[1], size[0]), x, axis(x.shape[2], size[1]))


def transpose_conv(x, w, stride, padding):
    """w [O,kh,kw,I]; the gradient of a convolution from the output to x."""
    n, h, wd, c = x.shape
    k = w.shape[1]
    size = [v * stride if padding == SAME else (v - 1) * stride + k for v in (h, wd)]
    top, left = (pads(v, k, stride, padding)[1] for v in size)
    y = np.zeros((n, *size, w.shape[0]))
    for i in range(h):
        for j in range(wd):
            for a in range(k):
                for b in range(k):
                    r, q = i * stride + a - top, j * stride + b - left
                    if 0 <= r < size[0] and 0 <= q < size[1]:
                        y[:, r, q] += x[:, i, j] @ w[:, a, b].T
    return y


def cases():
    rng = np.random.default_rng(4)

    def r(*s):
        return np.round(rng.normal(size=s) * 8) / 8

    x, w, bias = r(1, 5, 7, 4), r(6, 3, 3, 4), r(6)
    relu6, sig = lambda v: np.clip(v, 0, 6), lambda v: 1 / (1 + np.exp(-v))
    for pad in SAME, VALID:
        for s in 1, 2:
            yield f"conv{pad}{s}", one(3, x, [w, bias], relu6(conv(x, w, s, pad) + bias),
                                       {0: bytes([pad]), 1: s, 2: s, 3: bytes([3])})
    yield "dilated", one(3, x, [w], conv(x, w, 1, SAME, 2),
                         {0: bytes([SAME]), 1: 1, 2: 1, 4: 2, 5: 2})
    g = r(6, 3, 3, 2)
    yield "grouped", one(3, x, [g, bias], conv(x, g, 1, SAME, 1, 2) + bias,
                         {0: bytes([SAME]), 1: 1, 2: 1})
    q = np.clip(np.round(rng.normal(size=(6, 3, 3, 4)) * 40), -127, 127)
    scale = np.array([0.5, 0.25, 1, 2, 0.125, 0.0625])
    m, i, o = one(3, x, [], conv(x, q * scale[:, None, None, None], 1, SAME),
                  {0: bytes([SAME]), 1: 1, 2: 1})
    m.ops[0][1].append(m.const(q, np.int8, (scale, [0] * 6, 0)))
    yield "scaled", (m, i, o)
    dw = r(1, 3, 3, 8)
    deep = conv(x, dw.transpose(3, 1, 2, 0), 2, SAME, 1, 4) + r(8) * 0
    yield "depthwise", one(4, x, [dw, np.zeros(8)], np.maximum(deep, 0),
                           {0: bytes([SAME]), 1: 2, 2: 2, 3: 2, 4: bytes([1])})
    for pad in SAME, VALID:
        y = transpose_conv(x, w, 2, pad)
        yield f"transpose_conv{pad}", one(67, x, [(y.shape, np.int32), w], y,
                                          {0: bytes([pad]), 1: 2, 2: 2}, before=True)
        yield f"max_pool{pad}", one(17, x, [], pool(x, 3, 2, pad, np.max),
                                    {0: bytes([pad]), 1: 2, 2: 2, 3: 3, 4: 3})
        yield f"average_pool{pad}", one(1, x, [], pool(x, 3, 2, pad, np.mean),
                                        {0: bytes([pad]), 1: 2, 2: 2, 3: 3, 4: 3})
    for corners, half in (0, 0), (1, 0), (0, 1):
        for nearest in 0, 1:
            k = 0 if nearest else 2
            yield f"resize{corners}{half}{nearest}", one(
                97 if nearest else 23, x, [((10, 14), np.int32)],
                resize(x, (10, 14), corners, half, nearest),
                {k: bytes([corners]), k + 1: bytes([half])})
    v = r(4)
    for name, code, f in (("add", 0, np.add), ("sub", 41, np.subtract), ("mul", 18, np.multiply),
                          ("div", 42, np.divide), ("maximum", 55, np.maximum),
                          ("minimum", 57, np.minimum)):
        k = v + 9 if name == "div" else v
        yield name, one(code, x, [k], f(x, k))
    yield "sub_first", one(41, x, [v], v - x, before=True)
    yield "add_relu1", one(0, x, [v], np.clip(x + v, -1, 1), {0: bytes([2])})
    yield "prelu", one(54, x, [v.reshape(1, 1, 4)], np.where(x > 0, x, x * v))
    for name, code, f in (("logistic", 14, sig), ("relu", 19, lambda t: np.maximum(t, 0)),
                          ("relu6", 21, relu6), ("tanh", 28, np.tanh), ("exp", 47, np.exp),
                          ("abs", 101, np.abs), ("square", 92, np.square),
                          ("elu", 111, lambda t: np.where(t > 0, t, np.exp(t) - 1)),
                          ("hard_swish", 117, lambda t: t * relu6(t + 3) / 6)):
        yield name, one(code, 4 * x if name == "hard_swish" else x, [],
                        f(4 * x if name == "hard_swish" else x))
    yield "leaky_relu", one(98, x, [], np.where(x > 0, x, x / 4), {0: 0.25})
    yield "softmax", one(25, x, [], np.exp(x) / np.exp(x).sum(-1, keepdims=True), {0: 1.0})
    p = np.array([[0, 0], [1, 2], [0, 3], [0, 0]])
    yield "pad", one(34, x, [(p, np.int32)], np.pad(x, p))
    yield "padv2", one(60, x, [(p, np.int64), np.float32(-2)], np.pad(x, p, constant_values=-2))
    yield "reshape", one(22, x, [((1, 35, 4), np.int32)], x.reshape(1, 35, 4))
    yield "squeeze", one(43, x, [], x[0])
    yield "transpose", one(39, x, [((0, 3, 1, 2), np.int32)], x.transpose(0, 3, 1, 2))
    yield "mean", one(40, x, [((1, 2), np.int32)], x.mean((1, 2)), {0: b"\0"})
    yield "mean_kept", one(40, x, [((-1,), np.int32)], x.mean(3, keepdims=True), {0: b"\1"})
    yield "sum", one(74, x, [((2,), np.int32)], x.sum(2))
    yield "reduce_max", one(82, x, [((1,), np.int32)], x.max(1))
    yield "slice", one(65, x, [((0, 1, 2, 1), np.int32), ((1, 3, -1, 2), np.int32)],
                       x[:, 1:4, 2:, 1:3])
    yield "strided_slice", one(
        45, x, [((0, 1, -5, 2), np.int32), ((0, -1, 7, 3), np.int32), ((1, 2, 3, 1), np.int32)],
        x[:, 1:-1:2, -5:7:3, 2], {0: 1, 1: 1, 4: 8})
    yield "split", one(49, x, [(3, np.int32)], [x[..., :2], x[..., 2:]], before=True)
    yield "split_v", one(102, x, [((2, 5), np.int32), (2, np.int32)], [x[:, :, :2], x[:, :, 2:]])
    m, i, o = one(2, x, [], np.concatenate([x, x], 3), {0: -1})
    m.ops[0][1].append(0)
    yield "concatenation", (m, i, o)
    fc, fb = r(3, 7 * 4), r(3)
    yield "fully_connected", one(9, x, [fc, fb], np.maximum(x.reshape(5, 28) @ fc.T + fb, 0),
                                 {0: b"\1"})
    ds = r(1, 2, 3, 12)
    y = ds.reshape(1, 2, 3, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(1, 4, 6, 3)
    yield "depth_to_space", one(5, ds, [], y, {0: 2})
    yield "space_to_depth", one(26, y, [], ds, {0: 2})
    # float16 weights that DEQUANTIZE makes float32
    m, i, o = one(3, x, [], conv(x, w, 1, SAME), {0: bytes([SAME]), 1: 1, 2: 1})
    half = m.const(w, np.float16)
    full = m.tensor("full", w.shape)
    m.ops[0][1].append(full)
    m.ops.insert(0, (6, [half], [full], None, 1, None))
    yield "dequantize", (m, i, o)
    m, i, o = one(19, x, [], np.maximum(x, 0))     # made up: the place in the file
    m.tensors[1] = ("", x.shape, "float32", None, None)
    yield "nameless", (m, i, {"tensor1": o["y0"]})
    yield "scalar", one(0, np.float32(3), [np.float32(2)], np.float32(5))
    # a hard sigmoid by steps, whose numbers have more axes than x and give them to y
    flat, m = r(3, 4), Model()
    m.inputs = [m.tensor("x", flat.shape)]
    steps = [m.tensor(k, (1, 1, 3, 4)) for k in ("plus", "cut", "y0")]
    m.op(0, [0, m.const([[[[3.0]]]])], [steps[0]])
    m.op(21, [steps[0]], [steps[1]])
    m.op(18, [steps[1], m.const([[[[1 / 6]]]])], [steps[2]])
    m.outputs = [steps[2]]
    yield "higher_rank", (m, {"x": flat}, {"y0": relu6(flat + 3)[None, None] / 6})
    # what is refused
    yield "bad-op", one(118, x, [], x)
    m, i, o = one(32, x, [], x)
    m.ops = [(32, [0], [1], None, 3, "Magic")]
    yield "bad-custom", (m, i, o)
    yield "bad-size", one(19, x, [], x[:, 1:])
    yield "bad-weight", one(3, x, [w[..., :3]], x, {0: b"\0", 1: 1, 2: 1})
    m, i, o = one(19, x, [], x)
    m.outputs = [1, 1]
    yield "bad-twice", (m, i, o)
    m, i, o = one(39, x, [], x)
    axes = m.tensor("axes", (4,), "int32")
    m.ops[0][1].append(axes)
    m.ops.insert(0, (6, [m.const((0, 1, 2, 3), np.float16)], [axes], None, 1, None))
    yield "bad-dequantize", (m, i, o)
    m, i, o = one(6, x, [], x)
    m.tensors[0] = ("x", x.shape, "int8", None, ([0.5], [3], 0))
    yield "bad-quantized", (m, i, o)


def tensors(path):
    b = open(path, "rb").read()
    n, = struct.unpack("<Q", b[:8])
    return {k: np.frombuffer(b[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]], "<f4")
            .reshape(v["shape"]) for k, v in json.loads(b[8:8 + n]).items() if k != "__metadata__"}


def write(path, values):
    head, blob = {}, b""
    for k, v in values.items():
        a = np.ascontiguousarray(v, "<f4").tobytes()
        head[k] = {"dtype": "F32", "shape": list(v.shape),
                   "data_offsets": [len(blob), len(blob) + len(a)]}
        blob += a
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + blob)


def main(what, *args):
    if what == "list":
        print("\n".join(name for name, _ in cases()))
    elif what == "make":
        for name, (m, given, want) in cases():
            at = os.path.join(args[0], name)
            open(at + ".tflite", "wb").write(m.write())
            write(at + ".in", given)
            write(at + ".want", want)
    else:
        a, b = tensors(args[0]), tensors(args[1])
        worst = 0 if a.keys() == b.keys() else 9
        for k in a.keys() & b.keys():
            worst = max(worst, np.abs(a[k] - b[k]).max() if a[k].shape == b[k].shape else 9)
        print(f"{worst:.2g}")
        sys.exit(int(not worst < 1e-5 * max(1, *(np.abs(v).max() for v in a.values()), 0)))


main(*sys.argv[1:])
