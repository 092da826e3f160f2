// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"context"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Text is what a file would hold.
type Text struct {
	File string
	Text []byte
}

// Texts makes the input of texts that are judged as if they were files: each is a batch.
func Texts(source seaworthy.Source, texts []Text, dec *snapshot.Decoder) Input {
	return Input{
		Source: source, Total: len(texts),
		Batches: func(ctx context.Context, next func(Batch) error) (Yield, error) {
			for _, t := range texts {
				if err := next(t.batch(dec)); err != nil {
					return Yield{}, err
				}
			}
			return Yield{}, ctx.Err()
		},
	}
}

func (t Text) batch(dec *snapshot.Decoder) Batch {
	return func(ctx context.Context, emit func(*snapshot.Object) error) (Yield, error) {
		plan, err := manifest.NewPlan(ctx, manifest.Options{Paths: []string{"-"}, Stdin: bytes.NewReader(t.Text)})
		if err != nil {
			return Yield{}, err
		}
		r, err := plan.Units[0].Read(ctx, dec, func(o *snapshot.Object) error {
			o.Source.File = t.File
			return emit(o)
		})
		for _, list := range [][]seaworthy.Problem{r.Errors, r.Skipped} {
			for i := range list {
				list[i].File = t.File
			}
		}
		return Yield{Errors: r.Errors, Skipped: r.Skipped, Files: r.Files}, err
	}
}
