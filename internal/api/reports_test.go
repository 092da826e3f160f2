// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// compressed gives data in each encoding.
func compressed(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	var g bytes.Buffer
	z := gzip.NewWriter(&g)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"identity": data, "gzip": g.Bytes(), "zstd": enc.EncodeAll(data, nil)}
}

func TestReportIsTakenOnce(t *testing.T) {
	on(t, func(w *world) {
		data := report("prod", w.now.Add(-time.Minute), "shop", "pay")
		token := w.as(seaworthy.Reporter)
		sum := sha256.Sum256(data)
		at := "/api/v1/sources/prod/reports/" + hex.EncodeToString(sum[:])
		w.do(token, http.MethodGet, at, nil).want(http.StatusNotFound, nil)
		var first seaworthy.Run
		w.do(token, http.MethodPost, "/api/v1/sources/prod/reports", data).want(http.StatusCreated, &first)
		if first.Opened != 2 {
			w.Errorf("%d findings opened, want 2", first.Opened)
		}
		for encoding, body := range compressed(w.T, data) {
			var again seaworthy.Run
			w.do(token, http.MethodPost, "/api/v1/sources/prod/reports", body, "Content-Encoding", encoding).want(http.StatusOK, &again)
			if again.ID != first.ID {
				w.Errorf("%s: the report again makes run %s, want %s", encoding, again.ID, first.ID)
			}
		}
		var found seaworthy.Run
		w.do(token, http.MethodGet, at, nil).want(http.StatusOK, &found)
		if found.ID != first.ID {
			w.Errorf("the report is known as run %s, want %s", found.ID, first.ID)
		}
	})
}

func TestUploadInPieces(t *testing.T) {
	on(t, func(w *world) {
		token := w.as(seaworthy.Reporter)
		data := compressed(w.T, report("prod", w.now.Add(-time.Minute), "shop"))["zstd"]
		begin := func() (at string) {
			a := w.do(token, http.MethodPost, "/api/v1/uploads", map[string]any{"source": "prod", "encoding": "zstd"}).want(http.StatusCreated, nil)
			return a.Header().Get("Location")
		}
		at := begin()
		half := len(data) / 2
		w.do(token, http.MethodPatch, at, data[:half], "Upload-Offset", "0").want(http.StatusOK, nil)
		w.do(token, http.MethodPatch, at, data[:half], "Upload-Offset", "0").want(http.StatusConflict, nil)
		w.do(token, http.MethodPatch, at, data, "Upload-Offset", "100000").want(http.StatusConflict, nil)
		w.do(token, http.MethodPatch, at, data).want(http.StatusUnprocessableEntity, nil)
		w.do(w.token(auth.NewToken{Role: seaworthy.Reporter}), http.MethodGet, at, nil).want(http.StatusNotFound, nil) // somebody else's
		var u struct{ Offset int }
		w.do(token, http.MethodGet, at, nil).want(http.StatusOK, &u)
		if u.Offset != half {
			w.Fatalf("%d bytes arrived, want %d", u.Offset, half)
		}
		w.do(token, http.MethodPatch, at, data[half:], "Upload-Offset", strconv.Itoa(half)).want(http.StatusOK, nil)
		w.do(token, http.MethodPost, at+"/complete", nil).want(http.StatusCreated, nil)
		w.do(token, http.MethodPost, at+"/complete", nil).want(http.StatusNotFound, nil)

		at = begin()
		w.do(token, http.MethodPatch, at, data, "Upload-Offset", "0").want(http.StatusOK, nil)
		w.do(token, http.MethodPost, at+"/complete", nil).want(http.StatusOK, nil) // the same report
		at = begin()
		w.do(token, http.MethodDelete, at, nil).want(http.StatusNoContent, nil)
		w.do(token, http.MethodGet, at, nil).want(http.StatusNotFound, nil)
	})
}

// breaking is a body that breaks off.
type breaking struct{ r io.Reader }

