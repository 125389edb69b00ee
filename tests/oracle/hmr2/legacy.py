#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/unit/torch_cases.h: one checkpoint as PyTorch wrote it before 1.6, in
two pickle protocols, and fuzz_torch's seed of the same. By hand:
legacy.py tests/fuzz/seeds >tests/unit/torch_cases.h (python3-torch)."""
import io
import sys
from collections import OrderedDict

import torch

half = torch.tensor([[1., 2, 3], [4, 5, 6]], dtype=torch.float16)
state = OrderedDict([
    ("half", half), ("turned", half.t()), ("part", half.view(-1)[4:]),
    ("brain", torch.tensor([1., -3], dtype=torch.bfloat16)),
    ("double", torch.tensor([1.5, -2.25], dtype=torch.float64)),
    ("long", torch.tensor(-7)), ("bool", torch.tensor([False, True])),
    ("wrapped", torch.nn.Parameter(torch.tensor([1., 2]))), ("empty", torch.zeros(0, 5)),
    ("complex", torch.tensor([1 + 2j])),
])
checkpoint = {"epoch": 3, "state_dict": state,
              "optimizer_states": [{"step": torch.ones(3, dtype=torch.int16)}]}


def saved(what, protocol):
    f = io.BytesIO()
    torch.save(what, f, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    return f.getvalue()


print("/* SPDX-License-Identifier: Apache-2.0 */")
print("/* Made by tests/oracle/hmr2/legacy.py: do not edit. */")
for protocol in 2, 4:
    data = saved(checkpoint, protocol)
    print(f"static const uint8_t legacy{protocol}[] = {{")
    for i in range(0, len(data), 20):
        print("\t" + ",".join(map(str, data[i:i + 20])) + ",")
    print("};")
with open(sys.argv[1] + "/fuzz_torch/legacy.ckpt", "wb") as f:
    f.write(saved(OrderedDict(w=half, t=half.t()), 2))
