// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"unicode/utf8"
)

// The methods of a file in a zip.
const (
	stored   = 0
	deflated = 8
)

// The numbers of the zip format (APPNOTE.TXT 6.3): signatures, lengths and flags.
const (
	localSignature      = 0x04034b50
	descriptorSignature = 0x08074b50
	recordSignature     = 0x02014b50
	end64Signature      = 0x06064b50
	locatorSignature    = 0x07064b50
	endSignature        = 0x06054b50

	recordLen  = 46
	end64Len   = 56
	locatorLen = 20
	endLen     = 22

	sizesFollow = 1 << 3  // the sizes stand after the bytes
	nameIsUTF8  = 1 << 11 // and not of a code page
	version20   = 20
	version45   = 45     // with 64 bits for sizes
	packageDate = 0x2821 // 2000-01-01, in every record: packages differ only in content
)

// archive writes a zip as a stream. What a zip repeats at its end of every file waits in
// a spill, so that memory does not grow with their number.
type archive struct {
	out     *bufio.Writer
	at      int64 // how much was written
	records spill
	files   int64
	flate   *flate.Writer
	open    *record
}

// record is what the directory says of a file.
type record struct {
	name       string
	method     uint16
	crc        hash.Hash32
	size       int64
	begin, end int64 // of the file, and of its bytes
	data       int64
}

func newArchive(w io.Writer, temp Temp) *archive {
	return &archive{out: bufio.NewWriterSize(w, 64<<10), records: spill{temp: temp}}
}

// Write counts and writes what goes to the zip itself.
func (a *archive) Write(p []byte) (int, error) {
	n, err := a.out.Write(p)
	a.at += int64(n)
	return n, err
}

// create begins the next file; the one before ends.
func (a *archive) create(name string, method uint16) (io.Writer, error) {
	if err := a.end(); err != nil {
		return nil, err
	}
	if len(name) > math.MaxUint16 || !utf8.ValidString(name) {
		return nil, fmt.Errorf("a zip cannot hold a file called %q", name)
	}
	a.open = &record{name: name, method: method, crc: crc32.NewIEEE(), begin: a.at}
	var b fields
	b.u32(localSignature).u16(version20).u16(sizesFollow | nameIsUTF8).u16(int(method)).u16(0).u16(packageDate)
	b.u32(0).u32(0).u32(0).u16(len(name)).u16(0)
	if _, err := a.Write(append(b, name...)); err != nil {
		return nil, err
	}
	a.open.data = a.at
	if method == stored {
		return fileWriter{a, a}, nil
	}
	if a.flate == nil {
		a.flate, _ = flate.NewWriter(a, flate.DefaultCompression) // a level that there is
	} else {
		a.flate.Reset(a)
	}
	return fileWriter{a, a.flate}, nil
}

// fileWriter writes the bytes of the file that is open.
type fileWriter struct {
	a  *archive
	to io.Writer
}

func (f fileWriter) Write(p []byte) (int, error) {
	n, err := f.to.Write(p)
	f.a.open.size += int64(n)
	f.a.open.crc.Write(p[:n])
	return n, err
}

// end writes what is known after a file's last byte.
func (a *archive) end() error {
	r := a.open
	if r == nil {
		return nil
	}
	a.open = nil
	if r.method == deflated {
		if err := a.flate.Close(); err != nil {
			return err
		}
	}
	r.end = a.at
	packed := r.end - r.data
	var b fields
	b.u32(descriptorSignature).u32(int(r.crc.Sum32()))
	if large(packed) || large(r.size) {
		b.u64(packed).u64(r.size)
	} else {
		b.u32(int(packed)).u32(int(r.size))
	}
	if _, err := a.Write(b); err != nil {
		return err
	}
	a.files++
	_, err := a.records.Write(r.directory(packed))
	return err
}

// large tells whether a number needs 64 bits in a zip.
func large(n int64) bool { return n >= math.MaxUint32 }

// directory is the record as the directory has it. Numbers that are too large stand after
// the name.
func (r *record) directory(packed int64) []byte {
	version, size, begin := version20, r.size, r.begin
	var more fields
	if large(packed) || large(size) || large(begin) {
		version = version45
		more.u16(1).u16(24).u64(size).u64(packed).u64(begin)
		packed, size, begin = math.MaxUint32, math.MaxUint32, math.MaxUint32
	}
	b := make(fields, 0, recordLen+len(r.name)+len(more))
	b.u32(recordSignature).u16(version).u16(version).u16(sizesFollow | nameIsUTF8).u16(int(r.method)).u16(0).u16(packageDate)
	b.u32(int(r.crc.Sum32())).u32(int(packed)).u32(int(size)).u16(len(r.name)).u16(len(more)).u16(0)
	b.u16(0).u16(0).u32(0).u32(int(begin))
	return append(append(b, r.name...), more...)
}

// close ends the zip.
func (a *archive) close() error {
	if err := a.end(); err != nil {
		return err
	}
	begin := a.at
	if err := a.records.copyTo(a); err != nil {
		return err
	}
	if _, err := a.Write(directoryEnd(begin, a.at-begin, a.files)); err != nil {
		return err
	}
	return errors.Join(a.out.Flush(), a.records.close())
}

// directoryEnd is what stands after a directory and says where it is: once more with 64
// bits where 32 or 16 do not do.
func directoryEnd(begin, size, files int64) []byte {
	var b fields
	if large(begin) || large(size) || files >= math.MaxUint16 {
		b.u32(end64Signature).u64(end64Len - 12).u16(version45).u16(version45).u32(0).u32(0).u64(files).u64(files).u64(size).u64(begin)
		b.u32(locatorSignature).u32(0).u64(begin + size).u32(1)
	}
	few := int(min(files, math.MaxUint16))
	b.u32(endSignature).u16(0).u16(0).u16(few).u16(few).u32(int(min(size, math.MaxUint32))).u32(int(min(begin, math.MaxUint32))).u16(0)
	return b
}

// fields are numbers in the order of bytes that zips have.
type fields []byte

func (f *fields) u16(n int) *fields {
	*f = binary.LittleEndian.AppendUint16(*f, uint16(n))
	return f
}

func (f *fields) u32(n int) *fields {
	*f = binary.LittleEndian.AppendUint32(*f, uint32(n))
	return f
}

func (f *fields) u64(n int64) *fields {
	*f = binary.LittleEndian.AppendUint64(*f, uint64(n))
	return f
}

func (f *fields) bytes() []byte { return *f }
