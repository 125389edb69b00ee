# SPDX-License-Identifier: Apache-2.0
#
# The shell examples of a manual or a Markdown file, for tests/docs.t: one block
# after the other, each ended by a line "%%". From a manual: literal displays and
# .Dl lines under EXAMPLES (in a page of section 7: everywhere) that call one of
# the programs. From Markdown: blocks fenced as sh that do.

function flush_block() {
	if (block ~ /hmr-[a-z]/)
		printf "%s%%%%\n", block
	block = ""
}

function plain(s) {
	gsub(/\\&/, "", s)
	gsub(/\\-/, "-", s)
	gsub(/\\\(aq/, "'", s)
	gsub(/\\\(dq/, "\"", s)
	gsub(/\\\(ga/, "`", s)
	gsub(/\\\(ti/, "~", s)
	gsub(/\\\(ha/, "^", s)
	gsub(/\\e/, "\\", s)
	sub(/^\$ /, "", s)
	return s
}

FNR == 1 {
	markdown = FILENAME ~ /\.md$/
	wanted = FILENAME ~ /\.7$/
	inside = 0
}

markdown && /^```/ {
	if (inside)
		flush_block()
	inside = !inside && /^```sh/
	next
}
markdown {
	if (inside)
		block = block plain($0) "\n"
	next
}

/^\.Sh/ && FILENAME !~ /\.7$/ { wanted = $2 == "EXAMPLES" }
wanted && /^\.Bd .*-literal/ { inside = 1; next }
/^\.Ed/ { if (inside) flush_block(); inside = 0; next }
inside { block = block plain($0) "\n"; next }
wanted && /^\.Dl / { block = plain(substr($0, 5)) "\n"; flush_block() }
