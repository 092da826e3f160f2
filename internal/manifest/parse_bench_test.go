// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"os"
	"testing"
)

// BenchmarkParse is the part of reading that text to tree takes, without decoding: by
// the fast reader, and by the YAML library alone.
func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile("testdata/typical.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for name, read := range map[string]func(chunk, Limits) ([]document, error){"fast": parse, "library": parseYAML} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s := newSplitter(bytes.NewReader(text), nil, DefaultLimits())
				for {
					c, err := s.next()
					if err != nil {
						break
					}
					if _, err := read(c, DefaultLimits()); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
