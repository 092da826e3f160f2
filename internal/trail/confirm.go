// SPDX-License-Identifier: Apache-2.0

package trail

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// The bounds of a confirmation.
const (
	maxApprovers = 100
	maxAhead     = 5 * time.Minute // that the git host's clock may be ahead
)

// Confirm takes the git host's word on a commit and holds it against every deployment that
// names the commit or its pull request: their changes become verified, or the claim is
// contradicted and they are out of band. It gives how many deployments it changed. A later
// word on the same commit takes the place of an earlier one; both stay in the log.
func Confirm(ctx context.Context, c Config, who seaworthy.Principal, said seaworthy.Confirmation) (seaworthy.Confirmation, int, error) {
	if !who.Can(seaworthy.ConfirmApprovals) || who.Role != seaworthy.GitHost {
		return said, 0, seaworthy.Forbidden("%s may not speak for the git host: that takes a token of the role git-host, which the git host alone holds", who.Name)
	}
	touched := 0
	err := c.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		touched = 0
		said.ID, said.CheckedAt, said.CheckedBy = tx.NewID(), tx.At, who.Actor
		if err := judgeConfirmation(&said, tx.At); err != nil {
			return err
		}
		if err := tx.Confirming(said.Commit, said.PullURL); err != nil {
			return err
		}
		if err := tx.PutConfirmation(&said); err != nil {
			return err
		}
		list, err := tx.DeploymentsOf(said.Commit, said.PullURL, tx.At.Add(-maxPast))
		if err != nil {
			return err
		}
		for i := range list {
			d := &list[i]
			if !confirms(&said, d) {
				continue
			}
			touched++
			if err := tx.PutDeployment(d); err != nil {
				return err
			}
			if err := rematch(tx, c, d.SourceID, d.From.Add(-changes.Leeway), d.Until.Add(changes.Leeway)); err != nil {
				return err
			}
		}
		return nil
	})
	return said, touched, err
}

// judgeConfirmation tidies the git host's word and says why it is no approval, if so.
func judgeConfirmation(said *seaworthy.Confirmation, now time.Time) error {
	said.Commit, said.PullURL, said.Author = strings.ToLower(strings.TrimSpace(said.Commit)), strings.TrimSpace(said.PullURL), strings.TrimSpace(said.Author)
	switch {
	case !fullCommit(said.Commit):
		return seaworthy.Invalid("a confirmation names the commit that the merge made, by its whole id of 40 or 64 hexadecimal digits")
	case len(said.Approvers) > maxApprovers:
		return seaworthy.Invalid("more than %d approvers", maxApprovers)
	case said.Refusal == "" && said.Author == "":
		return seaworthy.Invalid("a confirmation names the author: who approved alone can only be told with it")
	case said.MergedAt.After(now.Add(maxAhead)):
		return seaworthy.Invalid("the merge is in the future: %s", said.MergedAt.Format(time.RFC3339))
	}
	var others []string
	for _, a := range said.Approvers {
		a = strings.TrimSpace(a)
		if a != "" && !strings.EqualFold(a, said.Author) && !slices.ContainsFunc(others, func(o string) bool { return strings.EqualFold(o, a) }) {
			others = append(others, a)
		}
	}
	said.Approvers, said.MergedAt = nonNil(others), said.MergedAt.UTC().Truncate(time.Microsecond)
	switch {
	case said.Refusal != "":
	case said.MergedAt.IsZero():
		said.Refusal = "it was not merged"
	case len(others) == 0:
		said.Refusal = "nobody but the author approved it"
	}
	return nil
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// fullCommit tells whether a text is the whole id of a commit: an abbreviation names
// whatever else begins like it.
func fullCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// confirms puts the git host's word on a deployment that names its commit. One that names
// the pull request alone is tied to nothing that was approved, and stays a claim; one that
// names another commit with it is contradicted.
func confirms(said *seaworthy.Confirmation, d *seaworthy.Deployment) bool {
	word := said.Approval
	switch {
	case strings.EqualFold(d.Commit, said.Commit):
		if d.PullURL != "" && said.PullURL != "" && d.PullURL != said.PullURL && word.Refusal == "" {
			word.Refusal = "the commit is of pull request " + said.PullURL
		}
	case d.PullURL == "" || d.PullURL != said.PullURL || !fullCommit(d.Commit):
		return false
	case d.Verified != nil && d.Verified.Refusal == "": // its own commit is confirmed
		return false
	default:
		word.Refusal = fmt.Sprintf("the pull request was merged as %.12s", said.Commit)
	}
	if word.Refusal == "" && word.MergedAt.After(d.Until.Add(changes.Leeway)) {
		word.Refusal = "it was merged only on " + word.MergedAt.Format(time.DateTime) + ", after the deployment"
	}
	d.Verified = &word
	return true
}

// confirm gives a new deployment the newest word of the git host that is there already:
// a merge is mostly confirmed before anything is deployed.
func confirm(tx *store.Tx, d *seaworthy.Deployment) error {
	if fullCommit(strings.ToLower(d.Commit)) {
		d.Commit = strings.ToLower(d.Commit)
	}
	if d.Commit == "" && d.PullURL == "" {
		return nil
	}
	if err := tx.Confirming(d.Commit, d.PullURL); err != nil {
		return err
	}
	words, err := tx.ConfirmationsOf(d.Commit, d.PullURL)
	if err != nil {
		return err
	}
	slices.SortStableFunc(words, func(a, b seaworthy.Confirmation) int { // of its commit first
		own := func(c seaworthy.Confirmation) int {
			if c.Commit == d.Commit {
				return 0
			}
			return 1
		}
		return own(a) - own(b)
	})
	for i := range words {
		if confirms(&words[i], d) {
			return nil
		}
	}
	return nil
}
