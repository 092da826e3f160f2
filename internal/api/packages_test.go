// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// What is exported verifies, is listed with what the verifier says of it, and everybody
// whom it concerns finds it.
func TestPackages(t *testing.T) {
	on(t, func(w *world) {
		prod := w.declare("prod", "", "shop")
		mine, theirs := w.program("mine", prod.ID), w.program("theirs", prod.ID)
		auditor := w.token(auth.NewToken{Role: seaworthy.Auditor, Program: mine.ID, Expires: w.now.Add(time.Hour)})
		at, before := "/api/v1/programs/"+mine.ID+"/packages", w.now
		w.do(auditor, http.MethodPost, "/api/v1/populations", map[string]any{"name": "n", "program": mine.ID, "list": "findings"}).want(http.StatusCreated, nil)
		var seen []vault.Verified
		for _, c := range []struct {
			body map[string]any
			want string // in what is said of parts left out
			list bool   // frozen ones go along
		}{
			{map[string]any{}, "", true},
			{map[string]any{"withoutLists": true}, "frozen lists and samples were left out on request", false},
			{map[string]any{"withoutSamples": true}, "samples were left out on request", true},
			{map[string]any{"withoutBytes": true}, "the bytes of evidence were left out on request", true},
			{map[string]any{"asOf": before}, "", false},
		} {
			a := w.do(auditor, http.MethodPost, at, c.body).want(http.StatusOK, nil)
			got, err := vault.Verify(bytes.NewReader(a.Body.Bytes()), int64(a.Body.Len()), vault.Trust{Key: w.key})
			w.must(err)
			if !got.Intact() || got.Name != "mine" || !strings.Contains(got.Partial, c.want) {
				w.Errorf("package of %v: %+v", c.body, got)
			}
			if has := bytes.Contains(a.Body.Bytes(), []byte("02_populations/")); has != c.list {
				w.Errorf("package of %v: frozen lists %v, want %v", c.body, has, c.list)
			}
			seen = append(seen, got)
		}
		var list items[audit.MadePackage]
		w.do(w.as(seaworthy.Viewer), http.MethodGet, at, nil).want(http.StatusOK, &list)
		if len(list.Items) != len(seen) {
			w.Fatalf("%d packages are listed, want %d", len(list.Items), len(seen))
		}
		for i, m := range list.Items { // newest first
			if v := seen[len(seen)-1-i]; m.Sums != v.Sums || m.Entry != v.Seal || m.Files != v.Files || !strings.HasPrefix(m.Actor, "token:") || m.Program != mine.ID {
				w.Errorf("listed is %+v, verified was %+v", m, v)
			}
		}
		var page items[audit.MadePackage]
		w.do(auditor, http.MethodGet, at+"?limit=2&cursor="+list.Items[1].ID, nil).want(http.StatusOK, &page)
		if len(page.Items) != 2 || page.Items[0].ID != list.Items[2].ID || page.Next != list.Items[3].ID {
			w.Errorf("the second page is %+v", page)
		}
		other := "/api/v1/programs/" + theirs.ID + "/packages"
		w.do(auditor, http.MethodPost, other, map[string]any{}).want(http.StatusNotFound, nil)
		w.do(auditor, http.MethodGet, other, nil).want(http.StatusNotFound, nil)
		var none items[audit.MadePackage]
		w.do(w.as(seaworthy.Owner), http.MethodGet, other, nil).want(http.StatusOK, &none)
		if len(none.Items) != 0 {
			w.Errorf("packages of another program are listed: %+v", none.Items)
		}
		w.do(w.as(seaworthy.Engineer), http.MethodPost, at, map[string]any{}).want(http.StatusForbidden, nil)
		w.do(w.as(seaworthy.Owner), http.MethodPost, at, map[string]any{"asOf": w.now.Add(time.Hour)}).want(http.StatusBadRequest, nil)
		w.do(w.as(seaworthy.Owner), http.MethodPost, at, map[string]any{"unknown": 1}).want(http.StatusUnprocessableEntity, nil)
	})
}

// taker takes an answer until it has had enough: then it does what it was told to.
type taker struct {
	httptest.ResponseRecorder
	enough int
	then   func() error
}

func (t *taker) Write(p []byte) (int, error) {
	if t.Body.Len() > t.enough {
		if err := t.then(); err != nil {
			return 0, err
		}
	}
	return t.ResponseRecorder.Write(p)
}

