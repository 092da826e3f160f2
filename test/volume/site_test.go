// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

const (
	email    = "ada@harbour.example"
	password = "a long and good passphrase 42"
)

// site is a server with the company's data.
type site struct {
	t       testing.TB
	company *company
	config  server.Config
	server  *server.Server
	audit   *audit.Audit
	signer  note.Signer
	now     time.Time
	passing time.Time // since when the clock goes on from now; zero: it stands
	owner   seaworthy.Principal
	program seaworthy.Program
	bulk    *bulk
	blobs   []blob
	failing [sources]map[int]int
}

// each runs f on each database, filled with the company.
func each(t *testing.T, c company, f func(t *testing.T, s *site)) {
	dir := os.Getenv(keptIn)
	for _, name := range []string{"sqlite", "postgres"} {
		if w := os.Getenv(engine); w != "" && w != name {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if name == "postgres" && os.Getenv(storetest.Environment) == "" {
				t.Skipf("SKIPPED, PostgreSQL is not measured: %s is not set", storetest.Environment)
			}
			at := t.TempDir()
			if dir != "" {
				at = filepath.Join(dir, fmt.Sprintf("%s-%d-%d", name, c.open, c.events))
			}
			s := &site{t: t, company: &company{open: c.open, events: c.events}, config: server.Config{Data: at}}
			if name == "postgres" {
				s.config.Database = kept(t, dir, fmt.Sprintf("seaworthy_volume_%d_%d", c.open, c.events))
			}
			s.load()
			f(t, s)
		})
	}
}

// kept is a database of its own, which stays where a folder is named.
func kept(t *testing.T, dir, name string) string {
	if dir == "" {
		return storetest.Database(t)
	}
	base := os.Getenv(storetest.Environment)
	conn, err := pgx.Connect(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var there bool
	if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&there); err != nil {
		t.Fatal(err)
	}
	if !there {
		if _, err := conn.Exec(t.Context(), `CREATE DATABASE `+name); err != nil {
			t.Fatal(err)
		}
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// open opens the server as 'seaworthy serve' does, with the clock of the story.
func (s *site) open() {
	s.t.Helper()
	var err1, err2, err3 error
	s.config.Checks, err1 = scan.Builtin()
	s.config.Controls, err2 = controls.List()
	s.config.Frameworks, err3 = frameworks.List()
	s.must(errors.Join(err1, err2, err3))
	s.config.BaseURL = "http://127.0.0.1"
	s.config.Now = func() time.Time {
		if s.passing.IsZero() {
			return s.now
		}
		return s.now.Add(time.Since(s.passing))
	}
	var err error
	s.server, err = server.Open(s.t.Context(), s.config)
	s.must(err)
	s.t.Cleanup(func() { s.must(s.server.Close()) })
	s.audit = audit.New(s.server.Store(), audit.Catalogue{Controls: s.config.Controls, Frameworks: s.config.Frameworks, Checks: s.config.Checks}, s.server.Vault())
	private, err := os.ReadFile(filepath.Join(s.config.Data, "log.key"))
	s.must(err)
	s.signer, err = note.NewSigner(strings.TrimSpace(string(private)))
	s.must(err)
	s.company.checks = s.config.Checks
}

func (s *site) write(f func(*store.Tx) error) {
	s.t.Helper()
	s.must(s.server.Store().Write(s.t.Context(), s.owner.Actor, f))
}

// setUp makes the owner.
func (s *site) setUp() {
	link, err := s.server.Auth().SetupLink(s.t.Context())
	s.must(err)
	_, secret, _ := strings.Cut(link, auth.LinkPath)
	r := httptest.NewRequest(http.MethodPost, s.config.BaseURL+"/welcome", nil)
	session, err := s.server.Auth().Setup(httptest.NewRecorder(), r, secret, email, "Ada", password)
	s.must(err)
	s.owner = seaworthy.Principal{Actor: "user:" + session.User.ID, UserID: session.User.ID, Name: "Ada", Role: seaworthy.Owner}
}

// verify checks the whole store against its log, where that is asked for.
func (s *site) verify(t *testing.T) {
	if os.Getenv(verified) == "" {
		return
	}
	began := time.Now()
	got, err := s.server.SelfCheck(t.Context())
	s.must(err)
	t.Logf("self-check: %s, %d problems", time.Since(began).Round(time.Second), len(got.Problems))
	if !got.Intact() {
		t.Errorf("the loaded store tells %.1000q", got.Problems)
	}
}
