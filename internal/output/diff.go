// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// DiffOptions say how a diff is shown.
type DiffOptions struct {
	// Terminal makes control characters visible instead of passing them on. Anything but a
	// terminal gets the diff byte by byte, so that it can be applied.
	Terminal bool
	// Color paints the lines.
	Color bool
}

// Diff writes a unified diff.
func Diff(w io.Writer, diff []byte, o DiffOptions) error {
	if !o.Terminal && !o.Color {
		_, err := w.Write(diff)
		return wrapDiff(err)
	}
	var out bytes.Buffer
	t := terminal{color: o.Color}
	for line := range bytes.Lines(diff) {
		text := strings.TrimRight(string(line), "\n")
		if o.Terminal {
			text = visible(strings.ReplaceAll(strings.TrimSuffix(text, "\r"), "\t", "        "))
		}
		out.WriteString(t.paint(text, diffStyle(text)) + "\n")
	}
	_, err := w.Write(out.Bytes())
	return wrapDiff(err)
}

func diffStyle(line string) style {
	switch {
	case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
		return bold
	case strings.HasPrefix(line, "@@"):
		return cyan
	case strings.HasPrefix(line, "-"):
		return red
	case strings.HasPrefix(line, "+"):
		return green
	}
	return ""
}

func wrapDiff(err error) error {
	if err != nil {
		return fmt.Errorf("write the diff: %w", err)
	}
	return nil
}
