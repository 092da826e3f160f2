// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Signatures verifies signatures of images. It is asked from several goroutines.
type Signatures interface {
	// Covers tells, without asking anybody, whether the image has to be signed.
	Covers(image string) bool
	// Verify tells whether it is, within the time of the context. An error means that it is
	// not known, which is no pass: the failure policy says what comes of it.
	Verify(ctx context.Context, image string) (Signature, error)
}

// Signature is what is known of an image.
type Signature struct {
	Signed bool
	Policy string // that asks for a signature
	By     string // who signed it
	Reason string // why it counts as not signed
}

// signatureCheck is the check under which images are told of that are not signed. A scan
// judges by it whether anything refuses them.
const signatureCheck = "image-signature-unverified"

// The bounds of what a request may cost: a registry answers slowly, or not at all, and a
// webhook must.
const (
	signaturesWithin = 4 * time.Second
	signaturesAtOnce = 8
)

// covered is an image of a subject that has to be signed.
type covered struct {
	seaworthy.Item
	image  string
	result Signature
	err    error
}

// verifies tells whether images are verified anywhere.
func (g *Guard) verifies() bool {
	return g.cfg.Signatures != nil && g.cfg.Catalogue.Runs(signatureCheck) && g.ever(&g.cfg.Catalogue.Checks[g.index[signatureCheck]])
}

// signatureMode says what comes of an image that is not signed, for who looks at the
// webhook's configuration and knows nothing else.
func (g *Guard) signatureMode() string {
	found := map[Mode]bool{}
	for _, i := range g.modes[g.index[signatureCheck]] {
		m := &g.cfg.Modes[i]
		found[m.Mode] = true
		if len(m.Namespaces) == 0 && m.selector == nil {
			return strongest(found)
		}
	}
	found[g.cfg.Default] = true
	return strongest(found)
}

func strongest(found map[Mode]bool) string {
	if found[Deny] && len(found) > 1 {
		return seaworthy.SignaturesDeniedInPart
	}
	for _, m := range slices.Backward(Modes) {
		if found[m] {
			return string(m)
		}
	}
	return string(Off)
}

// signed adds what is known of the signatures of a subject's images. Those that ran before
// an update are not asked for again.
func (g *Guard) signed(ctx context.Context, alone *scan.Alone, at *place, s subject, d *Decision) {
	if s.wants != nil || !g.verifies() {
		return
	}
	check := alone.Check(signatureCheck)
	mode, modeErr := g.mode(check, at)
	if mode == Off && modeErr == nil {
		return
	}
	images := g.covered(s)
	if len(images) == 0 {
		return
	}
	g.verify(ctx, images)
	v := Verdict{Check: check, Asked: mode, Mode: mode}
	var items []seaworthy.Item
	for _, i := range images {
		switch {
		case i.err != nil:
			v.Err = errors.Join(v.Err, i.err)
		case !i.result.Signed:
			i.Message = fmt.Sprintf("image %s of container %s is not signed as policy %s asks: %s",
				i.image, i.Container, cmp.Or(i.result.Policy, "of signatures"), i.result.Reason)
			items = append(items, i.Item)
		}
	}
	if v.Err == nil && len(items) == 0 {
		return
	}
	j := alone.Found(signatureCheck, s.object, items)
	v.Findings, v.Items = j.Findings, j.Items
	if modeErr != nil {
		v.Err = errors.Join(v.Err, fmt.Errorf("find the mode of the check: %w", modeErr))
	}
	if d.Spared != "" || modeErr != nil && g.cfg.FailurePolicy == admissionregistration.Ignore {
		v.Mode = weaker(mode, Warn)
	}
	for _, f := range v.Findings {
		g.waivers.apply(f, g.cfg.Now())
	}
	d.Verdicts = append(d.Verdicts, v)
}

// covered lists the images of a subject that have to be signed and are new with it.
func (g *Guard) covered(s subject) []covered {
	before := map[string]bool{}
	if s.old != nil && !g.cfg.WholeUpdates {
		for _, i := range imagesOf(s.old) {
			before[i.Key+" "+i.image] = true
		}
	}
	var out []covered
	for _, i := range imagesOf(s.object) {
		if !before[i.Key+" "+i.image] && g.cfg.Signatures.Covers(i.image) {
			out = append(out, i)
		}
	}
	return out
}

// imagesOf lists the images that an object runs, with where they stand.
func imagesOf(o *snapshot.Object) []covered {
	alone := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceCluster})
	alone.Add(o)
	var out []covered
	for _, w := range alone.Workloads() {
		pod := w.Pod()
		add := func(field string, n int, name, image string) {
			out = append(out, covered{image: image, Item: seaworthy.Item{
				Key:  fmt.Sprintf("%s.%s[%s].image", w.PodPath, field, name),
				Path: fmt.Sprintf("%s.%s[%d].image", w.PodPath, field, n), Container: name,
			}})
		}
		for i := range pod.InitContainers {
			add("initContainers", i, pod.InitContainers[i].Name, pod.InitContainers[i].Image)
		}
		for i := range pod.Containers {
			add("containers", i, pod.Containers[i].Name, pod.Containers[i].Image)
		}
		for i := range pod.EphemeralContainers {
			add("ephemeralContainers", i, pod.EphemeralContainers[i].Name, pod.EphemeralContainers[i].Image)
		}
	}
	return out
}

// verify asks for all images at once, for a bounded time.
func (g *Guard) verify(ctx context.Context, images []covered) {
	ctx, cancel := context.WithTimeout(ctx, signaturesWithin)
	defer cancel()
	var all sync.WaitGroup
	next := make(chan *covered)
	for range min(len(images), signaturesAtOnce) {
		all.Go(func() {
			for i := range next {
				if i.err = ctx.Err(); i.err == nil {
					i.result, i.err = g.cfg.Signatures.Verify(ctx, i.image)
				} else {
					i.err = fmt.Errorf("verify the signature of %s: %w", i.image, i.err)
				}
			}
		})
	}
	for n := range images {
		next <- &images[n]
	}
	close(next)
	all.Wait()
}
