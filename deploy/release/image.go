// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is who the program runs as: nobody that a machine knows.
const user = 65532

// platforms are those of the image.
var platforms = []platform{{"linux", "amd64"}, {"linux", "arm64"}}

// writeImage writes the image for all platforms as an OCI layout, in a folder and as one
// archive beside it, and pushes it where that is asked for.
func (p *program) writeImage(ctx context.Context, dir, push string, out io.Writer) error {
	index, v, err := p.image(ctx)
	if err != nil {
		return err
	}
	sum, err := index.Digest()
	if err != nil {
		return fmt.Errorf("sum up the image: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("empty %s: %w", dir, err)
	}
	written, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write the image: %w", err)
	}
	if err := written.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": v})); err != nil {
		return fmt.Errorf("write the image: %w", err)
	}
	if err := errors.Join(archiveFolder(dir, dir+".tar", p.at), p.forEngines(index, dir)); err != nil {
		return err
	}
	if push != "" {
		to, err := name.NewTag(push, name.StrictValidation)
		if err != nil {
			return fmt.Errorf("read the name to push to: %w", err)
		}
		if err := remote.WriteIndex(to, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return fmt.Errorf("push the image: %w", err)
		}
	}
	note := ""
	if p.changed {
		note = " (the checkout differs from the commit: nobody else can build this)"
	}
	_, err = fmt.Fprintf(out, "%s.tar\nversion %s, commit %s%s, %s\n%s\n", dir, v, p.commit, note, goVersion(), sum)
	return err
}

// forEngines writes the image of each platform by itself, as `docker load` takes it.
func (p *program) forEngines(index v1.ImageIndex, dir string) error {
	manifest, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("list the platforms of the image: %w", err)
	}
	tag, err := name.NewTag(p.name + ":latest")
	if err != nil {
		return fmt.Errorf("name the image: %w", err)
	}
	for _, d := range manifest.Manifests {
		image, err := index.Image(d.Digest)
		if err != nil {
			return fmt.Errorf("find the image of %s: %w", d.Platform, err)
		}
		if err := tarball.WriteToFile(dir+"-"+d.Platform.Architecture+".tar", tag, image); err != nil {
			return fmt.Errorf("write the image of %s: %w", d.Platform, err)
		}
	}
	return nil
}

// image makes the image of every platform, and gives its version.
func (p *program) image(ctx context.Context) (v1.ImageIndex, string, error) {
	base, err := p.base()
	if err != nil {
		return nil, "", err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	version := ""
	for _, at := range platforms {
		image, v, err := p.imageFor(ctx, at, base)
		if err != nil {
			return nil, "", err
		}
		version = v
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			MediaType: types.OCIManifestSchema1, Platform: &v1.Platform{OS: at.os, Architecture: at.arch},
		}})
	}
	annotated, ok := mutate.Annotations(index, p.labels(version)).(v1.ImageIndex)
	if !ok {
		return nil, "", fmt.Errorf("annotate the image of all platforms: it is none any more")
	}
	return annotated, version, nil
}

// labels tell what the image is, in the words of the OCI.
func (p *program) labels(version string) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "Seaworthy",
		"org.opencontainers.image.description": "Checks Kubernetes and keeps evidence for SOC 2: scan, server and agent in one program",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.source":      "https://github.com/seaworthy-dev/seaworthy",
		"org.opencontainers.image.revision":    p.commit,
		"org.opencontainers.image.version":     version,
		"org.opencontainers.image.created":     p.at.Format(time.RFC3339),
		"dev.seaworthy.go":                     goVersion(),
	}
}

