// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

var gitHost = seaworthy.Principal{Actor: "token:t9", Name: "git host", Role: seaworthy.GitHost, Maker: "u2"}

var (
	commit = strings.Repeat("a1", 20)
	other  = strings.Repeat("b2", 20)
)

const pull = "https://git.example.com/shop/pull/7"

// TestConfirm: what the git host says of a commit decides over the changes that a
// deployment claims, in whatever order deployment, word and change arrive.
func TestConfirm(t *testing.T) {
	claims := func(d seaworthy.Deployment) seaworthy.Deployment {
		d.Namespaces, d.SourceID = []string{"shop"}, cluster.ID
		return d
	}
	said := func(edit func(*seaworthy.Confirmation)) func(now time.Time) seaworthy.Confirmation {
		return func(now time.Time) seaworthy.Confirmation {
			c := seaworthy.Confirmation{Commit: commit, PullURL: pull, Approval: seaworthy.Approval{
				Author: "bob@example.com", Approvers: []string{"carol@example.com"}, MergedBy: "carol@example.com", MergedAt: now.Add(-time.Hour),
			}}
			edit(&c)
			return c
		}
	}
	whole := claims(seaworthy.Deployment{Commit: commit, PullURL: pull})
	for name, c := range map[string]struct {
		deployment seaworthy.Deployment
		said       func(now time.Time) seaworthy.Confirmation
		want       seaworthy.Match
		why        string
	}{
		"somebody else approved": {whole, said(func(*seaworthy.Confirmation) {}), seaworthy.MatchVerified, "approved by carol@example.com"},
		"the commit alone is named, in capitals": {
			claims(seaworthy.Deployment{Commit: strings.ToUpper(commit)}), said(func(*seaworthy.Confirmation) {}), seaworthy.MatchVerified, "carol",
		},
		"the author alone": {
			whole, said(func(c *seaworthy.Confirmation) { c.Approvers = []string{"Bob@example.com", " "} }), seaworthy.MatchOutOfBand, "nobody but the author",
		},
		"nobody": {whole, said(func(c *seaworthy.Confirmation) { c.Approvers = nil }), seaworthy.MatchOutOfBand, "nobody but the author"},
		"who made the change approved it alone": {
			whole, said(func(c *seaworthy.Confirmation) { c.Approvers = []string{"alice@example.com"} }), seaworthy.MatchOutOfBand, "the one who made the change",
		},
		"not merged": {whole, said(func(c *seaworthy.Confirmation) { c.MergedAt = time.Time{} }), seaworthy.MatchOutOfBand, "it was not merged"},
		"the git host refuses": {
			whole, said(func(c *seaworthy.Confirmation) { c.Refusal = "the review was dismissed" }), seaworthy.MatchOutOfBand, "dismissed",
		},
		"merged as another commit": {
			claims(seaworthy.Deployment{Commit: other, PullURL: pull}), said(func(*seaworthy.Confirmation) {}), seaworthy.MatchOutOfBand, "was merged as " + commit[:12],
		},
		"the commit of another pull request": {
			claims(seaworthy.Deployment{Commit: commit, PullURL: pull + "0"}), said(func(*seaworthy.Confirmation) {}), seaworthy.MatchOutOfBand, "is of pull request",
		},
		"no commit ties the deployment to it": {
			claims(seaworthy.Deployment{PullURL: pull}), said(func(*seaworthy.Confirmation) {}), seaworthy.MatchClaimed, "no git host",
		},
		"an abbreviation is no commit": {
			claims(seaworthy.Deployment{Commit: commit[:12], Ticket: "A-1"}), said(func(*seaworthy.Confirmation) {}), seaworthy.MatchClaimed, "no git host",
		},
	} {
		for _, order := range []string{"rsc", "src", "scr", "crs", "csr"} { // record, say, change
			t.Run(name+"/"+order, func(t *testing.T) {
				storetest.Each(t, func(t *testing.T, s *store.Store) {
					prepare(t, s)
					ctx, config := context.Background(), trail.Config{Store: s}
					for _, step := range order {
						var err error
						switch step {
						case 'r':
							d := c.deployment
							d.From, d.Until = s.Now().Add(-10*time.Minute), s.Now().Add(10*time.Minute)
							_, err = trail.Record(ctx, config, agent, d)
						case 's':
							_, _, err = trail.Confirm(ctx, config, gitHost, c.said(s.Now()))
						case 'c':
							take(t, s, edit(s, 2, 0, seaworthy.SeenByWebhook, "alice@example.com", "cart:1", "cart:2"))
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					got := recorded(t, s)[0]
					if got.Match != c.want || !strings.Contains(got.MatchWhy, c.why) {
						t.Errorf("%s (%s), want %s (…%s…)", got.Match, got.MatchWhy, c.want, c.why)
					}
				})
			})
		}
	}
}

// TestConfirmLate: a merge after the change shows as late; one after the deployment is no
// approval of it.
func TestConfirmLate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		ctx, config, now := context.Background(), trail.Config{Store: s}, s.Now()
		confirm := func(merged time.Time) {
			t.Helper()
			_, n, err := trail.Confirm(ctx, config, gitHost, seaworthy.Confirmation{Commit: commit, Approval: seaworthy.Approval{
				Author: "bob", Approvers: []string{"carol"}, MergedAt: merged,
			}})
			if err != nil || n != 1 {
				t.Fatalf("%d deployments, %v", n, err)
			}
		}
		if _, err := trail.Record(ctx, config, agent, seaworthy.Deployment{
			SourceID: cluster.ID, Namespaces: []string{"shop"}, Commit: commit, From: now.Add(-time.Hour), Until: now.Add(-20 * time.Minute),
		}); err != nil {
			t.Fatal(err)
		}
		take(t, s, edit(s, 2, -50*time.Minute, seaworthy.SeenByWatch, "", "cart:1", "cart:2"))
		confirm(now.Add(-30 * time.Minute))
		if got := recorded(t, s)[0]; got.Match != seaworthy.MatchVerified || !got.Late {
			t.Errorf("merged after the change: %s, late %v", got.Match, got.Late)
		}
		confirm(now.Add(-10 * time.Minute))
		if got := recorded(t, s)[0]; got.Match != seaworthy.MatchOutOfBand || !strings.Contains(got.MatchWhy, "after the deployment") {
			t.Errorf("merged after the deployment: %s (%s)", got.Match, got.MatchWhy)
		}
	})
}

