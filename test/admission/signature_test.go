// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	reference "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/signature"
)

// verifying asks a verifier as the agent does.
type verifying struct{ *signature.Verifier }

func (v verifying) Verify(ctx context.Context, image string) (admission.Signature, error) {
	r, err := v.Verifier.Verify(ctx, image)
	return admission.Signature{Signed: r.Signed, Policy: r.Policy, By: r.By, Reason: r.Reason}, err
}

// TestSignaturesEndToEnd: with a registry, the API server lets in the image that was signed
// by the key that a policy names, and neither one that nobody signed nor one that another
// key signed; on update the new image counts.
func TestSignaturesEndToEnd(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	ours, public := signer(t)
	theirs, _ := signer(t)
	signed, unsigned, foreign := push(t, host, "shop/signed", ours), push(t, host, "shop/unsigned", nil), push(t, host, "shop/foreign", theirs)
	v, err := signature.New(signature.Config{Insecure: []string{host}, Policies: []signature.Policy{{
		Name: "ours", Images: []string{host + "/shop/**"}, Keys: []signature.Key{{Name: "ours", PEM: public}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	w := enter(t, admission.Config{Default: admission.Deny, Signatures: verifying{v}}, scan.Selection{Only: []string{"image-signature-unverified"}})
	of := func(image string) call {
		body := pod("signatures", false)
		body["spec"].(object)["containers"].([]any)[0].(object)["image"] = image
		return call{path: pods, body: body, dryRun: true}
	}
	w.must(of(signed))
	w.must(of("registry.k8s.io/pause:3.10")) // of which no policy speaks
	w.refused(of(unsigned), "is not signed as policy ours asks")
	w.refused(of(foreign), "image-signature-unverified")
	w.refused(of(host+"/shop/signed:1"), "image-signature-unverified") // a tag can be moved
	body := deployment("signatures", 2, false)
	containers := func(image string) object {
		return object{"spec": object{"template": object{"spec": object{"containers": []any{object{"name": "app", "image": image}}}}}}
	}
	w.must(call{path: deployments, body: body})
	update := func(image string) call {
		return call{path: deployments + "/signatures", patch: types.StrategicMergePatchType, body: containers(image), dryRun: true}
	}
	w.must(update(signed))
	w.refused(update(unsigned), "is not signed as policy ours asks")
	server.Close()
	w.must(of(signed)) // what is known of a digest stays known
	later := unheard(unsigned)
	_, _, err = w.do(of(later))
	if err == nil || !strings.Contains(err.Error(), "1 check could not be evaluated") {
		t.Errorf("an image of which nothing can be found out: %v", err)
	}
}

// unheard names an image of the same repository that nobody has asked for.
func unheard(image string) string {
	at := strings.Index(image, "sha256:")
	return image[:at] + fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("another")))
}

func signer(t *testing.T) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// push pushes an image, and its signature as cosign keeps it below a tag.
func push(t *testing.T, host, repository string, key *ecdsa.PrivateKey) string {
	t.Helper()
	write := func(ref string, img v1.Image) {
		t.Helper()
		tag, err := reference.ParseReference(host + "/" + ref)
		if err == nil {
			err = remote.Write(tag, img)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	write(repository+":1", img)
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if key != nil {
		payload := fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`, digest)
		sum := sha256.Sum256(payload)
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		layer := static.NewLayer(payload, "application/vnd.dev.cosign.simplesigning.v1+json")
		of, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, Annotations: map[string]string{"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(sig)}})
		if err != nil {
			t.Fatal(err)
		}
		write(repository+":sha256-"+digest.Hex+".sig", of)
	}
	return host + "/" + repository + "@" + digest.String()
}