func (b breaking) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestPiecesThatBreakOffAreKept(t *testing.T) {
	w := here(t, api.Config{})
	token := w.as(seaworthy.Reporter)
	at := w.do(token, http.MethodPost, "/api/v1/uploads", map[string]any{"source": "prod"}).want(http.StatusCreated, nil).Header().Get("Location")
	w.do(token, http.MethodPatch, at, breaking{bytes.NewReader(make([]byte, 700))}, "Upload-Offset", "0").want(http.StatusBadRequest, nil)
	var u struct{ Offset int }
	w.do(token, http.MethodGet, at, nil).want(http.StatusOK, &u)
	if u.Offset != 700 {
		t.Errorf("%d bytes arrived, want 700", u.Offset)
	}
}

// One sender cannot fill the server with uploads that it never completes, nor keep others
// from theirs; what was given up makes room.
func TestUploadsAreBounded(t *testing.T) {
	on(t, func(w *world) {
		token, other := w.as(seaworthy.Reporter), w.token(auth.NewToken{Role: seaworthy.Reporter})
		begin := func(token string) answer {
			return w.do(token, http.MethodPost, "/api/v1/uploads", map[string]any{"source": "prod"})
		}
		at := ""
		for range 100 {
			at = begin(token).want(http.StatusCreated, nil).Header().Get("Location")
		}
		begin(token).want(http.StatusServiceUnavailable, nil)
		begin(other).want(http.StatusCreated, nil)
		w.do(token, http.MethodPatch, at, []byte("some"), "Upload-Offset", "0").want(http.StatusOK, nil)
		w.do(token, http.MethodDelete, at, nil).want(http.StatusNoContent, nil)
		begin(token).want(http.StatusCreated, nil)
		begin(token).want(http.StatusServiceUnavailable, nil)
		w.now = w.now.Add(25 * time.Hour)
		begin(w.token(auth.NewToken{Role: seaworthy.Reporter})).want(http.StatusCreated, nil) // what was abandoned is gone
	})
}

// A piece larger than what is written at a time arrives whole, and no upload grows beyond
// what a report may be.
func TestLargePieces(t *testing.T) {
	w := here(t, api.Config{Limits: api.Limits{Report: 3 << 20}})
	token := w.as(seaworthy.Reporter)
	at := w.do(token, http.MethodPost, "/api/v1/uploads", map[string]any{"source": "prod"}).want(http.StatusCreated, nil).Header().Get("Location")
	w.do(token, http.MethodPatch, at, make([]byte, 5<<19), "Upload-Offset", "0").want(http.StatusOK, nil)
	w.do(token, http.MethodPatch, at, make([]byte, 1<<20), "Upload-Offset", strconv.Itoa(5<<19)).want(http.StatusRequestEntityTooLarge, nil)
	var u struct{ Offset int }
	w.do(token, http.MethodGet, at, nil).want(http.StatusOK, &u)
	if u.Offset != 3<<20 {
		t.Errorf("%d bytes arrived, want %d: as many as a report may have", u.Offset, 3<<20)
	}
}

