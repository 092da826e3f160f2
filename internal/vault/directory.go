// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// directory finds files of a zip by their names. It holds a few bytes for each file and
// reads the rest where it stands, so that millions of files need no memory to speak of.
type directory struct {
	r           io.ReaderAt
	begin, size int64 // of the directory in the zip
	seed        maphash.Seed
	places      []place // by hash
	known       []bool  // of the same place: somebody asked for it
}

// place says where in the directory a file's record is.
type place struct {
	hash uint64 // of the name
	at   int64  // from the directory's begin
}

// mostFiles bounds how many files a package may have.
const mostFiles = 10_000_000

// errNoZip tells that a file is no zip that a package can be.
var errNoZip = seaworthy.Invalid("this is no evidence package: it is no zip file, or not a whole one")

// openDirectory reads the directory once. twice is called with names that are there
// twice.
func openDirectory(r io.ReaderAt, size int64, twice func(name string)) (*directory, error) {
	d := &directory{r: r, seed: maphash.MakeSeed()}
	if err := d.find(size); err != nil {
		return nil, err
	}
	err := d.each(func(at int64, name []byte) error {
		if len(d.places) == mostFiles {
			return seaworthy.Invalid("the package has more than %d files", mostFiles)
		}
		d.places = append(d.places, place{maphash.Bytes(d.seed, name), at})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(d.places, func(a, b place) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.at, b.at)) })
	d.known = make([]bool, len(d.places))
	for i := 1; i < len(d.places); i++ {
		if d.places[i].hash != d.places[i-1].hash {
			continue
		}
		one, err1 := d.record(d.places[i-1].at)
		other, err2 := d.record(d.places[i].at)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if nameOf(one) == nameOf(other) {
			twice(nameOf(other))
		}
	}
	return d, nil
}

// find reads the end of the zip, which says where the directory is. The directory has to
// stand right before it, so that every reader of zips finds the same one.
func (d *directory) find(size int64) error {
	tail := make([]byte, min(size, endLen+1<<16))
	if _, err := d.r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	i := bytes.LastIndex(tail, new(fields).u32(endSignature).bytes())
	if i < 0 || len(tail)-i < endLen || len(tail)-i-endLen != int(binary.LittleEndian.Uint16(tail[i+20:])) {
		return errNoZip
	}
	end, at := tail[i:], size-int64(len(tail)-i)
	d.size, d.begin = int64(binary.LittleEndian.Uint32(end[12:])), int64(binary.LittleEndian.Uint32(end[16:]))
	if large(d.size) || large(d.begin) || binary.LittleEndian.Uint16(end[10:]) == 0xffff {
		if at -= end64Len + locatorLen; at < 0 {
			return errNoZip
		}
		var b [end64Len]byte
		if _, err := d.r.ReadAt(b[:], at); err != nil {
			return err
		}
		if binary.LittleEndian.Uint32(b[:]) != end64Signature {
			return errNoZip
		}
		d.size, d.begin = int64(binary.LittleEndian.Uint64(b[40:])), int64(binary.LittleEndian.Uint64(b[48:]))
	}
	if d.begin < 0 || d.size < 0 || d.begin > at || d.size != at-d.begin {
		return errNoZip
	}
	return nil
}

// each gives the name of every file and where its record is, in their order.
func (d *directory) each(f func(at int64, name []byte) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(d.r, d.begin, d.size), 64<<10)
	var head [recordLen]byte
	var name []byte
	for at := int64(0); at < d.size; {
		if _, err := io.ReadFull(in, head[:]); err != nil || binary.LittleEndian.Uint32(head[:]) != recordSignature {
			return errNoZip
		}
		length, rest := recordParts(head[:])
		name = slices.Grow(name[:0], length)[:length]
		if _, err := io.ReadFull(in, name); err != nil {
			return errNoZip
		}
		if _, err := in.Discard(rest); err != nil {
			return errNoZip
		}
		if err := f(at, name); err != nil {
			return err
		}
		at += int64(recordLen + length + rest)
	}
	return nil
}

// recordParts are the lengths of a record's name, and of what stands after it.
func recordParts(head []byte) (name, rest int) {
	u16 := binary.LittleEndian.Uint16
	return int(u16(head[28:])), int(u16(head[30:])) + int(u16(head[32:]))
}

func nameOf(record []byte) string {
	n, _ := recordParts(record)
	return string(record[recordLen : recordLen+n])
}

// record reads the record of a place.
func (d *directory) record(at int64) ([]byte, error) {
	var b [recordLen + 128]byte // enough for most
	n, err := d.r.ReadAt(b[:min(int64(len(b)), d.size-at)], d.begin+at)
	if err != nil && !errors.Is(err, io.EOF) || n < recordLen {
		return nil, errNoZip
	}
	name, rest := recordParts(b[:])
	out := make([]byte, recordLen+name+rest)
	if len(out) <= n {
		copy(out, b[:])
		return out, nil
	}
	_, err = d.r.ReadAt(out, d.begin+at)
	return out, err
}

// look gives the place of a file, or -1, and its record.
func (d *directory) look(name string) (int, []byte, error) {
	h := maphash.String(d.seed, name)
	i, _ := slices.BinarySearchFunc(d.places, h, func(p place, h uint64) int { return cmp.Compare(p.hash, h) })
	for ; i < len(d.places) && d.places[i].hash == h; i++ {
		record, err := d.record(d.places[i].at)
		if err != nil {
			return -1, nil, err
		}
		if nameOf(record) == name {
			return i, record, nil
		}
	}
	return -1, nil, nil
}

// has tells whether there is a file of the name.
func (d *directory) has(name string) bool {
	i, _, err := d.look(name)
	return err == nil && i >= 0
}

// know notes that a file is accounted for; false: there is none of the name.
func (d *directory) know(name string) bool {
	i, _, err := d.look(name)
	if err != nil || i < 0 {
		return false
	}
	d.known[i] = true
	return true
}

// unknown gives the names of the files that nobody accounted for.
func (d *directory) unknown(f func(name string)) error {
	for i, p := range d.places {
		if d.known[i] {
			continue
		}
		record, err := d.record(p.at)
		if err != nil {
			return err
		}
		f(nameOf(record))
	}
	return nil
}

// file gives a file as archive/zip reads it, of a zip that has only this one.
func (d *directory) file(name string) (*zip.File, error) {
	i, record, err := d.look(name)
	if err != nil || i < 0 {
		return nil, errors.Join(seaworthy.Invalid("this is no evidence package: it has no %s", name), err)
	}
	tail := append(record, directoryEnd(d.begin, int64(len(record)), 1)...)
	z, err := zip.NewReader(oneFile{d.r, d.begin, tail}, d.begin+int64(len(tail)))
	if err != nil || len(z.File) != 1 {
		return nil, seaworthy.Invalid("%s cannot be read: %v", name, err)
	}
	return z.File[0], nil
}

// oneFile is a zip whose directory is another.
type oneFile struct {
	r     io.ReaderAt
	begin int64 // of what stands for the directory
	tail  []byte
}

// ReadAt reads the zip, and after its files what stands for the directory.
func (o oneFile) ReadAt(p []byte, off int64) (n int, err error) {
	if off < o.begin {
		n, err = o.r.ReadAt(p[:min(int64(len(p)), o.begin-off)], off)
		if err != nil && !errors.Is(err, io.EOF) || n == len(p) {
			return n, err
		}
	}
	if at := off + int64(n) - o.begin; at >= 0 && at < int64(len(o.tail)) {
		n += copy(p[n:], o.tail[at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