// take asks for a package and says whether the answer broke off.
func (w *world) take(program string, to http.ResponseWriter) (broke bool) {
	r := httptest.NewRequest(http.MethodPost, base+"/api/v1/programs/"+program+"/packages", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+w.as(seaworthy.Owner))
	defer func() {
		if p := recover(); p != nil {
			broke = errors.Is(p.(error), http.ErrAbortHandler)
		}
	}()
	w.api.ServeHTTP(to, r.WithContext(w.Context()))
	return false
}

// bulk makes evidence of random bytes, which no package makes smaller.
func (w *world) bulk(n int) {
	w.Helper()
	for range n {
		noise := make([]byte, 128<<10)
		rand.Read(noise)
		digest, size, err := w.vault.Put(w.Context(), strings.NewReader(hex.EncodeToString(noise)), 1<<20)
		w.must(err)
		_, err = w.audit.AddEvidence(w.Context(), w.owner, seaworthy.Evidence{
			Kind: seaworthy.EvidenceUpload, Title: "noise", Shows: seaworthy.Design, Digest: digest, Size: size, MediaType: "text/plain",
			Controls: []string{"access-review"}, EffectiveFrom: w.now.Add(-2 * time.Hour), EffectiveTo: w.now.Add(-time.Hour),
		}, audit.Performance{})
		w.must(err)
	}
}

// Who hangs up gets no more, what was begun for them ends, and it is on record that they
// asked: most of the evidence may be with them.
func TestPackageOfWhoHangsUp(t *testing.T) {
	w := here(t, api.Config{})
	w.bulk(8)
	p := w.program("p", "prod")
	to := &taker{ResponseRecorder: *httptest.NewRecorder(), enough: 100 << 10, then: func() error { return errors.New("nobody is there any more") }}
	if !w.take(p.ID, to) {
		t.Fatal("the answer does not break off")
	}
	if n := to.Body.Len(); n > 400<<10 {
		t.Errorf("%d bytes were sent to nobody", n)
	}
	made, err := w.audit.Packages(t.Context(), p.ID)
	w.must(err)
	if len(made) != 0 {
		t.Errorf("a package is sealed that nobody has: %+v", made)
	}
	actions, err := w.store.Actions(t.Context(), "", 10)
	w.must(err)
	if actions[0].Verb != "export" || !strings.HasPrefix(actions[0].Subject, "package ") || actions[0].Detail["program"] != p.ID {
		t.Errorf("what is on record of it is %+v", actions)
	}
}

// The database gives no more rows to a request that ended.
func TestPackageEndsWithTheRequest(t *testing.T) {
	w := here(t, api.Config{})
	w.bulk(8)
	p := w.program("p", "prod")
	ctx, cancel := context.WithCancel(t.Context())
	to := &taker{ResponseRecorder: *httptest.NewRecorder(), enough: 100 << 10, then: func() error { cancel(); return nil }}
	_, err := w.audit.Export(ctx, w.owner, audit.PackageRequest{Program: p.ID}, audit.Sealer{Signer: w.signer}, to)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Export of a request that ended: %v", err)
	}
	if made, err := w.audit.Packages(t.Context(), p.ID); err != nil || len(made) != 0 {
		t.Errorf("Packages = %+v, %v, want none", made, err)
	}
}

func TestPackagesAtOnce(t *testing.T) {
	w := here(t, api.Config{})
	w.bulk(2)
	p := w.program("p", "prod")
	w.as(seaworthy.Owner)
	begun, end := make(chan struct{}), make(chan struct{})
	done := make(chan bool, 2)
	for range 2 {
		go func() {
			first := true
			to := &taker{ResponseRecorder: *httptest.NewRecorder(), enough: -1, then: func() error {
				if first {
					first = false
					begun <- struct{}{}
					<-end
				}
				return nil
			}}
			done <- w.take(p.ID, to)
		}()
		<-begun
	}
	a := w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/programs/"+p.ID+"/packages", map[string]any{}).want(http.StatusServiceUnavailable, nil)
	if a.Header().Get("Retry-After") == "" || !strings.Contains(a.detail(), "making 2 packages already") {
		t.Errorf("the third is told %q", a.detail())
	}
	close(end)
	if first, second := <-done, <-done; first || second {
		t.Error("the first two broke off")
	}
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/programs/"+p.ID+"/packages", map[string]any{}).want(http.StatusOK, nil)
	var s store.LogFilter
	s.Kind = vault.SealKind
	if sealed, err := w.store.LogEntries(t.Context(), s); err != nil || len(sealed) != 3 {
		t.Errorf("%d packages are sealed, %v, want 3", len(sealed), err)
	}
}
