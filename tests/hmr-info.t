#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hmr-info: the example of formats/stream.md, verification, salvage.
. "${0%/*}/lib.sh"
need hmr-info python3

# The hex dump of the specification is a stream.
python3 - "$ROOT/formats/stream.md" "$T/tiny.hmr" <<'E'
import re, sys
rows = re.findall(r'^    [0-9a-f]{4}  ((?:[0-9a-f]{2} ?){1,16})', open(sys.argv[1]).read(), re.M)
open(sys.argv[2], 'wb').write(bytes.fromhex(''.join(rows)))