func TestHostileReports(t *testing.T) {
	w := here(t, api.Config{Limits: api.Limits{Report: 2 << 20}})
	token := w.as(seaworthy.Reporter)
	good := report("prod", w.now.Add(-time.Minute), "shop")
	bomb := compressed(t, append([]byte(`{"apiVersion":"`), bytes.Repeat([]byte("a"), 3<<19)...))
	spaces := make([]byte, 3<<20) // which compress, but not a hundredfold
	if _, err := rand.Read(spaces); err != nil {
		t.Fatal(err)
	}
	for i, b := range spaces {
		spaces[i] = " \t\r\n"[b%4]
	}
	large := compressed(t, spaces)
	for name, c := range map[string]struct {
		encoding string
		body     any
		want     int
	}{
		"gzip_bomb":           {"gzip", bomb["gzip"], http.StatusRequestEntityTooLarge},
		"zstd_bomb":           {"zstd", bomb["zstd"], http.StatusRequestEntityTooLarge},
		"too_large":           {"identity", bytes.Repeat([]byte(" "), 3<<20), http.StatusRequestEntityTooLarge},
		"too_large_inflated":  {"gzip", large["gzip"], http.StatusRequestEntityTooLarge},
		"no_gzip":             {"gzip", good, http.StatusBadRequest},
		"no_zstd":             {"zstd", good, http.StatusBadRequest},
		"cut_gzip":            {"gzip", compressed(t, good)["gzip"][:200], http.StatusBadRequest},
		"cut_zstd":            {"zstd", compressed(t, good)["zstd"][:200], http.StatusBadRequest},
		"cut":                 {"identity", good[:len(good)/2], http.StatusBadRequest},
		"broken_off":          {"identity", breaking{bytes.NewReader(good[:len(good)/2])}, http.StatusBadRequest},
		"empty":               {"identity", []byte{}, http.StatusBadRequest},
		"no_report":           {"identity", []byte(`{"hello":"world"}`), http.StatusBadRequest},
		"no_json":             {"identity", []byte("\x00\x01\x02"), http.StatusBadRequest},
		"unknown_encoding":    {"br", good, http.StatusUnprocessableEntity},
		"deep":                {"identity", append([]byte(`{"apiVersion":`), bytes.Repeat([]byte("["), 100000)...), http.StatusBadRequest},
		"a_later_api_version": {"identity", bytes.Replace(good, []byte("report/v1"), []byte("report/v9"), 1), http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.do(token, http.MethodPost, "/api/v1/sources/prod/reports", c.body, "Content-Encoding", c.encoding)
			if a.Code != c.want {
				t.Errorf("status %d, want %d: %s", a.Code, c.want, a.Body)
			}
		})
	}
	var runs struct{ Items []json.RawMessage }
	w.do(w.as(seaworthy.Owner), http.MethodGet, "/api/v1/runs", nil).want(http.StatusOK, &runs)
	if len(runs.Items) != 0 {
		t.Errorf("%d reports were taken, want none", len(runs.Items))
	}
}

func TestTokenOfAnotherSource(t *testing.T) {
	on(t, func(w *world) {
		prod, other := w.declare("prod", "", "shop"), w.declare("other", "", "shop")
		token := w.token(auth.NewToken{Role: seaworthy.Reporter, Source: prod.ID})
		data := report("other", w.now.Add(-time.Second), "shop")
		for _, source := range []string{"other", other.ID, "new"} {
			w.do(token, http.MethodPost, "/api/v1/sources/"+source+"/reports", data).want(http.StatusForbidden, nil)
			w.do(token, http.MethodPost, "/api/v1/uploads", map[string]any{"source": source}).want(http.StatusForbidden, nil)
			w.do(token, http.MethodGet, "/api/v1/sources/"+source+"/reports/"+hex.EncodeToString(make([]byte, 32)), nil).want(http.StatusForbidden, nil)
		}
		w.do(token, http.MethodPost, "/api/v1/sources/prod/reports", report("prod", w.now.Add(-time.Second), "shop")).want(http.StatusCreated, nil)
		w.do(token, http.MethodPost, "/api/v1/sources/"+prod.ID+"/reports", report("prod", w.now.Add(-time.Millisecond), "shop")).want(http.StatusCreated, nil)
	})
}

func TestEngineerOfAnotherTeam(t *testing.T) {
	on(t, func(w *world) {
		mine, theirs := w.team("mine"), w.team("theirs")
		w.declare("prod", mine.ID, "shop")
		w.declare("other", theirs.ID, "shop")
		token := w.token(auth.NewToken{Role: seaworthy.Engineer, Teams: []string{mine.ID}})
		w.do(token, http.MethodPost, "/api/v1/sources/other/reports", report("other", w.now.Add(-time.Second))).want(http.StatusForbidden, nil)
		w.do(token, http.MethodPost, "/api/v1/sources/prod/reports", report("prod", w.now.Add(-time.Second))).want(http.StatusCreated, nil)
	})
}