// TestWhoSpeaksForTheGitHost: nobody does but a token of that role, not even an owner.
func TestWhoSpeaksForTheGitHost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		ctx, config := context.Background(), trail.Config{Store: s}
		good := seaworthy.Confirmation{Commit: commit, Approval: seaworthy.Approval{Author: "bob", Approvers: []string{"carol"}, MergedAt: s.Now()}}
		for _, who := range []seaworthy.Principal{agent, manager, alice, {Actor: "user:u0", UserID: "u0", Name: "Olga", Role: seaworthy.Owner}} {
			if _, _, err := trail.Confirm(ctx, config, who, good); !is(err, seaworthy.KindForbidden) {
				t.Errorf("%s: %v, want forbidden", who.Name, err)
			}
		}
		for name, bad := range map[string]func(*seaworthy.Confirmation){
			"an abbreviated commit": func(c *seaworthy.Confirmation) { c.Commit = commit[:12] },
			"no author":             func(c *seaworthy.Confirmation) { c.Author = "" },
			"in the future":         func(c *seaworthy.Confirmation) { c.MergedAt = s.Now().Add(time.Hour) },
			"too many":              func(c *seaworthy.Confirmation) { c.Approvers = make([]string, 101) },
		} {
			c := good
			bad(&c)
			if _, _, err := trail.Confirm(ctx, config, gitHost, c); !is(err, seaworthy.KindInvalid) {
				t.Errorf("%s: %v, want invalid", name, err)
			}
		}
		if _, err := trail.Record(ctx, config, gitHost, seaworthy.Deployment{SourceID: cluster.ID, Namespaces: []string{"a"}, Ticket: "t"}); !is(err, seaworthy.KindForbidden) {
			t.Errorf("the git host registers a deployment: %v, want forbidden", err)
		}
	})
}

func is(err error, kind seaworthy.Kind) bool {
	var e *seaworthy.Error
	return errors.As(err, &e) && e.Kind == kind
}