// imageFor makes the image of one platform.
func (p *program) imageFor(ctx context.Context, at platform, base v1.Layer) (v1.Image, string, error) {
	binary, err := p.build(ctx, at)
	if err != nil {
		return nil, "", err
	}
	v, err := version(binary)
	if err != nil {
		return nil, "", err
	}
	list, err := materials(binary, p.name, p.at)
	if err != nil {
		return nil, "", err
	}
	own, err := layerOf(p.at, []file{
		{name: p.name, mode: 0o755, data: binary},
		{name: "usr/share/doc/seaworthy/sbom.cdx.json", mode: 0o644, data: list},
	})
	if err != nil {
		return nil, "", err
	}
	config := &v1.ConfigFile{
		OS: at.os, Architecture: at.arch, Created: v1.Time{Time: p.at}, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User: fmt.Sprintf("%d:%d", user, user), Entrypoint: []string{"/" + p.name}, Cmd: []string{"serve", "--data", "/data", "--listen", ":8080"},
			WorkingDir: "/", Env: []string{"PATH=/"},
			ExposedPorts: map[string]struct{}{"8080/tcp": {}}, Volumes: map[string]struct{}{"/data": {}}, Labels: p.labels(v),
		},
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return nil, "", fmt.Errorf("configure the image: %w", err)
	}
	image, err = mutate.Append(image, p.layer(base, "files"), p.layer(own, "program"))
	if err != nil {
		return nil, "", fmt.Errorf("put the image together: %w", err)
	}
	annotated, ok := mutate.Annotations(image, p.labels(v)).(v1.Image)
	if !ok {
		return nil, "", fmt.Errorf("annotate the image: it is none any more")
	}
	return annotated, v, nil
}

func (p *program) layer(l v1.Layer, what string) mutate.Addendum {
	return mutate.Addendum{Layer: l, MediaType: types.OCILayer, History: v1.History{Created: v1.Time{Time: p.at}, CreatedBy: "release image: " + what}}
}

// base is what the program needs of a file system: who it is, whom it trusts, and folders
// to write to.
func (p *program) base() (v1.Layer, error) {
	authorities, err := authorities()
	if err != nil {
		return nil, err
	}
	return layerOf(p.at, []file{
		{name: "etc/passwd", mode: 0o644, data: []byte("root:x:0:0:root:/:/none\nseaworthy:x:65532:65532:Seaworthy:/data:/none\n")},
		{name: "etc/group", mode: 0o644, data: []byte("root:x:0:\nseaworthy:x:65532:\n")},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, data: authorities},
		{name: "data/", mode: 0o770, owner: user},
		{name: "tmp/", mode: 0o1777},
		{name: "var/lib/seaworthy/", mode: 0o770, owner: user},
	})
}

// authorities are the certificates of Mozilla's programme, as the Go project publishes
// them: no machine has a say in them.
func authorities() ([]byte, error) {
	var out bytes.Buffer
	n := 0
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue // trusted for some certificates only, which a file of certificates cannot say
		}
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, fmt.Errorf("write the certificates of authorities: %w", err)
		}
		n++
	}
	if n < 50 {
		return nil, fmt.Errorf("there are %d certificates of authorities: that cannot be all", n)
	}
	return out.Bytes(), nil
}

// file is one of a layer; a name that ends in a slash is a folder.
type file struct {
	name  string
	mode  fs.FileMode
	owner int
	data  []byte
}

// layerOf makes a layer that depends on nothing but the files and the time.
func layerOf(at time.Time, files []file) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	made := map[string]bool{}
	for _, f := range files {
		if err := folders(w, at, path.Dir(path.Clean(f.name)), made); err != nil {
			return nil, err
		}
		h := &tar.Header{Name: f.name, Mode: int64(f.mode), Uid: f.owner, Gid: f.owner, ModTime: at, Size: int64(len(f.data)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if f.name[len(f.name)-1] == '/' {
			h.Typeflag = tar.TypeDir
			made[path.Clean(f.name)] = true
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("write %s: %w", f.name, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("write %s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write a layer: %w", err)
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil },
		tarball.WithCompressedCaching, tarball.WithMediaType(types.OCILayer))
}

// folders writes the folders above a file, each once.
func folders(w *tar.Writer, at time.Time, dir string, made map[string]bool) error {
	if dir == "." || made[dir] {
		return nil
	}
	if err := folders(w, at, path.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	return w.WriteHeader(&tar.Header{Name: dir + "/", Mode: 0o755, ModTime: at, Typeflag: tar.TypeDir, Format: tar.FormatPAX})
}

// archiveFolder puts a folder into one tar file, the same each time.
func archiveFolder(dir, to string, at time.Time) error {
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	defer out.Close()
	w := tar.NewWriter(out)
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: filepath.ToSlash(rel), Mode: 0o644, ModTime: at, Size: int64(len(data)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return out.Close()
}
