// SPDX-License-Identifier: Apache-2.0

package trail

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// KeyOf keys digests of the values of a cluster's Secrets. Agents of other clusters have
// other keys, and can guess nothing about them.
func (c Config) KeyOf(source string) []byte {
	mac := hmac.New(sha256.New, c.Key)
	mac.Write([]byte("seaworthy.dev/trail/" + source))
	return mac.Sum(nil)
}

// claimants are what an agent may tell claims of.
var claimants = []string{"argocd", "flux", "annotation"}

// Claim takes what an agent read in its cluster of Argo CD, Flux or annotations: a claim
// as any other, which may be told more than once and counts once.
func Claim(ctx context.Context, c Config, who seaworthy.Principal, source seaworthy.DeclaredSource, d seaworthy.Deployment) error {
	switch {
	case !who.Can(seaworthy.SendReports):
		return seaworthy.Forbidden("%s may not register deployments", who.Name)
	case who.Source != "" && who.Source != source.ID:
		return seaworthy.Forbidden("this token reports for another source")
	case !slices.Contains(claimants, d.By):
		return seaworthy.Invalid("agents tell of claims by argocd, flux and annotation, not by %.40q", d.By)
	}
	d.ID, d.SourceID, d.RecordedBy, d.Verified = "", source.ID, "", nil
	d.RecordedAt = d.From
	said, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("digest a deployment: %w", err)
	}
	sum := sha256.Sum256(said)
	d.ID = hex.EncodeToString(sum[:12])
	return c.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		if known, err := tx.HasDeployment(d.ID); err != nil || known {
			return err
		}
		d.RecordedAt, d.RecordedBy = tx.At, who.Actor
		if err := complete(&d, tx.At); err != nil {
			return err
		}
		if err := confirm(tx, &d); err != nil {
			return err
		}
		if err := tx.PutDeployment(&d); err != nil {
			return err
		}
		return rematch(tx, c, d.SourceID, d.From.Add(-changes.Leeway), d.Until.Add(changes.Leeway))
	})
}
