// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// outside is what something is called elsewhere, and where it is found; no address: nobody
// said where.
type outside struct{ Text, Href string }

// Spelt tells whether the text is the address, but for how every address begins.
func (o outside) Spelt() bool { return o.Text == o.Href || o.Text == pullText(o.Href) }

// deploymentRow is a deployment as people look at it.
type deploymentRow struct {
	seaworthy.Deployment
	Source, Who, Href       string
	TicketAt, PullAt, ComAt outside
	Covers                  []string
}

func (u *UI) deploymentRow(p page, n names, l trail.Links, d seaworthy.Deployment) deploymentRow {
	row := deploymentRow{
		Deployment: d, Source: n.source(d.SourceID), Who: n.actor(d.RecordedBy), Href: p.To("/deployments/", d.ID),
		TicketAt: outside{d.Ticket, l.ToTicket(d.Ticket)}, PullAt: outside{pullText(d.PullURL), trail.WebAddress(d.PullURL)},
		ComAt: outside{short(d.Commit), l.ToCommit(d.Repository, d.Commit)},
	}
	for _, o := range d.Objects {
		row.Covers = append(row.Covers, o.String())
	}
	row.Covers = slices.Concat(row.Covers, d.Namespaces, d.Images)
	return row
}

// pullText is the address of a pull request without what every one begins with.
func pullText(address string) string {
	for _, scheme := range [...]string{"https://", "http://"} {
		address = strings.TrimPrefix(address, scheme)
	}
	return address
}

// imageParts divides an image where people look: its name, and what tells its content.
type imageParts struct {
	Whole  string // as it is written
	Name   string // without the digest
	Digest string // empty: it has none, and its tag may mean something else tomorrow
}

func parts(image string) imageParts {
	name, digest, _ := strings.Cut(image, "@")
	return imageParts{image, name, digest}
}

// Mention is how what mentions the image is found: by its digest, where it has one.
func (i imageParts) Mention() string {
	if i.Digest != "" {
		return i.Digest
	}
	return i.Whole
}

// links reads where tickets and commits are.
func (u *UI) links(ctx context.Context) (trail.Links, error) { return trail.LinksOf(ctx, u.Store) }
