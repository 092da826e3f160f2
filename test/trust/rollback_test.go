// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
	"github.com/seaworthy-dev/seaworthy/internal/witness"
)

// watching is a witness that follows a server from elsewhere.
type watching struct{ *witness.Witness }

// watch has a witness follow the server over HTTP, as it is served to everybody.
func (w *world) watch(key string) watching {
	w.t.Helper()
	return w.watchFrom(key, filepath.Join(w.t.TempDir(), "seen"))
}

func (w *world) watchFrom(key, state string) watching {
	w.t.Helper()
	web := httptest.NewServer(w.server)
	w.t.Cleanup(web.Close)
	cosigner, err := tlog.ParseCosigner(key, time.Now)
	w.must(err)
	return watching{witness.New(witness.Config{URL: web.URL + "/log", LogKey: w.key, Signer: cosigner, State: state})}
}

func (w watching) cosign(t *testing.T) {
	t.Helper()
	if _, err := w.Cosign(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Yesterday's copy of the database is whole and signed: nothing in it can tell that there
// was a today. Only somebody who saw today can.
func TestRollbackIsSeenByAWitness(t *testing.T) {
	mine, theirs, err := tlog.GenerateCosigner("witness.example")
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(w *world) {
		w.must(w.server.Close())
		w.config.Witnesses = []string{theirs}
		yesterday := storetest.Copy(w.t, w.db())
		w.open()
		state := filepath.Join(w.t.TempDir(), "seen")
		w.watchFrom(mine, state).cosign(w.t)

		w.now = w.now.Add(day)
		w.report(9) // the bad news of today
		_, err := w.server.Store().Checkpoint(w.t.Context(), w.signer)
		w.must(err)
		w.watchFrom(mine, state).cosign(w.t)
		w.must(w.server.Close())

		// Somebody puts yesterday back, and goes on as if there had been no bad news.
		old := *w
		old.config.Database = yesterday.Database
		if yesterday.Dir != "" {
			old.config.LogKey = filepath.Join(w.config.Data, "log.key")
			old.config.SecretKey = filepath.Join(w.config.Data, "secret.key")
			old.config.Data = yesterday.Dir
		}
		old.open()
		for _, then := range []func(){
			func() {},
			func() { old.report(0) },
			func() {
				for range 50 {
					old.upload(time.Now().String())
				}
			},
		} {
			then()
			_, err := old.server.Store().Checkpoint(w.t.Context(), old.signer)
			w.must(err)
			got, err := old.server.Store().Verify(w.t.Context(), old.key)
			w.must(err)
			if !got.Intact() {
				w.t.Errorf("yesterday's copy is not whole: %q", got.Problems)
			}
			var rewritten *witness.RewrittenError
			if _, err := old.watchFrom(mine, state).Cosign(w.t.Context()); !errors.As(err, &rewritten) || !strings.Contains(err.Error(), "REWRITTEN") {
				w.t.Errorf("the witness says %v", err)
			}
		}
	})
}
