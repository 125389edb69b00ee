#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz_pickle, fuzz_torch and fuzz_npz. By hand:
seeds.py tests/fuzz/seeds (python3-numpy, python3-scipy)."""
import io
import os
import pickle
import struct
import sys
import types
import zipfile

import numpy as np
import scipy.sparse as sp

top = sys.argv[1]


def put(target, name, data):
    os.makedirs(f"{top}/{target}", exist_ok=True)
    with open(f"{top}/{target}/{name}", "wb") as f:
        f.write(data)


body = {
    "v_template": np.arange(6, dtype="<f8").reshape(2, 3),
    "J_regressor": sp.csc_matrix(np.array([[0, 2.5, 0], [1, 0, 3]])),
    "a": np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
}
for p in range(6):
    put("fuzz_pickle", f"body{p}", pickle.dumps(body, p))
put("fuzz_npz", "body.pkl", pickle.dumps(body, 2))
# chumpy need not be installed: only its class's name is written
reordering = types.ModuleType("chumpy.reordering")
reordering.Select = type("Select", (), {"__module__": "chumpy.reordering"})
sys.modules["chumpy"] = types.ModuleType("chumpy")
sys.modules["chumpy.reordering"] = reordering
pick = reordering.Select()
pick.a, pick.idxs, pick.preferred_shape = body["a"], np.array([5, 1]), (2, 1)
put("fuzz_npz", "select.pkl", pickle.dumps({"a": pick}, 2))
put("fuzz_pickle", "select2", pickle.dumps(pick, 2))
for name, method in ("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", method) as z:
        for k in "v_template", "a":
            g = io.BytesIO()
            np.save(g, body[k])
            z.writestr(zipfile.ZipInfo(k + ".npy"), g.getvalue(), method)
    put("fuzz_npz", name + ".npz", f.getvalue())
g = io.BytesIO()
np.save(g, body["v_template"])
put("fuzz_npz", "one.npy", g.getvalue())
h = b'{"a":{"dtype":"F32","shape":[1,3],"data_offsets":[0,12]}}'
put("fuzz_npz", "one.safetensors", struct.pack("<Q", len(h)) + h + bytes(12))


def tensor(kind, key, size, stride, offset=0):
    size = b"(" + b"".join(b"I%d\n" % i for i in size) + b"t"
    stride = b"(" + b"".join(b"I%d\n" % i for i in stride) + b"t"
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\n" + kind +
            b"\nS'" + key + b"'\nS'cpu'\nI16\ntQI%d\n" % offset + size + stride +
            b"I00\nNtR")


pkl = (b"(dS'state_dict'\n(dS'w'\n" + tensor(b"FloatStorage", b"0", (2, 3), (3, 1)) +
       b"sS'b'\n" + tensor(b"BFloat16Storage", b"1", (4,), (2,), 3) + b"ss.")
put("fuzz_torch", "plain.pkl", pkl)
f = io.BytesIO()
with zipfile.ZipFile(f, "w") as z:
    for name, data in ("a/data.pkl", pkl), ("a/data/0", bytes(64)), ("a/data/1", bytes(64)):
        z.writestr(zipfile.ZipInfo(name), data)
put("fuzz_torch", "archive.ckpt", f.getvalue())
