// SPDX-License-Identifier: Apache-2.0

package live

import (
	_ "embed" // the dictionary
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// dictionary is what objects have in common, as JSON: with it a small object packs about
// three times as small. It is only ever held in memory, so it may change at will.
//
//go:embed dictionary.json
var dictionary []byte

// packer packs objects. It is safe for concurrent use.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder

	mu  sync.Mutex
	buf []byte
}

const dictionaryID = 1

func newPacker() *packer {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderDictRaw(dictionaryID, dictionary), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(128<<10))
	if err != nil {
		panic(fmt.Sprintf("make a compressor: %v", err)) // the options are constants
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderDictRaw(dictionaryID, dictionary), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(fmt.Sprintf("make a decompressor: %v", err))
	}
	return &packer{enc: enc, dec: dec}
}

// pack gives an object in a form that is small.
func (p *packer) pack(object map[string]any) []byte {
	text, err := json.Marshal(object)
	if err != nil { // nothing that was JSON before fails
		panic(fmt.Sprintf("pack an object: %v", err))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = p.enc.EncodeAll(text, p.buf[:0])
	out := slices.Clip(slices.Clone(p.buf))
	if cap(p.buf) > 1<<20 {
		p.buf = nil
	}
	return out
}

// unpack gives the object again, anew at each call.
func (p *packer) unpack(packed []byte) map[string]any {
	text, err := p.dec.DecodeAll(packed, nil)
	var m map[string]any
	if err == nil {
		err = kjson.Unmarshal(text, &m)
	}
	if err != nil {
		panic(fmt.Sprintf("unpack an object: %v", err))
	}
	return m
}
