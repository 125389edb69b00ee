#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a small TensorFlow.js graph model with everything that the importer
folds or cancels, an input, and what must come out, computed here in float64 by
the definitions: DIR/small.json, small.bin, in.safetensors, want.safetensors.
usage: tfjs.py DIR"""
import base64
import json
import struct
import sys

import numpy as np

rng = np.random.default_rng(7)
nodes, weights, blob = [], [], b''


def b64(s):
    return base64.b64encode(s.encode()).decode()


def const(name, value, kind='float16'):
    global blob
    entry = {'name': name, 'shape': list(np.shape(value)),
             'dtype': 'int32' if kind == 'int32' else 'float32'}
    if kind == 'float16':
        entry['quantization'] = {'dtype': 'float16', 'original_dtype': 'float32'}
    data = np.asarray(value).astype({'float16': '<f2', 'float32': '<f4', 'int32': '<i4'}[kind])
    weights.append(entry)
    blob += data.tobytes()
    nodes.append({'name': name, 'op': 'Const'})
    return data.astype('f8')


def node(op, name, inputs, **attr):
    nodes.append({'name': name, 'op': op, 'input': inputs, 'attr': attr})


def window(stride, padding):
    return {'strides': {'list': {'i': ['1', str(stride), str(stride), '1']}},
            'padding': {'s': b64(padding)}, 'data_format': {'s': b64('NHWC')}}


def conv(x, w, stride, pads, fill=0.0):
    """x [N,H,W,C], w [kh,kw,C,O] or, depthwise, [kh,kw,C,1]; pads t,l,b,r"""
    x = np.pad(x, ((0, 0), (pads[0], pads[2]), (pads[1], pads[3]), (0, 0)), constant_values=fill)
    kh, kw = w.shape[:2]
    h, v = (x.shape[1] - kh) // stride + 1, (x.shape[2] - kw) // stride + 1
    dw = w.shape[3] == 1 and w.shape[2] == x.shape[3] > 1
    y = 0
    for i in range(kh):
        for j in range(kw):
            part = x[:, i:i + stride * (h - 1) + 1:stride, j:j + stride * (v - 1) + 1:stride]
            y = y + (part * w[i, j, :, 0] if dw else part @ w[i, j])
    return y


def resize(x, h, w):
    def taps(n, m):
        s = (np.arange(m) + .5) * n / m - .5
        lo = np.maximum(np.floor(s), 0).astype(int)
        return lo, np.minimum(np.ceil(s), n - 1).astype(int), s - np.floor(s)
    a, b, f = taps(x.shape[1], h)
    x = x[:, a] * (1 - f)[None, :, None, None] + x[:, b] * f[None, :, None, None]
    a, b, f = taps(x.shape[2], w)
    return x[:, :, a] * (1 - f)[None, None, :, None] + x[:, :, b] * f[None, None, :, None]


def save(path, tensors):
    head, data = {}, b''
    for name, v in tensors.items():
        v = np.ascontiguousarray(v, '<f4')
        head[name] = {'dtype': 'F32', 'shape': list(v.shape),
                      'data_offsets': [len(data), len(data) + v.nbytes]}
        data += v.tobytes()
    text = json.dumps(head).encode()
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + data)


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


out = sys.argv[1]
nodes.append({'name': 'x', 'op': 'Placeholder', 'attr': {'shape': {'shape': {
    'dim': [{'size': s} for s in ('1', '3', '12', '16')]}}}})
x = rng.normal(size=(1, 3, 12, 16)).astype('f4').astype('f8')
const('nhwc', [0, 2, 3, 1], 'int32')
const('nchw', [0, 3, 1, 2], 'int32')
const('pad1', [[0, 0], [0, 0], [1, 1], [1, 1]], 'int32')

# channels first: pad, convolution, bias, leaky; then -inf padding and a pool
w1 = rng.normal(size=(3, 3, 3, 8)) * .3
w1[0, 0] = 2.0 ** -20          # subnormal as float16
w1 = const('w1', w1)
b1 = const('b1', rng.normal(size=8))
node('Pad', 'pad', ['x', 'pad1'])
node('Transpose', 'tr1', ['pad', 'nhwc'])
node('Conv2D', 'conv1', ['tr1', 'w1'], **window(1, 'VALID'))
node('Add', 'bias1', ['conv1', 'b1'])
node('Transpose', 'tr2', ['bias1', 'nchw'])
node('LeakyRelu', 'leaky', ['tr2'], alpha={'f': 0.1})
minus = const('minus', -np.inf)
node('PadV2', 'pad2', ['leaky', 'pad1', 'minus'])
node('Transpose', 'tr3', ['pad2', 'nhwc'])
node('MaxPool', 'pool', ['tr3'], ksize={'list': {'i': ['1', '3', '3', '1']}}, **window(2, 'VALID'))
v = conv(x.transpose(0, 2, 3, 1), w1, 1, (1, 1, 1, 1)) + b1
v = np.where(v > 0, v, v * np.float32(.1))
p = np.pad(v, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
v = np.max([p[:, i:i + 11:2, j:j + 15:2] for i in range(3) for j in range(3)], 0)
assert v.shape == (1, 6, 8, 8)

# a residual block: depthwise SAME, pointwise, sum, relu6; SAME with stride 2
w2, b2 = const('w2', rng.normal(size=(3, 3, 8, 1)) * .4), const('b2', rng.normal(size=8))
w3, b3 = const('w3', rng.normal(size=(1, 1, 8, 8)) * .4, 'float32'), const('b3', rng.normal(size=8))
w4, b4 = const('w4', rng.normal(size=(5, 5, 8, 1)) * .2), const('b4', rng.normal(size=8))
fused = {'fused_ops': {'list': {'s': [b64('BiasAdd'), b64('Relu6')]}}}
node('FusedDepthwiseConv2dNative', 'dw', ['pool', 'w2', 'b2'], **window(1, 'SAME'), **fused)
node('_FusedConv2D', 'pw', ['dw', 'w3', 'b3'], **window(1, 'SAME'),
     fused_ops={'list': {'s': [b64('BiasAdd')]}})
node('AddV2', 'sum', ['pool', 'pw'])
node('Relu6', 'relu6', ['sum'])
node('FusedDepthwiseConv2dNative', 'down', ['relu6', 'w4', 'b4'], **window(2, 'SAME'), **fused)
t = np.clip(conv(v, w2, 1, (1, 1, 1, 1)) + b2, 0, 6)
v = np.clip(v + conv(t, w3, 1, (0, 0, 0, 0)) + b3, 0, 6)
d = np.clip(conv(v, w4, 2, (1, 1, 2, 2)) + b4, 0, 6)      # 6x8: total 3, before 1
assert d.shape == (1, 3, 4, 8)

# up again, joined with what was before; channels padded; split; two heads
const('size', [6, 8], 'int32')
const('axis', 3, 'int32')
const('more', [[0, 0], [0, 0], [0, 0], [0, 4]], 'int32')
node('ResizeBilinear', 'up', ['down', 'size'], half_pixel_centers={'b': True},
     align_corners={'b': False})
node('ConcatV2', 'cat', ['relu6', 'up', 'axis'])
node('Pad', 'wide', ['cat', 'more'])
node('Transpose', 'tr4', ['wide', 'nchw'])
const('sizes', [12, 8], 'int32')
const('one', 1, 'int32')
node('SplitV', 'split', ['tr4', 'sizes', 'one'], num_split={'i': '2'})
node('Sigmoid', 'score', ['split'])
const('shape0', [1, 12, -1], 'int32')
const('where', np.zeros((0, 1)), 'int32')
const('dense', [3], 'int32')
const('values', np.zeros(0), 'int32')
const('nil', 0, 'int32')
const('swap', [0, 2, 1], 'int32')
node('SparseToDense', 'zeros', ['where', 'dense', 'values', 'nil'])
node('AddV2', 'shape1', ['shape0', 'zeros'])
node('Reshape', 'flat', ['score', 'shape1'])
node('Transpose', 'tr5', ['flat', 'swap'])
node('Identity', 'Identity', ['tr5'])
const('shape2', [-1, 384], 'int32')
node('Transpose', 'tr6', ['split:1', 'nhwc'])
node('Reshape', 'rest', ['tr6', 'shape2'])
node('Identity', 'Identity_1', ['rest'])
c = np.concatenate([v, resize(d, 6, 8)], 3)
c = np.pad(c, ((0, 0), (0, 0), (0, 0), (0, 4)))
scores, rest = sigmoid(c[..., :12]).reshape(1, 48, 12), c[..., 12:].reshape(1, 384)

model = {'format': 'graph-model', 'generatedBy': 'tests/golden/tfjs.py',
         'signature': {'outputs': {'scores': {'name': 'Identity:0'},
                                   'rest': {'name': 'Identity_1:0'}}},
         'modelTopology': {'node': nodes, 'library': {}, 'versions': {}},
         'weightsManifest': [{'paths': ['small.bin'], 'weights': weights}]}
with open(out + '/small.json', 'w') as f:
    json.dump(model, f)
with open(out + '/small.bin', 'wb') as f:
    f.write(blob)
save(out + '/in.safetensors', {'x': x})
save(out + '/want.safetensors', {'scores': scores, 'rest': rest})
