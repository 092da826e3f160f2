// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
)

// signers knows which images are signed; of others in its registry it is not known, or
// never told.
type signers struct {
	signed map[string]bool
	mu     sync.Mutex
	asked  []string
}

func (s *signers) Covers(image string) bool { return strings.HasPrefix(image, "registry.example.com/") }

func (s *signers) Verify(ctx context.Context, image string) (admission.Signature, error) {
	s.mu.Lock()
	s.asked = append(s.asked, image)
	s.mu.Unlock()
	signed, known := s.signed[image]
	switch {
	case strings.Contains(image, "slow"):
		<-ctx.Done()
		return admission.Signature{}, ctx.Err()
	case !known:
		return admission.Signature{Policy: "release"}, errors.New("the registry does not answer")
	case !signed:
		return admission.Signature{Policy: "release", Reason: "it is not signed"}, nil
	}
	return admission.Signature{Signed: true, Policy: "release"}, nil
}

func podOf(t testing.TB, images ...string) object {
	t.Helper()
	var list []any
	for i, image := range images {
		list = append(list, object{"name": string(rune('a' + i)), "image": image})
	}
	return object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "p", "namespace": "shop"}, "spec": object{"containers": list}}
}

const signedImage, bareImage = "registry.example.com/good@sha256:1", "registry.example.com/bad@sha256:2"

// TestSignatures: an image that has to be signed and is not is refused where the mode says
// so; one of which nothing is known comes to what the failure policy says, and never
// passes; others are nobody's business.
func TestSignatures(t *testing.T) {
	for name, c := range map[string]struct {
		mode    admission.Mode
		policy  admissionregistration.FailurePolicyType
		images  []string
		allowed bool
		failed  bool
		says    string
	}{
		"signed":                     {admission.Deny, admissionregistration.Fail, []string{signedImage}, true, false, ""},
		"not signed":                 {admission.Deny, admissionregistration.Fail, []string{signedImage, bareImage}, false, false, "image " + bareImage + " of container b is not signed as policy release asks"},
		"not signed, warned of":      {admission.Warn, admissionregistration.Fail, []string{bareImage}, true, false, "is not signed as policy release asks"},
		"unknown, refused":           {admission.Deny, admissionregistration.Fail, []string{"registry.example.com/new@sha256:3"}, false, true, "does not answer"},
		"unknown, let in and told":   {admission.Deny, admissionregistration.Ignore, []string{"registry.example.com/new@sha256:3"}, true, true, "does not answer"},
		"too slow":                   {admission.Deny, admissionregistration.Fail, []string{"registry.example.com/slow@sha256:4"}, false, true, "deadline"},
		"unknown and one not signed": {admission.Deny, admissionregistration.Ignore, []string{"registry.example.com/new@sha256:3", bareImage}, false, true, "is not signed"},
		"nobody asks":                {admission.Deny, admissionregistration.Fail, []string{"docker.io/library/nginx"}, true, false, ""},
		"off":                        {admission.Off, admissionregistration.Fail, []string{bareImage}, true, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &signers{signed: map[string]bool{signedImage: true, bareImage: false}}
			g := guard(t, admission.Config{Default: c.mode, FailurePolicy: c.policy, Signatures: s}, only("image-signature-unverified"))
			d := review(t, g, asked{object: podOf(t, c.images...)})
			said := d.Message + strings.Join(d.Warnings, " ")
			for _, a := range d.Annotations {
				said += a
			}
			if d.Allowed != c.allowed || d.Failed != c.failed || !strings.Contains(said, c.says) {
				t.Errorf("allowed %v, failed %v, says %q; want %v, %v, …%s…", d.Allowed, d.Failed, said, c.allowed, c.failed, c.says)
			}
		})
	}
}

// TestSignaturesOfUpdates: an update is judged by the images that it brings, as by
// everything else; waivers count.
func TestSignaturesOfUpdates(t *testing.T) {
	s := &signers{signed: map[string]bool{signedImage: true, bareImage: false}}
	g := guard(t, admission.Config{Default: admission.Deny, Signatures: s}, only("image-signature-unverified"))
	before := podOf(t, bareImage)
	after := with(podOf(t, bareImage), "x", "metadata", "labels", "a")
	if d := review(t, g, asked{operation: "UPDATE", object: after, old: before}); !d.Allowed || len(s.asked) != 0 {
		t.Errorf("an update of something else: %+v, asked for %v", d, s.asked)
	}
	if d := review(t, g, asked{operation: "UPDATE", object: podOf(t, bareImage, bareImage), old: before}); d.Allowed {
		t.Error("an update that adds an image that is not signed is allowed")
	}
	if d := review(t, g, asked{operation: "UPDATE", object: podOf(t, signedImage), old: before}); !d.Allowed {
		t.Errorf("an update to a signed image is refused: %s", d.Message)
	}
}

// TestManySlowImages: however many images a request names, it is answered in time.
func TestManySlowImages(t *testing.T) {
	s := &signers{}
	g := guard(t, admission.Config{Default: admission.Deny, FailurePolicy: admissionregistration.Fail, Signatures: s}, only("image-signature-unverified"))
	var images []string
	for i := range 26 {
		images = append(images, "registry.example.com/slow"+string(rune('a'+i)))
	}
	done := make(chan *admission.Decision, 1)
	go func() { done <- review(t, g, asked{object: podOf(t, images...)}) }()
	select {
	case d := <-done:
		if d.Allowed || !d.Failed {
			t.Errorf("%+v", d)
		}
	case <-time.After(time.Minute):
		t.Fatal("no answer")
	}
}
