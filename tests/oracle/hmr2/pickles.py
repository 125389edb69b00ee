#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/unit/pickle_cases.h: one value and one set of arrays, pickled by
Python in every protocol. By hand: pickles.py >tests/unit/pickle_cases.h
(python3-numpy, python3-scipy)."""
import pickle
import sys
import types
from collections import OrderedDict

import numpy as np
import scipy.sparse as sp

value = {
    "ints": [0, -1, 300, 70000, -70000, 2**40, -2**63, 2**70],
    "mix": (1.5, None, True, False, "\u00fc", b"\xff\x00"),
    "set": {7},
    "od": OrderedDict([("k", 3)]),
    "empty": [(), [], {}],
}


def chumpy(name):
    """A class with chumpy's name, which need not be installed."""
    module = sys.modules.setdefault(f"chumpy.{name[0]}", types.ModuleType("chumpy"))
    cls = type(name[1], (), {"__module__": f"chumpy.{name[0]}",
                             "__init__": lambda self, **state: self.__dict__.update(state)})
    setattr(module, name[1], cls)
    return cls


sys.modules["chumpy"] = types.ModuleType("chumpy")
Ch, Select = chumpy(("ch", "Ch")), chumpy(("reordering", "Select"))
objects = np.array([None], dtype=object)
objects[0] = np.arange(4, dtype="u1")
m = np.array([[0, 2.5, 0], [1, 0, 3]])
arrays = {
    "c": np.arange(6, dtype="<f8").reshape(2, 3) / 4,
    "f": np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
    "h": np.arange(3, dtype="<f2"),
    "s": np.float32(2.5),
    "csc": sp.csc_matrix(m),
    "csr": sp.csr_matrix(m),
    "o": objects,
    # [[0, 1], [3, 4]] and, from Fortran order, 5 1 3 of 0 to 5
    "select": Select(a=Ch(x=np.arange(6, dtype="<f8").reshape(2, 3)),
                     idxs=np.array([0, 1, 3, 4]), preferred_shape=(2, 2)),
    "pick": Select(a=np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
                   idxs=np.array([5, 1, 3], dtype=">u2")),
    "over": Select(a=Ch(x=np.arange(6, dtype="u1")), idxs=np.array([0, 6])),
    "under": Select(a=Ch(x=np.arange(6, dtype="u1")), idxs=np.array([0, -1])),
    "uneven": Select(a=Ch(x=np.arange(6, dtype="u1")), idxs=np.array([0, 5]),
                     preferred_shape=(2, 2)),
    "real": Select(a=Ch(x=np.arange(6, dtype="u1")), idxs=np.array([0., 5])),
}


def c_array(name, data):
    print(f"static const uint8_t {name}[] = {{")
    for i in range(0, len(data), 20):
        print("\t" + ",".join(map(str, data[i:i + 20])) + ",")
    print("};")


print("/* SPDX-License-Identifier: Apache-2.0 */")
print("/* Made by tests/oracle/hmr2/pickles.py: do not edit. */")
for protocol in range(6):
    c_array(f"value{protocol}", pickle.dumps(value, protocol))
    c_array(f"array{protocol}", pickle.dumps(arrays, protocol))
